import { cycleAt, type Instant, iso, RENEWAL_EVERY, renewalAfter, renewalOf } from './calendar.ts';
import { type Catalog, findPack } from './catalog.ts';
import { buyingRefusal } from './eligibility.ts';
import type { State } from './state.ts';
import { allowanceOf, boundaryOf, packExpiry } from './subscription.ts';

/** the next allowance that comes without a request, with its instant; null when none comes. */
export function nextRefresh(state: State, catalog: Catalog): { at: Instant; credits: number } | null {
  if (state.status !== 'active') return null;
  const next = state.cycle + 1;
  const isPaidFor = renewalOf(next, state.interval) === state.paidRenewal;
  const k = isPaidFor ? next : renewalAfter(state.cycle, state.interval);
  const at = boundaryOf(state, k);
  if (at === null) return null;
  if (state.scheduled?.kind === 'cancel' && state.scheduled.at <= at) return null;
  const isRenewal = k % RENEWAL_EVERY[state.interval] === 0;
  const { plan, interval } = isRenewal && state.scheduled?.kind === 'plan' ? state.scheduled : state;
  const credits = allowanceOf(state, catalog, plan, interval);
  return credits > 0 ? { at, credits } : null;
}

/** the packs that would cover a shortfall. `expires_at` is in RFC 3339. */
export interface Offer {
  packs: number;
  credits: number;
  price: { amount_minor: number; currency: string };
  expires_at: string;
}

/** the packs that cover a shortfall; or, in `contact`, the reason why this subscription can't buy them. */
export function offerFor(
  state: State,
  catalog: Catalog,
  shortfall: number,
  at: Instant,
): { offer: Offer; contact?: never } | { offer: null; contact: string } {
  const refusal = buyingRefusal(state, state.interval);
  if (refusal) return { offer: null, contact: refusal.code };
  const pack = findPack(catalog, state.interval);
  if (!pack || state.anchorAt === null) return { offer: null, contact: 'pack_not_offered' };
  const packs = Math.ceil(shortfall / pack.credits);
  if (packs > catalog.policies.packsPerPurchase) return { offer: null, contact: 'pack_limit' };
  const expiresAt = packExpiry(state, catalog, cycleAt(state.anchorAt, state.timeZone, at));
  const price = { amount_minor: packs * pack.price_minor, currency: catalog.currency };
  return { offer: { packs, credits: packs * pack.credits, price, expires_at: iso(expiresAt) } };
}
