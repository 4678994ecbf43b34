import { expect } from 'vitest';
import { type Broken, brokenInvariants } from '../../src/db/audit/invariants.ts';
import { brokenRecords } from '../../src/db/audit/records.ts';
import type { Database } from '../../src/db/client.ts';

export { type Broken, brokenInvariants };

/** At the end of every test on a real ledger. */
export async function expectInvariants(db: Database): Promise<void> {
  expect(await brokenInvariants(db)).toEqual([]);
}

/** The same of subscriptions that the API and their workflows led, with all that can be recomputed of them. */
export async function expectSound(db: Database): Promise<void> {
  await expectInvariants(db);
  expect(await brokenRecords(db)).toEqual([]);
}
