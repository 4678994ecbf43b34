import { expect, test } from 'vitest';
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
