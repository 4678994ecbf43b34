import type { Grant, GrantKind } from './burndown.ts';
import type { Instant, Interval } from './calendar.ts';
import type { PlanId } from './catalog.ts';

// The values the core decides with: types and nothing else.

export type Status = 'incomplete' | 'active' | 'past_due' | 'ended';

export type ScheduledChange =
  /** `since`: when it was first asked for; absent in states from before that was kept. */
  | { kind: 'cancel'; at: Instant; since?: Instant }
  | { kind: 'plan'; at: Instant; plan: PlanId; interval: Interval };

/**
 * All that the calendar needs to know of a subscription: small plain JSON, carried by the workflow and kept
 * beside the ledger. Instants are whole milliseconds, credits and money whole numbers.
 */
export interface State {
  rulesVersion: 1;
  id: string;
  customerId: string;
  plan: PlanId;
  interval: Interval;
  timeZone: string;
  status: Status;
  testClock: boolean;
  /** The newest instant that was worked; a test clock stands there. */
  now: Instant;
  /** Counts the anchors: 0 at the start, one more at each upgrade. */
  series: number;
  /** null until the first payment is settled. */
  anchorAt: Instant | null;
  /** The newest boundary that was worked. */
  cycle: number;
  /** The newest renewal boundary that was paid: only cycles of its term bring an allowance. */
  paidRenewal: number;
  /** The add-on: packs that renew with the plan. */
  packs: number;
  /** When a caller last said how many they are; absent where nobody did. */
  packsSetAt?: Instant;
  /** what refunds withdrew of the add-on, as the ledger last said; absent where nothing was. */
  withdrawn?: {
    /** Packs of the purchases that are refunded in whole. */
    packs: number;
    /** By how many packs that lowered the add-on. */
    lowered: number;
    /** Counts what was said: the highest is the newest. */
    nth: number;
  };
  /** automatic top-up; absent where it was never asked for. */
  topUp?: TopUp;
  /** Credits a cycle where the plan names none: enterprise. */
  allowance: number | null;
  paymentMethod: string;
  scheduled: ScheduledChange | null;
  /** The start or renewal that is not paid yet. */
  unpaid: Unpaid | null;
  /** Purchases and upgrades whose payment is pending. */
  waiting: Waiting[];
  /** Purchases and upgrades given up or declined, the newest last: should one be paid after all, its money goes back. */
  givenUp: string[];
  /** Grants that are not used up, expired or taken. */
  grants: Grant[];
  endedAt: Instant | null;
}

/** what is bought by itself, and how that went. */
export interface TopUp {
  /** null: switched off. */
  wish: { threshold: number; packs: number; monthlyCeilingMinor: number } | null;
  /** How many were asked for: the number of the newest. */
  bought: number;
  /** The month in which `spentMinor` was paid, named by the instant at which it ends. */
  month: Instant;
  spentMinor: number;
  /** Declined in a row. */
  declines: number;
  /** None is bought before it. */
  notBefore: Instant;
  /** How often money of one went back, as the ledger last said; absent where none did. */
  refunds?: number;
  /** Of them, those that were known when the wish was set: a later one stops it. */
  refundsBefore?: number;
  /** Why the newest was skipped; null when it was not. */
  skipped:
    | 'refunded'
    | 'ceiling'
    | 'gap_day'
    | 'declined'
    | 'payment_past_due'
    | 'cancellation_scheduled'
    | 'pack_not_offered'
    | null;
}

/** What happened to the subscription itself: told to whoever listens (docs/events.md). */
export type Transition =
  | 'started'
  | 'renewed'
  | 'past_due'
  | 'changed'
  | 'cancel_scheduled'
  | 'change_scheduled'
  | 'resumed'
  | 'ended';
export type NoteKind = 'renewal_skipped' | 'cancel_asked';

/** One change to be booked. All effects between two answers from billing are booked in one statement. */
export type Effect =
  | {
      type: 'grant';
      id: string;
      kind: GrantKind;
      credits: number;
      effectiveAt: Instant;
      expiresAt: Instant;
      /** What it was granted for: the permanent unique key of I4. */
      cause: string;
      chargeId: string | null;
      reason: string | null;
    }
  | { type: 'expire'; grantId: string; at: Instant }
  | { type: 'forfeit'; at: Instant }
  | { type: 'revoke'; grantId: string; at: Instant; reason: string }
  | {
      type: 'settle_charge';
      chargeId: string;
      /** Of which attempt it is said. */
      attempt: number;
      status: 'paid' | 'declined' | 'given_up';
      at: Instant;
    }
  /** it was paid when nothing could come of it any more: all of it goes back. */
  | { type: 'refund'; chargeId: string; at: Instant }
  /** money that came for a charge and is not what it asks for: so much of it is owed back. */
  | {
      type: 'owe_back';
      kind: 'overpaid' | 'underpaid';
      chargeId: string;
      paidMinor: number;
      owedMinor: number;
      at: Instant;
    }
  | { type: 'note'; at: Instant; kind: NoteKind; rule: string; detail: string }
  | { type: 'note'; at: Instant; kind: 'top_up_skipped'; rule: string; detail: string; reason: string }
  /** what billing said of a charge is not believed. */
  | { type: 'note'; at: Instant; kind: 'payment_refused'; rule: string; detail: string; chargeId: string }
  /** with the charge that is open, where there is one: who collects it by itself should try again. */
  | {
      type: 'note';
      at: Instant;
      kind: 'payment_method_changed';
      rule: string;
      detail: string;
      paymentMethod: string;
      chargeId: string | null;
    }
  | {
      type: 'note';
      at: Instant;
      kind: Transition;
      rule: string;
      detail: string;
      plan: PlanId;
      interval: Interval;
      /** What was scheduled, or undone by a resume. */
      change?: ScheduledChange;
    }
  /** a declined first payment starts nothing; its rows go. */
  | { type: 'discard' };

/** What was decided: the state as it will be and what to book. With a charge, billing is asked last and `answered` goes on. */
export interface Decision {
  state: State;
  effects: Effect[];
  charge: Charge | null;
}

export type ChargeKind = 'start' | 'renewal' | 'purchase' | 'upgrade';
export type Outcome = 'paid' | 'declined' | 'pending';

export interface ChargeLine {
  description: string;
  quantity: number;
  amountMinor: number;
}

/** One demand of money: its id and attempt are billing's idempotency key, for ever. */
export interface Charge {
  id: string;
  kind: ChargeKind;
  /** When it was owed: the boundary of a renewal. */
  at: Instant;
  attempt: number;
  attemptAt: Instant;
  amountMinor: number;
  currency: string;
  lines: ChargeLine[];
  paymentMethod: string;
  /** an earlier attempt at it that is pending, and is cancelled before this one is made. */
  cancels?: number;
  catalogVersion: string;
  /** What it pays for, at the values in force when it was owed. */
  buys: { plan: PlanId; interval: Interval; allowance: number; packs: number; packCredits: number };
  /** The boundary of a renewal. */
  cycle: number | null;
  purchaseId: string | null;
}

/** A start or renewal that is not paid. `retries` of `retryAt` are behind; while pending none is made. */
export interface Unpaid {
  charge: Charge;
  pending: boolean;
  retries: number;
  retryAt: Instant[];
}

export interface Waiting {
  charge: Charge;
}
