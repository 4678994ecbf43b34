import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import { brokenPromises } from '../support/promises.ts';
import { createDatabase } from '../support/stack.ts';
import { DAY, HOUR, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// The check itself must be seen failing: a sound ledger, one row bent at a time, and the promise that notices.

let db: Database;
let ledger: RawLedger;
const grants: Record<string, string> = {};

beforeAll(async () => {
  db = await openDatabase();
  ledger = await RawLedger.open(db);
  for (const kind of ['allowance', 'pack', 'adjustment'] as const) {
    const { id } = await ledger.grant({ kind, credits: 100, to: T0 + (kind === 'pack' ? 2 : 3) * DAY });
    grants[kind] = id;
  }
  await ledger.stand(T0 + HOUR);
  await ledger.spend(130);
  await ledger.stand(T0 + 2 * HOUR);
  await ledger.spend(10);
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
      broken = (await brokenPromises(tx as unknown as Database)).map(({ promise }) => promise);
      throw new Error('roll back');
    })
    .catch((error: Error) => {
      if (error.message !== 'roll back') throw error;
    });
  return [...new Set(broken)].sort();
}

test('a sound ledger breaks none', async () => {
  expect(await noticed([])).toEqual([]);
});

test('an empty database breaks none', async () => {
  const empty = connect(await createDatabase());
  expect(await brokenPromises(empty)).toEqual([]);
  await empty.$client.end();
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
      'a running balance that does not run',
      'seq',
      () => [sql`update entries set balance_after = 7 where seq = 4`],
    ],
    ['a ledger that lags', 'a ledger', () => [sql`update ledgers set seq = seq - 1`]],
    ['a ledger with another balance', 'a ledger', () => [sql`update ledgers set balance = balance - 1`]],
    ['a usage that says less than it took', 'a usage', () => [sql`update usages set credits = credits - 1`]],
    ['a debit of no usage', 'a debit', () => [sql`update entries set usage_id = null where seq = 6`]],
    ['a row and its ledger apart', 'the row', () => [sql`update ledgers set status = 'past_due'`]],
  ])('%s: %s', async (_, promise, bend) => {
    const broken = await noticed(bend());
    expect(
      broken.some((text) => text.startsWith(promise)),
      broken.join('; ') || 'nothing noticed',
    ).toBe(true);
  });
});
