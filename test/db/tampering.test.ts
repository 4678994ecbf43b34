import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyInvariants } from '../../src/db/audit/verify.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { refundCharge } from '../../src/db/refunds.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { leadLives } from '../support/books.ts';
import { until } from '../support/deliveries.ts';
import { did, subscribe } from '../support/lives.ts';
import { sealAll } from '../support/seals.ts';
import { type Stack, startStack } from '../support/stack.ts';

// One real ledger, and the changes that the owner of its database can make behind the back of the code. `drawdown verify` names each
// by its rule and its row, some of them only where the rows were sealed, and the last few not at all.

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const creator = DEFAULT_CATALOG.plans.find(({ id }) => id === 'creator')!;
const CATALOG = {
  ...DEFAULT_CATALOG,
  version: '2026-12-01+trial',
  plans: [
    ...DEFAULT_CATALOG.plans,
    { ...creator, id: 'plus', name: 'Plus', trial: { days: 7, credits: 50 } },
  ],
};

let db: Database;
/** The rows that the table below names, by their part in these lives. */
const at: Record<string, string> = {};

const use = (quantity: number) => ({ items: [{ feature: 'generate_look', quantity }] });
const idOf = ({ body }: { body: unknown }): string => (body as { id: string }).id;

/** A monthly life with a bit of everything: on a test clock, and on the server's own. */
async function lead(stack: Stack, name: 'month' | 'live', more: object = {}): Promise<void> {
  const id = await subscribe(stack, MONTHLY, more);
  const post = async (path: string, body: object) => idOf(await did(stack, id, `POST ${path}`, body));
  at[name] = id;
  at[`${name} purchase`] = await post('purchases', { packs: 1 });
  at[`${name} adjustment`] = await post('grants', {
    credits: 40,
    expires_at: '2028-01-01T00:00:00.000Z',
    reason: 'goodwill',
  });
  await post('grants', { credits: 10, reason: 'for as long as it lives' });
  at[`${name} usage`] = await post('usage', { ...use(5), reference: 'order 1', metadata: { by: 'me' } });
  at[`${name} reversed`] = await post('usage', use(8));
  await did(stack, id, `POST usage/${at[`${name} reversed`]}/reverse`, { credits: 3, reason: 'spoiled' });
  at[`${name} captured`] = await post('holds', { ...use(9), reference: 'job 1' });
  await did(stack, id, `POST holds/${at[`${name} captured`]}/capture`, { credits: 4 });
  at[`${name} released`] = await post('holds', use(6));
  await did(stack, id, `POST holds/${at[`${name} released`]}/release`, {});
  at[`${name} held`] = await post('holds', use(2));
  const refund = { amount_minor: 500, reason: 'asked for' };
  await did(stack, id, `POST purchases/${at[`${name} purchase`]}/refund`, refund);
  at[`${name} charge`] = `chg_${at[`${name} purchase`]!.slice(4)}`;
  at[`${name} pack`] = `grt_${at[`${name} purchase`]!.slice(4)}`;
  at[`${name} allowance`] = `grt_${id.slice(4)}_a0_0`;
}

beforeAll(async () => {
  const stack = await startStack({ catalog: CATALOG });
  await lead(stack, 'month');
  await lead(stack, 'live', { test_clock: undefined });
  const dispute = { chargeId: at['month charge']!, kind: 'dispute', id: 'dp_1', amountMinor: 300 } as const;
  for (const status of ['open', 'won'] as const)
    await refundCharge(stack.db, at['month']!, { ...dispute, status });
  at['refunded'] = await subscribe(stack, MONTHLY);
  const bought = idOf(await did(stack, at['refunded'], 'POST purchases', { packs: 1 }));
  at['refunded charge'] = `chg_${bought.slice(4)}`;
  await did(stack, at['refunded'], `POST purchases/${bought}/refund`, { reason: 'all of it' });
  at['trial'] = await subscribe(stack, { ...MONTHLY, plan: 'plus' });
  const lives = await leadLives(stack, [
    'annual',
    'enterprise',
    'movedIn',
    'upgraded',
    'downgraded',
    'pastDue',
    'unpaid',
    'paidLate',
    'purchasePending',
    'givenUpAndPaid',
    'incomplete',
    'startGivenUp',
  ]);
  Object.assign(at, lives);
  const gift = { credits: 25, reason: 'the outage', filter: { plan: 'enterprise' } };
  at['batch'] = idOf(await stack.request('POST', '/v1/grant_batches', { body: gift }));
  const batch = () => stack.request('GET', `/v1/grant_batches/${at['batch']}`);
  await until(batch, ({ body }) => (body as { state: string }).state === 'done');
  await stack.stop();
  db = connect(stack.databaseUrl, { max: 1 });
});
afterAll(() => db?.$client.end());

/** The output of `drawdown verify --all` after statements that no guard of the tables stops, and that are undone after it. */
async function namedAfter(statements: SQL[], isSealed = false): Promise<string[]> {
  let named: string[] = [];
  await db
    .transaction(async (tx) => {
      if (isSealed) await sealAll(tx as unknown as Database);
      await tx.execute(sql`set local session_replication_role = replica`);
      for (const statement of statements) await change(tx, statement);
      const wanted = { subscriptionIds: null, isThorough: true, onProgress: () => {} };
      const { broken } = await verifyInvariants(tx as unknown as Database, wanted);
      named = broken.map(({ invariant, subscription_id, row }) => `${invariant}: ${subscription_id} ${row}`);
      throw new Error('roll back');
    })
    .catch((error: Error) => {
      if (error.message !== 'roll back') throw error;
    });
  return named;
}

/** A statement that changes no row would prove nothing. */
async function change(tx: Pick<Database, 'execute'>, statement: SQL): Promise<void> {
  const { command, count } = await tx.execute(statement);
  if (count === 0 && ['UPDATE', 'DELETE', 'INSERT', 'SELECT'].includes(command))
    throw new Error('no row was changed');
}

test('before: verify finds nothing', async () => {
  expect(await namedAfter([])).toEqual([]);
});

/** The name of a tampering, its statements, the rule that verify names, and the row by its part in the lives. */
type Tampering = [name: string, statements: () => SQL[], rule: string, row: string];

const one = (table: string, change: string, row: string, more = ''): SQL =>
  sql.raw(`update ${table} set ${change} where id = '${at[row]}' ${more}`);
const of = (table: string, change: string, sub: string, more = ''): SQL =>
  sql.raw(`update ${table} set ${change} where subscription_id = '${at[sub]}' ${more}`);
const gone = (table: string, sub: string, more = ''): SQL =>
  sql.raw(`delete from ${table} where subscription_id = '${at[sub]}' ${more}`);
const YEAR = `interval '1 year'`;

const TAMPERINGS: Tampering[] = [
  // Terms.
  [
    'an allowance lives a year longer',
    () => [one('grants', `expires_at = expires_at + ${YEAR}`, 'month allowance')],
    'R-21',
    'month allowance',
  ],
  [
    'an allowance ends a day earlier',
    () => [one('grants', `expires_at = expires_at - interval '1 day'`, 'month allowance')],
    'R-21',
    'month allowance',
  ],
  [
    'an allowance of an annual plan lives longer',
    () => [of('grants', `expires_at = expires_at + interval '5 days'`, 'annual', `and cause ~ '_a0_3$'`)],
    'R-21',
    'annual',
  ],
  [
    'credits of a trial outlive it',
    () => [of('grants', `expires_at = expires_at + ${YEAR}`, 'trial')],
    'R-23',
    'trial',
  ],
  [
    'a pack lives a year longer',
    () => [one('grants', `expires_at = expires_at + ${YEAR}`, 'month pack')],
    'R-31',
    'month pack',
  ],
  [
    'a pack ends an hour later',
    () => [one('grants', `expires_at = expires_at + interval '1 hour'`, 'live pack')],
    'R-31',
    'live pack',
  ],
  [
    'a pack of an annual plan lives longer',
    () => [of('grants', `expires_at = expires_at + interval '30 days'`, 'annual', `and kind = 'pack'`)],
    'R-31',
    'annual',
  ],
  [
    'an adjustment lives a year longer',
    () => [one('grants', `expires_at = expires_at + ${YEAR}`, 'month adjustment')],
    'R-36',
    'month adjustment',
  ],
  [
    'an adjustment without an end gets one',
    () => [of('grants', `expires_at = '2027-01-01Z'`, 'month', `and expires_at > '2900-01-01Z'`)],
    'R-36',
    'month',
  ],
  [
    'a grant of a batch lives longer',
    () => [of('grants', `expires_at = '2027-01-01Z'`, 'enterprise', `and cause ~ '^gbt_'`)],
    'R-36',
    'enterprise',
  ],
  // Adjustments and their causes.
  [
    'an adjustment with another reason',
    () => [one('grants', `reason = 'a favour'`, 'month adjustment')],
    'R-36',
    'month adjustment',
  ],
  [
    'an adjustment with more credits',
    () => [
      one('grants', 'amount = amount + 5, remaining = remaining + 5', 'month adjustment'),
      sql.raw(
        `update entries set credits = credits + 5 where grant_id = '${at['month adjustment']}' and kind = 'grant'`,
      ),
      of(
        'entries',
        'balance_after = balance_after + 5',
        'month',
        `and seq >= (select made from grants where id = '${at['month adjustment']}')`,
      ),
      of('ledgers', 'balance = balance + 5', 'month'),
    ],
    'R-36',
    'month adjustment',
  ],
  [
    'a grant of a batch with another reason',
    () => [of('grants', `reason = 'a favour'`, 'enterprise', `and cause ~ '^gbt_'`)],
    'R-36',
    'enterprise',
  ],
  [
    'a batch that never granted',
    () => [of('grant_batch_items', `outcome = 'pending'`, 'enterprise')],
    'R-84',
    'batch',
  ],
  [
    'a forged adjustment: its grant, its entry and the sums',
    () => [
      sql.raw(`insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, reason)
      select subscription_id, 'grt_forged', 'adjustment', 500, 500, test_clock, test_clock + ${YEAR}, seq + 1, 'forged', 'none' from ledgers where subscription_id = '${at['month']}'`),
      sql.raw(`insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at)
      select subscription_id, seq + 1, 'grant', 500, 'grt_forged', balance + 500, test_clock from ledgers where subscription_id = '${at['month']}'`),
      of('ledgers', 'seq = seq + 1, balance = balance + 500', 'month'),
    ],
    'R-36',
    'grt_forged',
  ],
  [
    'the command of an adjustment is gone',
    () => [sql.raw(`delete from commands where object_id = '${at['month adjustment']}'`)],
    'R-36',
    'month adjustment',
  ],
  [
    'the command of a purchase is gone',
    () => [sql.raw(`delete from commands where object_id = '${at['month purchase']}'`)],
    'R-30',
    'month charge',
  ],
  [
    'the command of an upgrade is gone',
    () => [gone('commands', 'upgraded', `and operation = 'change_plan'`)],
    'R-53',
    'upgraded',
  ],
  [
    'the command of a start is gone',
    () => [sql.raw(`delete from commands where object_id = '${at['annual']}' and operation = 'start'`)],
    'R-65',
    'annual',
  ],
  [
    'the answer to an adjustment says another sum',
    () => [
      sql.raw(
        `update commands set answer = jsonb_set(answer::jsonb, '{amount}', '4')::text where object_id = '${at['month adjustment']}'`,
      ),
    ],
    'R-36',
    'month adjustment',
  ],
  // Replies.
  [
    'the reply of a usage is gone',
    () => [sql.raw(`delete from replies where object_id = '${at['month usage']}'`)],
    'R-65',
    'month usage',
  ],
  [
    'the reply of a hold is gone',
    () => [sql.raw(`delete from replies where object_id = '${at['month held']}'`)],
    'R-65',
    'month held',
  ],
  [
    'a reply points at another usage',
    () => [
      sql.raw(
        `update replies set object_id = '${at['month reversed']}' where object_id = '${at['month usage']}'`,
      ),
    ],
    'R-65',
    'month reversed',
  ],
  [
    'the reply of a capture is gone',
    () => [sql.raw(`delete from replies where answer->>'id' = '${at['month captured']}'`)],
    'R-71',
    'month captured',
  ],
  [
    'the reply of a release is gone',
    () => [sql.raw(`delete from replies where answer->>'id' = '${at['month released']}'`)],
    'R-71',
    'month released',
  ],
  [
    'the reply of a capture says another sum',
    () => [
      sql.raw(
        `update replies set answer = jsonb_set(answer::jsonb, '{captured}', '1')::json where answer->>'id' = '${at['month captured']}'`,
      ),
    ],
    'R-71',
    'month captured',
  ],
  [
    'the reply of a reversal is gone',
    () => [gone('replies', 'month', `and answer->>'restored' is not null`)],
    'R-80',
    'month',
  ],
  [
    'the reply of a reversal says another sum',
    () => [
      of(
        'replies',
        `answer = jsonb_set(answer::jsonb, '{restored}', '2')::json`,
        'month',
        `and answer->>'restored' is not null`,
      ),
    ],
    'R-80',
    'month',
  ],
  // Usages, holds and their entries.
  [
    'a usage an hour earlier',
    () => [one('usages', `at = at - interval '1 hour'`, 'month usage')],
    'R-65',
    'month usage',
  ],
  [
    'a usage an hour earlier, with its answer',
    () => [
      one(
        'usages',
        `at = at - interval '1 hour', answer = jsonb_set(answer::jsonb, '{at}', to_jsonb(iso(at - interval '1 hour')))::json`,
        'month usage',
      ),
    ],
    'R-64',
    'month usage',
  ],
  [
    'a usage whose lines cost another sum',
    () => [one('usages', `answer = jsonb_set(answer::jsonb, '{lines,0,credits}', '1')::json`, 'month usage')],
    'R-65',
    'month usage',
  ],
  [
    'a capture with another reference',
    () => [of('usages', `reference = 'job 2'`, 'month', 'and hold_id is not null')],
    'R-71',
    'month captured',
  ],
  [
    'a capture with other metadata',
    () => [of('usages', `metadata = '{"x":"y"}'`, 'month', 'and hold_id is not null')],
    'R-71',
    'month captured',
  ],
  [
    'a hold lives a year longer',
    () => [one('holds', `deadline = deadline + ${YEAR}`, 'month held')],
    'R-65',
    'month held',
  ],
  [
    'a hold an hour earlier',
    () => [one('holds', `at = at - interval '1 hour'`, 'month held')],
    'R-65',
    'month held',
  ],
  [
    'a settlement that says another sum',
    () => [
      one('holds', `settlement = jsonb_set(settlement::jsonb, '{captured}', '1')::json`, 'month captured'),
    ],
    'R-71',
    'month captured',
  ],
  [
    'a hold settled a second earlier',
    () => [one('holds', `settled_at = settled_at - interval '1 second'`, 'live released')],
    'R-64',
    'live released',
  ],
  [
    'a debit dated before its usage',
    () => [
      sql.raw(
        `update entries set effective_at = effective_at - interval '1 second' where usage_id = '${at['live usage']}' and kind = 'debit'`,
      ),
    ],
    'R-64',
    'live usage',
  ],
  [
    'a spend recorded a second later',
    () => [
      sql.raw(
        `update entries set recorded_at = recorded_at + interval '1 second' where usage_id = '${at['live usage']}'`,
      ),
    ],
    'I11 entries were',
    'live',
  ],
  [
    'an entry recorded forty days later',
    () => [of('entries', `recorded_at = recorded_at + interval '40 days'`, 'month', 'and seq = 2')],
    'I11 entries were',
    'month',
  ],
  // Money.
  [
    'refunded in full, and nothing taken back',
    () => [one('charges', 'refunded_minor = amount_minor, returned_minor = amount_minor', 'month charge')],
    'R-81',
    'month charge',
  ],
  [
    'refunded and not, at once',
    () => [one('charges', 'refunded_minor = 0, returned_minor = 0', 'refunded charge')],
    'R-81',
    'refunded charge',
  ],
  [
    'a dispute that was won is lost',
    () => [of('disputes', `status = 'lost'`, 'month')],
    'R-81',
    'month charge',
  ],
  [
    'a refund is gone, and its money with it',
    () => [
      gone('refunds', 'month'),
      one('charges', 'refunded_minor = 0, returned_minor = 0, revoked_credits = 0', 'month charge'),
    ],
    'R-81',
    'month charge',
  ],
  // The subscription's row and its ledger's.
  ['spending is blocked', () => [of('ledgers', 'blocked = true', 'month')], 'R-41', 'month'],
  ['a test clock on real time', () => [of('ledgers', 'test_clock = now()', 'live')], 'R-90', 'live'],
  ['real time on a test clock', () => [of('ledgers', 'test_clock = null', 'month')], 'R-90', 'month'],
  [
    'a test clock goes on alone',
    () => [of('ledgers', `test_clock = test_clock + interval '1 day'`, 'month')],
    'R-90',
    'month',
  ],
  [
    'an end that nobody scheduled',
    () => [of('ledgers', `ends_at = '2030-01-01Z'`, 'month')],
    'R-12',
    'month',
  ],
  [
    'an end that is put off',
    () => [of('ledgers', `ends_at = ends_at + ${YEAR}`, 'unpaid')],
    'R-12',
    'unpaid',
  ],
  ['another threshold of low credits', () => [of('ledgers', 'low_below = 123', 'month')], 'R-39', 'month'],
  [
    'a plan set to a contract',
    () => [one('subscriptions', `plan = 'enterprise'`, 'month')],
    'the row of a subscription',
    'month',
  ],
  [
    'a plan set to a contract, in the state too',
    () => [one('subscriptions', `plan = 'enterprise', state = state || '{"plan":"enterprise"}'`, 'month')],
    'R-53',
    'month',
  ],
  [
    'another customer',
    () => [one('subscriptions', `customer_id = 'somebody'`, 'month')],
    'the row of a subscription',
    'month',
  ],
  [
    'a trial that never was',
    () => [one('subscriptions', 'trial = true', 'month')],
    'the row of a subscription',
    'month',
  ],
  [
    'an end that is undone',
    () => [
      one(
        'subscriptions',
        `status = 'active', state = state || '{"status":"active","endedAt":null}'`,
        'unpaid',
      ),
      of('ledgers', `status = 'active', ends_at = null`, 'unpaid'),
      gone('notes', 'unpaid', `and kind = 'ended'`),
    ],
    'a note has its event',
    'unpaid',
  ],
  // Events and notes.
  [
    'the event of a grant is gone',
    () => [gone('events', 'month', `and type = 'grant.made' and data->>'kind' = 'pack'`)],
    'a grant is as its event says',
    'month pack',
  ],
  [
    'the event of a grant says more',
    () => [
      of(
        'events',
        `data = jsonb_set(data, '{credits}', '9')`,
        'month',
        `and type = 'grant.made' and data->>'kind' = 'pack'`,
      ),
    ],
    'a grant is as its event says',
    'month pack',
  ],
  [
    'an event of a grant that never was',
    () => [
      of(
        'events',
        `data = jsonb_set(data, '{grant_id}', '"grt_none"')`,
        'month',
        `and type = 'grant.made' and data->>'kind' = 'pack'`,
      ),
    ],
    'an event names a grant',
    'grt_none',
  ],
  [
    'the events of a payment are gone',
    () => [gone('events', 'month', `and type like 'purchase.%'`)],
    'R-81',
    'month charge',
  ],
  [
    'the event of an expiry is gone',
    () => [gone('events', 'annual', `and type = 'grant.expired'`)],
    'credits that went',
    'annual',
  ],
  [
    'an event of an expiry says more',
    () => [of('events', `data = jsonb_set(data, '{credits}', '9')`, 'annual', `and type = 'grant.expired'`)],
    'credits that went',
    'annual',
  ],
  [
    'the event of a renewal is gone',
    () => [gone('events', 'annual', `and type = 'subscription.renewed'`)],
    'a note has its event',
    'annual',
  ],
  [
    'a note is gone',
    () => [gone('notes', 'upgraded', `and kind = 'changed'`)],
    'a note has its event',
    'upgraded',
  ],
  [
    'a note with another sentence',
    () => [of('notes', `detail = 'The customer asked.'`, 'pastDue', `and kind = 'past_due'`)],
    'a note has its event',
    'pastDue',
  ],
  // Guards: no row of a subscription, but a name of the database.
  [
    'a guard’s function that does nothing',
    () => [
      sql`create or replace function entries_are_append_only() returns trigger language plpgsql as $$ begin return new; end $$`,
    ],
    'I11 the functions',
    'entries_are_append_only',
  ],
  [
    'a function that books less',
    () => [
      sql`create or replace function due_back(c charges) returns bigint language sql immutable as $$ select 0::bigint $$`,
    ],
    'I11 the functions',
    'due_back',
  ],
  [
    'a function beside one of ours',
    () => [sql`create function add_entry(text) returns void language sql as $$ select $$`],
    'I11 the functions',
    'add_entry',
  ],
  ['a function is gone', () => [sql`drop function advance_ended`], 'I11 the functions', 'advance_ended'],
  [
    'a trigger is off',
    () => [sql`alter table entries disable trigger entries_append_only`],
    'I11 nothing can',
    'entries',
  ],
  ['a trigger is gone', () => [sql`drop trigger grants_kept on grants`], 'I11 nothing can', 'grants'],
  [
    'a trigger that looks away',
    () => [
      sql`drop trigger grants_kept on grants`,
      sql`create trigger grants_kept before delete on grants for each row when (false) execute function grants_are_kept()`,
    ],
    'I11 nothing can',
    'grants',
  ],
  [
    'a check is gone',
    () => [sql`alter table grants drop constraint grants_remaining`],
    'I11 the constraints',
    'grants_remaining',
  ],
  [
    'a check that was never applied to all rows',
    () => [
      sql`alter table grants drop constraint grants_term`,
      sql`alter table grants add constraint grants_term check (effective_at < expires_at) not valid`,
    ],
    'I11 the constraints',
    'grants_term',
  ],
  [
    'the unique key of causes is gone',
    () => [sql`alter table grants drop constraint grants_one_per_cause`],
    'I11 the constraints',
    'grants_one_per_cause',
  ],
  [
    'one live subscription a customer is gone',
    () => [sql`drop index subscriptions_one_per_customer`],
    'I11 the constraints',
    'subscriptions_one_per_customer',
  ],
];

describe('named by rule and row', () => {
  test.each(TAMPERINGS)('%s', async (_, statements, rule, row) => {
    const named = await namedAfter(statements());
    const isNamed = named.some((line) => line.startsWith(rule) && line.includes(at[row] ?? row));
    expect(isNamed, named.join('\n') || 'nothing is named').toBe(true);
  });
});

/** No copy of these is left in the database but their seal. */
const A_SEAL_SHOWS: [name: string, statements: () => SQL[]][] = [
  ['a usage with another reference', () => [one('usages', `reference = 'order 2'`, 'month usage')]],
  ['a usage with other metadata', () => [one('usages', `metadata = '{"by":"you"}'`, 'month usage')]],
  [
    'an entry recorded a second earlier',
    () => [of('entries', `recorded_at = recorded_at - interval '1 second'`, 'month', 'and seq = 5')],
  ],
];

/** No copy of these is left, and no line has them; the last is new, so it is sealed as if it were honest. */
const NOTHING_SHOWS: [name: string, statements: () => SQL[]][] = [
  [
    'a reply with another body',
    () => [
      sql.raw(`update replies set body_hash = gen_random_uuid() where object_id = '${at['month usage']}'`),
    ],
  ],
  ['the metadata of a subscription', () => [one('subscriptions', `metadata = '{"x":"y"}'`, 'month')]],
  [
    'the command of a cancel or a payment method is gone',
    () => [gone('commands', 'unpaid', `and operation = 'set_payment_method'`)],
  ],
  [
    'a forged adjustment with its event and its command',
    () => [
      sql.raw(`insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, reason)
      select subscription_id, 'grt_forged', 'adjustment', 500, 500, test_clock, test_clock + ${YEAR}, seq + 1, 'forged', 'none' from ledgers where subscription_id = '${at['month']}'`),
      sql.raw(`insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at)
      select subscription_id, seq + 1, 'grant', 500, 'grt_forged', balance + 500, test_clock from ledgers where subscription_id = '${at['month']}'`),
      of('ledgers', 'seq = seq + 1, balance = balance + 500', 'month'),
      sql.raw(`insert into commands (scope, operation, key, body_hash, status, attempt, subscription_id, object_id)
      values ('${at['month']}', 'issue_grant', 'forged', '', 'done', 1, '${at['month']}', 'grt_forged')`),
      sql.raw(`select emit_event(subscription_id, 'grant.made', effective_at, jsonb_build_object('grant_id', id, 'kind', kind, 'credits', amount, 'expires_at', iso(expires_at), 'reason', reason))
      from grants where id = 'grt_forged'`),
    ],
  ],
];

test('sealed, before: verify finds nothing', async () => {
  expect(await namedAfter([], true)).toEqual([]);
});

describe('a seal alone shows it', () => {
  test.each(A_SEAL_SHOWS)('%s', async (_, statements) => {
    expect(await namedAfter(statements())).toEqual([]);
    const [named, ...more] = await namedAfter(statements(), true);
    expect(named).toMatch(/^I11 a ledger’s rows are those that were sealed: .* entries 1 to \d+, /);
    expect(more).toEqual([]);
  });
});

describe('nothing shows it', () => {
  test.each(NOTHING_SHOWS)('%s', async (_, statements) => {
    expect(await namedAfter(statements(), true)).toEqual([]);
  });
});
