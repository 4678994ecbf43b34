import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AT_REST, BentBooks } from './bent-books.ts';

// A message of billing without its effect is named; one with another outcome is explained.

const NAMES = ['monthly', 'ended', 'purchasePending', 'purchaseSettled'] as const;
type Name = (typeof NAMES)[number];

let books: BentBooks<Name>;
beforeAll(async () => {
  books = await BentBooks.open([...NAMES]);
});
afterAll(() => books?.stack.stop());

/** A message signalled to a workflow an hour ago. */
const message = (name: Name, payload: object, more: { kind?: string; outcome?: string | null } = {}) => {
  const { kind = 'paymentSettled', outcome = 'signalled' } = more;
  return sql`insert into inbox (provider, event_id, subscription_id, kind, payload, received_at, relayed_at, outcome)
    values ('test', 'evt_1', ${books.ids[name]}, ${kind}, ${JSON.stringify(payload)}::jsonb, clock_timestamp() - interval '1 hour',
      ${outcome === null ? sql`null` : sql`clock_timestamp() - interval '1 hour'`}, ${outcome})`;
};
const settled = async (name: Name, outcome: string, more: object = {}) =>
  message(name, { chargeId: await books.newestCharge(name), outcome, at: 0, ...more });

test('an old message that nobody relayed', () =>
  books.expectNamed(
    message('monthly', { chargeId: books.charge('monthly', 's'), outcome: 'paid', at: 0 }, { outcome: null }),
    'R-42',
    'The message of … from test still waits for a worker to tell it to its subscription.',
  ));

test('a message that says paid of a charge that is pending', async () =>
  books.expectNamed(
    await settled('purchasePending', 'paid'),
    'R-42',
    `The message of … from test says that ${await books.newestCharge('purchasePending')} is paid; here it is still pending.`,
  ));

test('a message that says declined of a charge that is pending', async () =>
  books.expectNamed(
    await settled('purchasePending', 'declined', { attempt: 1 }),
    'R-42',
    `The message of … from test says that ${await books.newestCharge('purchasePending')} is declined; here it is still pending.`,
  ));

test.each<[string, () => SQL]>([
  [
    'a cancel, which a later change may have undone',
    () => message('monthly', { at: 'renewal' }, { kind: 'cancelled' }),
  ],
  [
    'a change of plan, which may have been refused',
    () => message('monthly', { plan: 'creator', interval: 'year' }, { kind: 'planChanged' }),
  ],
  [
    'a refund, which the ledger books',
    () => message('monthly', {}, { kind: 'moneyBack', outcome: 'booked' }),
  ],
  [
    'a payment of a renewal that is still to come',
    () => message('monthly', { chargeId: books.charge('monthly', 'r0_99'), outcome: 'paid', at: 0 }),
  ],
])('explained: %s', async (_, plant) => expect(await books.foundAfter(plant())).toEqual([]));

test.each<[string, () => SQL, string, string]>([
  [
    'of a charge that is not there',
    () => message('monthly', { chargeId: 'chg_nobody', outcome: 'paid', at: 0 }),
    'R-42',
    'says that chg_nobody is paid, and there is no such charge.',
  ],
  [
    'that says nothing',
    () => message('monthly', { chargeId: books.charge('monthly', 's'), outcome: 'maybe', at: 0 }),
    'R-42',
    'says neither paid nor declined of',
  ],
  [
    'told to nobody while its subscription lives',
    () =>
      message(
        'monthly',
        { chargeId: books.charge('monthly', 's'), outcome: 'paid', at: 0 },
        { outcome: 'ended' },
      ),
    'R-52',
    'found no workflow, and its subscription is active.',
  ],
  [
    'of a refund that the add-on has not heard of',
    () => message('monthly', { packs: 1, nth: 1 }, { kind: 'packsWithdrawn' }),
    'R-81',
    'should have lowered the add-on, which has not heard of it.',
  ],
  [
    'of a kind that is not known',
    () => message('monthly', {}, { kind: 'refunded' }),
    'R-42',
    'is of a kind whose effect is not known: refunded.',
  ],
  [
    'with an outcome that is not known',
    () => message('monthly', {}, { outcome: 'lost' }),
    'R-42',
    'came to an outcome that is not known: lost.',
  ],
])('a message %s', async (_, bend, rule, problem) => {
  const found = await books.foundAfter(bend());
  expect(found).toMatchObject([{ table: 'inbox', row: 'test evt_1', rule }]);
  expect(found[0]!.problem).toContain(problem);
});

test.each(['ignored', 'unknown', 'superseded'])('%s is an explanation', async (outcome) => {
  const bend = message('monthly', { chargeId: 'chg_nobody', outcome: 'paid', at: 0 }, { outcome });
  expect(await books.foundAfter(bend)).toEqual([]);
});

test('a payment of a renewal that never came, as the subscription ended: named once, until it was refunded', async () => {
  const charge = books.charge('ended', 'r0_2');
  const early = (event: string, outcome = 'paid') => sql`
    insert into inbox (provider, event_id, subscription_id, kind, payload, received_at, relayed_at, outcome)
    values ('test', ${event}, ${books.ids.ended}, 'paymentSettled', ${JSON.stringify({ chargeId: charge, outcome, at: 0 })}::jsonb,
      clock_timestamp() - interval '1 hour', clock_timestamp() - interval '1 hour', 'signalled')`;
  const back = sql`
    insert into inbox (provider, event_id, subscription_id, kind, payload, relayed_at, outcome)
    values ('test', 'evt_3', ${books.ids.ended}, 'payment.refunded', ${JSON.stringify({ data: { charge } })}::jsonb, clock_timestamp(), 'unknown')`;
  const twice = [early('evt_1'), early('evt_2')];
  expect(await books.foundAfter(twice)).toMatchObject([{ row: 'test evt_1', rule: 'R-52' }]);
  expect(await books.foundAfter([...twice, back])).toEqual([]);
  expect(await books.foundAfter(early('evt_1', 'declined'))).toEqual([]);
});

test('so are the end of the subscription, a decline after a payment, and one of an attempt before', async () => {
  const late = message(
    'ended',
    { chargeId: books.charge('ended', 's'), outcome: 'paid', at: 0 },
    { outcome: 'ended' },
  );
  expect(await books.foundAfter(late)).toEqual([]);
  expect(await books.foundAfter(await settled('purchaseSettled', 'declined'))).toEqual([]);
  expect(await books.foundAfter(await settled('purchasePending', 'declined', { attempt: 0 }))).toEqual([]);
});

test('a message received or signalled a moment ago is on its way', async () => {
  const now = sql`clock_timestamp()`;
  const fresh = (relayedAt: SQL, outcome: string | null) => sql`
    insert into inbox (provider, event_id, subscription_id, kind, payload, received_at, relayed_at, outcome)
    values ('test', 'evt_1', ${books.ids.monthly}, 'paymentSettled', '{"chargeId":"chg_nobody","outcome":"paid","at":0}', ${now}, ${relayedAt}, ${outcome})`;
  for (const bend of [fresh(sql`null`, null), fresh(now, 'signalled')]) {
    expect(await books.foundAfter(bend, {})).toEqual([]);
    expect(await books.foundAfter(bend, AT_REST)).toHaveLength(1);
  }
});

/** A row refused so often, as the relay records it. */
const refused = (kind: string, key: SQL, attempts: number) => sql`
  insert into failures (kind, key, subscription_id, attempts, reason, since, next_at)
  values (${kind}, ${key}, ${books.ids.monthly}, ${attempts}, 'it is too large', '2026-11-30 10:00Z', clock_timestamp())`;

test('a message that is refused is told with its reason and tries, before it is late; a few tries are on its way', async () => {
  const waiting = sql`
    insert into inbox (provider, event_id, subscription_id, kind, payload)
    values ('test', 'evt_1', ${books.ids.monthly}, 'cancelled', '{}')`;
  const key = sql`(select id::text from inbox where event_id = 'evt_1')`;
  expect(await books.foundAfter([waiting, refused('message', key, 4)], {})).toEqual([]);
  const [found, ...others] = await books.foundAfter([waiting, refused('message', key, 7)], {});
  expect(others).toEqual([]);
  expect(found).toMatchObject({ table: 'inbox', row: 'test evt_1', rule: 'R-42' });
  expect(found!.problem).toMatch(/^The message of \S+ from test was refused 7 times: it is too large$/);
});

test.each(['nudge', 'event', 'delivery', 'deadline', 'notice', 'step'])('so is a %s', async (kind) => {
  expect(await books.foundAfter(refused(kind, sql`'its key'`, 4), {})).toEqual([]);
  expect(await books.foundAfter(refused(kind, sql`'its key'`, 7), {})).toEqual([
    {
      table: 'failures',
      subscription_id: books.ids.monthly,
      row: `${kind} its key`,
      rule: 'I14',
      problem: `The ${kind} was refused 7 times since 2026-11-30T10:00:00.000Z: it is too large`,
    },
  ]);
});

test('a message that an operator gave up is explained; money that it told of is told as its charge', async () => {
  const charge = books.charge('ended', 's');
  const dropped = message('monthly', { at: 'renewal' }, { kind: 'cancelled', outcome: 'dropped' });
  expect(await books.foundAfter(dropped)).toEqual([]);
  expect(
    await books.foundAfter(
      message('ended', { chargeId: charge, outcome: 'paid', at: 0 }, { outcome: 'dropped' }),
    ),
  ).toEqual([]);
  const open = await books.newestCharge('purchasePending');
  const paid = message('purchasePending', { chargeId: open, outcome: 'paid', at: 0 }, { outcome: 'dropped' });
  const giveUp = sql`update charges set status = 'given_up' where id = ${open}`;
  expect(await books.foundAfter([paid, giveUp])).toMatchObject([
    { table: 'charges', row: open, rule: 'R-42' },
  ]);
});
