import type { Outcome } from '../domain/state.ts';

// The names of payments at Stripe and the reading of its refusals, shared by requests and events.

/** One attempt at a charge: one PaymentIntent. */
export interface PaymentKey {
  subscriptionId: string;
  chargeId: string;
  /** The attempt, from 1. */
  attempt: number;
}

/** The metadata of a payment, which its events bring back. */
export const metadataOf = ({ subscriptionId, chargeId, attempt }: PaymentKey) => ({
  subscription_id: subscriptionId,
  charge_id: chargeId,
  attempt: String(attempt),
});

/** The payment of these metadata; null for metadata that are not ours: other software may use the same account. */
export function keyIn(metadata: Record<string, string>): PaymentKey | null {
  const { subscription_id: subscriptionId, charge_id: chargeId } = metadata;
  const attempt = Number(metadata['attempt']);
  if (!subscriptionId || !chargeId || !Number.isSafeInteger(attempt) || attempt < 1) return null;
  return { subscriptionId, chargeId, attempt };
}

/**
 * The outcome of a bank's refusal. A bank that asks for authentication (3-D Secure) has not declined: the customer may
 * still come.
 */
export const refusedFor = (code: string | null | undefined): Outcome =>
  code === 'authentication_required' ? 'pending' : 'declined';
