import { type Instant, iso } from './calendar.ts';

/** The types of events that an endpoint can subscribe to, in the order of docs/events.md. */
export const EVENT_TYPES = [
  'subscription.started',
  'subscription.trial_ending',
  'subscription.activated',
  'subscription.renewed',
  'subscription.price_changing',
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
  'grant_batch.finished',
] as const;

/** The test event that an owner sends to one endpoint. No endpoint subscribes to it, and it belongs to no subscription. */
export const TEST_EVENT = 'webhook.test';

/** An event as it was recorded. */
export interface RecordedEvent {
  type: string;
  at: Instant;
  /** Empty for an event of no subscription. */
  subscriptionId: string;
  /** null where the subscription is unknown. */
  customerId: string | null;
  data: Record<string, unknown>;
}

/** The JSON of an event, for webhooks and for `GET /v1/events`. */
interface EventBody {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** The event body: the same for every receiver and every reader of `GET /v1/events`. */
export function eventBody({ type, at, subscriptionId, customerId, data }: RecordedEvent): EventBody {
  const whose = subscriptionId === '' ? {} : { subscription_id: subscriptionId, customer_id: customerId };
  return { type, timestamp: iso(at), data: { ...whose, ...data } };
}

// The pauses between the attempts of a delivery.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The pauses after each failed attempt, as Standard Webhooks proposes them: three days and three hours in all. */
export const PAUSES_MS = [
  5_000,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;

/** The most attempts of one delivery: one more than the pauses. */
export const MOST_ATTEMPTS = PAUSES_MS.length + 1;

/** The largest part added to a pause, so that deliveries that failed together do not come back together. */
const JITTER = 0.1;

/** Milliseconds from the failed attempt n (from 1) to the next; null after the last. `luck` lies in [0, 1). */
export function pauseAfter(attempt: number, luck: number): number | null {
  const pause = PAUSES_MS[attempt - 1];
  return pause === undefined ? null : Math.round(pause * (1 + JITTER * luck));
}

/** Why an attempt or a whole delivery failed. Rows, answers and failures of workflows use these names. */
export const FAILURES = {
  status: 'it answered with a status other than 2xx',
  redirect: 'it answered with a redirect, which is never followed',
  gone: 'it answered 410: the endpoint was disabled',
  timeout: 'it did not answer in time',
  connection: 'no connection could be made, or it was cut off',
  name: 'its name could not be resolved',
  tls: 'its certificate or its TLS was not accepted',
  address_refused: 'it is at an address that is not public',
  url_refused: 'its URL is not https',
  endpoint_deleted: 'the endpoint was deleted',
  endpoint_disabled: 'the endpoint was disabled',
  lost: 'the worker was lost in the last attempt',
} as const;
/** One of the keys of `FAILURES`. */
export type Failure = keyof typeof FAILURES;
