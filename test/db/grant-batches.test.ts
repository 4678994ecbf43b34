import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { abandonCommand, openCommand } from '../../src/db/commands.ts';
import { finishBatch, grantItem, pendingItems, skipItem } from '../../src/db/grant-batches/progress.ts';
import {
  listBatchItems,
  makeBatch,
  pauseBatch,
  readBatch,
  resumeBatch,
} from '../../src/db/grant-batches/requests.ts';
import { balanceAt } from '../../src/db/ledger.ts';
import { NEVER } from '../../src/domain/calendar.ts';
import { newId } from '../../src/ids.ts';
import { batchOf } from '../support/grant-batches.ts';
import { expectInvariants } from '../support/invariants.ts';
import { answerOf, DAY, HOUR, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// R-84 in SQL: a batch grants to each of its subscriptions once, whoever calls how often, and counts what it did.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(async () => {
  await expectInvariants(db);
  await db.$client.end();
});

const countsOf = async (id: string) => {
  const { state, total, granted, skipped } = (await readBatch(db, id))!;
  return { state, total, granted, skipped };
};
const codesOf = async (id: string) => {
  const items = await listBatchItems(db, id, undefined, { limit: 100, order: 'asc', after: null });
  return Object.fromEntries(
    items.map(({ subscriptionId, outcome, code }) => [subscriptionId, code ?? outcome]),
  );
};
const availableOf = async ({ id }: RawLedger): Promise<number> =>
  (await balanceAt(db, id, null))!.grants.reduce((sum, { remaining }) => sum + remaining, 0);
const grantsOf = ({ id }: RawLedger) =>
  db.execute<{ kind: string; amount: number; cause: string; reason: string; at: string; until: string }>(sql`
    select kind, amount::int as amount, cause, reason, ms(effective_at)::text as at, ms(expires_at)::text as until
    from grants where subscription_id = ${id} order by made`);

test('each once, at any number of calls at once; the counts and the event are right', async () => {
  const ledgers = await Promise.all(Array.from({ length: 4 }, () => RawLedger.open(db)));
  const ids = ledgers.map(({ id }) => id);
  const batch = await batchOf(db, { subscriptionIds: ids });
  expect(await countsOf(batch)).toEqual({ state: 'running', total: 4, granted: 0, skipped: 0 });
  await finishBatch(db, batch);
  const calls = ids.flatMap((id) => Array.from({ length: 6 }, () => grantItem(db, batch, id)));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['granted']));
  await Promise.all([1, 2, 3].map(() => finishBatch(db, batch)));
  expect(await countsOf(batch)).toEqual({ state: 'done', total: 4, granted: 4, skipped: 0 });
  for (const ledger of ledgers) {
    expect(await availableOf(ledger)).toBe(25);
    expect(await grantsOf(ledger)).toMatchObject([
      { kind: 'adjustment', amount: 25, cause: batch, reason: 'sorry', at: String(T0), until: String(NEVER) },
    ]);
  }
  const events = await db.execute(
    sql`select type, data from events where subscription_id = '' and data->>'grant_batch_id' = ${batch}`,
  );
  expect(events).toEqual([
    {
      type: 'grant_batch.finished',
      data: { grant_batch_id: batch, credits: 25, reason: 'sorry', total: 4, granted: 4, skipped: 0 },
    },
  ]);
  const behind = await db.execute(
    sql`select from ledgers where workflow_behind and subscription_id in ${ids}`,
  );
  expect(behind).toHaveLength(4);
});

test('it skips with a code: ended, about to be, not begun, past, and full', async () => {
  const make = () => RawLedger.open(db);
  const [fine, ended, over, begun, late, full] = await Promise.all([
    make(),
    make(),
    make(),
    make(),
    make(),
    make(),
  ]);
  await ended.end();
  await over.book({ state: { scheduled: { kind: 'cancel', at: T0 + DAY } } });
  await over.drift(T0 + DAY);
  await begun.book({ state: { status: 'incomplete' } });
  await late.stand(T0 + 2 * DAY);
  await full.grant({ credits: Number.MAX_SAFE_INTEGER - 1_000_000_000_000 - 24, to: NEVER });
  const ledgers = [fine, ended, over, begun, late, full];
  const ids = ledgers.map(({ id }) => id);
  const batch = await batchOf(db, { subscriptionIds: ids }, { expiresAt: T0 + 2 * DAY });
  for (const id of await pendingItems(db, batch, 10)) await grantItem(db, batch, id);
  await finishBatch(db, batch);
  expect(await codesOf(batch)).toEqual({
    [fine.id]: 'granted',
    [ended.id]: 'subscription_not_active',
    [over.id]: 'subscription_not_active',
    [begun.id]: 'subscription_not_active',
    [late.id]: 'expires_at_past',
    [full.id]: 'balance_limit',
  });
  expect(await countsOf(batch)).toEqual({ state: 'done', total: 6, granted: 1, skipped: 5 });
  await over.end(T0 + DAY);
});

test('it grants after what was due, dated no earlier than the newest spend, and ends like any other', async () => {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ credits: 40, to: T0 + DAY });
  answerOf(await ledger.spend(10));
  await ledger.drift(T0 + DAY);
  const batch = await batchOf(db, { subscriptionIds: [ledger.id] }, { expiresAt: T0 + 3 * DAY });
  await grantItem(db, batch, ledger.id);
  expect(await availableOf(ledger)).toBe(25);
  const entries = await db.execute<{ line: string }>(sql`
    select kind || ' ' || credits as line from entries where subscription_id = ${ledger.id} order by seq`);
  expect(entries.map(({ line }) => line)).toEqual(['grant 40', 'debit -10', 'expiry -30', 'grant 25']);
  await ledger.stand(T0 + 4 * DAY);
  expect(await availableOf(ledger)).toBe(0);

  const live = await RawLedger.live(db);
  const other = await batchOf(db, { subscriptionIds: [live.id] }, { expiresAt: Date.now() + HOUR });
  await grantItem(db, other, live.id);
  // An end that was decided a moment before comes after the grant.
  await live.end(live.now);
});

test('nothing is granted while it is paused', async () => {
  const ledger = await RawLedger.open(db);
  const batch = await batchOf(db, { subscriptionIds: [ledger.id] });
  await pauseBatch(db, batch);
  expect(await grantItem(db, batch, ledger.id)).toBeNull();
  await finishBatch(db, batch);
  expect(await countsOf(batch)).toMatchObject({ state: 'paused', granted: 0 });
  await resumeBatch(db, batch);
  expect(await grantItem(db, batch, ledger.id)).toBe('granted');
  await pauseBatch(db, batch);
  await resumeBatch(db, batch);
  await finishBatch(db, batch);
  await pauseBatch(db, batch);
  await skipItem(db, batch, ledger.id, 'ledger_refused');
  expect(await countsOf(batch)).toEqual({ state: 'done', total: 1, granted: 1, skipped: 0 });
});

test('a filter chooses the live subscriptions that fit, when the batch is made', async () => {
  const own = await openDatabase();
  try {
    const [one, ended, other] = [
      await RawLedger.open(own),
      await RawLedger.open(own),
      await RawLedger.open(own),
    ];
    await ended.end();
    await other.book({ state: { plan: 'pro', status: 'past_due' } });
    const totals = await Promise.all(
      [{}, { plan: 'creator' }, { plan: 'pro' }, { status: 'past_due' as const }, { interval: 'year' }].map(
        async (filter) => (await readBatch(own, await batchOf(own, { filter })))!.total,
      ),
    );
    expect(totals).toEqual([2, 1, 1, 1, 0]);
    const batch = await batchOf(own, { filter: {} });
    await RawLedger.open(own);
    expect((await pendingItems(own, batch, 10)).sort()).toEqual([one.id, other.id].sort());
    const empty = await batchOf(own, { filter: { interval: 'year' } });
    await finishBatch(own, empty);
    expect(await readBatch(own, empty)).toMatchObject({ state: 'done', total: 0 });
  } finally {
    await own.$client.end();
  }
});

test('a command that was abandoned makes no batch', async () => {
  const ledger = await RawLedger.open(db);
  const key = { scope: 'grant_batch', operation: 'make', key: newId('key') };
  const row = await openCommand(db, { ...key, bodyHash: 'b', subscriptionId: '', objectId: newId('gbt') });
  await abandonCommand(db, row);
  const wanted = { target: { subscriptionIds: [ledger.id] }, credits: 1, expiresAt: NEVER, reason: 'r' };
  await makeBatch(db, { id: row.objectId, ...wanted }, row);
  expect(await readBatch(db, row.objectId)).toBeUndefined();
  expect(await pendingItems(db, row.objectId, 10)).toEqual([]);
});
