import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { Catalog } from '../domain/catalog/catalog.ts';
import type { MoneyNotice } from '../domain/notices.ts';
import type { Refunded } from '../domain/refunds.ts';
import type { ChargeLine, State } from '../domain/state.ts';

// Functions alone write `subscriptions`, `grants`, `entries`, `usages`, `holds`, `replies`, `charges`, `disputes` and
// `notes`. The relay writes into `ledgers` how far the workflow knows it. The files beside this one write the other tables.
//
// docs/architecture.md names the tables whose keys begin with `subscription_id`, so that they can be distributed by it.

const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });
const whole = (name: string) => bigint(name, { mode: 'number' });

/** every catalogue that was ever in force, with its first instant. */
export const catalogs = pgTable('catalogs', {
  version: text('version').primaryKey(),
  content: jsonb('content').$type<Catalog>().notNull(),
  inForceFrom: at('in_force_from').notNull(),
});

/** Subscriptions with the whole state of their calendar. The workflow's statements write them. */
export const subscriptions = pgTable(
  'subscriptions',
  {
    id: text('id').primaryKey(),
    customerId: text('customer_id').notNull(),
    plan: text('plan').notNull(),
    interval: text('interval').notNull(),
    status: text('status').notNull(),
    /** whether it began with a trial. */
    trial: boolean('trial').notNull().default(false),
    state: jsonb('state').$type<State>().notNull(),
    metadata: jsonb('metadata').$type<Record<string, string>>().notNull(),
    /** Notices of money to come that are not due yet, the earliest first. Here, so that no spend rewrites them. */
    notices: jsonb('notices').$type<MoneyNotice[]>().notNull().default([]),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    // A customer has at most one subscription that has not ended.
    uniqueIndex('subscriptions_one_per_customer').on(t.customerId).where(sql`status <> 'ended'`),
    // a customer has one trial, for ever.
    uniqueIndex('subscriptions_one_trial_per_customer').on(t.customerId).where(sql`trial`),
    index('subscriptions_by_customer').on(t.customerId, t.id),
    index('subscriptions_by_status').on(t.status, t.id),
  ],
);

/** The one row that every ledger write of a subscription locks, with the facts that a spend needs. */
export const ledgers = pgTable(
  'ledgers',
  {
    subscriptionId: text('subscription_id').primaryKey(),
    /** The newest entry: the ledger's version. */
    seq: whole('seq').notNull().default(0),
    /** The running sum of all entries. */
    balance: whole('balance').notNull().default(0),
    status: text('status').notNull(),
    /** nothing can be spent from this instant on, booked or not. */
    endsAt: at('ends_at'),
    /** spending is refused while past due. */
    blocked: boolean('blocked').notNull().default(false),
    /** the frozen instant; null on real time. */
    testClock: at('test_clock'),
    /** The workflow's newest booked step. A step is booked once: a zombie activity changes nothing. */
    step: integer('step').notNull().default(0),
    /** The ledger has entries that its workflow does not know yet. */
    workflowBehind: boolean('workflow_behind').notNull().default(false),
    /** The workflow has to act on them, so its nudge comes before all others. */
    nudgeNow: boolean('nudge_now').notNull().default(false),
    /** The newest nudge. */
    toldAt: at('told_at'),
    touchedAt: at('touched_at'),
    /** The newest instant at which a caller spent, held or returned credits: later requests are never dated before it. */
    askedAt: at('asked_at'),
    /** no open hold's deadline lies before it; null when none is open. */
    nextDeadline: at('next_deadline'),
    /** how often a purchase became refunded in whole, or stopped being so. The highest count wins for the add-on. */
    withdrawals: integer('withdrawals').notNull().default(0),
    /** how often money of a top-up went back. */
    topUpRefunds: integer('top_up_refunds').notNull().default(0),
    /** Credits are low when fewer than these are available: a tenth of the allowance, or the threshold of automatic top-up. */
    lowBelow: whole('low_below').notNull().default(1),
    /** enough, low or exhausted: the level of the newest event. It only sinks until there is enough again. */
    level: text('level').notNull().default('enough'),
    /** The earliest instant at which a notice of a near expiry, or an expiry, can be due; null when none is. */
    nextNotice: at('next_notice'),
    /** The instant at which the workflow acts next. It books expiries of this instant with the rest. */
    wakesAt: at('wakes_at'),
  },
  (t) => [
    // Its predicate changes once a nudge, not once a spend: spends stay heap-only updates.
    index('ledgers_workflow_behind').on(t.subscriptionId).where(sql`workflow_behind`),
    index('ledgers_nudge_now').on(t.subscriptionId).where(sql`nudge_now`),
    index('ledgers_notice').on(t.nextNotice).where(sql`next_notice is not null and test_clock is null`),
    check('ledgers_level', sql`level in ('enough', 'low', 'exhausted')`),
  ],
);

/** Grants of credits, each made once for one cause. */
export const grants = pgTable(
  'grants',
  {
    subscriptionId: text('subscription_id').notNull(),
    id: text('id').notNull(),
    kind: text('kind').notNull(),
    amount: whole('amount').notNull(),
    remaining: whole('remaining').notNull(),
    held: whole('held').notNull().default(0),
    effectiveAt: at('effective_at').notNull(),
    expiresAt: at('expires_at').notNull(),
    /** The order of making: the seq of the entry that made it. */
    made: whole('made').notNull(),
    cause: text('cause').notNull(),
    chargeId: text('charge_id'),
    reason: text('reason'),
    /** How its last unused credits went: expired, forfeited or revoked. */
    taken: text('taken'),
    /** Changes only when the grant is used up, so that ordinary spends stay heap-only updates. */
    open: boolean('open').notNull().default(true),
    /** The instant of the next notice of its expiry: seven days, then one day before it, then the expiry; null after that. */
    noticeAt: at('notice_at'),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.id] }),
    // I4: one grant for one cause, for ever.
    unique('grants_one_per_cause').on(t.subscriptionId, t.cause),
    index('grants_open').on(t.subscriptionId, t.expiresAt).where(sql`open`),
    // For lists; no spend writes them.
    index('grants_by_making').on(t.subscriptionId, t.made),
    index('grants_open_by_making').on(t.subscriptionId, t.made).where(sql`open`),
    check('grants_kind', sql`kind in ('allowance', 'pack', 'adjustment')`),
    check('grants_amount', sql`amount > 0 and amount <= 9007199254740991`),
    // I2.
    check('grants_remaining', sql`remaining >= 0 and held >= 0 and remaining + held <= amount`),
    check('grants_open_while_unused', sql`open = (remaining + held > 0)`),
    check('grants_term', sql`effective_at < expires_at`),
  ],
);

/** The states of a batch of grants. */
const BATCH_STATES = ['running', 'paused', 'done'] as const;
/** The outcomes of a batch for one subscription. */
const ITEM_OUTCOMES = ['pending', 'granted', 'skipped'] as const;

/** grants to many subscriptions at once. The request, its state, and the counts of its items. */
export const grantBatches = pgTable(
  'grant_batches',
  {
    id: text('id').primaryKey(),
    state: text('state', { enum: BATCH_STATES }).notNull().default('running'),
    /** The members of the filter; null where the request named the subscriptions. */
    filter: jsonb('filter').$type<BatchFilter>(),
    credits: whole('credits').notNull(),
    /** the year 3000 for grants without an end of their own. */
    expiresAt: at('expires_at').notNull(),
    reason: text('reason').notNull(),
    total: integer('total').notNull(),
    granted: integer('granted').notNull().default(0),
    skipped: integer('skipped').notNull().default(0),
    createdAt: at('created_at').notNull().default(sql`clock_timestamp()`),
    finishedAt: at('finished_at'),
    /** The instant of the relay's newest signal to its workflow; null: it is due. */
    signalledAt: at('signalled_at'),
  },
  (t) => [
    index('grant_batches_running').on(t.signalledAt).where(sql`state = 'running'`),
    check('grant_batches_state', sql`state in ('running', 'paused', 'done')`),
    check('grant_batches_credits', sql`credits > 0 and credits <= 9007199254740991`),
    check('grant_batches_counts', sql`granted >= 0 and skipped >= 0 and granted + skipped <= total`),
  ],
);

/** the subscriptions of a batch, chosen when it was made, each with its outcome. */
export const grantBatchItems = pgTable(
  'grant_batch_items',
  {
    batchId: text('batch_id').notNull(),
    subscriptionId: text('subscription_id').notNull(),
    /** The id of its grant, made or still to be made. */
    grantId: text('grant_id').notNull(),
    outcome: text('outcome', { enum: ITEM_OUTCOMES }).notNull().default('pending'),
    /** Why it was skipped. */
    code: text('code'),
    endedAt: at('ended_at'),
  },
  (t) => [
    primaryKey({ columns: [t.batchId, t.subscriptionId] }),
    index('grant_batch_items_by_outcome').on(t.batchId, t.outcome, t.subscriptionId),
    check('grant_batch_items_outcome', sql`outcome in ('pending', 'granted', 'skipped')`),
    check('grant_batch_items_code', sql`(outcome = 'skipped') = (code is not null)`),
  ],
);

/** the subscriptions of a batch by what they are; a member left out means any. */
export interface BatchFilter {
  plan?: string | undefined;
  interval?: string | undefined;
  /** Left out: all that are live. */
  status?: 'trialing' | 'active' | 'past_due' | undefined;
}

/**
 * The changes of credits: append-only, without gaps for each subscription. The table is partitioned by the month of recording,
 * so that only this month's indexes grow. No decision about credits reads an entry, so old months can be detached and archived
 * (docs/operating.md).
 */
export const entries = pgTable(
  'entries',
  {
    subscriptionId: text('subscription_id').notNull(),
    seq: whole('seq').notNull(),
    kind: text('kind').notNull(),
    credits: whole('credits').notNull(),
    grantId: text('grant_id').notNull(),
    balanceAfter: whole('balance_after').notNull(),
    effectiveAt: at('effective_at').notNull(),
    recordedAt: at('recorded_at').notNull().default(sql`clock_timestamp()`),
    usageId: text('usage_id'),
    holdId: text('hold_id'),
  },
  (t) => [
    // Each seq once: the locked row in `ledgers`, which counts them, guarantees that across the months.
    primaryKey({ columns: [t.subscriptionId, t.seq, t.recordedAt] }),
    // These indexes find the rare kinds; spends write none of them.
    index('entries_besides_spends')
      .on(t.subscriptionId, t.kind, t.seq)
      .where(sql`kind not in ('debit', 'capture')`),
    index('entries_of_calendar')
      .on(t.subscriptionId, t.effectiveAt, t.seq)
      .where(
        sql`kind not in ('debit', 'hold', 'capture', 'reversal') and usage_id is null and hold_id is null`,
      ),
    index('entries_given_back')
      .on(t.subscriptionId, t.effectiveAt, t.seq)
      .where(
        sql`kind not in ('debit', 'hold', 'capture', 'reversal') and not (usage_id is null and hold_id is null)`,
      ),
    check('entries_credits', sql`credits <> 0`),
    check('entries_balance', sql`balance_after >= 0 and balance_after <= 9007199254740991`),
    check(
      'entries_kind',
      sql`kind in ('grant', 'debit', 'hold', 'capture', 'release', 'expiry', 'forfeiture', 'reversal', 'revocation')`,
    ),
  ],
);

/**
 * I11: the heads of a ledger's hash chains (docs/ledger.md, "Seals"), which a sealer extends after the fact. A copy outside of
 * the database shows what its owner changes later.
 */
export const seals = pgTable('seals', {
  subscriptionId: text('subscription_id').primaryKey(),
  /** The newest sealed entry. */
  seq: whole('seq').notNull(),
  entriesHead: text('entries_head').notNull(),
  /** The newest sealed step of its workflow. */
  step: integer('step').notNull(),
  stepsHead: text('steps_head').notNull(),
  /** The number of the newest sealed event. */
  event: whole('event').notNull(),
  eventsHead: text('events_head').notNull(),
  sealedAt: at('sealed_at').notNull(),
});

/** Spends, at once or by the capture of a hold. */
export const usages = pgTable(
  'usages',
  {
    subscriptionId: text('subscription_id').notNull(),
    id: text('id').notNull(),
    at: at('at').notNull(),
    credits: whole('credits').notNull(),
    /** the credits of it that were returned. */
    reversed: whole('reversed').notNull().default(0),
    holdId: text('hold_id'),
    via: text('via'),
    reference: text('reference'),
    metadata: json('metadata').$type<Record<string, string>>().notNull(),
    /** The stored answer: lines, debits in burn order, catalogue version. */
    answer: json('answer').$type<UsageAnswer>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.id] }),
    // The timeline finds free usages without reading the others.
    index('usages_free').on(t.subscriptionId, t.at).where(sql`credits = 0`),
    check('usages_credits', sql`credits >= 0`),
    check('usages_reversed', sql`reversed >= 0 and reversed <= credits`),
  ],
);

/** credits set aside for a job until a deadline. */
export const holds = pgTable(
  'holds',
  {
    subscriptionId: text('subscription_id').notNull(),
    id: text('id').notNull(),
    at: at('at').notNull(),
    deadline: at('deadline').notNull(),
    credits: whole('credits').notNull(),
    status: text('status').notNull(),
    captured: whole('captured').notNull().default(0),
    usageId: text('usage_id'),
    /** the instant of capture or release; the deadline if no request came before it. */
    settledAt: at('settled_at'),
    via: text('via'),
    reference: text('reference'),
    metadata: json('metadata').$type<Record<string, string>>().notNull(),
    /** The stored answer: lines, debits in burn order, catalogue version. */
    answer: json('answer').$type<UsageAnswer & { deadline: string }>().notNull(),
    /** the answer of its capture or release, for every repeat. */
    settlement: json('settlement').$type<HoldOutcomeAnswer>(),
    /** On real time the relay releases it at its deadline. A test clock passes the deadline only when it is advanced. */
    live: boolean('live').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.id] }),
    index('holds_open').on(t.subscriptionId, t.deadline).where(sql`status = 'held'`),
    index('holds_overdue').on(t.deadline).where(sql`status = 'held' and live`),
    check('holds_credits', sql`credits > 0 and captured >= 0 and captured <= credits`),
    check('holds_deadline', sql`at < deadline`),
    check('holds_status', sql`status in ('held', 'captured', 'released')`),
    check('holds_settled', sql`(status = 'held') = (settled_at is null)`),
  ],
);

/** The stored answer to a spend or a hold. */
export interface UsageAnswer {
  id: string;
  credits: number;
  lines: { feature: string; quantity: number; credits: number }[];
  debits: { grant_id: string; kind: string; credits: number }[];
  balance: { available: number; held: number };
  catalog_version: string;
  at: string;
}

/** The stored answer to a capture or a release. */
export interface HoldOutcomeAnswer {
  id: string;
  status: 'captured' | 'released';
  captured: number;
  released: number;
  usage_id: string | null;
  balance: { available: number; held: number };
}

/**
 * the permanent answer to every key that succeeded on the ledger alone. Its index grows for ever and is met in no order,
 * so it holds only the digest: with the subscription's id before it, it was more than twice as large.
 */
export const replies = pgTable('replies', {
  subscriptionId: text('subscription_id').notNull(),
  /** Of subscription, operation and key (`digestOf` in src/db/spend-batches.ts). */
  digest: uuid('digest').primaryKey(),
  bodyHash: uuid('body_hash').notNull(),
  /** The usage or hold that stores the answer; null where the answer is here. */
  objectId: text('object_id'),
  answer: json('answer'),
});

/** One attempt at a charge. `at` is in milliseconds since 1970. */
interface ChargeAttempt {
  attempt: number;
  at: number;
  payment_method: string;
  outcome: string;
}

/** Demands of money: one row a charge, its attempts within. A purchase is a charge with packs. */
export const charges = pgTable(
  'charges',
  {
    subscriptionId: text('subscription_id').notNull(),
    id: text('id').notNull(),
    kind: text('kind').notNull(),
    at: at('at').notNull(),
    status: text('status').notNull(),
    amountMinor: whole('amount_minor').notNull(),
    /** refunds and open or lost disputes, together at most the amount. */
    refundedMinor: whole('refunded_minor').notNull().default(0),
    /** The refunds alone: the highest total that was ever reported. */
    returnedMinor: whole('returned_minor').notNull().default(0),
    /** money paid for it that brought nothing and is owed back; and how much of it went back. */
    owedMinor: whole('owed_minor').notNull().default(0),
    owedReturnedMinor: whole('owed_returned_minor').notNull().default(0),
    /** credits taken back from its grant and not restored. */
    revokedCredits: whole('revoked_credits').notNull().default(0),
    currency: text('currency').notNull(),
    lines: jsonb('lines').$type<ChargeLine[]>().notNull(),
    attempts: jsonb('attempts').$type<ChargeAttempt[]>().notNull(),
    catalogVersion: text('catalog_version').notNull(),
    /** The workflow's step that asked first. It orders charges of one instant. */
    step: integer('step').notNull(),
    purchaseId: text('purchase_id'),
    /** R-32a: the pack of a purchase, and whether it joins the add-on (R-30a, R-39a). */
    pack: text('pack'),
    renews: boolean('renews'),
    packs: integer('packs').notNull(),
    credits: whole('credits').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.id] }),
    index('charges_by_step').on(t.subscriptionId, t.step, t.id),
    check('charges_status', sql`status in ('paid', 'pending', 'declined', 'given_up', 'refunded')`),
    check('charges_refunded', sql`refunded_minor >= 0 and refunded_minor <= amount_minor`),
    check('charges_returned', sql`returned_minor >= 0 and returned_minor <= amount_minor`),
    check('charges_revoked', sql`revoked_credits >= 0 and revoked_credits <= credits`),
    check('charges_owed', sql`owed_returned_minor >= 0 and owed_returned_minor <= owed_minor`),
  ],
);

/**
 * Steps that the ledger refused as data it can't hold: each was given up, and its command with it. One row a step and reason,
 * with a count, since due work is tried again.
 */
export const incidents = pgTable(
  'incidents',
  {
    subscriptionId: text('subscription_id').notNull(),
    step: integer('step').notNull(),
    /** The command's operation, or `due` for due work. */
    what: text('what').notNull(),
    /** The SQLSTATE, and the constraint or our own exception's text: never a value (I15). */
    code: text('code').notNull(),
    detail: text('detail').notNull(),
    /** The charge of the step, and billing's answer before it was given up. */
    chargeId: text('charge_id'),
    outcome: text('outcome'),
    tries: integer('tries').notNull().default(1),
    firstAt: at('first_at').notNull().default(sql`clock_timestamp()`),
    lastAt: at('last_at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.step, t.what, t.code] }),
    index('incidents_by_time').on(t.lastAt),
  ],
);

/** refunds that an operator asked for: on record before money moves, done when their credits are taken back. */
export const refunds = pgTable(
  'refunds',
  {
    subscriptionId: text('subscription_id').notNull(),
    /** Made from the idempotency key of the request: the same for ever. */
    id: text('id').notNull(),
    chargeId: text('charge_id').notNull(),
    bodyHash: text('body_hash').notNull(),
    amountMinor: whole('amount_minor').notNull(),
    /** The refunded total of the charge with this refund. */
    toMinor: whole('to_minor').notNull(),
    /** The credits taken back from its grant before: its own effect is counted from here. */
    revokedBefore: whole('revoked_before').notNull(),
    reason: text('reason').notNull(),
    askedAt: at('asked_at').notNull(),
    /** The refund's effect; null until it is done. */
    answer: jsonb('answer').$type<Refunded>(),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.id] }),
    // One at a time for each charge: the next request ends the open one first.
    uniqueIndex('refunds_one_asked').on(t.subscriptionId, t.chargeId).where(sql`answer is null`),
    check('refunds_amount', sql`amount_minor > 0 and amount_minor <= to_minor`),
  ],
);

/** disputes of charges, by the provider's id. */
export const disputes = pgTable(
  'disputes',
  {
    subscriptionId: text('subscription_id').notNull(),
    id: text('id').notNull(),
    chargeId: text('charge_id').notNull(),
    amountMinor: whole('amount_minor').notNull(),
    status: text('status').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.id] }),
    index('disputes_by_charge').on(t.subscriptionId, t.chargeId),
    check('disputes_status', sql`status in ('open', 'won', 'lost')`),
  ],
);

/** The permanent idempotency record of commands for the workflow, and the guard against late effects. */
export const commands = pgTable(
  'commands',
  {
    /** The subscription, or `start`: a start's key belongs to the operation. */
    scope: text('scope').notNull(),
    operation: text('operation').notNull(),
    key: text('key').notNull(),
    bodyHash: text('body_hash').notNull(),
    status: text('status').notNull(),
    attempt: integer('attempt').notNull(),
    subscriptionId: text('subscription_id').notNull(),
    /** The id of the object that the command will make. */
    objectId: text('object_id').notNull(),
    /** The workflow's step that took it. */
    step: integer('step'),
    /** The ledger's version and clock when it was taken: an advance counts its effects from here. */
    fromSeq: whole('from_seq'),
    fromAt: at('from_at'),
    refusal: jsonb('refusal').$type<{ code: string; detail: string; data: Record<string, unknown> }>(),
    answer: text('answer'),
    httpStatus: integer('http_status'),
    createdAt: at('created_at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    primaryKey({ columns: [t.scope, t.operation, t.key] }),
    // The console finds a command by its key alone.
    index('commands_by_key').on(t.key),
    check('commands_status', sql`status in ('pending', 'taken', 'done', 'refused', 'abandoned')`),
  ],
);

/** Facts of the calendar besides credits and money: a skipped renewal, the end and its rule. */
export const notes = pgTable(
  'notes',
  {
    subscriptionId: text('subscription_id').notNull(),
    step: integer('step').notNull(),
    line: integer('line').notNull(),
    at: at('at').notNull(),
    kind: text('kind').notNull(),
    rule: text('rule').notNull(),
    detail: text('detail').notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriptionId, t.step, t.line] })],
);

/** Billing's messages, stored before they are answered and relayed to the workflow after. */
export const inbox = pgTable(
  'inbox',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    provider: text('provider').notNull(),
    eventId: text('event_id').notNull(),
    subscriptionId: text('subscription_id').notNull(),
    kind: text('kind').notNull(),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    receivedAt: at('received_at').notNull().default(sql`clock_timestamp()`),
    claimedUntil: at('claimed_until'),
    relayedAt: at('relayed_at'),
    /** The outcome: signalled, or why not. */
    outcome: text('outcome'),
  },
  (t) => [
    unique('inbox_once').on(t.provider, t.eventId),
    index('inbox_waiting').on(t.id).where(sql`relayed_at is null`),
    // The console shows the messages of one subscription.
    index('inbox_of_subscription').on(t.subscriptionId, t.id),
  ],
);

/** The kinds of work that may be refused: the relay's rows, and steps of workflows. */
export const FAILURE_KINDS = ['message', 'nudge', 'event', 'delivery', 'deadline', 'notice', 'step'] as const;

/**
 * Refused rows: how often, why, and the instant of the next try. A row is here from its first failure until it succeeds. They
 * lie apart from the rows themselves, so that failures cost the other rows nothing.
 */
export const failures = pgTable(
  'failures',
  {
    kind: text('kind', { enum: FAILURE_KINDS }).notNull(),
    /** The name of the row among those of its kind. */
    key: text('key').notNull(),
    /** Empty for a row of no subscription. */
    subscriptionId: text('subscription_id').notNull(),
    attempts: integer('attempts').notNull(),
    /** The reason of the newest attempt. */
    reason: text('reason').notNull(),
    since: at('since').notNull().default(sql`clock_timestamp()`),
    nextAt: at('next_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.kind, t.key] })],
);

/**
 * Events. The statement that causes an event inserts its row, and a workflow delivers it to each endpoint. No decision
 * reads them.
 */
export const events = pgTable(
  'events',
  {
    /** The order of recording. */
    nth: bigint('nth', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    id: text('id').notNull(),
    subscriptionId: text('subscription_id').notNull(),
    type: text('type').notNull(),
    /** The instant of the event: the due instant of due work, on a test clock that clock's. */
    at: at('at').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
    recordedAt: at('recorded_at').notNull().default(sql`clock_timestamp()`),
    relayedAt: at('relayed_at'),
    /** The trace of the request that caused it, as W3C's `traceparent`; null where nothing was traced. */
    trace: text('trace'),
  },
  (t) => [
    unique('events_id').on(t.id),
    index('events_of_subscription').on(t.subscriptionId, t.nth),
    index('events_of_type').on(t.type, t.nth),
    index('events_of_subscription_and_type').on(t.subscriptionId, t.type, t.nth),
    index('events_waiting').on(t.nth).where(sql`relayed_at is null`),
  ],
);

/** The receivers of events. */
export const webhookEndpoints = pgTable('webhook_endpoints', {
  id: text('id').primaryKey(),
  url: text('url').notNull(),
  description: text('description'),
  /** The types it wants; null: all. */
  types: text('types').array(),
  /** The secret `whsec_…` by which it checks our signatures. */
  secret: text('secret').notNull(),
  /** The secret before the last rotation, which signs too until then. */
  previousSecret: text('previous_secret'),
  previousUntil: at('previous_until'),
  createdAt: at('created_at').notNull().default(sql`clock_timestamp()`),
  disabledAt: at('disabled_at'),
});

/** One event to one endpoint, and the state of its delivery. */
export const deliveries = pgTable(
  'deliveries',
  {
    eventId: text('event_id').notNull(),
    endpointId: text('endpoint_id').notNull(),
    status: text('status').notNull().default('pending'),
    /** Attempts since it was made, or last started again. */
    attempts: integer('attempts').notNull().default(0),
    /** How often it was started again: each run is a workflow of its own. */
    run: integer('run').notNull().default(0),
    /** The HTTP status of the newest answer, and why the attempt failed; null where there was none. */
    responseStatus: integer('response_status'),
    failure: text('failure'),
    createdAt: at('created_at').notNull().default(sql`clock_timestamp()`),
    endedAt: at('ended_at'),
    claimedUntil: at('claimed_until'),
    /** The instant at which its workflow was started. */
    startedAt: at('started_at'),
  },
  (t) => [
    primaryKey({ columns: [t.eventId, t.endpointId] }),
    // New deliveries go first, before any number of replays.
    index('deliveries_waiting').on(t.run, t.createdAt, t.eventId).where(sql`started_at is null`),
    index('deliveries_of_endpoint').on(t.endpointId, t.createdAt),
    check('deliveries_status', sql`status in ('pending', 'delivered', 'failed')`),
  ],
);

/** The ids of our customers at Stripe. */
export const stripeCustomers = pgTable('stripe_customers', {
  customerId: text('customer_id').primaryKey(),
  stripeId: text('stripe_id').notNull(),
});

/** The PaymentIntent of each attempt at a charge. It is on record before it is confirmed, so that no attempt is paid by two. */
export const stripePayments = pgTable(
  'stripe_payments',
  {
    subscriptionId: text('subscription_id').notNull(),
    chargeId: text('charge_id').notNull(),
    attempt: integer('attempt').notNull(),
    stripeId: text('stripe_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.chargeId, t.attempt] }),
    // Refunds and disputes name only the payment.
    index('stripe_payments_by_id').on(t.stripeId),
  ],
);

/** API keys, as hashes. */
export const apiKeys = pgTable('api_keys', {
  id: text('id').primaryKey(),
  /** SHA-256 of the secret, hex. The secret itself is shown once. */
  secretHash: text('secret_hash').notNull(),
  /** The key's purpose, in an operator's words. */
  name: text('name'),
  scopes: text('scopes').array().notNull(),
  createdAt: at('created_at').notNull().default(sql`clock_timestamp()`),
  revokedAt: at('revoked_at'),
});

/** An operator's visit to the console. It ends by its time, by signing out, or with its key. */
export const consoleSessions = pgTable('console_sessions', {
  /** SHA-256 of the token in the cookie: a reader of this table can't use it. */
  digest: text('digest').primaryKey(),
  keyId: text('key_id').notNull(),
  expiresAt: at('expires_at').notNull(),
});

/** Sessions in one subscription's wallet. Cookies and links are stored as hashes only. */
export const walletSessions = pgTable(
  'wallet_sessions',
  {
    /** SHA-256 of the cookie, hex. */
    id: text('id').primaryKey(),
    /** SHA-256 of the link that opened it, hex: a link opens one session, once. */
    ticketHash: text('ticket_hash').notNull().unique(),
    subscriptionId: text('subscription_id').notNull(),
    createdAt: at('created_at').notNull().default(sql`clock_timestamp()`),
    expiresAt: at('expires_at').notNull(),
    /** A session of the studio may also spend, and move its test clock. */
    isDemo: boolean('is_demo').notNull().default(false),
  },
  (t) => [index('wallet_sessions_over').on(t.expiresAt)],
);

/** The secrets with which this installation signs. The table's migration made them. */
export const secrets = pgTable('secrets', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
});
