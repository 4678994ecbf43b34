import type { Instant } from '../../domain/calendar.ts';
import { type Catalog, packOf, packsOn } from '../../domain/catalog/catalog.ts';
import { covering, type Offer, offerFor } from '../../domain/catalog/offers.ts';
import { joinsAddOn } from '../../domain/catalog/packs.ts';
import type { State } from '../../domain/state.ts';

// The purchases that cover a shortfall, as a 402 and a quote name them (R-61, R-32a). Reads nothing.

/** An offer, and whether its packs renew with the plan (R-30a). */
type OfferView = Offer & { renews: boolean };

const viewOf = (state: State, catalog: Catalog, offer: Offer): OfferView => ({
  ...offer,
  renews: joinsAddOn(state, catalog, packOf(catalog, offer.pack)!),
});

/** The cheapest purchase in `offer`, and those of other packs in `other_offers`; where none is possible, `contact` has the reason. */
export function offersFor(
  state: State,
  catalog: Catalog,
  shortfall: number,
  at: Instant,
): { offer: OfferView | null; other_offers: OfferView[]; contact?: string } {
  const best = offerFor(state, catalog, shortfall, at);
  if (best.offer === null) return { ...best, other_offers: [] };
  const sold = packsOn(catalog, state.plan, state.interval);
  const [, ...others] = covering(sold, shortfall, catalog.policies.packs_per_purchase);
  return {
    offer: viewOf(state, catalog, best.offer),
    other_offers: others.flatMap(({ pack }) => {
      // The same offer, where this pack alone is sold.
      const { offer } = offerFor(state, { ...catalog, packs: [pack] }, shortfall, at);
      return offer ? [viewOf(state, catalog, offer)] : [];
    }),
  };
}
