import type { DeliveryRef } from '../db/deliveries.ts';
import type { CommandRef, Snapshot } from '../db/ledger.ts';
import type { Grant } from '../domain/burndown.ts';
import type { Instant, Interval } from '../domain/calendar.ts';
import type { Catalog, PlanId } from '../domain/catalog.ts';
import type { Command, Start } from '../domain/commands.ts';
import type { DueKind } from '../domain/due.ts';
import type { RefusalRecord } from '../domain/errors.ts';
import type { State } from '../domain/state.ts';
import type { Happening } from '../domain/timeline.ts';

/** Names and payloads of all that is said to a subscription's workflow: what API, relay and other systems need. */

export const WORKFLOW_TYPE = 'subscription';

/** The nightly look at the books: a workflow of its own, started by a Temporal Schedule of this name, one a task queue. */
export const RECONCILE_TYPE = 'reconcile';
export const reconcileScheduleId = (taskQueue: string): string => `${RECONCILE_TYPE}/${taskQueue}`;
/** The failure type of a run that found rows without their reason. */
export const UNEXPLAINED = 'unexplained';

/** The delivery of an event to an endpoint: a workflow of its own, one a run. An id is used once, for ever. */
export const WEBHOOK_TYPE = 'webhook';
export interface WebhookInput extends DeliveryRef {
  type: string;
}
export const webhookId = ({ endpointId, eventId, run }: DeliveryRef): string =>
  `${WEBHOOK_TYPE}/${endpointId}/${eventId}${run === 0 ? '' : `/${run}`}`;
/** Attempts wait for receivers: on a queue of their own no ledger activity waits behind them. */
export const deliveryQueue = (taskQueue: string): string => `${taskQueue}/deliveries`;

export const workflowId = (subscriptionId: string): string => `${WORKFLOW_TYPE}/${subscriptionId}`;
/** Whose workflow it is; null for one of another kind. */
export const subscriptionIdOf = (id: string): string | null =>
  id.startsWith(`${WORKFLOW_TYPE}/`) ? id.slice(WORKFLOW_TYPE.length + 1) : null;

/** One line beside the workflow's id in the Temporal UI. */
export const summaryOf = ({
  customerId,
  plan,
  interval,
}: Pick<Start, 'customerId' | 'plan' | 'interval'>): string => `${customerId}: ${plan}, by the ${interval}`;

/** What the Temporal UI can filter subscriptions by, all keywords. A namespace must know them before a worker runs. */
export const SEARCH_ATTRIBUTE = {
  plan: 'DrawdownPlan',
  status: 'DrawdownStatus',
  customer: 'DrawdownCustomer',
} as const;

/** Updates that carry one command each; the name says which to whoever reads the Temporal UI. */
export const UPDATE_OF = {
  buy_packs: 'buyPacks',
  set_add_on: 'setAddOn',
  change_plan: 'changePlan',
  cancel: 'cancel',
  resume: 'resume',
  set_payment_method: 'setPaymentMethod',
  issue_grant: 'issueGrant',
  revoke_grant: 'revokeGrant',
  set_allowance: 'setAllowance',
  set_top_up: 'setTopUp',
} as const satisfies Record<Exclude<Command['type'], SignalOnly>, string>;

/** What is only signalled: nobody waits for it. */
export type SignalOnly = 'payment_settled' | 'withdraw_packs';

/** An update's argument: the command, and the row that must be taken before it takes effect. */
export interface UpdateRequest {
  command: Command;
  ref: CommandRef;
}

export const STARTED = 'started';
export const ADVANCE_CLOCK = 'advanceClock';

export interface AdvanceRequest {
  to: Instant;
  ref: CommandRef;
}

/** `done` is false when the workflow had to continue as new on the way: ask again. */
export interface AdvanceAnswer {
  now: Instant;
  done: boolean;
}

/** The failure type of an update whose command row had been abandoned or taken by another step: the row knows. */
export const ABANDONED = 'abandoned';

/** The failure type of an update that met a hand-over to the next run: nothing was done, send it again. */
export const HANDING_OVER = 'handing_over';

export const SIGNAL = {
  paymentSettled: 'paymentSettled',
  cancelled: 'cancelled',
  planChanged: 'planChanged',
  packsWithdrawn: 'packsWithdrawn',
  ledgerAdvanced: 'ledgerAdvanced',
} as const;

export interface PaymentSettled {
  chargeId: string;
  outcome: 'paid' | 'declined';
  at: Instant;
  /** Which attempt at the charge it is of: one that was declined does not decline the next. Absent: the newest made by `at`. */
  attempt?: number;
  /** What was paid, both or neither. A charge that does not exist yet is only paid by an amount (R-42). */
  amountMinor?: number;
  currency?: string;
}

/** From a system that owns billing. */
export interface CancelSignal {
  at: 'renewal' | 'now';
  reason?: string;
}

export interface PlanChanged {
  plan: PlanId;
  interval: Interval;
  chargeId: string;
}

export type LedgerAdvanced = Pick<Snapshot, 'version' | 'now' | 'grants' | 'topUpRefunds'>;

export const QUERY = { balance: 'balance', subscription: 'subscription', schedule: 'schedule' } as const;

export interface BalanceAnswer {
  available: number;
  held: number;
  by_kind: Record<Grant['kind'], number>;
  by_grant: { grant_id: string; kind: Grant['kind']; remaining: number; expires_at: string }[];
  ledger_version: number;
  as_of: string;
}

export interface SubscriptionAnswer {
  state: {
    id: string;
    customer_id: string;
    plan: PlanId;
    interval: Interval;
    status: State['status'];
    series: number;
    anchor_at: string | null;
    cycle: number;
    packs: number;
    scheduled_change: { kind: 'cancel' | 'plan'; at: string } | null;
    unpaid: { charge_id: string; pending: boolean; retries: number } | null;
    waiting: string[];
    ended_at: string | null;
    now: string;
  };
  next_due: { at: string; kind: DueKind } | null;
}

export type ScheduleAnswer = (Omit<Happening, 'at'> & { at: string })[];

/** A command that a Temporal had sent to billing when it was lost: money may have moved, so it is asked again, for its row. */
export interface RepeatedCommand {
  command: Command;
  ref: CommandRef;
  /** The instant at which it was decided. */
  at: Instant;
}

interface CarriedRun {
  state: State;
  step: number;
  version: number;
  advance: AdvanceRequest | null;
  /** Commands from signals that the run had no time for, or that came before what they speak of. */
  signals: Command[];
  /** Only of a workflow that is started again from the ledger. */
  asked?: RepeatedCommand;
}

/** What a caller is told whose customer has another subscription. */
export const CUSTOMER_SUBSCRIBED: RefusalRecord = {
  code: 'customer_already_subscribed',
  detail: 'The customer has a subscription that is not ended.',
  data: {},
};

/** The workflow's input: a start, or what a run hands to the next. */
export interface SubscriptionInput {
  catalog: Catalog;
  begin: {
    start: Start;
    /** The test clock's first instant; null on real time. */
    at: Instant | null;
    metadata: Record<string, string>;
    ref: CommandRef;
    conflict: RefusalRecord;
  } | null;
  carried: CarriedRun | null;
}
