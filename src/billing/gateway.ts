import type { Charge, Outcome } from '../domain/state.ts';

/** The one port to money. Every call may be repeated with the same charge and attempt and then answers the same. */
export interface Gateway {
  /** Asks for a charge with its payment method: paid, declined, or pending until a settlement arrives. */
  charge(charge: Charge): Promise<Outcome>;
  /** Gives back the whole of a charge, once. */
  refund(chargeId: string): Promise<void>;
}
