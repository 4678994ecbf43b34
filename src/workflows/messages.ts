import type { DeliveryRef } from '../db/deliveries.ts';
import type { CommandRef, Snapshot } from '../db/ledger.ts';
import type { Grant } from '../domain/burndown.ts';
import type { Instant, Interval } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import type { Command, Start } from '../domain/commands.ts';
import type { DueKind } from '../domain/due.ts';
import type { RefusalRecord } from '../domain/errors.ts';
import type { State } from '../domain/state.ts';
import type { Happening } from '../domain/timeline.ts';

/** Names and payloads of all messages to a subscription's workflow, for the API, the relay and other systems. */

/** The workflow of one subscription. */
export const WORKFLOW_TYPE = 'subscription';

/** The nightly reconciliation: a workflow of its own. A Temporal Schedule of the name below starts it, one a task queue. */
export const RECONCILE_TYPE = 'reconcile';
/** The id of the Temporal Schedule that starts the reconciliation. */
export const reconcileScheduleId = (taskQueue: string): string => `${RECONCILE_TYPE}/${taskQueue}`;
/** The failure type of a reconciliation that found rows without a reason. */
export const UNEXPLAINED = 'unexplained';

/** The delivery of an event to an endpoint: a workflow of its own, one a run. Its id is used once, for ever. */
export const WEBHOOK_TYPE = 'webhook';
/** The input of a delivery's workflow: the delivery, and the event's type for its summary. */
export interface WebhookInput extends DeliveryRef {
  type: string;
}
/** The id of a delivery's workflow. Run 0 is the first; each replay is a run more. */
export const webhookId = ({ endpointId, eventId, run }: DeliveryRef): string =>
  `${WEBHOOK_TYPE}/${endpointId}/${eventId}${run === 0 ? '' : `/${run}`}`;
/** The task queue of delivery attempts. They wait for receivers, and no ledger activity may wait behind them. */
export const deliveryQueue = (taskQueue: string): string => `${taskQueue}/deliveries`;

/** R-84: a batch of grants: a workflow of its own. Its input is the batch's id; the rows of the batch hold the rest. */
export const GRANT_BATCH_TYPE = 'grantBatch';
/** The input of a batch's workflow. */
export interface GrantBatchInput {
  id: string;
}
/** The id of a batch's workflow. */
export const grantBatchId = (id: string): string => `grant_batch/${id}`;
/** The signal that a batch's workflow looks at its batch again: it was resumed. */
export const BATCH_WOKEN = 'woken';
/** The query for a batch's state and counts after its newest chunk. */
export const BATCH_PROGRESS = 'progress';

/** The id of a subscription's workflow. */
export const workflowId = (subscriptionId: string): string => `${WORKFLOW_TYPE}/${subscriptionId}`;
/** The subscription of a workflow; null for a workflow of another kind. */
export const subscriptionIdOf = (id: string): string | null =>
  id.startsWith(`${WORKFLOW_TYPE}/`) ? id.slice(WORKFLOW_TYPE.length + 1) : null;

/** One line beside the workflow's id in the Temporal UI. */
export const summaryOf = ({
  customerId,
  plan,
  interval,
}: Pick<Start, 'customerId' | 'plan' | 'interval'>): string => `${customerId}: ${plan}, by the ${interval}`;

/** The search attributes of subscriptions in the Temporal UI, all keywords. A namespace must have them before a worker runs. */
export const SEARCH_ATTRIBUTE = {
  plan: 'DrawdownPlan',
  status: 'DrawdownStatus',
  customer: 'DrawdownCustomer',
} as const;

/** The update of each command. Its name shows the command in the Temporal UI. */
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
  activate: 'activate',
  reprice: 'reprice',
} as const satisfies Record<Exclude<Command['type'], SignalOnly>, string>;

/** Commands that come only as signals: no caller waits for them. */
type SignalOnly = 'payment_settled' | 'withdraw_packs';

/** The argument of an update: the command, and the row that must be taken before it takes effect. */
export interface UpdateRequest {
  command: Command;
  ref: CommandRef;
}

/** The update that waits for the outcome of a start. */
export const STARTED = 'started';
/** R-90: the update that moves a test clock. */
export const ADVANCE_CLOCK = 'advanceClock';

/** The argument of `advanceClock`: the clock's target, and the command's row. */
export interface AdvanceRequest {
  to: Instant;
  ref: CommandRef;
}

/** `done` is false when the workflow continued as new on the way: send the update again. */
export interface AdvanceAnswer {
  now: Instant;
  done: boolean;
}

/** The failure type of an update whose command row was abandoned, or taken by another step. The row has the answer. */
export const ABANDONED = 'abandoned';

/** The failure type of an update that met a hand-over to the next run. Nothing was done: send it again. */
export const HANDING_OVER = 'handing_over';

/** The signals: four of billing, and the relay's nudge. */
export const SIGNAL = {
  paymentSettled: 'paymentSettled',
  cancelled: 'cancelled',
  planChanged: 'planChanged',
  packsWithdrawn: 'packsWithdrawn',
  ledgerAdvanced: 'ledgerAdvanced',
} as const;

/** R-42: billing's report that a charge is paid or declined. */
export interface PaymentSettled {
  chargeId: string;
  outcome: 'paid' | 'declined';
  at: Instant;
  /** The attempt that was paid or declined: the decline of one does not decline the next. Absent: the newest made by `at`. */
  attempt?: number;
  /** R-42: the amount paid, with its currency: both or neither. A payment ahead of its charge must state its amount. */
  amountMinor?: number;
  currency?: string;
}

/** R-51: a cancel by a system that owns billing. */
export interface CancelSignal {
  at: 'renewal' | 'now';
  reason?: string;
}

/** R-53, R-54: a change of plan by a system that owns billing. */
export interface PlanChanged {
  plan: string;
  interval: Interval;
  chargeId: string;
}

/** The relay's nudge: the ledger's version, now, open grants and refunded top-ups. */
export type LedgerAdvanced = Pick<Snapshot, 'version' | 'now' | 'grants' | 'topUpRefunds'>;

/** The queries of a subscription's workflow. */
export const QUERY = { balance: 'balance', subscription: 'subscription', schedule: 'schedule' } as const;

/** The answer of `balance`: the credits as of `ledger_version`. Instants are in RFC 3339. */
export interface BalanceAnswer {
  available: number;
  held: number;
  by_kind: Record<Grant['kind'], number>;
  by_grant: { grant_id: string; kind: Grant['kind']; remaining: number; expires_at: string | null }[];
  ledger_version: number;
  /** The instant at which the workflow learnt of that version, by Temporal's clock. */
  known_since: string;
  as_of: string;
}

/** The answer of `subscription`: its state without the grants. Instants are in RFC 3339. */
export interface SubscriptionAnswer {
  state: {
    id: string;
    customer_id: string;
    plan: string;
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

/** The answer of `schedule`: the happenings of a forecast. */
export type ScheduleAnswer = (Omit<Happening, 'at'> & { at: string })[];

/** A command that a lost Temporal had sent to billing. Money may have moved, so billing is asked again, for the same row. */
export interface RepeatedCommand {
  command: Command;
  ref: CommandRef;
  /** The instant of its decision. */
  at: Instant;
}

interface CarriedRun {
  state: State;
  step: number;
  version: number;
  advance: AdvanceRequest | null;
  /** Commands of signals that the run had no time for, and settlements that came before their charges. */
  signals: Command[];
  /** Only for a workflow that is started again from the ledger. */
  asked?: RepeatedCommand;
}

/** The refusal of a start for a customer who has a live subscription. */
export const CUSTOMER_SUBSCRIBED: RefusalRecord = {
  code: 'customer_already_subscribed',
  detail: 'The customer has a subscription that is not ended.',
  data: {},
};

/** The workflow's input: a start, or the state that one run hands to the next. */
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
  /** The run's timer goes on over commands. Absent from runs that began before it did (`isOlderRun`). */
  keepsTimer: true;
}
