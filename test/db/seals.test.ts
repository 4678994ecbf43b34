import { createHash } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { brokenSeals } from '../../src/db/audit/seals.ts';
import type { Database } from '../../src/db/client.ts';
import { type Heads, pagesOfHeads } from '../../src/db/seals/heads.ts';
import { subscribe } from '../support/lives.ts';
import { notAsSealed, sealAll } from '../support/seals.ts';
import { startStack } from '../support/stack.ts';
import { answerOf, DAY, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// I11: the hash chains of a ledger. A changed row shows once it was sealed; heads that were kept outside show it even where the
// owner of the database sealed the change anew.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.$client.end());

/** A ledger with a row of each sealed kind. */
async function lived(): Promise<RawLedger> {
  const ledger = await RawLedger.open(db);
  ledger.lowBelow = 4;
  await ledger.grant({ kind: 'allowance', credits: 10, to: T0 + 30 * DAY });
  await ledger.grant({ kind: 'pack', credits: 5, to: T0 + 90 * DAY });
  answerOf(await ledger.spend(12, { reference: 'order 1', metadata: { team: 'a' } }));
  const first = answerOf(await ledger.hold(1, 60));
  const second = answerOf(await ledger.hold(2, 60));
  await ledger.give('capture', first.id);
  await ledger.give('release', second.id);
  await ledger.book({
    effects: [{ type: 'note', at: T0, kind: 'renewal_skipped', rule: 'R-40', detail: 'a line' }],
  });
  return ledger;
}

const headsOf = async (database: Database): Promise<Map<string, Heads>> => {
  const heads = new Map<string, Heads>();
  for await (const page of pagesOfHeads(database)) for (const one of page) heads.set(one.sub, one);
  return heads;
};

/** Rows are changed past their guards, as an owner of the database could. */
const past = (...statements: SQL[]): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`);
    for (const statement of statements) await tx.execute(statement);
  });

test('the canonical form of docs/ledger.md: a head is computed with SHA-256 alone', async () => {
  const ledger = await RawLedger.open(db);
  const { id: grantId, cause } = await ledger.grant({ credits: 10, to: T0 + DAY });
  const { id, at } = answerOf(await ledger.spend(3, { reference: 'order “1”', metadata: { team: 'a' } }));
  await sealAll(db);
  const [rows] = await db.execute<{ recorded: number[]; answer: string }>(sql`
    select (select json_agg(ms(recorded_at) order by seq) from entries where subscription_id = ${ledger.id}) as recorded,
      (select answer::text from usages where id = ${id}) as answer`);
  const [first, second] = rows!.recorded;
  const lines = [
    `["entry", 1, "grant", 10, "${grantId}", 10, ${T0}, ${first}, null, null, ["adjustment", 10, ${T0}, ${T0 + DAY}, 1, "${cause}", null, null]]`,
    `["entry", 2, "debit", -3, "${grantId}", 7, ${T0}, ${second}, "${id}", null, [${Date.parse(at)}, 3, null, null, "order “1”", {"team":"a"}, ${rows!.answer}]]`,
  ];
  const head = lines.reduce(
    (before, line) =>
      createHash('sha256')
        .update(before + line)
        .digest('hex'),
    ledger.id,
  );
  expect((await headsOf(db)).get(ledger.id)).toMatchObject({ seq: 2, entries: head });
});

test('sealing in many small pieces or at once makes the same heads', async () => {
  const ledger = await lived();
  const piece = () => db.execute(sql`select seal_ledgers(array[${ledger.id}], 1)`);
  const [{ seq } = { seq: 0 }] = await db.execute<{ seq: number }>(
    sql`select seq::int as seq from ledgers where subscription_id = ${ledger.id}`,
  );
  for (let nth = 0; nth < seq; nth += 1) await piece();
  const inPieces = (await headsOf(db)).get(ledger.id);
  await db.execute(sql`delete from seals where subscription_id = ${ledger.id}`);
  await sealAll(db);
  expect((await headsOf(db)).get(ledger.id)).toEqual(inPieces);
  expect(inPieces?.seq).toBe(seq);
});

test('a sealed ledger goes on: later rows wait for their seal and break nothing', async () => {
  const ledger = await lived();
  await sealAll(db);
  const kept = await headsOf(db);
  answerOf(await ledger.spend(1));
  await ledger.grant({ credits: 2, to: T0 + DAY });
  expect(await notAsSealed(db)).toEqual([]);
  await sealAll(db);
  expect(await notAsSealed(db)).toEqual([]);
  expect(await brokenSeals(db, [ledger.id], kept)).toEqual([]);
});

const ENTRIES = /entries \d+ to \d+, or their grants, holds and usages, are not/;
const STEPS = /charges or notes of steps \d+ to \d+ are not/;
const EVENTS = /events .* are not/;

/** A change of one row, by its table. */
const set =
  (table: string, change: string, where = '') =>
  (id: string) =>
    sql`update ${sql.raw(table)} set ${sql.raw(change)} where subscription_id = ${id} ${sql.raw(where)}`;

describe('a sealed row that was changed shows', () => {
  test.each<[string, (id: string) => SQL, RegExp]>([
    [
      'an entry’s instant',
      set('entries', `effective_at = effective_at - interval '1 ms'`, 'and seq = 1'),
      ENTRIES,
    ],
    [
      'an entry’s instant of recording',
      set('entries', `recorded_at = recorded_at - interval '1 ms'`, 'and seq = 3'),
      ENTRIES,
    ],
    [
      'an allowance’s expiry',
      set('grants', `expires_at = expires_at + interval '1 year'`, `and kind = 'allowance'`),
      ENTRIES,
    ],
    [
      'a pack’s expiry',
      set('grants', `expires_at = expires_at + interval '1 year'`, `and kind = 'pack'`),
      ENTRIES,
    ],
    ['a grant’s reason', set('grants', `reason = 'a gift'`, `and kind = 'pack'`), ENTRIES],
    ['the charge of a pack', set('grants', `charge_id = 'chg_other'`, `and kind = 'pack'`), ENTRIES],
    ['a usage’s instant', set('usages', `at = at - interval '1 day'`, 'and hold_id is null'), ENTRIES],
    ['a usage’s reference', set('usages', `reference = 'order 2'`, 'and hold_id is null'), ENTRIES],
    ['a usage’s metadata', set('usages', `metadata = '{"team":"b"}'`, 'and hold_id is null'), ENTRIES],
    [
      'a usage’s answer',
      set('usages', `answer = replace(answer::text, 'generate_look', 'chat')::json`, 'and hold_id is null'),
      ENTRIES,
    ],
    ['a hold’s deadline', set('holds', `deadline = deadline + interval '1 year'`), ENTRIES],
    [
      'a hold’s outcome',
      set(
        'holds',
        `settlement = replace(settlement::text, 'released', 'reversed')::json`,
        `and status = 'released'`,
      ),
      ENTRIES,
    ],
    ['a charge’s amount', set('charges', 'amount_minor = amount_minor + 1'), STEPS],
    ['a charge’s catalogue', set('charges', `catalog_version = 'another'`), STEPS],
    ['a note', set('notes', `detail = 'another line'`), STEPS],
    ['a note that is gone', (id) => sql`delete from notes where subscription_id = ${id}`, STEPS],
    ['an event', set('events', `data = data || '{"credits": 1}'`, `and type = 'grant.made'`), EVENTS],
    [
      'an event that is gone',
      (id) => sql`delete from events where subscription_id = ${id} and type = 'grant.made'`,
      EVENTS,
    ],
    [
      'the newest entry, gone with all its sums',
      (id) => sql`
      with gone as (delete from entries where subscription_id = ${id} and seq = (select max(seq) from entries where subscription_id = ${id}) returning *)
      update ledgers set seq = seq - 1, balance = balance - (select credits from gone) where subscription_id = ${id}`,
      /ends at entry \d+; its seal knows \d+/,
    ],
  ])('%s', async (_, change, named) => {
    const { id } = await lived();
    await sealAll(db);
    const kept = await headsOf(db);
    expect(await brokenSeals(db, [id], kept)).toEqual([]);
    await past(change(id));
    const [found, ...more] = await brokenSeals(db, [id], null);
    expect(found).toMatchObject({
      invariant: 'I11 a ledger’s rows are those that were sealed',
      subscription_id: id,
    });
    expect(found?.row).toMatch(named);
    expect(more).toEqual([]);
    // The owner seals the forgery anew: the kept heads alone show it.
    await db.execute(sql`delete from seals where subscription_id = ${id}`);
    await sealAll(db);
    expect(await brokenSeals(db, [id], null)).toEqual([]);
    const [shown] = await brokenSeals(db, [id], kept);
    expect(shown?.row).toMatch(/kept heads/);
  });

  test('a ledger that is gone, with its seal or without', async () => {
    const { id } = await lived();
    await sealAll(db);
    await past(sql`delete from ledgers where subscription_id = ${id}`);
    expect(await notAsSealed(db)).toContainEqual(`${id} is gone; its seal is there`);
    await db.execute(sql`delete from seals where subscription_id = ${id}`);
  });
});

test('sealing ends: with a clock that was ahead when a ledger was touched, and with a ledger that is behind its seal', async () => {
  const [ahead, behind] = [await lived(), await lived()];
  await sealAll(db);
  await past(
    sql`update ledgers set touched_at = clock_timestamp() + interval '40 days' where subscription_id = ${ahead.id}`,
    sql`update ledgers set step = step - 1, seq = seq + 1 where subscription_id = ${behind.id}`,
  );
  await sealAll(db);
  expect((await brokenSeals(db, [behind.id], null)).map(({ row }) => row)).toContainEqual(
    expect.stringMatching(/^ends at step \d+; its seal knows \d+$/),
  );
});

test('a worker seals by itself', async () => {
  const stack = await startStack({ sealEverySeconds: 1 });
  try {
    const id = await subscribe(stack, {
      plan: 'creator',
      interval: 'month',
      from: '2026-01-31T00:00:00.000Z',
    });
    await expect.poll(async () => (await headsOf(stack.db)).has(id), { timeout: 20_000 }).toBe(true);
    expect(await notAsSealed(stack.db)).toEqual([]);
  } finally {
    await stack.stop();
  }
});
