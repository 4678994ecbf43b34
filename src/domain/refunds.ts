import type { Instant } from './calendar.ts';
import type { Catalog } from './catalog.ts';
import type { Decision, State } from './state.ts';
import { type Draft, draft } from './subscription.ts';

// money that went back, and the add-on that goes with it. Each word is about a business object, the charge or the dispute, so
// that order and repetition do not matter. The credits are taken back in the ledger, as src/domain/model/refunds.ts does.

/** What is said of the money of a charge. Amounts in minor units of its currency. */
export type MoneyBack =
  /** All that was refunded of it so far. */
  | { kind: 'refund'; toMinor: number }
  /** A dispute, by its own id: its end is never undone. */
  | { kind: 'dispute'; id: string; amountMinor: number; status: DisputeStatus };

export type DisputeStatus = 'open' | 'won' | 'lost';

/** What it did. `revoked` was taken back now; `unrecoverable` of all that is refunded so far could not be taken. */
export interface Refunded extends ReturnedCredits {
  /** Refunded, disputed or lost of the charge, in all. */
  refunded_minor: number;
  revoked: number;
  unrecoverable: number;
  /** The add-on's packs as they are with it. */
  packs: number;
}

/** Where credits that were given back went: usable again, or gone at once. The four add up. */
export interface ReturnedCredits {
  restored: number;
  expired_at_once: number;
  forfeited_at_once: number;
  revoked_at_once: number;
}

/** What the ledger says of the add-on: packs of all purchases that are refunded in whole, and how new that is. */
export interface Withdrawal {
  packs: number;
  /** Counts what was said: the highest is the newest. */
  nth: number;
}

/** Whether a withdrawal changes anything here: an ended subscription has no add-on. */
export const isNewer = (state: State, { nth }: Withdrawal): boolean =>
  state.status !== 'ended' && nth > (state.withdrawn?.nth ?? 0);

/**
 * a purchase that is refunded in whole lowers the add-on by its packs; one that no longer is (its dispute was won)
 * gives back what was lowered for it. The newest word wins, so that it may come in any order and any number of times.
 */
export function withdraw(state: State, withdrawal: Withdrawal, booked: Instant, catalog: Catalog): Decision {
  const d = draft(state, booked, catalog);
  if (!isNewer(state, withdrawal)) return d;
  const { packs, nth } = withdrawal;
  const known = state.withdrawn ?? { packs: 0, lowered: 0, nth: 0 };
  const change = packs - known.packs;
  const lowered =
    change > 0 ? known.lowered + Math.min(change, state.packs) : Math.max(0, known.lowered + change);
  d.state.now = Math.max(state.now, booked);
  d.state.packs += known.lowered - lowered;
  d.state.withdrawn = { packs, lowered, nth };
  return d;
}

/** The add-on was set or went for another reason: nothing of what refunds lowered comes back to it. */
export function forgetLowered(d: Draft): void {
  if (d.state.withdrawn) d.state.withdrawn = { ...d.state.withdrawn, lowered: 0 };
}
