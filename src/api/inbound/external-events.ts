import { z } from 'zod';
import type { ProviderMessage, ReadEvent, Return } from '../../billing/gateway.ts';
import { pointer } from '../../domain/errors.ts';
import { requireStorable } from '../../domain/text.ts';
import { check, parseJson } from '../route.ts';
import * as s from '../schemas.ts';

// The events of a system that owns billing (docs/billing.md): a part of our contract, unlike a provider's events.

const subscription = s.text(64);

/** One type of event, in the form of Standard Webhooks. */
const event = <Type extends string, Data extends z.ZodType>(type: Type, data: Data) =>
  z.strictObject({ type: z.literal(type), timestamp: s.instant.optional(), data });

const settled = event(
  'payment.settled',
  z.strictObject({
    subscription,
    charge: s.text(64),
    attempt: z.int32().min(1).optional(),
    outcome: z.enum(['paid', 'declined']),
    at: s.instant,
    amount: s.money.optional(),
  }),
);
const cancelled = event(
  'subscription.cancelled',
  z.strictObject({ subscription, at: z.enum(['renewal', 'now']), reason: s.reason.optional() }),
);
const planChanged = event(
  'plan.changed',
  z.strictObject({ subscription, plan: s.plan, interval: s.interval }),
);
const refunded = event(
  'payment.refunded',
  z.strictObject({ subscription, charge: s.text(64), refunded_minor: s.credits }),
);
const disputed = event(
  'payment.disputed',
  z.strictObject({
    subscription,
    charge: s.text(64),
    dispute: s.text(64),
    amount_minor: s.credits,
    status: z.enum(['open', 'won', 'lost']),
  }),
);

/** The only requirement of an event of unknown type: PostgreSQL can store it. */
const anyEvent = z.looseObject({ type: s.text(128) });

/** Makes a reader of events whose signature `verify` checks. Throws `invalid_request` with pointers; nothing is stored then. */
export function createExternalReader(
  verify: (body: Uint8Array, headers: Headers) => { id: string; text: string },
): ReadEvent {
  return async (body, headers) => {
    const { id, text } = verify(body, headers);
    const content = check(anyEvent, parseJson(text), pointer);
    // No schema bounds the content of an event of unknown type.
    requireStorable(content);
    return { id, type: content.type, message: messageOf(content), returned: returnOf(content), content };
  };
}

type Content = z.output<typeof anyEvent>;

function messageOf(content: Content): ProviderMessage | null {
  switch (content.type) {
    case 'payment.settled': {
      const {
        subscription: subscriptionId,
        charge,
        attempt,
        outcome,
        at,
        amount,
      } = check(settled, content, pointer).data;
      const counted = attempt === undefined ? {} : { attempt };
      const money = amount && { amountMinor: amount.amount_minor, currency: amount.currency };
      return {
        kind: 'settled',
        subscriptionId,
        chargeId: charge,
        ...counted,
        outcome,
        at: s.toInstant(at),
        ...money,
      };
    }
    case 'subscription.cancelled': {
      const { subscription: subscriptionId, at, reason } = check(cancelled, content, pointer).data;
      return { kind: 'cancelled', subscriptionId, at, ...(reason === undefined ? {} : { reason }) };
    }
    case 'plan.changed': {
      const { subscription: subscriptionId, plan, interval } = check(planChanged, content, pointer).data;
      return { kind: 'plan_changed', subscriptionId, plan, interval };
    }
    default:
      return null;
  }
}

function returnOf(content: Content): Return | null {
  switch (content.type) {
    case 'payment.refunded': {
      const { subscription: subscriptionId, charge, refunded_minor } = check(refunded, content, pointer).data;
      const back = { kind: 'refund', toMinor: refunded_minor } as const;
      return { subscriptionId, chargeId: charge, back };
    }
    case 'payment.disputed': {
      const { data } = check(disputed, content, pointer);
      const { subscription: subscriptionId, charge, dispute: id, amount_minor, status } = data;
      const back = { kind: 'dispute', id, amountMinor: amount_minor, status } as const;
      return { subscriptionId, chargeId: charge, back };
    }
    default:
      return null;
  }
}
