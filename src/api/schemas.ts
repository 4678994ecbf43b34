import { z } from 'zod';
import { INTERVALS, isTimeZone, NEVER } from '../domain/calendar.ts';
import { MOST } from '../domain/catalog/catalog.ts';
import { CHANNELS } from '../domain/catalog/rates.ts';
import { invalid, PROBLEMS, type ProblemCode } from '../domain/errors.ts';
import { LONGEST_TERM } from '../domain/model/holds.ts';

// The shapes of the contract (docs/api.md). The handlers check requests with them, and the OpenAPI document is made from them.

/** An RFC 3339 instant in 1970 to 2999, with any offset. */
export const instant = z.iso
  .datetime({ offset: true, message: 'must be an RFC 3339 instant such as 2026-01-31T00:00:00Z' })
  .refine((text) => !Number.isNaN(Date.parse(text)), 'must be an instant that exists')
  .refine((text) => Date.parse(text) >= 0 && Date.parse(text) < NEVER, 'must lie in 1970 to 2999');

/** An instant's milliseconds since 1970; finer digits are cut off. */
export const toInstant = (text: string): number => Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));

/** The end of a grant's term: null or absent means that it has none of its own. */
export const termEnd = (text: string | null | undefined): number => (text ? toInstant(text) : NEVER);

/** Credits a cycle, set by an operator. */
export const allowance = z.int().min(0).max(MOST);
/** A positive number of credits. */
export const credits = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const whole = z.int();
/** Money in the currency's minor unit. */
export const money = z.object({ amount_minor: whole, currency: z.string() }).meta({ id: 'Money' });
/** Null or the schema. Not `.nullable()` for a schema with an id: the document would call it nullable everywhere. */
export const orNull = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.null()]);
/** A billing interval. */
export const interval = z.enum(INTERVALS);
/** A plan's id. */
export const plan = z.string().regex(/^[a-z0-9_]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and _');
/** A pack's id. */
export const pack = plan;
/** Text of 1 to `max` characters; `requireStorable` refuses text that PostgreSQL can't store (src/domain/text.ts). */
export const text = (max: number) => z.string().min(1).max(max);
/** An operator's or a caller's reason. */
export const reason = text(500);
const metadata = z
  .record(text(40), z.string().max(500))
  .refine((value) => Object.keys(value).length <= 50, 'must have at most 50 members');
/** The name of a payment method; payment-methods.ts checks it. */
export const paymentMethod = text(255);

/** The path `/v1/…/{id}`. */
export const byId = z.strictObject({ id: text(64) });
/** The path of a customer, by the caller's own id. */
export const byCustomer = z.strictObject({ customer_id: text(255) });
/** The path of a purchase. */
export const byPurchase = z.strictObject({ id: text(64), purchase_id: text(64) });
/** The path of a charge. */
export const byCharge = z.strictObject({ id: text(64), charge_id: text(64) });
/** The path of a grant. */
export const byGrant = z.strictObject({ id: text(64), grant_id: text(64) });
/** The path of a usage. */
export const byUsage = z.strictObject({ id: text(64), usage_id: text(64) });
/** The path of a hold. */
export const byHold = z.strictObject({ id: text(64), hold_id: text(64) });

/** The query of a list. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
};

/** The body of a start. */
export const startRequest = z
  .strictObject({
    customer_id: text(255),
    plan,
    interval,
    time_zone: z
      .string()
      .max(64)
      .refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin')
      .default('UTC'),
    payment_method: paymentMethod.optional(),
    allowance: allowance.min(1).optional(),
    trial: z.boolean().optional(),
    anchor_at: instant.optional(),
    test_clock: z.strictObject({ now: instant }).optional(),
    metadata: metadata.default({}),
  })
  .meta({ id: 'StartRequest' });

/** A feature and its quantity; `credits` only for a feature without a rate. */
export const item = z
  .strictObject({ feature: text(64), quantity: z.number(), credits: credits.optional() })
  .meta({ id: 'Item' });
/** The lines of a spend, 1 to 100. */
export const items = z.array(item).min(1).max(100);
const said = {
  items,
  via: z.enum(CHANNELS).optional(),
  reference: text(255).optional(),
  metadata: metadata.default({}),
};
/** The body of a spend. */
export const usageRequest = z.strictObject(said).meta({ id: 'UsageRequest' });
/** The body of a hold. */
export const holdRequest = z
  .strictObject({ ...said, expires_in_seconds: z.int().min(1).max(LONGEST_TERM).optional() })
  .meta({ id: 'HoldRequest' });
/** The body of a capture; without `credits` it captures all. */
export const captureRequest = z.strictObject({ credits: credits.optional() }).meta({ id: 'CaptureRequest' });
/** The body of a reversal; without `credits` it reverses all that is left. */
export const reverseRequest = z
  .strictObject({ credits: credits.optional(), reason })
  .meta({ id: 'ReverseRequest' });

const change = z.object({
  kind: z.enum(['cancel', 'plan']),
  at: z.string(),
  plan: plan.optional(),
  interval: interval.optional(),
});

const topUp = z.object({
  threshold: whole,
  packs: whole,
  pack: z.string(),
  monthly_ceiling: money,
  spent_this_month: money,
  not_before: z.string().nullable(),
  skipped: z
    .enum([
      'refunded',
      'ceiling',
      'gap_day',
      'declined',
      'payment_past_due',
      'cancellation_scheduled',
      'pack_not_offered',
    ])
    .nullable(),
});

/** R-32a: packs of one id. */
export const addOnItem = z.object({ pack: z.string(), quantity: whole });
const addOn = z.object({ packs: whole, items: z.array(addOnItem) });
/** The statuses of a subscription. */
export const status = z.enum(['incomplete', 'trialing', 'active', 'past_due', 'ended']);

/** A subscription. */
export const subscription = z
  .object({
    id: z.string(),
    customer_id: z.string(),
    plan,
    interval,
    status,
    time_zone: z.string(),
    anchor_at: z.string().nullable(),
    current_period: z.object({ start: z.string(), end: z.string() }).nullable(),
    next_refresh_at: z.string().nullable(),
    next_renewal: z.object({ at: z.string(), charge: orNull(money) }).nullable(),
    add_on: addOn,
    trial: z.object({ ends_at: z.string() }).nullable(),
    top_up: topUp.nullable(),
    scheduled_change: change.nullable(),
    ended_at: z.string().nullable(),
    test_clock: z.object({ now: z.string() }).nullable(),
    ledger_version: whole,
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Subscription' });
/** A subscription's JSON. */
export type SubscriptionView = z.infer<typeof subscription>;

const kinds = z.object({ allowance: whole, pack: whole, adjustment: whole });
/** A balance now, at a past instant, or as a forecast. */
export const balance = z
  .object({
    available: whole,
    held: whole,
    by_kind: kinds,
    expiring: z.array(z.object({ at: z.string().nullable(), credits: whole, grant_id: z.string() })),
    next_refresh: z.object({ at: z.string(), credits: whole }).nullable(),
    as_of: z.string(),
    ledger_version: whole,
    forecast: z.literal(true).optional(),
  })
  .meta({ id: 'Balance' });

/** The subscriptions of a customer. */
export const customer = z
  .object({
    customer_id: z.string(),
    subscription: orNull(subscription),
    balance: orNull(balance),
    ended: z.array(subscription),
  })
  .meta({ id: 'Customer' });

/** A grant. */
export const grant = z
  .object({
    id: z.string(),
    kind: z.enum(['allowance', 'pack', 'adjustment']),
    amount: whole,
    remaining: whole,
    held: whole,
    effective_at: z.string(),
    expires_at: z.string().nullable(),
    status: z.enum(['open', 'spent', 'expired', 'forfeited', 'revoked']),
    cause: z.string(),
  })
  .meta({ id: 'Grant' });
/** A grant's JSON. */
export type GrantView = z.infer<typeof grant>;

const chargeStatus = z.enum(['paid', 'pending', 'declined', 'given_up', 'refunded']);

/** A charge with its payment attempts. */
export const charge = z
  .object({
    id: z.string(),
    at: z.string(),
    kind: z.enum(['start', 'renewal', 'purchase', 'upgrade']),
    status: chargeStatus,
    amount: money,
    refunded: money,
    lines: z.array(z.object({ description: z.string(), quantity: whole, amount: money })),
    attempts: z.array(z.object({ at: z.string(), payment_method: z.string(), outcome: z.string() })),
    catalog_version: z.string(),
  })
  .meta({ id: 'Charge' });
/** A charge's JSON. */
export type ChargeView = z.infer<typeof charge>;

/** A purchase of packs. */
export const purchase = z
  .object({
    id: z.string(),
    status: chargeStatus,
    pack: z.string().nullable(),
    packs: whole,
    credits: whole,
    charge,
    grant: orNull(grant),
  })
  .meta({ id: 'Purchase' });

/** The answer to a refund. */
export const refund = z
  .object({
    refunded: money,
    revoked: whole,
    unrecoverable: whole,
    add_on: z.object({ packs: whole }),
  })
  .meta({ id: 'Refund' });

/** A ledger entry. */
export const entry = z
  .object({
    id: z.string(),
    seq: whole,
    kind: z.string(),
    credits: whole,
    grant_id: z.string(),
    balance_after: whole,
    effective_at: z.string(),
    recorded_at: z.string(),
    usage_id: z.string().nullable(),
    hold_id: z.string().nullable(),
    feature: z.string().nullable(),
  })
  .meta({ id: 'Entry' });
/** An entry's JSON. */
export type EntryView = z.infer<typeof entry>;

const line = z.object({ feature: z.string(), quantity: z.number(), credits: whole });
const debits = z.array(z.object({ grant_id: z.string(), kind: z.string(), credits: whole }));
const after = z.object({ available: whole, held: whole });
/** The answer to a spend. */
export const usage = z
  .object({
    id: z.string(),
    credits: whole,
    lines: z.array(line),
    debits,
    balance: after,
    catalog_version: z.string(),
    at: z.string(),
  })
  .meta({ id: 'Usage' });

/** The caller's own members of a usage or hold. */
export const recorded = {
  via: z.string().nullable(),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
};

/** The answer to a hold. */
export const hold = z
  .object({
    id: z.string(),
    status: z.enum(['held', 'captured', 'released']),
    credits: whole,
    lines: z.array(line),
    debits,
    balance: after,
    catalog_version: z.string(),
    at: z.string(),
    deadline: z.string(),
  })
  .meta({ id: 'Hold' });
/** A hold as it stands now. */
export const holdRecord = hold
  .extend({
    captured: whole,
    released: whole,
    usage_id: z.string().nullable(),
    settled_at: z.string().nullable(),
    ...recorded,
  })
  .meta({ id: 'HoldRecord' });
/** The answer to a capture or release. */
export const settlement = z
  .object({
    id: z.string(),
    status: z.enum(['captured', 'released']),
    captured: whole,
    released: whole,
    usage_id: z.string().nullable(),
    balance: after,
  })
  .meta({ id: 'Settlement' });
/** The answer to a reversal: credits returned, and credits that ended at once. */
export const reversal = z
  .object({
    restored: whole,
    expired_at_once: whole,
    forfeited_at_once: whole,
    revoked_at_once: whole,
    balance: after,
  })
  .meta({ id: 'Reversal' });

const offer = z.object({
  pack: z.string(),
  name: z.string(),
  packs: whole,
  credits: whole,
  price: money,
  expires_at: z.string().nullable(),
  renews: z.boolean(),
});
/** The price of items, and whether the balance covers it. */
export const quote = z
  .object({
    credits: whole,
    lines: z.array(line),
    available: whole,
    sufficient: z.boolean(),
    shortfall: whole,
    offer: offer.nullable(),
    other_offers: z.array(offer),
    contact: z.string().optional(),
    catalog_version: z.string(),
  })
  .meta({ id: 'Quote' });

/** The members of every problem (RFC 9457), and those that some codes add. */
export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: whole,
    detail: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    request_id: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    /** `unknown_feature`, `credits_required` */
    feature: z.string().optional(),
    /** `forbidden_scope` */
    scope: z.string().optional(),
    /** `capture_exceeds_hold` */
    held: whole.optional(),
    /** `reversal_exceeds_usage` */
    reversible: whole.optional(),
  })
  .meta({ id: 'Problem' });

/** the refusal of a spend, with an offer that would cover it. */
export const insufficientCredits = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.literal(402),
    detail: z.string(),
    code: z.literal('insufficient_credits'),
    request_id: z.string(),
    subscription_id: z.string(),
    needed: whole,
    available: whole,
    held: whole,
    shortfall: whole,
    next_refresh: z.object({ at: z.string(), credits: whole }).nullable(),
    offer: offer.nullable(),
    other_offers: z.array(offer),
    /** The catalogue's name of credits, and short words for one credit and several, one pack and several. */
    words: z.object({
      name: z.string(),
      unit: z.string(),
      units: z.string(),
      pack: z.string(),
      packs: z.string(),
    }),
    contact: z
      .enum([
        'contact_account_manager',
        'cancellation_scheduled',
        'payment_past_due',
        'subscription_not_active',
        'pack_not_offered',
        'pack_limit',
        'subscription_trialing',
      ])
      .optional(),
    wallet_url: z.string().nullable(),
  })
  .meta({ id: 'InsufficientCredits' });
/** The 402 of a route that spends. */
export const shortOfCredits = { 402: { description: 'Not enough credits', schema: insufficientCredits } };

/** An event of the forecast. */
export const happening = z
  .object({
    at: z.string(),
    kind: z.enum(['refresh', 'renewal', 'expiry', 'end']),
    credits: whole.optional(),
    charge: money.optional(),
    rule: z.string(),
  })
  .meta({ id: 'Happening' });

/** A page of a list. */
export const list = (element: z.ZodType) =>
  z.object({ data: z.array(element), has_more: z.boolean(), next_cursor: z.string().nullable() });

/** The refusal of one member for a reason that no schema can check. */
export const fault = (pointer: string, detail: string) => invalid({ pointer, detail });
