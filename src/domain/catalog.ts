import type { Interval } from './calendar.ts';
import { type Fault, pointer as pointerTo } from './errors.ts';
import { storageFault } from './text.ts';

/** The most credits of one cycle and the most cents of one price: sums of them stay far below 2^53-1. */
export const MOST = 1_000_000_000_000;

/** The plans that a catalogue may hold. */
export const PLAN_IDS = ['creator', 'pro', 'business', 'enterprise'] as const;
/** One of `PLAN_IDS`. */
export type PlanId = (typeof PLAN_IDS)[number];

/** A plan at one interval. `price_minor` is in cents. */
export interface Plan {
  id: PlanId;
  interval: Interval;
  /** null: paid by contract, no charge is made here. */
  price_minor: number | null;
  /** Credits a cycle. null: an operator sets them for each subscription. */
  allowance: number | null;
}

/** the pack sold on plans of one interval. `price_minor` is in cents. */
export interface Pack {
  interval: Interval;
  credits: number;
  price_minor: number;
}

/** `credits` for every `per` units. Both are null where the caller states the credits of the line. */
export interface Rate {
  feature: string;
  unit: 'second' | 'item';
  credits: number | null;
  per: number | null;
}

/** The choices that the rules leave to an operator. */
export interface Policies {
  /** how long an allowance lives. */
  allowanceTerm: { days: number } | 'until_next_refresh';
  /** days that a pack lives after the next renewal. */
  packTermDays: number;
  /** days after the boundary at which an unpaid renewal is tried again, rising. */
  dunning: number[];
  /** whether credits stay usable while a renewal is unpaid. */
  pastDueSpending: 'allow' | 'block';
  /** the most packs of one purchase. */
  packsPerPurchase: number;
}

/** Plans, packs, rates and policies, with a version. */
export interface Catalog {
  /** The permanent name of this content: other content needs another version. */
  version: string;
  currency: string;
  plans: Plan[];
  packs: Pack[];
  rates: Rate[];
  policies: Policies;
}

/**
 * The built-in values. HeyGen's page states the prices of creator monthly and of the two packs.
 * Every other plan price is example data.
 */
export const DEFAULT_CATALOG: Catalog = {
  version: '2026-11-01',
  currency: 'USD',
  plans: [
    { id: 'creator', interval: 'month', price_minor: 2_900, allowance: 200 },
    { id: 'creator', interval: 'year', price_minor: 28_800, allowance: 200 },
    { id: 'business', interval: 'month', price_minor: 7_900, allowance: 1_000 },
    { id: 'business', interval: 'year', price_minor: 78_000, allowance: 1_000 },
    { id: 'pro', interval: 'month', price_minor: 9_900, allowance: 2_000 },
    { id: 'pro', interval: 'year', price_minor: 99_000, allowance: 2_000 },
    { id: 'enterprise', interval: 'month', price_minor: null, allowance: null },
    { id: 'enterprise', interval: 'year', price_minor: null, allowance: null },
  ],
  packs: [
    { interval: 'month', credits: 300, price_minor: 1_500 },
    { interval: 'year', credits: 3_600, price_minor: 15_000 },
  ],
  rates: [
    { feature: 'avatar_iv', unit: 'second', credits: 1, per: 3 },
    { feature: 'add_motion', unit: 'item', credits: 10, per: 1 },
    { feature: 'upscale_video', unit: 'item', credits: 10, per: 1 },
    { feature: 'generate_look', unit: 'item', credits: 1, per: 1 },
    { feature: 'ai_model_training', unit: 'item', credits: 20, per: 1 },
    { feature: 'video_translation', unit: 'second', credits: 5, per: 60 },
    { feature: 'video_translation_precision', unit: 'second', credits: 10, per: 60 },
    { feature: 'video_translation_audio', unit: 'second', credits: 0, per: 1 },
    { feature: 'image_asset', unit: 'item', credits: 2, per: 1 },
    { feature: 'video_asset', unit: 'item', credits: 15, per: 1 },
    { feature: 'video_agent', unit: 'item', credits: null, per: null },
    { feature: 'motion_designer_asset', unit: 'item', credits: 3, per: 1 },
  ],
  policies: {
    allowanceTerm: { days: 30 },
    packTermDays: 90,
    dunning: [1, 3, 5, 7],
    pastDueSpending: 'allow',
    packsPerPurchase: 100,
  },
};

/** The plan of a catalogue at one interval, or undefined: price and allowance depend on the interval. */
export function findPlan(catalog: Catalog, id: PlanId, interval: Interval): Plan | undefined {
  return catalog.plans.find((plan) => plan.id === id && plan.interval === interval);
}

/** the pack sold on plans of this interval, or undefined. */
export function findPack(catalog: Catalog, interval: Interval): Pack | undefined {
  return catalog.packs.find((pack) => pack.interval === interval);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isWhole = (value: unknown, min: number, max = MOST): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
const isText = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,64}$/.test(value);

/** A name that is safe in a URL, a table and a spreadsheet. */
const isFeature = (value: unknown): value is string =>
  typeof value === 'string' && /^[a-z0-9_]{1,64}$/.test(value);

/** Checks members one by one and collects a fault for each wrong one. */
class Checker {
  readonly faults: Fault[] = [];

  that(ok: boolean, pointer: string, detail: string): void {
    if (!ok) this.faults.push({ pointer, detail });
  }

  members(value: unknown, pointer: string, names: readonly string[]): Record<string, unknown> {
    if (!isObject(value)) {
      this.that(false, pointer, `must be an object with ${names.join(', ')}`);
      return {};
    }
    for (const name of Object.keys(value))
      this.that(names.includes(name), pointer + pointerTo([name]), 'is not a member of a catalogue');
    return value;
  }

  list(value: unknown, pointer: string): unknown[] {
    this.that(Array.isArray(value) && value.length > 0, pointer, 'must be a list with at least one element');
    return Array.isArray(value) ? value : [];
  }

  unique(keys: string[], pointer: string, what: string): void {
    this.that(new Set(keys).size === keys.length, pointer, `names a ${what} twice`);
  }
}

function checkPlans(check: Checker, value: unknown): void {
  const keys = check.list(value, '/plans').map((element, i) => {
    const at = `/plans/${i}`;
    const plan = check.members(element, at, ['id', 'interval', 'price_minor', 'allowance']);
    const contract = plan['id'] === 'enterprise';
    check.that(PLAN_IDS.includes(plan['id'] as PlanId), `${at}/id`, `must be one of ${PLAN_IDS.join(', ')}`);
    checkInterval(check, plan['interval'], `${at}/interval`);
    check.that(
      contract ? plan['price_minor'] === null : isWhole(plan['price_minor'], 1),
      `${at}/price_minor`,
      contract ? 'must be null: enterprise is paid by contract (R-36)' : 'must be whole cents, at least 1',
    );
    check.that(
      contract ? plan['allowance'] === null : isWhole(plan['allowance'], 1),
      `${at}/allowance`,
      contract ? 'must be null: set per subscription (R-01)' : 'must be whole credits, at least 1',
    );
    return `${String(plan['id'])}/${String(plan['interval'])}`;
  });
  check.unique(keys, '/plans', 'plan');
}

function checkPacks(check: Checker, value: unknown): void {
  const keys = check.list(value, '/packs').map((element, i) => {
    const at = `/packs/${i}`;
    const pack = check.members(element, at, ['interval', 'credits', 'price_minor']);
    checkInterval(check, pack['interval'], `${at}/interval`);
    check.that(isWhole(pack['credits'], 1), `${at}/credits`, 'must be whole credits, at least 1');
    check.that(isWhole(pack['price_minor'], 1), `${at}/price_minor`, 'must be whole cents, at least 1');
    return String(pack['interval']);
  });
  check.unique(keys, '/packs', 'pack of an interval');
}

function checkInterval(check: Checker, value: unknown, pointer: string): void {
  check.that(value === 'month' || value === 'year', pointer, 'must be month or year');
}

function checkRates(check: Checker, value: unknown): void {
  const keys = check.list(value, '/rates').map((element, i) => {
    const at = `/rates/${i}`;
    const rate = check.members(element, at, ['feature', 'unit', 'credits', 'per']);
    const stated = rate['credits'] === null && rate['per'] === null;
    check.that(isFeature(rate['feature']), `${at}/feature`, 'must be 1 to 64 of a-z, 0-9 and _');
    check.that(rate['unit'] === 'second' || rate['unit'] === 'item', `${at}/unit`, 'must be second or item');
    check.that(
      stated || isWhole(rate['credits'], 0, 1e6),
      `${at}/credits`,
      'must be whole credits, or null with per',
    );
    check.that(
      stated || isWhole(rate['per'], 1, 1e6),
      `${at}/per`,
      'must be a whole number of units, or null',
    );
    return String(rate['feature']);
  });
  check.unique(keys, '/rates', 'feature');
}

function checkPolicies(check: Checker, value: unknown): void {
  const names = ['allowanceTerm', 'packTermDays', 'dunning', 'pastDueSpending', 'packsPerPurchase'];
  const policies = check.members(value, '/policies', names);
  const term = policies['allowanceTerm'];
  const termIsDays = isObject(term) && Object.keys(term).length === 1 && isWhole(term['days'], 1, 3_660);
  check.that(
    termIsDays || term === 'until_next_refresh',
    '/policies/allowanceTerm',
    'must be {"days": n} or "until_next_refresh"',
  );
  check.that(isWhole(policies['packTermDays'], 0, 3_660), '/policies/packTermDays', 'must be whole days');
  checkDunning(check, policies['dunning']);
  check.that(
    policies['pastDueSpending'] === 'allow' || policies['pastDueSpending'] === 'block',
    '/policies/pastDueSpending',
    'must be allow or block',
  );
  check.that(
    isWhole(policies['packsPerPurchase'], 1, 1_000),
    '/policies/packsPerPurchase',
    'must be 1 to 1000',
  );
}

function checkDunning(check: Checker, value: unknown): void {
  const days = check.list(value, '/policies/dunning');
  // 27 days is the limit: the last retry comes before the next boundary can.
  const rising = days.every((day, i) => isWhole(day, 1, 27) && (i === 0 || day > (days[i - 1] as number)));
  check.that(rising, '/policies/dunning', 'must be rising whole days from 1 to 27');
}

/** Reads a catalogue from parsed JSON. Answers the catalogue, or every fault with its pointer; no member has a default. */
export function readCatalog(value: unknown): { catalog: Catalog } | { faults: Fault[] } {
  const unkept = storageFault(value);
  if (unkept !== null) return { faults: [unkept] };
  const check = new Checker();
  const root = check.members(value, '', ['version', 'currency', 'plans', 'packs', 'rates', 'policies']);
  check.that(isText(root['version']), '/version', 'must be 1 to 64 visible characters');
  check.that(
    typeof root['currency'] === 'string' && /^[A-Z]{3}$/.test(root['currency']),
    '/currency',
    'must be an ISO 4217 code',
  );
  checkPlans(check, root['plans']);
  checkPacks(check, root['packs']);
  checkRates(check, root['rates']);
  checkPolicies(check, root['policies']);
  return check.faults.length > 0 ? { faults: check.faults } : { catalog: root as unknown as Catalog };
}
