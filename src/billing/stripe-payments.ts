import type { Outcome } from '../domain/state.ts';

// How a payment is named at Stripe and how a refusal is read there: the same for what is asked and for what is heard.

/** One attempt at a charge: one PaymentIntent. */
export interface PaymentKey {
  subscriptionId: string;
  chargeId: string;
  /** From 1. */
  attempt: number;
}

/** The metadata of a payment, which its events bring back. */
export const metadataOf = ({ subscriptionId, chargeId, attempt }: PaymentKey) => ({
  subscription_id: subscriptionId,
  charge_id: chargeId,
  attempt: String(attempt),
});

/** Which payment has these metadata; null where they are not ours: other software may use the same account. */
export function keyIn(metadata: Record<string, string>): PaymentKey | null {
  const { subscription_id: subscriptionId, charge_id: chargeId } = metadata;
  const attempt = Number(metadata['attempt']);
  if (!subscriptionId || !chargeId || !Number.isSafeInteger(attempt) || attempt < 1) return null;
  return { subscriptionId, chargeId, attempt };
}

/** A bank that wants to see its customer first has not said no: the customer may still come (3-D Secure). */
export const refusedFor = (code: string | null | undefined): Outcome =>
  code === 'authentication_required' ? 'pending' : 'declined';
