import Stripe from 'stripe';
import { Refusal } from '../domain/errors.ts';
import type { DisputeStatus, MoneyBack } from '../domain/refunds.ts';
import { requireStorable } from '../domain/text.ts';
import type { ProviderEvent, ProviderSettlement, ReadEvent, Return } from './gateway.ts';
import { keyIn, refusedFor } from './stripe-payments.ts';

/** How far Stripe's clock and ours may be apart, and how long a delivery may be under way. */
const TOLERANCE_S = 300;

const forged = () =>
  new Refusal('unauthenticated', 'The Stripe-Signature is missing, does not fit the body, or is not of now.');

/** Reads Stripe's events. Either secret may have signed: while secrets are rotated both are alive. */
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

/** The event, or null when this secret did not sign the body within the tolerance. */
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

/** The library refuses what is too old; what was signed in the future is as wrong. It reads the last `t` too. */
function isAhead(signature: string, now: number): boolean {
  const signedAt = signature.split(',').findLast((part) => part.startsWith('t='));
  return Number(signedAt?.slice(2)) > now / 1_000 + TOLERANCE_S;
}

/** What an event of Stripe's says. */
export function read(event: Stripe.Event): ProviderEvent {
  return {
    id: event.id,
    type: event.type,
    message: settlementOf(event),
    returned: returnOf(event),
    content: contentOf(event),
  };
}

/** Which attempt at which charge was paid or declined; null when the event says neither of a charge of ours. */
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

/** What it says of money that went back; null when nothing, or of a payment that no PaymentIntent made. */
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

/** A bank that only inquires (`warning_…`) has taken no money; where it goes on to take some, that is a new status. */
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

/** All of it but the secret with which a browser could pay. */
function contentOf(event: Stripe.Event): Record<string, unknown> {
  const text = JSON.stringify(event, (name, value: unknown) =>
    name === 'client_secret' ? undefined : value,
  );
  return JSON.parse(text) as Record<string, unknown>;
}
