import type { Instant, Interval } from '../domain/calendar.ts';
import type { MoneyBack } from '../domain/refunds.ts';
import type { Charge, Outcome } from '../domain/state.ts';

/** The debtor of a charge. Subscription, charge id and attempt together name one demand of money, for ever. */
export interface Debtor {
  subscriptionId: string;
  customerId: string;
}

/** the outcome of a cancelled attempt. */
export type CancelOutcome = 'cancelled' | 'paid' | 'kept';

/** The one port to money. Every call may be repeated with the same charge, attempt and debtor, and then answers the same. */
export interface Gateway {
  /** Asks for a charge with its payment method: paid, declined, or pending until a settlement arrives. */
  charge(charge: Charge, debtor: Debtor): Promise<Outcome>;
  /**
   * cancels a pending attempt, so that it can no longer be paid. `paid`: it was paid meanwhile. `kept`: it can't be
   * cancelled, and may still be paid.
   */
  cancel(charge: Charge, attempt: number, debtor: Debtor): Promise<CancelOutcome>;
  /** Refunds the whole of a charge, once. */
  refund(chargeId: string, debtor: Debtor): Promise<void>;
  /**
   * Refunds part of a charge, once for each refund id. Answers false, and does nothing, when less than that is left of the
   * charge.
   */
  refundPart(refund: PartialRefund, debtor: Debtor): Promise<boolean>;
}

/** A refund of part of a charge. `amountMinor` is in minor units of the charge's currency. */
export interface PartialRefund {
  /** The permanent name of the refund. */
  id: string;
  chargeId: string;
  amountMinor: number;
}

/** A provider's report on one attempt at a charge. */
export interface ProviderSettlement {
  kind: 'settled';
  subscriptionId: string;
  chargeId: string;
  /** The attempt, from 1; absent where the provider counts none. */
  attempt?: number;
  outcome: 'paid' | 'declined';
  /** The provider's instant of the payment or decline. */
  at: Instant;
  /** The amount paid or declined, with its currency: both or neither. */
  amountMinor?: number;
  currency?: string;
}

/** A provider's report of a refund or a dispute: of a charge, or of a payment by the provider's own id. */
export type Return = { back: MoneyBack } & (
  | { payment: string }
  | { subscriptionId: string; chargeId: string }
);

/** The meaning of a provider's event for one subscription. The last two kinds come from a system that owns billing. */
export type ProviderMessage =
  | ProviderSettlement
  | { kind: 'cancelled'; subscriptionId: string; at: 'renewal' | 'now'; reason?: string }
  | { kind: 'plan_changed'; subscriptionId: string; plan: string; interval: Interval };

/** An event that a provider sent to its webhook. */
export interface ProviderEvent {
  /** The provider's own id of the event: the same at every delivery. */
  id: string;
  /** The provider's name for the kind of event. */
  type: string;
  /** null when the event means nothing for a subscription. */
  message: ProviderMessage | null;
  /** null when the event reports no refund and no dispute. */
  returned: Return | null;
  /** The whole event, to be stored. */
  content: Record<string, unknown>;
}

/**
 * Reads an event from the exact bytes of a webhook's body. Throws `unauthenticated` when the provider did not sign it just
 * now.
 */
export type ReadEvent = (body: Uint8Array, headers: Headers) => Promise<ProviderEvent>;
