import { goneAt } from '../burndown.ts';
import { cycleAt, cycleUnit, type Instant, isoOrNull, RENEWAL_EVERY, renewalAfter } from '../calendar.ts';
import { endsUnpaid } from '../charges.ts';
import { buyingRefusal } from '../eligibility.ts';
import type { State } from '../state.ts';
import { allowanceOf, boundaryOf, isOfPaidTerm, isRunning } from '../subscription.ts';
import { type Catalog, type Pack, packsOn } from './catalog.ts';
import { packExpiry } from './packs.ts';

/** the next allowance that comes without a request, with its instant; null when none comes. */
export function nextRefresh(state: State, catalog: Catalog): { at: Instant; credits: number } | null {
  if (!isRunning(state)) return null;
  const next = state.cycle + 1;
  const isPaidFor = state.status === 'active' && isOfPaidTerm(state, next);
  const k = isPaidFor ? next : renewalAfter(state.cycle, state.interval);
  const at = boundaryOf(state, k);
  if (at === null) return null;
  if (state.scheduled?.kind === 'cancel' && state.scheduled.at <= at) return null;
  const isRenewal = k % RENEWAL_EVERY[state.interval] === 0;
  if (isRenewal && endsUnpaid(state, catalog)) return null;
  const { plan, interval } = isRenewal && state.scheduled?.kind === 'plan' ? state.scheduled : state;
  const credits = allowanceOf(state, catalog, plan, interval);
  return credits > 0 ? { at, credits } : null;
}

/** the packs that would cover a shortfall. `expires_at` is in RFC 3339; null: with the subscription (R-31a). */
export interface Offer {
  /** R-32a: the pack's id and name. */
  pack: string;
  name: string;
  packs: number;
  credits: number;
  price: { amount_minor: number; currency: string };
  expires_at: string | null;
}

/** R-32a: the packs that cover a shortfall in one purchase, the cheapest first: fewest cents, then credits, then packs. */
export function covering(
  sold: readonly Pack[],
  shortfall: number,
  most: number,
): { pack: Pack; quantity: number }[] {
  return sold
    .map((pack) => ({ pack, quantity: Math.max(1, Math.ceil(shortfall / pack.credits)) }))
    .filter(({ quantity }) => quantity <= most)
    .sort(
      (a, b) =>
        a.quantity * a.pack.price - b.quantity * b.pack.price ||
        a.quantity * a.pack.credits - b.quantity * b.pack.credits ||
        a.quantity - b.quantity,
    );
}

/** the packs that cover a shortfall; or, in `contact`, the reason why this subscription can't buy them. */
export function offerFor(
  state: State,
  catalog: Catalog,
  shortfall: number,
  at: Instant,
): { offer: Offer; contact?: never } | { offer: null; contact: string } {
  const refusal = buyingRefusal(state, catalog);
  if (refusal) return { offer: null, contact: refusal.code };
  const sold = packsOn(catalog, state.plan, state.interval);
  if (sold.length === 0 || state.anchorAt === null) return { offer: null, contact: 'pack_not_offered' };
  const [best] = covering(sold, shortfall, catalog.policies.packs_per_purchase);
  if (!best) return { offer: null, contact: 'pack_limit' };
  const { pack, quantity: packs } = best;
  const expiresAt = arrivalExpiry(state, pack, at);
  const price = { amount_minor: packs * pack.price, currency: catalog.currency };
  return {
    offer: {
      pack: pack.id,
      name: pack.name,
      packs,
      credits: packs * pack.credits,
      price,
      expires_at: isoOrNull(goneAt({ expiresAt }, null)),
    },
  };
}

/** R-31, R-31a: the expiry of a pack's credits if they came at an instant. The subscription must have an anchor before it. */
export function arrivalExpiry(state: State, pack: Pack, at: Instant): Instant {
  const cycle = cycleAt(state.anchorAt!, state.timeZone, at, cycleUnit(state.interval));
  return packExpiry(state, pack, at, Math.max(cycle, 0));
}
