import { expect } from 'vitest';
import { type Broken, brokenInvariants } from '../../src/db/audit/invariants.ts';
import type { Database } from '../../src/db/client.ts';

export { type Broken, brokenInvariants };

/** At the end of every test on a real ledger. */
export async function expectInvariants(db: Database): Promise<void> {
  expect(await brokenInvariants(db)).toEqual([]);
}
