import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyInvariants } from '../../src/db/audit/verify.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { refundCharge } from '../../src/db/refunds.ts';
import { brokenInvariants } from '../support/invariants.ts';
import { createDatabase } from '../support/stack.ts';
import { answerOf, DAY, HOUR, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// The check itself must be seen failing: a sound ledger, one row bent at a time, and the invariant that notices.

let db: Database;
let ledger: RawLedger;
const grants: Record<string, string> = {};
let chargeId: string;

beforeAll(async () => {
  db = await openDatabase();
  ledger = await RawLedger.open(db);
  for (const kind of ['allowance', 'pack', 'adjustment'] as const) {
    const made = await ledger.grant({ kind, credits: 100, to: T0 + (kind === 'pack' ? 2 : 3) * DAY });
    grants[kind] = made.id;
    if (kind === 'pack') chargeId = made.chargeId!;
  }
  await ledger.stand(T0 + HOUR);
  await ledger.spend(130);
  await ledger.stand(T0 + 2 * HOUR);
  const { id: usage } = answerOf(await ledger.spend(10));
  // Of the pack: a hold captured in part, one that stays open, one released; and a usage reversed in part.
  const hold = async (credits: number) => answerOf(await ledger.hold(credits, 3_600)).id;
  await ledger.give('capture', await hold(10), 4);
  await hold(5);
  await ledger.give('release', await hold(3));
  await ledger.give('reverse', usage, 2);
  // And 500 of its 1,500 refunded, the same disputed and won.
  await refundCharge(db, ledger.id, { chargeId, kind: 'refund', toMinor: 500 });
  for (const status of ['open', 'won'] as const)
    await refundCharge(db, ledger.id, { chargeId, kind: 'dispute', id: 'dp_1', amountMinor: 500, status });
});
afterAll(() => db.$client.end());

/** The guards of the tables come off in a transaction that is rolled back after the check. */
async function noticed(bend: SQL[]): Promise<string[]> {
  let broken: string[] = [];
  await db
    .transaction(async (tx) => {
      await tx.execute(sql`set local session_replication_role = replica`);
      for (const constraint of ['grants_one_per_cause', 'grants_remaining', 'grants_open_while_unused'])
        await tx.execute(sql`alter table grants drop constraint ${sql.identifier(constraint)}`);
      for (const statement of bend) await tx.execute(statement);
      broken = (await brokenInvariants(tx as unknown as Database)).map(({ invariant }) => invariant);
      // A ledger filled by hand lacks the records of a life: verify names them besides.
      expect(await verified(tx as unknown as Database)).toEqual(expect.arrayContaining(broken));
      throw new Error('roll back');
    })
    .catch((error: Error) => {
      if (error.message !== 'roll back') throw error;
    });
  return [...new Set(broken)].sort();
}

/** The output of `drawdown verify --all` for the same row. */
async function verified(tx: Database): Promise<string[]> {
  const wanted = { subscriptionIds: null, isThorough: true, onProgress: () => {} };
  const pass = await verifyInvariants(tx, wanted);
  return [...new Set(pass.broken.map(({ invariant }) => invariant))].sort();
}

test('a sound ledger breaks none', async () => {
  expect(await noticed([])).toEqual([]);
});

test('an empty database breaks none', async () => {
  const empty = connect(await createDatabase());
  expect(await brokenInvariants(empty)).toEqual([]);
  await empty.$client.end();
});

test('nor does a scheduled end that nobody has booked yet: credits of a hold returned after it are forfeited at once (R-73)', async () => {
  const own = await openDatabase();
  const late = await RawLedger.open(own);
  await late.grant({ credits: 5, to: T0 + DAY });
  await late.book({ state: { scheduled: { kind: 'cancel', at: T0 + 2_000 } } });
  const { id } = answerOf(await late.hold(4, 10));
  await late.drift(T0 + 3_000);
  await late.give('release', id);
  expect(await brokenInvariants(own)).toEqual([]);
  await own.$client.end();
});

const at = (ms: number) => sql`instant(${T0 + ms}::bigint)`;
const of = (kind: string) => sql`(select id from grants where kind = ${kind})`;

describe('one bent row is noticed', () => {
  test.each<[string, string, () => SQL[]]>([
    [
      'a credit appears',
      'I1',
      () => [sql`update grants set remaining = remaining + 1 where kind = 'adjustment'`],
    ],
    ['a grant grows', 'I1', () => [sql`update grants set amount = amount + 1 where kind = 'pack'`]],
    ['an entry is lost', 'seq', () => [sql`delete from entries where seq = 4`]],
    [
      'the last entry is lost',
      'a ledger',
      () => [sql`delete from entries where seq = (select max(seq) from entries)`],
    ],
    ['more is spent than was granted', 'I2', () => [sql`update entries set credits = -101 where seq = 4`]],
    ['a debit gives', 'I2', () => [sql`update entries set credits = 100 where seq = 4`]],
    [
      'a debit before its grant',
      'I3',
      () => [sql`update entries set effective_at = ${at(-1)} where seq = 5`],
    ],
    [
      'a debit at the expiry',
      'I3',
      () => [sql`update entries set effective_at = ${at(2 * DAY)} where seq = 6`],
    ],
    [
      'a debit after the end',
      'I3',
      () => [
        sql`update subscriptions set status = 'ended',
          state = state || jsonb_build_object('status', 'ended', 'endedAt', ${T0 + HOUR}::bigint)`,
        sql`update ledgers set status = 'ended'`,
      ],
    ],
    [
      'a grant dated otherwise than its entry',
      'I3',
      () => [sql`update entries set effective_at = ${at(1)} where seq = 1`],
    ],
    [
      'a second allowance of a cycle',
      'I4',
      () => [
        sql`insert into grants select subscription_id, id || 'x', kind, amount, 0, 0, effective_at, expires_at, 9, cause, null, null, null, false
          from grants where kind = 'allowance'`,
      ],
    ],
    ['a pack whose charge was declined', 'I4', () => [sql`update charges set status = 'declined'`]],
    ['a pack without a charge', 'I4', () => [sql`update grants set charge_id = null where kind = 'pack'`]],
    ['a paid purchase that brought less', 'I4', () => [sql`update charges set credits = credits + 1`]],
    [
      'the allowance spared',
      'I6',
      () => [
        sql`update entries set grant_id = ${of('adjustment')} where seq = 4`,
        sql`update grants set remaining = 0 where kind = 'adjustment'`,
        sql`update grants set remaining = 100 where kind = 'allowance'`,
      ],
    ],
    [
      'the allowance spared, and spent after the pack',
      'I6',
      () => [
        sql`update entries set grant_id = ${of('pack')}, credits = -30 where seq = 4`,
        sql`update entries set grant_id = ${of('allowance')}, credits = -100 where seq = 5`,
      ],
    ],
    [
      'a running balance that does not run',
      'seq',
      () => [sql`update entries set balance_after = 7 where seq = 4`],
    ],
    ['a ledger that lags', 'a ledger', () => [sql`update ledgers set seq = seq - 1`]],
    ['a ledger with another balance', 'a ledger', () => [sql`update ledgers set balance = balance - 1`]],
    ['a usage that says less than it took', 'a usage', () => [sql`update usages set credits = credits - 1`]],
    ['a debit of no usage', 'a debit', () => [sql`update entries set usage_id = null where seq = 6`]],
    [
      'a usage that answered other debits',
      'a usage',
      () => [
        sql`update usages set answer = jsonb_set(answer::jsonb, '{debits,0,credits}', '1')::json where hold_id is null`,
      ],
    ],
    [
      'more reversed than was booked',
      'a usage',
      () => [sql`update usages set reversed = reversed + 1 where reversed > 0`],
    ],
    ['a reversal that no usage knows of', 'a usage', () => [sql`update usages set reversed = 0`]],
    [
      'a reversal of no usage',
      'R-81',
      () => [sql`update entries set usage_id = null where kind = 'reversal'`],
    ],
    ['a hold released in part', 'R-71', () => [sql`update entries set credits = 9 where seq = 8`]],
    [
      'a hold captured otherwise',
      'R-71',
      () => [sql`update holds set captured = 5 where status = 'captured'`],
    ],
    [
      'a hold settled, and its credits still held',
      'R-71',
      () => [sql`update holds set status = 'released', settled_at = at where status = 'held'`],
    ],
    [
      'a hold settled a second time',
      'R-71',
      () => [
        sql`insert into entries select subscription_id, 14, kind, credits, grant_id, balance_after, effective_at, recorded_at, usage_id, hold_id
          from entries where seq = 12`,
      ],
    ],
    [
      'a capture that made no usage',
      'R-71',
      () => [sql`update holds set usage_id = null where status = 'captured'`],
    ],
    [
      'a hold settled past its deadline',
      'R-71',
      () => [sql`update holds set settled_at = deadline + interval '1 ms' where status = 'released'`],
    ],
    ['an entry of no hold', 'a hold', () => [sql`update entries set hold_id = null where seq = 10`]],
    [
      'an entry of a hold that is not there',
      'a hold',
      () => [sql`delete from holds where status = 'released'`],
    ],
    ['an entry of no grant', 'an entry', () => [sql`delete from grants where kind = 'pack'`]],
    ['a deadline unknown', 'R-72', () => [sql`update ledgers set next_deadline = null`]],
    [
      'a deadline known too late',
      'R-72',
      () => [sql`update ledgers set next_deadline = next_deadline + interval '1 ms'`],
    ],
    ['a key whose usage is gone', 'R-65', () => [sql`delete from usages where reversed > 0`]],
    ['a key whose hold is gone', 'R-65', () => [sql`delete from holds where status = 'held'`]],
    ['a key without its answer', 'R-65', () => [sql`update replies set answer = null`]],
    [
      'a reversal before the spends it followed',
      'what a caller',
      () => [sql`update entries set effective_at = ${at(HOUR)} where kind = 'reversal'`],
    ],
    ['more refunded than was said', 'R-81', () => [sql`update charges set refunded_minor = 501`]],
    ['a dispute that takes no money', 'R-81', () => [sql`update disputes set status = 'lost'`]],
    [
      'more taken than is refunded',
      'R-81',
      () => [sql`update charges set refunded_minor = 400, returned_minor = 400`],
    ],
    ['taken, and not known', 'R-81', () => [sql`update charges set revoked_credits = 0`]],
    ['given again without a dispute', 'a debit', () => [sql`delete from disputes`]],
    ['a row and its ledger apart', 'the row', () => [sql`update ledgers set status = 'past_due'`]],
  ])('%s: %s', async (_, invariant, bend) => {
    const broken = await noticed(bend());
    expect(
      broken.some((text) => text.startsWith(invariant)),
      broken.join('; ') || 'nothing noticed',
    ).toBe(true);
  });
});
