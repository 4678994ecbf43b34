import fc from 'fast-check';
import { expect, test } from 'vitest';
import { iso } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { nextDue } from '../../src/domain/due.ts';
import { balance, openGrants, spend } from '../../src/domain/model/book.ts';
import type { Charge, Outcome } from '../../src/domain/state.ts';
import { advanceLife, command, type Life, startLife } from '../../src/domain/timeline.ts';

// R-39 as laws: they hold for all spends, at all instants, and for all outcomes of payments.

const HOUR = 3_600_000;
const T0 = Date.parse('2026-01-30T22:00:00Z');
const CEILING = 4_500;
const THRESHOLD = 120;

interface Act {
  /** Hours until the clock stands there. */
  after: number;
  /** Percent of the available credits. */
  spends: number;
  settles: 'paid' | 'declined' | null;
  changesMethod: boolean;
  /** Asks for the end at the renewal, or takes that back. */
  turns: 'cancel' | 'resume' | null;
}

const act: fc.Arbitrary<Act> = fc.record({
  after: fc.integer({ min: 0, max: 200 }),
  spends: fc.constantFrom(0, 10, 50, 90, 100),
  settles: fc.constantFrom(null, null, 'paid', 'declined'),
  changesMethod: fc.boolean(),
  turns: fc.constantFrom(null, null, null, null, 'cancel', 'resume', 'resume'),
});
const history = fc.record({
  interval: fc.constantFrom('month' as const, 'year' as const),
  timeZone: fc.constantFrom('UTC', 'Pacific/Auckland', 'America/New_York'),
  acts: fc.array(act, { maxLength: 25 }),
  outcomes: fc.array(fc.constantFrom<Outcome>('paid', 'paid', 'declined', 'pending'), {
    minLength: 1,
    maxLength: 9,
  }),
});
type History = typeof history extends fc.Arbitrary<infer Value> ? Value : never;

const topUps = ({ book }: Life) => [...book.charges.values()].filter(({ id }) => /_t\d+$/.test(id));

/** Payments of top-ups go as `outcomes` say, in turn; all others are paid. */
function lifeOf({ interval, timeZone, outcomes }: History): Life {
  let nth = 0;
  const payer = ({ id }: Charge): Outcome =>
    /_t\d+$/.test(id) ? outcomes[nth++ % outcomes.length]! : 'paid';
  const start = {
    id: 'sub_t',
    customerId: 'customer',
    plan: 'creator' as const,
    interval,
    timeZone,
    paymentMethod: 'sandbox_ok',
    allowance: null,
    anchorAt: null,
    testClock: true,
  };
  const life = startLife(start, T0, DEFAULT_CATALOG, payer);
  const monthlyCeilingMinor = interval === 'month' ? CEILING : 10 * CEILING;
  command(life, { type: 'set_top_up', wish: { threshold: THRESHOLD, packs: 1, monthlyCeilingMinor } });
  return life;
}

function live(life: Life, { after, spends, settles, changesMethod, turns }: Act): void {
  advanceLife(life, life.state.now + after * HOUR);
  const { available } = balance(life.book, life.state.now);
  spend(life.book, Math.floor((available * spends) / 100), life.state.now);
  life.state = { ...life.state, grants: openGrants(life.book) };
  advanceLife(life, life.state.now);
  const pending = topUps(life).find(({ status }) => status === 'pending');
  if (settles && pending)
    command(life, { type: 'payment_settled', chargeId: pending.id, outcome: settles, at: life.state.now });
  if (life.state.status === 'active') {
    if (changesMethod) command(life, { type: 'set_payment_method', paymentMethod: 'sandbox_ok' });
    if (turns === 'cancel') command(life, { type: 'cancel', at: 'renewal' });
    if (turns === 'resume') command(life, { type: 'resume' });
  }
  advanceLife(life, life.state.now);
}

/** The calendar month of an instant, in a zone. */
const monthOf = (at: number, timeZone: string) =>
  new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit' }).format(at);

test('R-39: no month is dearer than its ceiling, one is in flight, and low is never left without a reason', () => {
  let bought = 0;
  let skipped = 0;
  fc.assert(
    fc.property(history, (all) => {
      const life = lifeOf(all);
      for (const each of all.acts) {
        live(life, each);
        const made = topUps(life);
        expect(made.filter(({ status }) => status === 'pending').length).toBeLessThanOrEqual(1);
        const paid = new Map<string, number>();
        for (const charge of made.filter(({ status }) => status === 'paid'))
          paid.set(
            monthOf(charge.at, all.timeZone),
            (paid.get(monthOf(charge.at, all.timeZone)) ?? 0) + charge.amountMinor,
          );
        const { wish, notBefore, skipped: reason } = life.state.topUp!;
        for (const minor of paid.values()) expect(minor).toBeLessThanOrEqual(wish!.monthlyCeilingMinor);
        const isLow =
          life.state.status === 'active' && balance(life.book, life.state.now).available < THRESHOLD;
        const isWaiting = made.some(({ status }) => status === 'pending') || notBefore > life.state.now;
        expect(isLow && !isWaiting && reason === null, iso(life.state.now)).toBe(false);
        const isLifted = reason === 'cancellation_scheduled' && life.state.scheduled === null;
        expect(isLow && isLifted, iso(life.state.now)).toBe(false);
      }
      bought += topUps(life).length;
      skipped += life.book.notes.filter(({ kind }) => kind === 'top_up_skipped').length;
    }),
    { numRuns: 300 },
  );
  expect(bought).toBeGreaterThan(300);
  expect(skipped).toBeGreaterThan(30);
});

test('R-39: an obstacle is recorded once, for any number of spends, and holds up nothing once it is lifted', () => {
  const life = lifeOf({ interval: 'month', timeZone: 'UTC', acts: [], outcomes: ['paid'] });
  const idle: Act = { after: 1, spends: 0, settles: null, changesMethod: false, turns: null };
  live(life, { ...idle, turns: 'cancel' });
  for (let hour = 0; hour < 60; hour++) {
    live(life, { ...idle, spends: 50 });
    expect(nextDue(life.state)?.kind).not.toBe('top_up');
  }
  expect(life.book.notes.filter(({ kind }) => kind === 'top_up_skipped')).toHaveLength(1);
  expect(topUps(life)).toHaveLength(0);
  const boughtAt = () => topUps(life).map(({ at }) => iso(at));
  live(life, { ...idle, turns: 'resume' });
  expect(boughtAt()).toEqual(['2026-02-02T12:00:00.000Z']);
  live(life, { ...idle, turns: 'cancel' });
  live(life, { ...idle, spends: 90 });
  live(life, { ...idle, turns: 'resume' });
  expect(boughtAt()).toEqual(['2026-02-02T12:00:00.000Z', '2026-02-02T15:00:00.000Z']);
});

test('R-39: packs that became smaller than the threshold are not bought in a row', () => {
  const life = lifeOf({ interval: 'year', timeZone: 'UTC', acts: [], outcomes: ['paid'] });
  // A yearly pack brings 3,600, a monthly one 300: twelve of them would reach the threshold, and the ceiling allows thirty.
  command(life, {
    type: 'set_top_up',
    wish: { threshold: 3_600, packs: 1, monthlyCeilingMinor: 45_000 },
  });
  advanceLife(life, life.state.now);
  command(life, { type: 'change_plan', chargeId: 'chg_down', plan: 'creator', interval: 'month' });
  advanceLife(life, Date.parse('2027-06-01'));
  expect(topUps(life).map(({ at, amountMinor }) => [iso(at), amountMinor])).toEqual([
    ['2026-01-30T22:00:00.000Z', 15_000],
  ]);
  expect(life.state.topUp).toMatchObject({ skipped: 'pack_not_offered', bought: 1 });
});

test('R-39 R-90: two advances are one, and nothing is bought twice', () => {
  const picture = ({ state, book }: Life) =>
    JSON.stringify([state, book.entries, [...book.charges.values()], book.notes]);
  fc.assert(
    fc.property(
      history,
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 1, max: 900 }),
      (all, one, two) => {
        const [apart, together] = [lifeOf(all), lifeOf(all)];
        for (const life of [apart, together]) for (const each of all.acts) live(life, each);
        advanceLife(apart, apart.state.now + one * HOUR);
        advanceLife(apart, apart.state.now + two * HOUR);
        advanceLife(together, together.state.now + (one + two) * HOUR);
        expect(picture(apart)).toBe(picture(together));
      },
    ),
    { numRuns: 200 },
  );
});
