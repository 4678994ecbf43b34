import { describe, expect, test } from 'vitest';
import { moneyText } from '../../src/catalog/money.ts';
import { createTally } from '../../src/catalog/tally.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { NO_METHOD, type State } from '../../src/domain/state.ts';
import { advanceLife, command, startLife } from '../../src/domain/timeline.ts';

const T0 = Date.parse('2026-01-31T00:00:00Z');
const DEARER: Catalog = {
  ...DEFAULT_CATALOG,
  version: 'dearer',
  plans: DEFAULT_CATALOG.plans.map((plan) =>
    plan.id === 'creator' ? { ...plan, prices: { month: 3_100 } } : plan,
  ),
};
const TRIED: Catalog = {
  ...DEFAULT_CATALOG,
  plans: DEFAULT_CATALOG.plans.map((plan) => ({ ...plan, trial: { days: 7, credits: 5 } })),
};

function life(change: { plan?: string; interval?: 'month' | 'year'; trial?: boolean; method?: string } = {}) {
  const { plan = 'creator', interval = 'month', trial = false, method = 'sandbox_ok' } = change;
  const start = {
    id: 'sub_1',
    customerId: 'c',
    plan,
    interval,
    timeZone: 'UTC',
    paymentMethod: method,
    allowance: 5,
    anchorAt: null,
  };
  return startLife({ ...start, testClock: true, trial }, T0, TRIED);
}

const counted = (...states: State[]) => {
  const tally = createTally(DEFAULT_CATALOG, DEARER);
  for (const state of states) tally.add(state);
  return tally;
};

describe('the money of next renewals', () => {
  test('counts a trial’s first charge; without a payment method the trial ends, and there is none', () => {
    const [trying, without] = [life({ trial: true }), life({ trial: true, method: NO_METHOD })];
    expect(counted(trying.state).total()).toMatchObject({ renewals: 1, old_minor: 2_900, new_minor: 3_100 });
    expect(counted(without.state).total()).toMatchObject({
      subscriptions: 1,
      renewals: 0,
      old_minor: 0,
      new_minor: 0,
    });
    for (const lived of [trying, without]) advanceLife(lived, T0 + 8 * 86_400_000);
    expect([...trying.book.charges.values()].map(({ amountMinor }) => amountMinor)).toEqual([2_900]);
    expect([...without.book.charges.values()]).toEqual([]);
  });

  test('counts neither a contract nor a subscription that is unpaid or will end', () => {
    const ending = life();
    command(ending, { type: 'cancel', at: 'renewal' });
    const unpaid = life();
    command(unpaid, { type: 'set_payment_method', paymentMethod: 'sandbox_declined' });
    advanceLife(unpaid, T0 + 30 * 86_400_000);
    expect(unpaid.state.status).toBe('past_due');
    const all = counted(ending.state, unpaid.state, life({ plan: 'enterprise' }).state);
    expect(all.total()).toEqual({ subscriptions: 3, renewals: 0, old_minor: 0, new_minor: 0 });
    expect(all.of({ kind: 'plan', plan: 'creator' }).subscriptions).toBe(2);
  });

  test('leaves out a plan that one of the two lacks, and says how many', () => {
    const tally = counted(life({ interval: 'year' }).state, life().state);
    expect(tally.unpriced()).toBe(1);
    expect(tally.total()).toEqual({ subscriptions: 2, renewals: 1, old_minor: 2_900, new_minor: 3_100 });
  });

  test('counts a change of interval within a plan once', () => {
    const changing = life({ interval: 'year' });
    command(changing, { type: 'change_plan', chargeId: 'chg_1', plan: 'creator', interval: 'month' });
    const tally = counted(changing.state);
    expect(tally.of({ kind: 'plan', plan: 'creator' })).toEqual({
      subscriptions: 1,
      renewals: 1,
      old_minor: 2_900,
      new_minor: 3_100,
    });
    expect(tally.of({ kind: 'plan', plan: 'creator', interval: 'year' })).toMatchObject({
      subscriptions: 1,
      old_minor: 0,
    });
    expect(tally.of({ kind: 'none' }).subscriptions).toBe(0);
  });
});

test.each([
  [2_900, 'USD', 'USD 29.00'],
  [5, 'EUR', 'EUR 0.05'],
  [0, 'EUR', 'EUR 0.00'],
  [-1_250, 'USD', 'USD -12.50'],
  [2_900, 'JPY', 'JPY 2900'],
  [1_234, 'KWD', 'KWD 1.234'],
  [9_007_199_254_740_991, 'USD', 'USD 90071992547409.91'],
])('%d of %s is %s', (minor, currency, text) => {
  expect(moneyText(minor, currency)).toBe(text);
});
