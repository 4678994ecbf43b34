import type { Instant } from './calendar.ts';
import type { Catalog } from './catalog/catalog.ts';
import { changedBy, quantityOf } from './catalog/packs.ts';
import type { AddOnItem, Decision, State } from './state.ts';
import { type Draft, draft } from './subscription.ts';

// money that went back, and the packs that leave the add-on with it. Each message names a charge or a dispute and its
// total, so order and repetition do not matter. The ledger takes the credits back, as src/domain/model/refunds.ts does.

/** Billing's report on the money of a charge. Amounts are in minor units of its currency. */
export type MoneyBack =
  /** All that was refunded of the charge so far. */
  | { kind: 'refund'; toMinor: number }
  /** A dispute, by its own id. Its end (won or lost) is final. */
  | { kind: 'dispute'; id: string; amountMinor: number; status: DisputeStatus };

/** A dispute's state at the bank. Open and lost ones count as refunds. */
export type DisputeStatus = 'open' | 'won' | 'lost';

/**
 * The outcome of a refund or dispute. `revoked` credits were taken back now; `unrecoverable` ones are owed and were not
 * there.
 */
export interface Refunded extends ReturnedCredits {
  /** The charge's refunds and its open or lost disputes, in all. */
  refunded_minor: number;
  revoked: number;
  unrecoverable: number;
  /** The packs of the add-on after it. */
  packs: number;
}

/** where returned credits went: usable again, or gone at once. The four add up. */
export interface ReturnedCredits {
  restored: number;
  expired_at_once: number;
  forfeited_at_once: number;
  revoked_at_once: number;
}

/** The ledger's newest count of packs that refunds withdraw from the add-on. */
export interface Withdrawal {
  /** Packs of all purchases that are refunded in whole, those that had joined the add-on. */
  packs: AddOnItem[];
  /** The number of this count: the highest is the newest. */
  nth: number;
}

/** whether a withdrawal changes anything. An ended subscription has no add-on. */
export const isNewer = (state: State, { nth }: Withdrawal): boolean =>
  state.status !== 'ended' && nth > (state.withdrawn?.nth ?? 0);

/**
 * lowers the add-on by the packs of a purchase that is refunded in whole. When a dispute is won, the packs lowered for it
 * return. The highest `nth` wins, so messages may come in any order and number. Books nothing.
 */
export function withdraw(state: State, withdrawal: Withdrawal, booked: Instant, catalog: Catalog): Decision {
  const d = draft(state, booked, catalog);
  if (!isNewer(state, withdrawal)) return d;
  const { packs, nth } = withdrawal;
  const known = state.withdrawn ?? { packs: [], lowered: [], nth: 0 };
  let { lowered } = known;
  d.state.now = Math.max(state.now, booked);
  for (const pack of new Set([...packs, ...known.packs].map((item) => item.pack))) {
    const change = quantityOf(packs, pack) - quantityOf(known.packs, pack);
    const before = quantityOf(lowered, pack);
    const after =
      change > 0 ? before + Math.min(change, quantityOf(d.state.addOn, pack)) : Math.max(0, before + change);
    lowered = changedBy(lowered, pack, after - before);
    if (after !== before) d.state.addOn = changedBy(d.state.addOn, pack, before - after);
  }
  d.state.withdrawn = { packs, lowered, nth };
  return d;
}

/** The add-on was set anew or removed: packs that refunds lowered no longer return to it. */
export function forgetLowered(d: Draft): void {
  if (d.state.withdrawn) d.state.withdrawn = { ...d.state.withdrawn, lowered: [] };
}
