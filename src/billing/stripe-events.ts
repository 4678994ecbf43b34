import Stripe from 'stripe';
import { Refusal } from '../domain/errors.ts';
import type { ProviderEvent, ReadEvent, Settlement } from './gateway.ts';
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
      if (event) return read(event);
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
  return { id: event.id, type: event.type, message: settlementOf(event), content: contentOf(event) };
}

/** Which attempt at which charge was paid or declined; null when the event says neither of a charge of ours. */
function settlementOf(event: Stripe.Event): Settlement | null {
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

function settled(
  { created }: Stripe.Event,
  { metadata }: Stripe.PaymentIntent,
  outcome: Settlement['outcome'],
): Settlement | null {
  const key = keyIn(metadata);
  return key && { kind: 'settled', ...key, outcome, at: created * 1_000 };
}

/** All of it but the secret with which a browser could pay. */
function contentOf(event: Stripe.Event): Record<string, unknown> {
  const text = JSON.stringify(event, (name, value: unknown) =>
    name === 'client_secret' ? undefined : value,
  );
  return JSON.parse(text) as Record<string, unknown>;
}
