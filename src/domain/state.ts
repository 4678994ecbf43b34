import type { Grant, GrantKind } from './burndown.ts';
import type { Instant, Interval } from './calendar.ts';
import type { PackTerm } from './catalog/catalog.ts';

// The values of the core: types and one constant.

/** Where a subscription stands in its life. */
export type Status = 'incomplete' | 'trialing' | 'active' | 'past_due' | 'ended';

/** the one change that is scheduled: a cancel at the renewal, or another plan from it on. */
export type ScheduledChange =
  /** `since`: the instant of the first request; absent in older states. */
  | { kind: 'cancel'; at: Instant; since?: Instant }
  | { kind: 'plan'; at: Instant; plan: string; interval: Interval };

/** R-32a: packs of one id that renew with the plan. */
export interface AddOnItem {
  pack: string;
  quantity: number;
}

/** packs that a charge pays for, at the values in force when it was asked for. `credits` are of one pack. */
export interface BoughtPack extends AddOnItem {
  credits: number;
  /** R-30a, R-39a: whether they join the add-on once paid. */
  renews: boolean;
  term: PackTerm;
}

/**
 * All that the calendar needs to know of a subscription. Small plain JSON: the workflow carries it, and the ledger keeps
 * a copy. Instants are whole milliseconds; credits and money are whole numbers.
 */
export interface State {
  rulesVersion: 2;
  id: string;
  customerId: string;
  plan: string;
  interval: Interval;
  timeZone: string;
  status: Status;
  testClock: boolean;
  /** The newest instant that was worked. A test clock stands there. */
  now: Instant;
  /** the number of the anchor: 0 at the start, one more at each upgrade. */
  series: number;
  /** null until the first payment is settled. R-23: the end of the trial, while it runs. */
  anchorAt: Instant | null;
  /** The newest boundary that was worked. R-23: a trial is the cycle before the first, and has −1. */
  cycle: number;
  /** the newest paid renewal boundary. Only cycles of its term bring an allowance. */
  paidRenewal: number;
  /** R-30, R-32a: the add-on: packs that renew with the plan, in the order of their first purchase. */
  addOn: AddOnItem[];
  /** the instant at which a caller last set the add-on; absent where none did. */
  addOnSetAt?: Instant;
  /** the packs that refunds withdrew from the add-on, by the ledger's newest count; absent where none were. */
  withdrawn?: {
    /** Packs of the purchases that are refunded in whole. */
    packs: AddOnItem[];
    /** The packs by which the add-on was really lowered. */
    lowered: AddOnItem[];
    /** The number of the count: the highest is the newest. */
    nth: number;
  };
  /** the end of its trial, which stays on record; absent where it had none. */
  trialEndsAt?: Instant;
  /**
   * R-08a: the last price of the plan and its credits, and of each pack of the add-on; absent for a contract. `isRepriced`: an
   * operator lets it pay the price in force from the next term on.
   */
  kept?: { priceMinor: number; credits: number; packs?: Record<string, number>; isRepriced?: true };
  /** automatic top-up; absent where it was never set. */
  topUp?: TopUp;
  /** credits a cycle where the plan names none: a contract. */
  allowance: number | null;
  /** `NO_METHOD` where none was named yet. */
  paymentMethod: string;
  scheduled: ScheduledChange | null;
  /** The start or renewal that is not paid yet. */
  unpaid: Unpaid | null;
  /** purchases and upgrades whose payment is pending. */
  waiting: Waiting[];
  /** purchases and upgrades given up or declined, the newest last. Money paid for one of them goes back. */
  givenUp: string[];
  /** Grants that are neither used up, expired nor taken. */
  grants: Grant[];
  endedAt: Instant | null;
}

/** the setting of the top-up, and its history. */
export interface TopUp {
  /** null: switched off. */
  wish: { threshold: number; packs: number; pack: string; monthlyCeilingMinor: number } | null;
  /** How many top-ups were asked for: the number of the newest. */
  bought: number;
  /** The month of `spentMinor`, named by the instant at which it ends. */
  month: Instant;
  spentMinor: number;
  /** Declines in a row. */
  declines: number;
  /** No top-up is bought before it. */
  notBefore: Instant;
  /** How often money of a top-up went back, by the ledger's newest count; absent where none did. */
  refunds?: number;
  /** The refunds known when the wish was set. A later one stops the top-up. */
  refundsBefore?: number;
  /** Why the newest top-up was skipped; null when it was not. */
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

/** A change of the subscription itself. Each becomes an event (docs/events.md). */
export type Transition =
  | 'started'
  | 'activated'
  | 'renewed'
  | 'past_due'
  | 'changed'
  | 'cancel_scheduled'
  | 'change_scheduled'
  | 'resumed'
  | 'ended';
/** Notes that are no transition and no event. */
type NoteKind = 'renewal_skipped' | 'cancel_asked';

/** One change to book. All effects between two answers from billing are booked in one statement. */
export type Effect =
  | {
      type: 'grant';
      id: string;
      kind: GrantKind;
      credits: number;
      effectiveAt: Instant;
      expiresAt: Instant;
      /** I4: the permanent unique key of the grant. */
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
      /** The attempt that was settled. */
      attempt: number;
      status: 'paid' | 'declined' | 'given_up';
      at: Instant;
    }
  /** it was paid too late to bring anything: all of it goes back. */
  | { type: 'refund'; chargeId: string; at: Instant }
  /** the amount paid is not the charge's amount: `owedMinor` of it is owed back. */
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
  /** billing's report on a charge is refused. */
  | { type: 'note'; at: Instant; kind: 'payment_refused'; rule: string; detail: string; chargeId: string }
  /** with the open charge, if there is one: a system that collects by itself should try it again. */
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
      plan: string;
      interval: Interval;
      /** The change that was scheduled, or undone by a resume. */
      change?: ScheduledChange;
    }
  /** a declined first payment starts nothing; its rows are deleted. */
  | { type: 'discard' };

/** A decision: the coming state and the effects to book. With a charge, billing is asked after them and `answered` goes on. */
export interface Decision {
  state: State;
  effects: Effect[];
  charge: Charge | null;
}

/** The payment method of a subscription that has none: a free plan or a trial may begin without. */
export const NO_METHOD = '';

/** The reason of a charge. */
export type ChargeKind = 'start' | 'renewal' | 'purchase' | 'upgrade';
/** Billing's answer to one attempt. */
export type Outcome = 'paid' | 'declined' | 'pending';

/** One position of a charge: a plan at an interval, or packs. `amountMinor` is for the whole quantity. */
export interface ChargeLine {
  description: string;
  quantity: number;
  amountMinor: number;
  plan?: string;
  interval?: Interval;
  pack?: string;
}

/** One demand of money. Its id and attempt are billing's idempotency key, for ever. */
export interface Charge {
  id: string;
  kind: ChargeKind;
  /** The instant at which it was owed; the boundary of a renewal. */
  at: Instant;
  attempt: number;
  attemptAt: Instant;
  amountMinor: number;
  currency: string;
  lines: ChargeLine[];
  paymentMethod: string;
  /** the earlier attempt that is pending, and is cancelled before this one is made. */
  cancels?: number;
  catalogVersion: string;
  /** the things it pays for, at the values in force when it was owed. */
  buys: {
    plan: string;
    interval: Interval;
    allowance: number;
    /** The packs of all ids, and their credits. */
    packs: number;
    packCredits: number;
    items: BoughtPack[];
  };
  /** The boundary number of a renewal. */
  cycle: number | null;
  purchaseId: string | null;
}

/**
 * A start or renewal that is not paid. `retries` counts the passed dates of `retryAt`; no retry is made while it is
 * pending.
 */
export interface Unpaid {
  charge: Charge;
  pending: boolean;
  retries: number;
  retryAt: Instant[];
}

/** a purchase or upgrade whose payment is pending. */
export interface Waiting {
  charge: Charge;
}
