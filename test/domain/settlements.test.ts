import { describe, expect, test } from 'vitest';
import { isAwaited, isEarly, type Settlement, withEarly } from '../../src/domain/charge-outcomes.ts';
import { isToCome } from '../../src/domain/charges.ts';
import { command } from '../../src/domain/timeline.ts';
import { simulate, simulateUntil } from '../support/lives.ts';

// billing may say late of which attempt it speaks.

const from = '2026-01-17T00:00:00.000Z';
const renewal = '2026-02-17T00:00:00.000Z';

/** A renewal that was declined, and whose second attempt is pending. */
function secondAttemptPending() {
  const life = simulate({ plan: 'creator', interval: 'month', from });
  command(life, { type: 'set_payment_method', paymentMethod: 'sandbox_declined' });
  simulateUntil(life, renewal);
  command(life, { type: 'set_payment_method', paymentMethod: 'sandbox_pending' });
  expect(life.state.unpaid).toMatchObject({ pending: true, charge: { attempt: 2 } });
  return life;
}

test.each([
  ['the first attempt was declined', 'declined', 1, true],
  ['the second was declined', 'declined', 2, false],
  ['it was declined', 'declined', undefined, false],
  ['the first attempt was paid after all', 'paid', 1, false],
  ['the second was paid', 'paid', 2, false],
] as const)('%s', (_, outcome, attempt, isPending) => {
  const life = secondAttemptPending();
  const chargeId = life.state.unpaid!.charge.id;
  const at = Date.parse(renewal);
  command(life, { type: 'payment_settled', chargeId, outcome, at, ...(attempt ? { attempt } : {}) });
  expect(life.state.unpaid?.pending ?? false).toBe(isPending);
  expect(life.state.status).toBe(outcome === 'paid' ? 'active' : 'past_due');
});

test.each([
  ['before the second attempt: the first, again', -1, false],
  ['at its instant', 0, true],
  ['after it', 1, true],
])('a decline that counts no attempts, dated %s', (_, after, awaited) => {
  const { state } = secondAttemptPending();
  const { id: chargeId, attemptAt } = state.unpaid!.charge;
  expect(isAwaited(state, { chargeId, outcome: 'declined', at: attemptAt + after })).toBe(awaited);
  expect(isAwaited(state, { chargeId, outcome: 'paid', at: attemptAt + after })).toBe(true);
});

test('a first attempt may be declined by a clock that is behind ours', () => {
  const life = simulate({ plan: 'creator', interval: 'month', from }, { paymentMethod: 'sandbox_pending' });
  const { id: chargeId, attemptAt } = life.state.unpaid!.charge;
  expect(isAwaited(life.state, { chargeId, outcome: 'declined', at: attemptAt - 1 })).toBe(true);
});

test('a renewal that is paid between two attempts is paid, and no further attempt is made', () => {
  const life = simulate({ plan: 'creator', interval: 'month', from });
  command(life, { type: 'set_payment_method', paymentMethod: 'sandbox_declined' });
  simulateUntil(life, renewal);
  const reported = { chargeId: life.state.unpaid!.charge.id, at: Date.parse(renewal) };
  expect(isAwaited(life.state, { ...reported, outcome: 'declined' })).toBe(false);
  expect(isEarly(life.state, { ...reported, outcome: 'paid' })).toBe(false);
  command(life, { type: 'payment_settled', ...reported, outcome: 'paid' });
  expect(life.state).toMatchObject({ status: 'active', unpaid: null, paidRenewal: 1 });
  expect(life.book.charges.get(reported.chargeId)!.status).toBe('paid');
  simulateUntil(life, '2026-03-01T00:00:00.000Z');
  expect(life.book.charges.size).toBe(2);
  expect(life.book.entries.at(-1)).toMatchObject({ kind: 'grant', effectiveAt: Date.parse(renewal) });
});

describe('a renewal that is still to come', () => {
  const { state } = simulate({ plan: 'creator', interval: 'month', from });
  test.each([
    ['chg_simulated_r0_1', true],
    ['chg_simulated_r0_7', true],
    ['chg_simulated_r1_1', true],
    ['chg_simulated_r0_0', false],
    ['chg_simulated_s', false],
    ['chg_other_r0_1', false],
    ['chg_simulated_r0_01', false],
    ['chg_simulated_r0_9999999', false],
    ['chg_simulated_r0_1_r0_1', false],
    ['', false],
  ])('%s: %s', (chargeId, expected) => {
    expect(isToCome(state, chargeId)).toBe(expected);
    expect(isToCome({ ...state, status: 'ended' }, chargeId)).toBe(false);
    expect(isToCome({ ...state, series: 2 }, chargeId)).toBe(false);
  });

  const said = (n: number, outcome: Settlement['outcome'], at = n): Settlement => ({
    chargeId: `chg_simulated_r0_${n}`,
    outcome,
    at,
    ...(outcome === 'paid' ? { amountMinor: 2_900, currency: 'USD' } : {}),
  });
  const keep = (settlements: Settlement[]): Settlement[] =>
    settlements.reduce<Settlement[]>((early, next) => withEarly(early, next)!, []);
  const kept = (settlement: Settlement): Settlement => ({ ...settlement, isAhead: true });

  test('is kept once, and paid outdoes declined in either order', () => {
    const both = [said(1, 'declined'), said(1, 'paid')];
    expect(keep(both)).toEqual([kept(said(1, 'paid'))]);
    expect(keep(both.reverse())).toEqual([kept(said(1, 'paid'))]);
    expect(keep([said(1, 'paid', 5), said(1, 'paid', 6)])).toEqual([kept(said(1, 'paid', 5))]);
  });

  test('is refused where it was paid without an amount, or in another one before', () => {
    const { amountMinor: _, currency: __, ...unsaid } = said(1, 'paid');
    expect(withEarly([], unsaid)).toBeNull();
    expect(withEarly(keep([said(1, 'paid')]), { ...said(1, 'paid'), amountMinor: 2_901 })).toBeNull();
    expect(withEarly(keep([said(1, 'paid')]), said(1, 'declined'))).toEqual([kept(said(1, 'paid'))]);
  });

  test('with nineteen others at most', () => {
    const newest = keep(Array.from({ length: 30 }, (_, n) => said(n, 'paid')));
    expect(newest.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, n) => n + 10));
  });
});
