import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { type Instant, iso, NEVER } from '../../src/domain/calendar.ts';
import { expectInvariants } from '../support/invariants.ts';
import { answerOf, DAY, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// The events of the ledger's statements: once, dated at their instant, and none for a refusal.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(async () => {
  await expectInvariants(db);
  await db.$client.end();
});

interface Reported {
  type: string;
  at: Instant;
  data: Record<string, unknown>;
}

async function eventsOf({ id }: RawLedger): Promise<Reported[]> {
  const rows = await db.execute<{ type: string; at: string; data: Reported['data'] }>(
    sql`select type, ms(at)::text as at, data from events where subscription_id = ${id} order by nth`,
  );
  return rows.map(({ type, at, data }) => ({ type, at: Number(at), data }));
}

/** `day 30 credits.low 15` of the events of these kinds. */
async function lines(ledger: RawLedger, kinds: RegExp, from = T0): Promise<string[]> {
  const reported = (await eventsOf(ledger)).filter(({ type }) => kinds.test(type));
  return reported.map(
    ({ type, at, data }) => `day ${(at - from) / DAY} ${type} ${data['available'] ?? data['credits']}`,
  );
}

/** On a test clock, with 100 credits for 30 days, low below 20. */
async function withHundred(): Promise<RawLedger> {
  const ledger = await RawLedger.open(db);
  ledger.lowBelow = 20;
  await ledger.grant({ credits: 100, to: T0 + 30 * DAY });
  return ledger;
}

test('credits are low once, exhausted once, and recovered when there is enough again', async () => {
  const ledger = await withHundred();
  const steps: [string, () => Promise<unknown>, string[]][] = [
    ['80 spent, 20 left: not fewer than 20', () => ledger.spend(80), []],
    ['1 more', () => ledger.spend(1), ['credits.low 19']],
    ['1 more', () => ledger.spend(1), []],
    ['refused', () => ledger.spend(90), []],
    ['the rest', () => ledger.spend(18), ['credits.exhausted 0']],
    ['10 arrive: still low', () => ledger.grant({ credits: 10, to: T0 + 30 * DAY }), []],
    ['and are spent', () => ledger.spend(10), []],
    ['20 arrive', () => ledger.grant({ credits: 20, to: T0 + 30 * DAY }), ['credits.recovered 20']],
    ['all at once', () => ledger.spend(20), ['credits.exhausted 0']],
  ];
  let before = 0;
  for (const [step, act, wanted] of steps) {
    await act();
    const reported = (await eventsOf(ledger)).filter(({ type }) => type.startsWith('credits.'));
    expect([step, ...reported.slice(before).map(({ type, data }) => `${type} ${data['available']}`)]).toEqual(
      [step, ...wanted],
    );
    before = reported.length;
  }
});

test('in one batch each spend speaks for itself', async () => {
  const ledger = await withHundred();
  await Promise.all([70, 15, 14, 1, 5].map((credits) => ledger.spend(credits)));
  expect(await lines(ledger, /^credits/)).toEqual(['day 0 credits.low 15', 'day 0 credits.exhausted 0']);
});

test('held credits count, and returned ones too', async () => {
  const ledger = await withHundred();
  const hold = answerOf(await ledger.hold(90, 3_600));
  await ledger.give('release', hold.id);
  const usage = answerOf(await ledger.spend(95));
  await ledger.give('reverse', usage.id, 10);
  await ledger.give('reverse', usage.id, 10);
  expect(await lines(ledger, /^credits/)).toEqual([
    'day 0 credits.low 10',
    'day 0 credits.recovered 100',
    'day 0 credits.low 5',
    'day 0 credits.recovered 25',
  ]);
});

test('R-14: at one instant an expiry and a grant are one; a day between them is told', async () => {
  const ledger = await withHundred();
  const [, made] = (await eventsOf(ledger)).filter(({ type }) => type !== 'subscription.started');
  expect(made).toBeUndefined();
  const grantId = String((await eventsOf(ledger)).at(-1)!.data['grant_id']);
  const at = T0 + 30 * DAY;
  const arrives = (id: string, from: Instant, to: Instant) => ({
    type: 'grant' as const,
    id,
    kind: 'adjustment' as const,
    credits: 50,
    effectiveAt: from,
    expiresAt: to,
    cause: id,
    chargeId: null,
    reason: null,
  });
  await ledger.book({
    effects: [
      { type: 'expire', grantId, at },
      arrives('grt_second', at, at + DAY),
      { type: 'expire', grantId: 'grt_second', at: at + DAY },
      arrives('grt_third', at + 2 * DAY, at + 90 * DAY),
    ],
    state: { now: at + 3 * DAY },
  });
  expect(await lines(ledger, /^credits|expired/)).toEqual([
    'day 30 grant.expired 100',
    'day 31 grant.expired 50',
    'day 31 credits.exhausted 0',
    'day 32 credits.recovered 50',
  ]);
});

test('an expiry has notices seven days and one day before, dated then, of the credits left', async () => {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ credits: 100, to: T0 + 30 * DAY });
  await ledger.grant({ credits: 10, to: T0 + 3 * DAY });
  await ledger.grant({ credits: 7, to: T0 + DAY });
  await ledger.grant({ kind: 'allowance', credits: 40, to: T0 + 20 * DAY });
  await ledger.spend(40);
  await ledger.stand(T0 + 23 * DAY - 1);
  expect(await lines(ledger, /expiring/)).toEqual(['day 2 grant.expiring 10']);
  await ledger.stand(T0 + 40 * DAY);
  expect(await lines(ledger, /expiring|expired/)).toEqual([
    'day 2 grant.expiring 10',
    'day 1 grant.expired 7',
    'day 3 grant.expired 10',
    'day 23 grant.expiring 100',
    'day 29 grant.expiring 100',
    'day 30 grant.expired 100',
  ]);
});

test('R-50: a scheduled end has notices seven days and one day before it, and none after it', async () => {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ credits: 100, to: T0 + 30 * DAY });
  await ledger.book({ state: { scheduled: { kind: 'cancel', at: T0 + 25 * DAY } } });
  await ledger.stand(T0 + 24 * DAY);
  await ledger.end(T0 + 25 * DAY);
  expect(await lines(ledger, /^grant/)).toEqual([
    'day 0 grant.made 100',
    'day 18 grant.expiring 100',
    'day 24 grant.expiring 100',
    'day 25 grant.forfeited 100',
  ]);
});

test('R-83: a grant without an end has notices of a scheduled end only, and no `expires_at` without one', async () => {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ credits: 100, to: NEVER });
  await ledger.stand(T0 + 20 * DAY);
  await ledger.book({ state: { scheduled: { kind: 'cancel', at: T0 + 30 * DAY } } });
  await ledger.stand(T0 + 24 * DAY);
  await ledger.book({ state: { scheduled: null } });
  await ledger.stand(T0 + 50 * DAY);
  await ledger.grant({ credits: 10, to: NEVER });
  await ledger.book({ state: { scheduled: { kind: 'cancel', at: T0 + 60 * DAY } } });
  await ledger.grant({ credits: 1, to: NEVER });
  await ledger.end(T0 + 60 * DAY);
  const reported = (await eventsOf(ledger)).filter(({ type }) => type.startsWith('grant.'));
  expect(
    reported.map(({ type, at, data }) => [(at - T0) / DAY, type, data['credits'], data['expires_at']]),
  ).toEqual([
    [0, 'grant.made', 100, undefined],
    [23, 'grant.expiring', 100, iso(T0 + 30 * DAY)],
    [50, 'grant.made', 10, undefined],
    [50, 'grant.made', 1, iso(T0 + 60 * DAY)],
    ...[53, 59].flatMap((day) =>
      [100, 10, 1].map((credits) => [day, 'grant.expiring', credits, iso(T0 + 60 * DAY)]),
    ),
    ...[100, 10, 1].map((credits) => [60, 'grant.forfeited', credits, undefined]),
  ]);
});

/** The days left in the events, and the first day without credits: `day 18: 7 until 25`. */
const daysLeft = async (ledger: RawLedger): Promise<string[]> =>
  (await eventsOf(ledger))
    .filter(({ type }) => type === 'grant.expiring')
    .map(({ at, data }) => {
      const until = (Date.parse(String(data['expires_at'])) - T0) / DAY;
      return `day ${(at - T0) / DAY}: ${data['days']} until ${until}`;
    });

test.each([
  [
    'undone before any notice, and scheduled again for a later renewal',
    [
      ['schedule', 1, 20],
      ['undo', 2],
      ['schedule', 3, 25],
      ['stand', 60],
    ],
    ['day 18: 7 until 25', 'day 24: 1 until 25'],
  ],
  [
    'undone after a notice: the term’s own notices follow, each once',
    [
      ['schedule', 1, 20],
      ['undo', 14],
      ['stand', 31],
    ],
    ['day 13: 7 until 20', 'day 23: 7 until 30', 'day 29: 1 until 30'],
  ],
  [
    'undone and scheduled again for the same day: what was told is not told twice',
    [
      ['schedule', 1, 20],
      ['undo', 14],
      ['schedule', 15, 20],
      ['stand', 19.5],
    ],
    ['day 13: 7 until 20', 'day 19: 1 until 20'],
  ],
  [
    'scheduled when the end is nearer than seven days',
    [
      ['schedule', 10, 13],
      ['stand', 12.5],
    ],
    ['day 12: 1 until 13'],
  ],
  [
    'scheduled after the term’s own first notice',
    [
      ['schedule', 24, 29],
      ['stand', 28.5],
    ],
    ['day 23: 7 until 30', 'day 28: 1 until 29'],
  ],
  [
    'scheduled beyond the term',
    [
      ['schedule', 1, 40],
      ['stand', 31],
    ],
    ['day 23: 7 until 30', 'day 29: 1 until 30'],
  ],
] as [string, [string, number, number?][], string[]][])('a cancel %s', async (_, steps, reported) => {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ credits: 100, to: T0 + 30 * DAY });
  for (const [step, day, at] of steps) {
    await ledger.stand(T0 + day * DAY);
    if (step === 'schedule')
      await ledger.book({ state: { scheduled: { kind: 'cancel', at: T0 + at! * DAY } } });
    if (step === 'undo') await ledger.book({ state: { scheduled: null } });
  }
  expect(await daysLeft(ledger)).toEqual(reported);
});

test('credits that arrive while a cancel is scheduled last until the end in their event', async () => {
  const ledger = await RawLedger.open(db);
  await ledger.book({ state: { scheduled: { kind: 'cancel', at: T0 + 20 * DAY } } });
  await ledger.grant({ credits: 100, to: T0 + 30 * DAY });
  const made = (await eventsOf(ledger)).find(({ type }) => type === 'grant.made');
  expect(made!.data['expires_at']).toBe(iso(T0 + 20 * DAY));
  await ledger.stand(T0 + 19 * DAY);
  expect(await daysLeft(ledger)).toEqual(['day 13: 7 until 20', 'day 19: 1 until 20']);
});

test('on real time the relay gives the notices, one relay each', async () => {
  const ledger = await RawLedger.live(db);
  const start = ledger.now;
  // Its notice is due a moment from now.
  await ledger.grant({ credits: 5, from: start, to: start + DAY + 300 });
  const clocked = await RawLedger.open(db);
  await clocked.grant({ credits: 5, to: T0 + 30 * DAY });
  expect(await lines(ledger, /expiring/, start)).toEqual([]);
  while (Date.now() < start + 310) await new Promise((resolve) => setTimeout(resolve, 10));
  const given = await Promise.all(
    [1, 2, 3].map(async () => {
      const [row] = await db.execute<{ given: number }>(sql`select relay_notices(10) as given`);
      return row!.given;
    }),
  );
  expect(given.reduce((sum, count) => sum + count, 0)).toBe(1);
  const reported = (await eventsOf(ledger)).filter(({ type }) => type === 'grant.expiring');
  expect(reported.map(({ at, data }) => [iso(at), data['days']])).toEqual([[iso(start + 300), 1]]);
  expect(await lines(clocked, /expiring/)).toEqual([]);
});

test('a purchase has events of its outcome and of its refunds', async () => {
  const ledger = await RawLedger.open(db);
  const charge = ledger.purchase(300, ledger.now);
  await ledger.book({ charge, outcome: 'declined' });
  await ledger.grant({ kind: 'pack', credits: 300, to: T0 + 90 * DAY });
  const other = ledger.purchase(300, ledger.now);
  await ledger.book({ charge: other, outcome: 'pending' });
  await ledger.book({
    effects: [{ type: 'settle_charge', chargeId: other.id, attempt: 1, status: 'given_up', at: ledger.now }],
  });
  const reported = (await eventsOf(ledger)).filter(({ type }) => type.startsWith('purchase'));
  expect(reported.map(({ type, data }) => [type, data['status'], data['credits']])).toEqual([
    ['purchase.declined', 'declined', 300],
    ['purchase.paid', 'paid', 300],
    ['purchase.declined', 'given_up', 300],
  ]);
});
