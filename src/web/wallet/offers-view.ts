import type { Deps } from '../../api/deps.ts';
import { openHolds } from '../../db/reads.ts';
import { grantsSince, type LedgerGrant } from '../../db/wallet/reads.ts';
import { goneAt } from '../../domain/burndown.ts';
import { type Instant, NEVER } from '../../domain/calendar.ts';
import { packsOn } from '../../domain/catalog/catalog.ts';
import { arrivalExpiry, nextRefresh } from '../../domain/catalog/offers.ts';
import { buyingRefusal } from '../../domain/eligibility.ts';
import { balance } from '../../domain/model/book.ts';
import { endsAt, nextRenewalAt } from '../../domain/subscription.ts';
import { forecast, type OpenHold } from '../../domain/timeline.ts';
import type { AddOnsView, PackOffer } from './add-ons.tsx';
import { usable } from './overview-view.ts';
import type { Shortage } from './prompt.tsx';
import type { Visit } from './visit.ts';

// Packs that can be bought, and shortages that they cover.

/** The pack of this interval, or null while it can't be bought. */
function offerOf({ row: { state }, frame: { now }, catalog }: Visit): PackOffer | null {
  const [pack] = packsOn(catalog, state.plan, state.interval);
  const renewsAt = nextRenewalAt(state);
  if (!pack || renewsAt === null || state.anchorAt === null || buyingRefusal(state, catalog)) return null;
  return {
    credits: pack.credits,
    priceMinor: pack.price,
    currency: catalog.currency,
    most: catalog.policies.packs_per_purchase,
    expiresAt: arrivalExpiry(state, pack, now),
    renewsAt,
  };
}

/** The data of /wallet/add-ons. */
export async function addOnsView(deps: Deps, visit: Visit): Promise<AddOnsView> {
  const { row, frame } = visit;
  const ends = endsAt(row.state);
  const open = usable(await grantsSince(deps.db, row.state.id, frame.now), row, frame.now);
  const packs = open.filter(({ kind, remaining }) => kind === 'pack' && remaining > 0);
  return {
    ...frame,
    offer: offerOf(visit),
    refusal: buyingRefusal(row.state, visit.catalog)?.code ?? null,
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
const lastOf = (ends: readonly (Instant | null)[]): Instant | null => {
  const last = Math.max(...ends.map((at) => at ?? NEVER));
  return last < NEVER ? last : null;
};

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

/** The missing credits, and the packs that cover them. */
export function shortageOf(visit: Visit, funds: Funds, needed: number): Shortage {
  const { available, held } = funds;
  const { row, frame } = visit;
  const { state } = row;
  const offer = offerOf(visit);
  const packs = offer ? Math.ceil(Math.max(0, needed - available) / offer.credits) : 0;
  return {
    format: frame.format,
    now: frame.now,
    needed,
    available,
    held,
    offer,
    packs: offer && packs <= offer.most ? packs : 0,
    refusal: buyingRefusal(state, visit.catalog)?.code ?? null,
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
