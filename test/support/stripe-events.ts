import Stripe from 'stripe';

// Events as Stripe sends them, signed by its own library.

let events = 0;

/** An event with a fresh id, about an object. */
export function eventOf(
  type: string,
  object: object,
  created = Math.floor(Date.now() / 1_000),
): Stripe.Event {
  events += 1;
  const id = `evt_${process.pid}_${events}`;
  return { id, object: 'event', type, created, livemode: false, data: { object } } as unknown as Stripe.Event;
}

/** The `Stripe-Signature` of a body; `timestamp` in seconds. */
export const signatureOf = (payload: string, secret: string, timestamp?: number): string =>
  Stripe.webhooks.generateTestHeaderString({ payload, secret, ...(timestamp ? { timestamp } : {}) });
