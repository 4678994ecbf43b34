import { addDays, type Instant, type Interval, NEVER, renewalAfter } from '../calendar.ts';
import { invalid, Refusal } from '../errors.ts';
import type { AddOnItem, BoughtPack, State } from '../state.ts';
import { boundaryOf, priceOf } from '../subscription.ts';
import { type Catalog, type Pack, packOf, packsOn } from './catalog.ts';

// Packs of a catalogue and of an add-on (R-30a, R-31a, R-32a, R-34).

/** The packs of an add-on in all. */
export const packsIn = (items: readonly AddOnItem[]): number =>
  items.reduce((sum, { quantity }) => sum + quantity, 0);

/** The packs of an add-on by id. */
export const quantityOf = (items: readonly AddOnItem[], pack: string): number =>
  items.find((item) => item.pack === pack)?.quantity ?? 0;

/** An add-on with `change` packs more of one id, never below 0; a new id comes last. */
export function changedBy(items: readonly AddOnItem[], pack: string, change: number): AddOnItem[] {
  const known = items.some((item) => item.pack === pack);
  const all = known ? items : [...items, { pack, quantity: 0 }];
  return all
    .map((item) => (item.pack === pack ? { pack, quantity: Math.max(0, item.quantity + change) } : item))
    .filter(({ quantity }) => quantity > 0);
}

/**
 * R-34: the packs of these that renew on a plan. R-17, R-08a: nothing renews on a plan that is free for the subscription, since
 * its renewals ask for no money.
 */
export function renewingOn(
  state: State,
  catalog: Catalog,
  { plan, interval }: { plan: string; interval: Interval },
  items: readonly AddOnItem[] = state.addOn,
): AddOnItem[] {
  if (priceOf(state, catalog, plan, interval) === 0) return [];
  const sold = packsOn(catalog, plan, interval);
  return items.filter(({ pack }) => sold.some(({ id }) => id === pack));
}

/** R-30a: whether a pack joins the add-on where it is bought. R-17, R-08a: on a plan that is free for the subscription none does. */
export const joinsAddOn = (state: State, catalog: Catalog, { renews }: Pack): boolean =>
  renews && priceOf(state, catalog) !== 0;

/**
 * R-07: packs as a charge keeps them, with the values in force when it is asked for. `renews` is whether they join the
 * add-on; R-39a: `isStanding` is false where nobody asked for a standing order.
 */
export function boughtPack(
  state: State,
  catalog: Catalog,
  { pack: id, quantity }: AddOnItem,
  isStanding: boolean,
): BoughtPack {
  const pack = packOf(catalog, id);
  if (!pack) throw new Error(`the catalogue in force lacks the pack ${id}: a broken invariant`);
  const { credits, term } = pack;
  const renews = isStanding && joinsAddOn(state, catalog, pack);
  return { pack: id, quantity, credits, renews, term };
}

/**
 * R-32a: the pack that a request is about: the one it names, else the only one sold on the plan. Throws `invalid_request` for
 * an unknown name and where one must be named, and `pack_not_offered`.
 */
export function chosenPack(state: State, catalog: Catalog, named: string | null): Pack {
  const { plan, interval } = state;
  const sold = packsOn(catalog, plan, interval);
  const ids = sold.map(({ id }) => id).join(', ');
  if (named === null && sold.length > 1)
    throw invalid({ pointer: '/pack', detail: `is required where several packs are sold: one of ${ids}` });
  const pack = named === null ? sold[0] : sold.find(({ id }) => id === named);
  if (pack) return pack;
  if (named !== null && !packOf(catalog, named))
    throw invalid({ pointer: '/pack', detail: `is not in the catalogue${ids && `: this plan has ${ids}`}` });
  throw new Refusal(
    'pack_not_offered',
    ids === ''
      ? `The catalogue has no pack for the ${plan} plan paid by the ${interval}.`
      : `The ${plan} plan paid by the ${interval} takes only ${ids}.`,
  );
}

/** R-31, R-31a: the fixed expiry of a pack's credits that arrive at an instant of a cycle. */
export function packExpiry(state: State, { term }: Pick<Pack, 'term'>, at: Instant, cycle: number): Instant {
  if (term === 'subscription') return NEVER;
  if ('days' in term) return addDays(at, state.timeZone, term.days);
  const renewal = boundaryOf(state, renewalAfter(cycle, state.interval))!;
  return addDays(renewal, state.timeZone, term.days_after_renewal);
}
