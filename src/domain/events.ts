import { type Instant, iso } from './calendar.ts';

/** What can be heard of: the types of events, in the order of docs/events.md. */
export const EVENT_TYPES = [
  'subscription.started',
  'subscription.renewed',
  'subscription.past_due',
  'subscription.changed',
  'subscription.payment_method_changed',
  'subscription.cancel_scheduled',
  'subscription.change_scheduled',
  'subscription.resumed',
  'subscription.ended',
  'grant.made',
  'grant.expiring',
  'grant.expired',
  'grant.forfeited',
  'grant.revoked',
  'credits.low',
  'credits.exhausted',
  'credits.recovered',
  'purchase.paid',
  'purchase.declined',
  'purchase.refunded',
  'payment.overpaid',
  'payment.underpaid',
  'payment.refused',
  'top_up.skipped',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Sent to one endpoint because its owner asked for it; nobody can subscribe to it, and it is of no subscription. */
export const TEST_EVENT = 'webhook.test';

/** An event as it was recorded. */
export interface Happened {
  type: string;
  at: Instant;
  /** Empty where it is of none. */
  subscriptionId: string;
  /** null where there is no such subscription. */
  customerId: string | null;
  data: Record<string, unknown>;
}

export interface Told {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** What receivers and readers of `GET /v1/events` are told of an event, always the same. */
export function told({ type, at, subscriptionId, customerId, data }: Happened): Told {
  const whose = subscriptionId === '' ? {} : { subscription_id: subscriptionId, customer_id: customerId };
  return { type, timestamp: iso(at), data: { ...whose, ...data } };
}
