import type { Instant, Interval } from '../domain/calendar.ts';
import type { PlanId } from '../domain/catalog.ts';
import type { MoneyBack } from '../domain/refunds.ts';
import type { Charge, Outcome } from '../domain/state.ts';

/** Who owes it. With a charge's id and attempt the subscription names one demand of money, for ever. */
export interface Debtor {
  subscriptionId: string;
  customerId: string;
}

export type CancelOutcome = 'cancelled' | 'paid' | 'kept';

/** The one port to money. Every call may be repeated with the same charge, attempt and debtor, and then answers the same. */
export interface Gateway {
  /** Asks for a charge with its payment method: paid, declined, or pending until a settlement arrives. */
  charge(charge: Charge, debtor: Debtor): Promise<Outcome>;
  /**
   * cancels an attempt that is pending, so that it can't be paid any more. `paid`: it was, meanwhile. `kept`: it can't be
   * cancelled, and may still be paid.
   */
  cancel(charge: Charge, attempt: number, debtor: Debtor): Promise<CancelOutcome>;
  /** Gives back the whole of a charge, once. */
  refund(chargeId: string, debtor: Debtor): Promise<void>;
  /** Gives back part of a charge, once for the id of the refund. False, and nothing done, where less than that is left of it. */
  refundPart(refund: PartialRefund, debtor: Debtor): Promise<boolean>;
}

export interface PartialRefund {
  /** Names it for ever. */
  id: string;
  chargeId: string;
  amountMinor: number;
}

/** What a provider says of one attempt at a charge. */
export interface ProviderSettlement {
  kind: 'settled';
  subscriptionId: string;
  chargeId: string;
  /** From 1; absent where the provider counts none. */
  attempt?: number;
  outcome: 'paid' | 'declined';
  /** The provider's instant of it. */
  at: Instant;
  /** What was paid or declined, both or neither. */
  amountMinor?: number;
  currency?: string;
}

/** What a provider says of money that it gave back, or that a bank wants back: of a charge, or of a payment by its own id. */
export type Return = { back: MoneyBack } & (
  | { payment: string }
  | { subscriptionId: string; chargeId: string }
);

/** What an event of a provider's means to one subscription; the last two come from a system that owns it. */
export type ProviderMessage =
  | ProviderSettlement
  | { kind: 'cancelled'; subscriptionId: string; at: 'renewal' | 'now'; reason?: string }
  | { kind: 'plan_changed'; subscriptionId: string; plan: PlanId; interval: Interval };

/** What a provider sent to its webhook. */
export interface ProviderEvent {
  /** The provider's own id of it: the same at every delivery. */
  id: string;
  /** The provider's word for what happened. */
  type: string;
  /** null when it means nothing here. */
  message: ProviderMessage | null;
  /** null when it says of no money that it went back. */
  returned: Return | null;
  /** All of it, to be kept. */
  content: Record<string, unknown>;
}

/** Reads what came to a webhook, byte for byte. Throws a `Refusal` when the provider did not sign it just now. */
export type ReadEvent = (body: Uint8Array, headers: Headers) => Promise<ProviderEvent>;
