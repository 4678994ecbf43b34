import { addDays, cycleUnit, type Instant } from './calendar.ts';
import type { Catalog } from './catalog/catalog.ts';
import { nextRenewal } from './charges.ts';
import type { State } from './state.ts';

// Notices of money to come. The ledger emits each at its instant (src/db/functions/notices.sql), so that no workflow wakes.

/** A notice that becomes due at an instant, so many days before the event that it announces. */
export type MoneyNotice =
  /** the trial ends at `endsAt`; `willCharge` is false without a payment method or a price. */
  | { kind: 'trial_ending'; at: Instant; days: number; endsAt: Instant; willCharge: boolean }
  /** R-08a: the renewal at `renewalAt`, if it then costs another amount than these prices. */
  | { kind: 'price_changing'; at: Instant; days: number; renewalAt: Instant; last: LastPrices };

/** The prices of the last term, in minor units; `packs` are those of the add-on. */
export interface LastPrices {
  plan: string;
  interval: string;
  planMinor: number;
  /** The price in force is charged, though the catalogue keeps prices. */
  isRepriced: boolean;
  packs: { pack: string; quantity: number; priceMinor: number }[];
}

const TRIAL_DAYS = [3, 1];
const PRICE_DAYS = { week: [3], month: [30, 7] } as const;

/** The notices of the next renewal, those of the past too: the ledger leaves out what was due before. */
export function noticesOf(state: State, catalog: Catalog): MoneyNotice[] {
  const renewal = nextRenewal(state, catalog);
  const isTrial = state.status === 'trialing' && state.scheduled?.kind !== 'cancel';
  const at = isTrial ? state.anchorAt : (renewal?.at ?? null);
  if (at === null) return [];
  const before = (days: number) => addDays(at, state.timeZone, -days);
  if (isTrial)
    return TRIAL_DAYS.map((days) => ({
      ...{ kind: 'trial_ending', at: before(days), days, endsAt: at },
      // without a payment method it ends, so that no renewal comes.
      willCharge: renewal !== null && renewal.charge !== null,
    }));
  const last = lastPrices(state);
  // A change that the customer asked for is no change of price.
  if (last === null || state.scheduled?.kind === 'plan') return [];
  return PRICE_DAYS[cycleUnit(state.interval)].map((days) => ({
    ...{ kind: 'price_changing', at: before(days), days, renewalAt: at, last },
  }));
}

/** null where a price is not known: of a subscription that moved in, or of packs that it bought before its first term here. */
function lastPrices({ plan, interval, kept, addOn }: State): LastPrices | null {
  if (!kept || addOn.some(({ pack }) => kept.packs?.[pack] === undefined)) return null;
  const packs = addOn.map(({ pack, quantity }) => ({ pack, quantity, priceMinor: kept.packs![pack]! }));
  return { plan, interval, planMinor: kept.priceMinor, isRepriced: kept.isRepriced ?? false, packs };
}
