import type { Interval } from '../domain/calendar.ts';
import { type Catalog, type Feature, type Pack, type Plan, packsOn } from '../domain/catalog/catalog.ts';
import { DEFAULT_CATALOG, ITEM, SECOND } from '../domain/catalog/default.ts';
import type { AddOnItem, Charge, ChargeLine, State } from '../domain/state.ts';
import { isTopUpCharge } from '../domain/top-up.ts';

// Values of workflows that began before packs had ids, read as today's. The migration 0001 does the same to the ledger's rows.
// And runs that began before their timer went on over commands.

/** Whether a run has to replay with a timer of its own for each rest. Its next hand-over ends that. */
export const isOlderRun = ({ keepsTimer }: { keepsTimer?: boolean }): boolean => !keepsTimer;

interface OlderCatalog {
  version: string;
  currency: string;
  plans: { id: string; interval: Interval; price_minor: number | null; allowance: number | null }[];
  packs: { interval: Interval; credits: number; price_minor: number }[];
  rates: { feature: string; unit: 'second' | 'item'; credits: number | null; per: number | null }[];
  policies: {
    allowanceTerm: Catalog['policies']['allowance_term'];
    packTermDays: number;
    dunning: number[];
    pastDueSpending: 'allow' | 'block';
    packsPerPurchase: number;
  };
}

type OlderState = Omit<State, 'rulesVersion' | 'addOn' | 'addOnSetAt' | 'withdrawn'> & {
  rulesVersion: 1;
  packs: number;
  packsSetAt?: number;
  withdrawn?: { packs: number; lowered: number; nth: number };
};

const packId = (credits: number): string => `pack_${credits}`;
const sentence = (id: string): string =>
  id.replaceAll('_', ' ').replace(/\b[a-z]/g, (letter) => letter.toUpperCase());

/** A catalogue as it is read today. */
export function catalogNow(content: Catalog | OlderCatalog): Catalog {
  if (!('rates' in content)) return content;
  const { version, currency, policies } = content;
  return {
    version,
    currency,
    brand: DEFAULT_CATALOG.brand,
    plans: [...new Set(content.plans.map(({ id }) => id))].map((id) => planNow(content, id)),
    packs: content.packs.map(
      ({ interval, credits, price_minor: price }): Pack => ({
        ...{ id: packId(credits), name: 'Premium Credit Pack', on: [interval], credits, price },
        ...{ renews: true, term: { days_after_renewal: policies.packTermDays } },
      }),
    ),
    features: content.rates.map(
      ({ feature: id, unit, credits, per }): Feature => ({
        ...{ id, name: sentence(id), unit: unit === 'second' ? SECOND : ITEM, credits, per },
      }),
    ),
    policies: {
      allowance_term: policies.allowanceTerm,
      dunning_days: policies.dunning,
      past_due_spending: policies.pastDueSpending,
      packs_per_purchase: policies.packsPerPurchase,
      existing_prices: 'reprice',
    },
  };
}

function planNow({ plans }: OlderCatalog, id: string): Plan {
  const sold = plans.filter((plan) => plan.id === id);
  const priced = sold.flatMap(({ interval, price_minor }) =>
    price_minor === null ? [] : [[interval, price_minor] as const],
  );
  return {
    ...{ id, name: sentence(id), contract: priced.length === 0, prices: Object.fromEntries(priced) },
    ...{ credits: sold[0]!.allowance, trial: null, packs: null, contact: null },
  };
}

/** A state as it is written today. Each interval had one pack. */
export function stateNow(state: State | OlderState, catalog: Catalog): State {
  if (state.rulesVersion === 2) return state;
  const { packs, packsSetAt, withdrawn, topUp, unpaid, waiting, ...same } = state;
  const pack = packsOn(catalog, state.plan, state.interval)[0]?.id ?? 'pack';
  const items = (quantity: number): AddOnItem[] => (quantity > 0 ? [{ pack, quantity }] : []);
  return {
    ...same,
    rulesVersion: 2,
    addOn: items(packs),
    unpaid: unpaid && { ...unpaid, charge: chargeNow(unpaid.charge) },
    waiting: waiting.map(({ charge }) => ({ charge: chargeNow(charge) })),
    ...(packsSetAt === undefined ? {} : { addOnSetAt: packsSetAt }),
    ...(topUp ? { topUp: { ...topUp, wish: topUp.wish && { ...topUp.wish, pack } } } : {}),
    ...(withdrawn
      ? { withdrawn: { ...withdrawn, packs: items(withdrawn.packs), lowered: items(withdrawn.lowered) } }
      : {}),
  };
}

/** The packs that refunds withdrew: once a number, of the only pack that a plan had. */
export function withdrawnNow(packs: number | AddOnItem[], { addOn, withdrawn }: State): AddOnItem[] {
  if (typeof packs !== 'number') return packs;
  const pack = (addOn[0] ?? withdrawn?.packs[0] ?? withdrawn?.lowered[0])?.pack ?? 'pack';
  return packs > 0 ? [{ pack, quantity: packs }] : [];
}

function chargeNow(charge: Charge): Charge {
  const { packs, packCredits } = charge.buys;
  const isSold = (charge.kind === 'purchase' || charge.kind === 'renewal') && packs > 0;
  const credits = packCredits / packs;
  const bought = { pack: packId(credits), quantity: packs, credits, renews: !isTopUpCharge(charge.id) };
  const items = isSold ? [{ ...bought, term: { days_after_renewal: 90 } }] : [];
  return { ...charge, lines: charge.lines.map(lineNow), buys: { ...charge.buys, items } };
}

function lineNow(line: ChargeLine): ChargeLine {
  const pack = /^pack of (\d+)/.exec(line.description);
  if (pack) return { ...line, pack: packId(Number(pack[1])) };
  const [, plan, word] = /^(\w+) (monthly|annual) plan$/.exec(line.description) ?? [];
  return plan ? { ...line, plan, interval: word === 'annual' ? 'year' : 'month' } : line;
}
