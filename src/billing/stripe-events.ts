import Stripe from 'stripe';
import { Refusal } from '../domain/errors.ts';
import type { DisputeStatus, MoneyBack } from '../domain/refunds.ts';
import { requireStorable } from '../domain/text.ts';
import type { ProviderEvent, ProviderSettlement, ReadEvent, Return } from './gateway.ts';
import { keyIn, refusedFor } from './stripe-payments.ts';

/** Seconds by which Stripe's clock may differ from ours, and which a delivery may take. */
const TOLERANCE_S = 300;

const forged = () =>
  new Refusal('unauthenticated', 'The Stripe-Signature is missing, does not fit the body, or is not of now.');

/** A reader of Stripe's events. While secrets are rotated, either may have signed. */
export function createStripeReader(secrets: readonly string[]): ReadEvent {
  return async (body, headers) => {
    const signature = headers.get('Stripe-Signature');
    if (signature === null || isAhead(signature, Date.now())) throw forged();
    for (const secret of secrets) {
      const event = await signedWith(secret, body, signature);
      if (!event) continue;
      requireStorable(event);
      return read(event);
    }
    throw forged();
  };
}

/**
 * The event, or null when this secret did not sign the body within the tolerance. Throws `malformed_json` for another
 * object.
 */
async function signedWith(secret: string, body: Uint8Array, signature: string): Promise<Stripe.Event | null> {
  try {
    const event = await Stripe.webhooks.constructEventAsync(body, signature, secret, TOLERANCE_S);
    if (event?.object !== 'event') throw new TypeError('signed, and something else');
    return event;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return null;
    throw new Refusal('malformed_json', 'The body is signed, and is not an event of Stripe.');
  }
}

/** Whether a signature lies in the future: the library refuses only old ones. Like the library, it reads the last `t`. */
function isAhead(signature: string, now: number): boolean {
  const signedAt = signature.split(',').findLast((part) => part.startsWith('t='));
  return Number(signedAt?.slice(2)) > now / 1_000 + TOLERANCE_S;
}

/** The meaning of Stripe's event: a settlement, a refund or dispute, or neither. */
export function read(event: Stripe.Event): ProviderEvent {
  return {
    id: event.id,
    type: event.type,
    message: settlementOf(event),
    returned: returnOf(event),
    content: contentOf(event),
  };
}

/** The settlement of one of our charges; null for any other event. */
function settlementOf(event: Stripe.Event): ProviderSettlement | null {
  switch (event.type) {
    case 'payment_intent.succeeded':
      return settled(event, event.data.object, 'paid');
    case 'payment_intent.canceled':
      return settled(event, event.data.object, 'declined');
    case 'payment_intent.payment_failed': {
      const outcome = refusedFor(event.data.object.last_payment_error?.code);
      return outcome === 'declined' ? settled(event, event.data.object, outcome) : null;
    }
    default:
      return null;
  }
}

/** The refund or dispute of a payment; null for any other event, and for a payment without a PaymentIntent. */
function returnOf(event: Stripe.Event): Return | null {
  switch (event.type) {
    case 'charge.refunded': {
      const { payment_intent: payment, amount_refunded: toMinor } = event.data.object;
      return ofPayment(payment, { kind: 'refund', toMinor });
    }
    case 'charge.dispute.created':
    case 'charge.dispute.funds_withdrawn':
    case 'charge.dispute.closed': {
      const { payment_intent: payment, id, amount: amountMinor, status } = event.data.object;
      const become = DISPUTE[status];
      return become ? ofPayment(payment, { kind: 'dispute', id, amountMinor, status: become }) : null;
    }
    default:
      return null;
  }
}

/** An inquiry of a bank (`warning_…`) takes no money. If the bank takes some later, the dispute gets another status. */
const DISPUTE: Partial<Record<Stripe.Dispute.Status, DisputeStatus>> = {
  needs_response: 'open',
  under_review: 'open',
  won: 'won',
  lost: 'lost',
};

function ofPayment(
  payment: string | Stripe.PaymentIntent | null | undefined,
  back: MoneyBack,
): Return | null {
  if (!payment) return null;
  return { payment: typeof payment === 'string' ? payment : payment.id, back };
}

function settled(
  { created }: Stripe.Event,
  { metadata, amount, currency }: Partial<Stripe.PaymentIntent>,
  outcome: ProviderSettlement['outcome'],
): ProviderSettlement | null {
  const key = keyIn(metadata ?? {});
  const money =
    amount === undefined || !currency ? {} : { amountMinor: amount, currency: currency.toUpperCase() };
  return key && { kind: 'settled', ...key, outcome, at: created * 1_000, ...money };
}

/** The whole event without the secret with which a browser could pay. */
function contentOf(event: Stripe.Event): Record<string, unknown> {
  const text = JSON.stringify(event, (name, value: unknown) =>
    name === 'client_secret' ? undefined : value,
  );
  return JSON.parse(text) as Record<string, unknown>;
}
