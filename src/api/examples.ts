import { type Catalog, type Feature, type PlanAt, planOf, plansAt } from '../domain/catalog/catalog.ts';
import { type Item, price } from '../domain/catalog/rates.ts';

// The plan and the use that a newcomer's first commands name, derived from the catalogue in force.

/** credits a cycle for a contract, whose allowance an operator sets. */
const CONTRACT_ALLOWANCE = 1_000;
/** The share of the allowance that a first use takes at most. */
const FIRST_USE = 0.15;
const MOST_UNITS = 1_000_000_000;

/** A plan with its credits a cycle, and whether it begins with a trial. */
type TriedPlan = PlanAt & { allowance: number; hasTrial: boolean };

/** The plan to try: the cheapest one that costs something, by the month if there is one; else a free one, else a contract. */
export function triedPlan(catalog: Catalog): TriedPlan {
  const rank = ({ price_minor, interval }: PlanAt): number => {
    if (price_minor === null) return 3;
    if (price_minor === 0) return 2;
    return interval === 'month' ? 0 : 1;
  };
  const [first] = plansAt(catalog).sort(
    (a, b) => rank(a) - rank(b) || (a.price_minor ?? 0) - (b.price_minor ?? 0),
  );
  const hasTrial = planOf(catalog, first!.id)!.trial !== null;
  return { ...first!, allowance: first!.allowance ?? CONTRACT_ALLOWANCE, hasTrial };
}

/** The members of a start's body that name a plan, with an allowance where the plan sets none, and without a trial. */
export function startOf({ id: plan, interval, price_minor, allowance, hasTrial }: TriedPlan) {
  return {
    plan,
    interval,
    ...(price_minor === null ? { allowance } : {}),
    ...(hasTrial ? { trial: false } : {}),
  };
}

/** An item of the feature that costs at most `credits`, unless its smallest quantity costs more. */
export function useOf({ id: feature, credits: each, per }: Feature, credits: number): Item {
  if (each === null || per === null) return { feature, quantity: 1, credits: Math.max(1, credits) };
  const affordable = Math.floor((credits * per) / Math.max(1, each));
  return { feature, quantity: Math.min(Math.max(1, affordable), MOST_UNITS) };
}

/** An item that the allowance covers: of the first feature with a cost, else the cheapest. */
export function firstUse(catalog: Catalog, allowance: number): Item {
  const uses = catalog.features
    .map((feature) => useOf(feature, Math.ceil(allowance * FIRST_USE)))
    .map((item) => ({ item, credits: price(catalog, [item]).credits }));
  const covered = uses.find(({ credits }) => credits > 0 && credits <= allowance);
  return (covered ?? uses.sort((a, b) => a.credits - b.credits)[0]!).item;
}
