import { INTERVALS, type Interval } from '../calendar.ts';

/** The most credits of one cycle and the most cents of one price: sums of them stay far below 2^53-1. */
export const MOST = 1_000_000_000_000;

/** a plan. Prices are in the currency's minor unit. */
export interface Plan {
  id: string;
  name: string;
  /** paid by contract: no price, no charge, credits set by an operator for each subscription. */
  contract: boolean;
  /** the price for each interval that the plan is sold by. R-17: 0 is never charged. Empty for a contract. */
  prices: Partial<Record<Interval, number>>;
  /** Credits a cycle. null for a contract. */
  credits: number | null;
  /** the days before the first charge, and their credits. */
  trial: { days: number; credits: number } | null;
  /** the packs sold on it. null: all of its interval, and none on a plan of price 0. */
  packs: string[] | null;
  /** The page or address at which a person asks for it. */
  contact: string | null;
}

/** A plan at one interval. */
export interface PlanAt {
  id: string;
  name: string;
  interval: Interval;
  /** null: paid by contract, no charge is made here. */
  price_minor: number | null;
  /** Credits a cycle. null: an operator sets them for each subscription. */
  allowance: number | null;
}

/** R-31a: the end of a pack's credits: days after the next renewal, days after their arrival, or with the subscription. */
export type PackTerm = { days_after_renewal: number } | { days: number } | 'subscription';

/** R-03, R-32a: a pack of credits. `price` is in the currency's minor unit. */
export interface Pack {
  id: string;
  name: string;
  /** The intervals of the plans on which it is sold. */
  on: Interval[];
  credits: number;
  price: number;
  /** R-30a: whether it joins the add-on and renews with the plan. */
  renews: boolean;
  term: PackTerm;
}

/** The unit that a feature's quantity counts. */
export interface Unit {
  /** One of it, and several. */
  one: string;
  many: string;
  /** A number of them that a person would buy at once: rates and examples name it. */
  natural: number;
  /** Decimal places of a quantity: 0 or 3. */
  decimals: 0 | 3;
}

/** `credits` for every `per` units. Both are null where the caller states the credits of the line. */
export interface Feature {
  id: string;
  name: string;
  unit: Unit;
  credits: number | null;
  per: number | null;
}

/** The choices that the rules leave to an operator. */
export interface Policies {
  /** how long an allowance lives. */
  allowance_term: { days: number } | 'until_next_refresh';
  /** days after the boundary at which an unpaid renewal is tried again, rising. */
  dunning_days: number[];
  /** whether credits stay usable while a renewal is unpaid. */
  past_due_spending: 'allow' | 'block';
  /** the most packs of one purchase. */
  packs_per_purchase: number;
  /** R-08a: whether a new catalogue's price reaches subscriptions that began before it. */
  existing_prices: 'reprice' | 'keep';
}

/** The words and looks of the product on every page that a customer sees. */
export interface Brand {
  product: string;
  /** One credit, and several. */
  credit: [string, string];
  /** One pack, and several. */
  pack: [string, string];
  logo_url: string | null;
  /** The colour of links and buttons, #rrggbb; null: the built-in one. */
  accent: string | null;
  home_url: string | null;
  support_url: string | null;
}

/** Plans, packs, features and policies, with a version. Every member is there: the reader fills in the defaults. */
export interface Catalog {
  /** The permanent name of this content: other content needs another version. */
  version: string;
  currency: string;
  brand: Brand;
  plans: Plan[];
  packs: Pack[];
  features: Feature[];
  policies: Policies;
}

/** The plan with this id, or undefined. */
export const planOf = (catalog: Catalog, id: string): Plan | undefined =>
  catalog.plans.find((plan) => plan.id === id);

/** The plan of a catalogue at one interval, or undefined where it is not sold by that. A contract runs by any interval. */
export function findPlan(catalog: Catalog, id: string, interval: Interval): PlanAt | undefined {
  const plan = planOf(catalog, id);
  if (!plan) return undefined;
  const price = plan.contract ? null : plan.prices[interval];
  if (price === undefined) return undefined;
  return { id, name: plan.name, interval, price_minor: price, allowance: plan.credits };
}

/** Each plan at each of its intervals, in the order of the catalogue; a contract by the month and by the year. */
export function plansAt(catalog: Catalog): PlanAt[] {
  return catalog.plans.flatMap((plan) =>
    INTERVALS.filter((interval) => !plan.contract || interval === 'month' || interval === 'year').flatMap(
      (interval) => findPlan(catalog, plan.id, interval) ?? [],
    ),
  );
}

/** A plan's name; its id where the catalogue has no such plan. */
export const planName = (catalog: Catalog, id: string): string => planOf(catalog, id)?.name ?? id;

/** whether a plan is paid by contract. */
export const isContract = (catalog: Catalog, id: string): boolean => planOf(catalog, id)?.contract ?? false;

/** whether a plan costs nothing at an interval. */
export const isFree = (catalog: Catalog, id: string, interval: Interval): boolean =>
  findPlan(catalog, id, interval)?.price_minor === 0;

/** The pack with this id, or undefined. */
export const packOf = (catalog: Catalog, id: string): Pack | undefined =>
  catalog.packs.find((pack) => pack.id === id);

/** the packs sold on a plan of this interval, in the order of the catalogue. R-17: a free plan names its own. */
export function packsOn(catalog: Catalog, planId: string, interval: Interval): Pack[] {
  const plan = planOf(catalog, planId);
  if (!plan || plan.contract) return [];
  const named = plan.packs ?? (plan.prices[interval] === 0 ? [] : catalog.packs.map(({ id }) => id));
  return catalog.packs.filter((pack) => pack.on.includes(interval) && named.includes(pack.id));
}

/** The feature with this id, or undefined. */
export const featureOf = (catalog: Catalog, id: string): Feature | undefined =>
  catalog.features.find((feature) => feature.id === id);
