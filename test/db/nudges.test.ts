import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { grantItem } from '../../src/db/grant-batches/progress.ts';
import { claimUnreported } from '../../src/db/inbox.ts';
import { NO_METHOD } from '../../src/domain/state.ts';
import { batchOf } from '../support/grant-batches.ts';
import { expectInvariants } from '../support/invariants.ts';
import { answerOf, DAY, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// Each booking of the ledger leaves its workflow behind. Only some of them ask it to act, and so get a nudge at once.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(async () => {
  await expectInvariants(db);
  await db.$client.end();
});

/** A wish for a top-up below 100. */
const wish = { wish: { threshold: 100, packs: 1, monthlyLimit: 10, pack: 'pack_300' } };

const spend = async (ledger: RawLedger, credits: number) => answerOf(await ledger.spend(credits)).id;
const hold = async (ledger: RawLedger, credits: number) => answerOf(await ledger.hold(credits, 3_600)).id;

interface Case {
  /** Before the change: the step after it has told the workflow all. */
  before?: (ledger: RawLedger) => Promise<string | undefined>;
  change: (ledger: RawLedger, id: string) => Promise<unknown>;
  nudge: 'now' | 'later';
}

const CASES: Record<string, Case> = {
  'a spend': { change: (ledger) => spend(ledger, 10), nudge: 'later' },
  'a spend after which credits are low': {
    change: (ledger) => spend(ledger, 190),
    nudge: 'later',
  },
  'R-39: … with a top-up': {
    before: async (ledger) => {
      ledger.lowBelow = 100;
      await ledger.book({ state: { topUp: wish as never, paymentMethod: 'sandbox_ok' } });
      return undefined;
    },
    change: (ledger) => spend(ledger, 101),
    nudge: 'now',
  },
  'R-39: … above its threshold': {
    before: async (ledger) => {
      ledger.lowBelow = 100;
      await ledger.book({ state: { topUp: wish as never, paymentMethod: NO_METHOD } });
      return undefined;
    },
    change: (ledger) => spend(ledger, 100),
    nudge: 'later',
  },
  'a hold': { change: (ledger) => hold(ledger, 10), nudge: 'later' },
  'a capture': {
    before: (ledger) => hold(ledger, 10),
    change: (ledger, id) => ledger.give('capture', id, 4),
    nudge: 'later',
  },
  'the release of the last credits, whose grant is still open': {
    before: (ledger) => hold(ledger, 200),
    change: (ledger, id) => ledger.give('release', id),
    nudge: 'later',
  },
  'R-80: a reversal that opens a grant again': {
    before: (ledger) => spend(ledger, 200),
    change: (ledger, id) => ledger.give('reverse', id, 1),
    nudge: 'now',
  },
  'R-80: a reversal to an open grant': {
    before: (ledger) => spend(ledger, 199),
    change: (ledger, id) => ledger.give('reverse', id, 1),
    nudge: 'later',
  },
  'R-73: the capture of the last hold after the end': {
    before: async (ledger) => {
      const id = await hold(ledger, 10);
      await ledger.end();
      return id;
    },
    change: (ledger, id) => ledger.give('capture', id),
    nudge: 'now',
  },
  'R-84: a grant of a batch': {
    change: async (ledger) => {
      const batch = await batchOf(db, { subscriptionIds: [ledger.id] });
      expect(await grantItem(db, batch, ledger.id)).toBe('granted');
    },
    nudge: 'now',
  },
};

test.each(Object.entries(CASES))('%s', async (_, { before, change, nudge }) => {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ credits: 200, to: T0 + 30 * DAY });
  const id = await before?.(ledger);
  await ledger.book();
  expect(await marksOf(ledger)).toEqual({ behind: false, now: false });
  await db.execute(sql`update ledgers set told_at = clock_timestamp() where subscription_id = ${ledger.id}`);
  await change(ledger, id ?? '');
  expect(await marksOf(ledger)).toEqual({ behind: true, now: nudge === 'now' });
  // A nudge of a moment ago, which knew nothing of it, holds it up no longer.
  const options = { due: 'urgent', quietSeconds: 5, round: 'fresh', limit: 100 } as const;
  expect(await claimUnreported(db, options)).toEqual(nudge === 'now' ? [ledger.id] : []);
  // The snapshot of a step tells all.
  await ledger.book();
  expect(await marksOf(ledger)).toEqual({ behind: false, now: false });
});

async function marksOf({ id }: RawLedger) {
  const [marks] = await db.execute(
    sql`select workflow_behind as behind, nudge_now as now from ledgers where subscription_id = ${id}`,
  );
  return marks;
}
