import { expect } from 'vitest';
import { type Broken, brokenPromises } from '../../src/db/audit/invariants.ts';
import type { Database } from '../../src/db/client.ts';

export { type Broken, brokenPromises };

/** At the end of every test on a real ledger. */
export async function expectPromises(db: Database): Promise<void> {
  expect(await brokenPromises(db)).toEqual([]);
}
