import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReconcileOptions } from '../../src/db/audit/reconcile.ts';
import { AT_REST, BentBooks, type Fault } from './bent-books.ts';

// A charge that lacks its reason is named: paid without its credits, of a wrong amount, pending for too long.

const NAMES = [
  'monthly',
  'ended',
  'upgraded',
  'purchaseSettled',
  'purchasePending',
  'incomplete',
  'renewalPending',
  'givenUpAndPaid',
  'unpaid',
  'startGivenUp',
  'pastDue',
] as const;
type Name = (typeof NAMES)[number];

let books: BentBooks<Name>;
beforeAll(async () => {
  books = await BentBooks.open([...NAMES]);
});
afterAll(() => books?.stack.stop());

const lost = (name: Name, rest: string) => sql`delete from grants where id = ${books.grant(name, rest)}`;
const renewal = 'The renewal of USD 44.00 of 2026-02-28T00:00:00.000Z';
const RETRIED = '2026-03-07T00:00:00.000Z';

test.each<Fault>([
  [
    'a paid renewal without its allowance',
    () => lost('monthly', 'a0_1'),
    'R-40',
    () => `${renewal} is paid, and credits that it brings were not granted: 200 of allowance.`,
  ],
  [
    'a paid renewal without its packs',
    () => lost('monthly', 'p0_1'),
    'R-40',
    () => `${renewal} is paid, and credits that it brings were not granted: 300 of packs.`,
  ],
  [
    'a paid start without its allowance',
    () => lost('ended', 'a0_0'),
    'R-20',
    () =>
      'The start of USD 29.00 of 2026-01-31T00:00:00.000Z is paid, and credits that it brings were not granted: 200 of allowance.',
  ],
  [
    'a paid upgrade without its allowance',
    () => lost('upgraded', 'a1_0'),
    'R-53',
    () =>
      'The upgrade of USD 99.00 of 2026-02-10T00:00:00.000Z is paid, and credits that it brings were not granted: 2000 of allowance.',
  ],
  [
    'a paid purchase without its packs',
    () => sql`delete from grants where ${books.of('purchaseSettled')} and kind = 'pack'`,
    'R-30',
    () =>
      'The purchase of USD 15.00 of 2026-01-31T00:00:00.000Z is paid, and credits that it brings were not granted: 300 of packs.',
  ],
  [
    'a wrong amount',
    () => sql`update charges set amount_minor = 4500 where id = ${books.charge('monthly', 'r0_1')}`,
    'R-07',
    () =>
      'The renewal of USD 45.00 of 2026-02-28T00:00:00.000Z should be USD 44.00 by its catalogue 2026-12-01.',
  ],
  [
    'lines that do not add up',
    () =>
      sql`update charges set lines = jsonb_set(lines, '{1,amountMinor}', '1600') where id = ${books.charge('monthly', 'r0_1')}`,
    'R-32',
    () => `${renewal} has lines that add up to 45.00.`,
  ],
  [
    'packs that the catalogue does not sell',
    () => sql`update charges set packs = 2 where ${books.of('ended')} and kind = 'purchase'`,
    'R-07',
    () =>
      'The purchase of USD 15.00 of 2026-01-31T00:00:00.000Z asks for what its catalogue 2026-12-01 does not sell.',
  ],
  [
    'a purchase that is pending for a day',
    () =>
      sql`update ledgers set test_clock = ${'2026-02-01T00:00:00.000Z'}::timestamptz where ${books.of('purchasePending')}`,
    'R-42',
    () =>
      'The purchase of USD 15.00 of 2026-01-31T00:00:00.000Z is still pending; it should have been given up at 2026-02-01T00:00:00.000Z.',
  ],
  [
    'a first payment that is pending for a day',
    () =>
      sql`update ledgers set test_clock = ${'2026-02-01T00:00:00.000Z'}::timestamptz where ${books.of('incomplete')}`,
    'R-43',
    () =>
      'The start of USD 29.00 of 2026-01-31T00:00:00.000Z is still pending; it should have been given up at 2026-02-01T00:00:00.000Z.',
  ],
  [
    'a renewal that is pending at its last retry',
    () => sql`update ledgers set test_clock = ${RETRIED}::timestamptz where ${books.of('renewalPending')}`,
    'R-42',
    () =>
      `The renewal of USD 29.00 of 2026-02-28T00:00:00.000Z is still pending; at its last retry, ${RETRIED}, the subscription should have ended.`,
  ],
])('%s', (_, bend, rule, problem) => books.expectNamed(bend(), rule, problem()));

/** Billing said an hour ago that a charge was paid. */
const saidPaid = (name: Name, charge: string, outcome = 'ended') => sql`
  insert into inbox (provider, event_id, subscription_id, kind, payload, received_at, relayed_at, outcome)
  values ('test', ${charge}, ${books.ids[name]}, 'paymentSettled',
    ${JSON.stringify({ chargeId: charge, outcome: 'paid', at: Date.parse('2026-04-02T00:00:00Z') })}::jsonb,
    clock_timestamp() - interval '1 hour', clock_timestamp() - interval '1 hour', ${outcome})`;

test.each<Fault>([
  [
    'a renewal paid after its last retry',
    () => saidPaid('unpaid', books.charge('unpaid', 'r0_1')),
    'R-52',
    () =>
      'The renewal of USD 29.00 of 2026-02-28T00:00:00.000Z is declined here, and billing says that it was paid at 2026-04-02T00:00:00.000Z: USD 29.00 was taken for nothing and is to be given back.',
  ],
  [
    'a first payment paid after it was given up',
    () => saidPaid('startGivenUp', books.charge('startGivenUp', 's')),
    'R-52',
    () =>
      'The start of USD 29.00 of 2026-01-31T00:00:00.000Z is given up here, and billing says that it was paid at 2026-04-02T00:00:00.000Z: USD 29.00 was taken for nothing and is to be given back.',
  ],
  [
    'a purchase given up and paid, whose money was kept',
    () =>
      sql`update charges set refunded_minor = 500, returned_minor = 500 where ${books.of('givenUpAndPaid')} and kind = 'purchase'`,
    'R-42',
    () =>
      'The purchase of USD 15.00 of 2026-01-31T00:00:00.000Z is refunded here, and billing says that it was paid at 2026-02-03T00:00:00.000Z: USD 10.00 was taken for nothing and is to be given back.',
  ],
])('taken for nothing: %s', (_, bend, rule, problem) => books.expectNamed(bend(), rule, problem()));

test('told as one charge, however often billing said so, until its money is back', async () => {
  const id = books.charge('unpaid', 'r0_1');
  const again = sql`
    insert into inbox (provider, event_id, subscription_id, kind, payload, received_at, relayed_at, outcome)
    select provider, 'again', subscription_id, kind, payload, received_at, relayed_at, outcome from inbox where event_id = ${id}`;
  const said = [saidPaid('unpaid', id), again];
  expect(await books.foundAfter(said)).toMatchObject([{ table: 'charges', row: id }]);
  const back = sql`update charges set refunded_minor = 2900, returned_minor = 2900 where id = ${id}`;
  expect(await books.foundAfter([...said, back])).toEqual([]);
});

test('a payment between two attempts at a renewal pays it, and is not for nothing', () =>
  books.expectNamed(
    saidPaid('pastDue', books.charge('pastDue', 'r0_1'), 'signalled'),
    'R-42',
    'The renewal of USD 29.00 of 2026-02-28T00:00:00.000Z is declined here, and billing says that it was paid at 2026-04-02T00:00:00.000Z: the renewal should have been made.',
  ));

test('a charge may be pending until that very instant', async () => {
  const until = (name: Name, clock: string) =>
    books.foundAfter(sql`update ledgers set test_clock = ${clock}::timestamptz where ${books.of(name)}`);
  expect(await until('purchasePending', '2026-01-31T23:59:59.999Z')).toEqual([]);
  expect(await until('renewalPending', '2026-03-06T23:59:59.999Z')).toEqual([]);
});

test('on real time a worker has a while to give it up', async () => {
  const pendingFor = async (ago: string, wanted: ReconcileOptions) => {
    const bend = [
      sql`update ledgers set test_clock = null where ${books.of('purchasePending')}`,
      sql`update charges set attempts = jsonb_set(attempts, '{0,at}', to_jsonb(ms(clock_timestamp() - ${ago}::interval)))
        where ${books.of('purchasePending')} and kind = 'purchase'`,
    ];
    return (await books.foundAfter(bend, wanted)).map(({ rule }) => rule);
  };
  expect(await pendingFor('24 hours 5 minutes', {})).toEqual([]);
  expect(await pendingFor('24 hours 5 minutes', AT_REST)).toEqual(['R-42']);
  expect(await pendingFor('24 hours 11 minutes', {})).toEqual(['R-42']);
});
