import type { Deps } from '../../api/deps.ts';
import { openHolds } from '../../db/reads.ts';
import { grantsSince, type LedgerGrant } from '../../db/wallet/reads.ts';
import { goneAt } from '../../domain/burndown.ts';
import { type Instant, NEVER } from '../../domain/calendar.ts';
import { isContract, packOf, packsOn } from '../../domain/catalog/catalog.ts';
import { arrivalExpiry, covering, nextRefresh } from '../../domain/catalog/offers.ts';
import { joinsAddOn } from '../../domain/catalog/packs.ts';
import { nextRenewal } from '../../domain/charges.ts';
import { buyingRefusal } from '../../domain/eligibility.ts';
import { balance } from '../../domain/model/book.ts';
import { endsAt, nextRenewalAt } from '../../domain/subscription.ts';
import { forecast, type OpenHold } from '../../domain/timeline.ts';
import type { AddOnsView } from './add-ons.tsx';
import { usable } from './overview-view.ts';
import type { PackOffer } from './packs.tsx';
import type { Shortage } from './prompt.tsx';
import type { Visit } from './visit.ts';

// Packs that can be bought, and shortages that they cover.

/** R-32a: the packs that can be bought now; none where the subscription can't buy any. */
function offersOf({ row: { state }, frame: { now }, catalog }: Visit): PackOffer[] {
  const renewal = nextRenewalAt(state);
  if (renewal === null || buyingRefusal(state, catalog)) return [];
  return packsOn(catalog, state.plan, state.interval).map((pack) => ({
    id: pack.id,
    name: pack.name,
    credits: pack.credits,
    priceMinor: pack.price,
    currency: catalog.currency,
    most: catalog.policies.packs_per_purchase,
    term: pack.term,
    expiresAt: orNull(arrivalExpiry(state, pack, now)),
    renewsAt: joinsAddOn(state, catalog, pack) ? renewal : null,
  }));
}

/** an expiry; null where there is none but the end of the subscription. */
const orNull = (at: Instant): Instant | null => (at < NEVER ? at : null);

/** The data of /wallet/add-ons. */
export async function addOnsView(deps: Deps, visit: Visit): Promise<AddOnsView> {
  const { row, frame, catalog } = visit;
  const { state } = row;
  const ends = endsAt(state);
  const open = usable(await grantsSince(deps.db, state.id, frame.now), row, frame.now);
  const packs = open.filter(({ kind, remaining }) => kind === 'pack' && remaining > 0);
  return {
    ...frame,
    offers: offersOf(visit),
    refusal: buyingRefusal(state, catalog)?.code ?? null,
    contact: frame.words.contact(state.plan),
    isContract: isContract(catalog, state.plan),
    addOn: state.addOn.map(({ pack: id, quantity }) => {
      const { name = id, credits = 0, price = 0 } = packOf(catalog, id) ?? {};
      return { pack: id, name, quantity, credits: quantity * credits, priceMinor: quantity * price };
    }),
    isNamed: state.addOn.length > 1 || packsOn(catalog, state.plan, state.interval).length > 1,
    currency: catalog.currency,
    renewsAt: nextRenewal(state, catalog)?.at ?? null,
    delivered:
      packs.length === 0
        ? null
        : {
            credits: packs.reduce((sum, { remaining }) => sum + remaining, 0),
            until: lastOf(packs.map((pack) => goneAt(pack, ends))),
          },
  };
}

/** The last of some ends; null where one of them is not known. */
const lastOf = (ends: readonly (Instant | null)[]): Instant | null =>
  orNull(Math.max(...ends.map((at) => at ?? NEVER)));

/** The available and held credits. */
interface Funds {
  available: number;
  held: number;
  /** The grants behind them. */
  grants: LedgerGrant[];
  holds: OpenHold[];
}

/** Reads the credits of a subscription. */
export async function fundsOf(deps: Deps, { row, frame }: Pick<Visit, 'row' | 'frame'>): Promise<Funds> {
  const [grants, holds] = await Promise.all([
    grantsSince(deps.db, row.state.id, frame.now),
    openHolds(deps.db, row.state.id),
  ]);
  return {
    grants,
    holds,
    available: usable(grants, row, frame.now).reduce((sum, { remaining }) => sum + remaining, 0),
    held: grants.reduce((sum, { held }) => sum + held, 0),
  };
}

/** The missing credits, and the packs that cover them, the cheapest first (R-61, R-32a). */
export function shortageOf(visit: Visit, funds: Funds, needed: number): Shortage {
  const { available, held } = funds;
  const { row, frame, catalog } = visit;
  const { state } = row;
  const offers = offersOf(visit);
  const sold = packsOn(catalog, state.plan, state.interval);
  const ways = covering(sold, Math.max(0, needed - available), catalog.policies.packs_per_purchase);
  return {
    format: frame.format,
    words: frame.words,
    now: frame.now,
    needed,
    available,
    held,
    ways: ways.flatMap(({ pack, quantity: packs }) => {
      const offer = offers.find(({ id }) => id === pack.id);
      return offer ? [{ offer, packs }] : [];
    }),
    isSold: offers.length > 0,
    refusal: buyingRefusal(state, catalog)?.code ?? null,
    contact: frame.words.contact(state.plan),
    refresh: coveringRefresh(visit, funds, needed),
  };
}

/** The next allowance, where it and the credits that last until then cover the need. */
function coveringRefresh({ row: { state }, catalog }: Visit, { grants, holds }: Funds, needed: number) {
  const refresh = nextRefresh(state, catalog);
  if (refresh === null) return null;
  const { life } = forecast(state, grants, catalog, { until: refresh.at, holds });
  return balance(life.book, refresh.at).available >= needed ? refresh : null;
}
