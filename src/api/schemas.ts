import { z } from 'zod';
import { isTimeZone } from '../domain/calendar.ts';
import { MOST, PLAN_IDS } from '../domain/catalog.ts';
import { invalid, PROBLEMS, type ProblemCode } from '../domain/errors.ts';
import { LONGEST_TERM } from '../domain/model/holds.ts';
import { CHANNELS } from '../domain/rates.ts';

// The shapes of the contract (docs/api.md): requests are checked with them, the OpenAPI document is made from them.

export const instant = z.iso
  .datetime({ offset: true, message: 'must be an RFC 3339 instant such as 2026-01-31T00:00:00Z' })
  .refine((text) => !Number.isNaN(Date.parse(text)), 'must be an instant that exists')
  .refine(
    (text) => Date.parse(text) >= 0 && Date.parse(text) < 32_503_680_000_000,
    'must lie in 1970 to 2999',
  );

/** whole milliseconds, cut down. */
export const toInstant = (text: string): number => Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));

/** Credits a cycle, set by an operator. */
export const allowance = z.int().min(0).max(MOST);
export const credits = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const whole = z.int();
export const money = z.object({ amount_minor: whole, currency: z.string() }).meta({ id: 'Money' });
/** Not `.nullable()` for what has an id: the document would call it nullable wherever it stands. */
export const orNull = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.null()]);
export const interval = z.enum(['month', 'year']);
export const plan = z.enum(PLAN_IDS);
/** What no text may hold is refused before any schema (src/domain/text.ts). */
export const text = (max: number) => z.string().min(1).max(max);
export const reason = text(500);
const metadata = z
  .record(text(40), z.string().max(500))
  .refine((value) => Object.keys(value).length <= 50, 'must have at most 50 members');
export const paymentMethod = text(255);

export const byId = z.strictObject({ id: text(64) });
export const byPurchase = z.strictObject({ id: text(64), purchase_id: text(64) });
export const byCharge = z.strictObject({ id: text(64), charge_id: text(64) });
export const byGrant = z.strictObject({ id: text(64), grant_id: text(64) });
export const byUsage = z.strictObject({ id: text(64), usage_id: text(64) });
export const byHold = z.strictObject({ id: text(64), hold_id: text(64) });

export const paging = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
};

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
    anchor_at: instant.optional(),
    test_clock: z.strictObject({ now: instant }).optional(),
    metadata: metadata.default({}),
  })
  .meta({ id: 'StartRequest' });

export const item = z
  .strictObject({ feature: text(64), quantity: z.number(), credits: credits.optional() })
  .meta({ id: 'Item' });
export const items = z.array(item).min(1).max(100);
const said = {
  items,
  via: z.enum(CHANNELS).optional(),
  reference: text(255).optional(),
  metadata: metadata.default({}),
};
export const usageRequest = z.strictObject(said).meta({ id: 'UsageRequest' });
export const holdRequest = z
  .strictObject({ ...said, expires_in_seconds: z.int().min(1).max(LONGEST_TERM).optional() })
  .meta({ id: 'HoldRequest' });
export const captureRequest = z.strictObject({ credits: credits.optional() }).meta({ id: 'CaptureRequest' });
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

export const subscription = z
  .object({
    id: z.string(),
    customer_id: z.string(),
    plan,
    interval,
    status: z.enum(['incomplete', 'active', 'past_due', 'ended']),
    time_zone: z.string(),
    anchor_at: z.string().nullable(),
    current_period: z.object({ start: z.string(), end: z.string() }).nullable(),
    next_refresh_at: z.string().nullable(),
    next_renewal: z.object({ at: z.string(), charge: orNull(money) }).nullable(),
    add_on: z.object({ packs: whole }),
    top_up: topUp.nullable(),
    scheduled_change: change.nullable(),
    ended_at: z.string().nullable(),
    test_clock: z.object({ now: z.string() }).nullable(),
    ledger_version: whole,
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Subscription' });
export type SubscriptionView = z.infer<typeof subscription>;

const kinds = z.object({ allowance: whole, pack: whole, adjustment: whole });
export const balance = z
  .object({
    available: whole,
    held: whole,
    by_kind: kinds,
    expiring: z.array(z.object({ at: z.string(), credits: whole, grant_id: z.string() })),
    next_refresh: z.object({ at: z.string(), credits: whole }).nullable(),
    as_of: z.string(),
    ledger_version: whole,
    forecast: z.literal(true).optional(),
  })
  .meta({ id: 'Balance' });

export const grant = z
  .object({
    id: z.string(),
    kind: z.enum(['allowance', 'pack', 'adjustment']),
    amount: whole,
    remaining: whole,
    held: whole,
    effective_at: z.string(),
    expires_at: z.string(),
    status: z.enum(['open', 'spent', 'expired', 'forfeited', 'revoked']),
    cause: z.string(),
  })
  .meta({ id: 'Grant' });
export type GrantView = z.infer<typeof grant>;

const chargeStatus = z.enum(['paid', 'pending', 'declined', 'given_up', 'refunded']);

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
export type ChargeView = z.infer<typeof charge>;

export const purchase = z
  .object({
    id: z.string(),
    status: chargeStatus,
    packs: whole,
    credits: whole,
    charge,
    grant: orNull(grant),
  })
  .meta({ id: 'Purchase' });

export const refund = z
  .object({
    refunded: money,
    revoked: whole,
    unrecoverable: whole,
    add_on: z.object({ packs: whole }),
  })
  .meta({ id: 'Refund' });

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
export type EntryView = z.infer<typeof entry>;

const line = z.object({ feature: z.string(), quantity: z.number(), credits: whole });
const debits = z.array(z.object({ grant_id: z.string(), kind: z.string(), credits: whole }));
const after = z.object({ available: whole, held: whole });
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

/** What the caller said with a usage or hold. */
export const recorded = {
  via: z.string().nullable(),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
};

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
export const holdRecord = hold
  .extend({
    captured: whole,
    released: whole,
    usage_id: z.string().nullable(),
    settled_at: z.string().nullable(),
    ...recorded,
  })
  .meta({ id: 'HoldRecord' });
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
export const reversal = z
  .object({
    restored: whole,
    expired_at_once: whole,
    forfeited_at_once: whole,
    revoked_at_once: whole,
    balance: after,
  })
  .meta({ id: 'Reversal' });

const offer = z.object({ packs: whole, credits: whole, price: money, expires_at: z.string() });
export const quote = z
  .object({
    credits: whole,
    lines: z.array(line),
    available: whole,
    sufficient: z.boolean(),
    shortfall: whole,
    offer: offer.nullable(),
    contact: z.string().optional(),
    catalog_version: z.string(),
  })
  .meta({ id: 'Quote' });

/** What every problem has (RFC 9457), and what some codes add. */
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

/** the refusal that helps. */
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
    contact: z
      .enum([
        'contact_account_manager',
        'cancellation_scheduled',
        'payment_past_due',
        'subscription_not_active',
        'pack_not_offered',
        'pack_limit',
      ])
      .optional(),
    wallet_url: z.string().nullable(),
  })
  .meta({ id: 'InsufficientCredits' });
export const shortOfCredits = { 402: { description: 'Not enough credits', schema: insufficientCredits } };

export const happening = z
  .object({
    at: z.string(),
    kind: z.enum(['refresh', 'renewal', 'expiry', 'end']),
    credits: whole.optional(),
    charge: money.optional(),
    rule: z.string(),
  })
  .meta({ id: 'Happening' });

export const list = (element: z.ZodType) =>
  z.object({ data: z.array(element), has_more: z.boolean(), next_cursor: z.string().nullable() });

/** The refusal of one member for a reason no schema can know. */
export const fault = (pointer: string, detail: string) => invalid({ pointer, detail });
