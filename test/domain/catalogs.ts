import fc from 'fast-check';
import { INTERVALS, type Interval } from '../../src/domain/calendar.ts';
import type { Catalog, Pack, PackTerm, Plan, Policies } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';

// Random catalogues, and random changes of one. Each is one that a start accepts.

/** The parts of a catalogue that a life depends on; the rest is the built-in catalogue's. */
export type Drawn = Pick<Catalog, 'plans' | 'packs'> & { policies: Omit<Policies, 'allowance_term'> };

/** How long an allowance lives: days, or until the next one. */
export type AllowanceTerm = number | 'until_next_refresh';

/** One change of a catalogue in force. Plans and packs are ids. */
export type Edit =
  | { price: number; plan: string; interval: Interval }
  | { credits: number; plan: string }
  | { trial: Plan['trial']; plan: string }
  | { packs: string[] | null; plan: string }
  | { without: string }
  | { pack: string; change: Partial<Pick<Pack, 'credits' | 'price' | 'renews' | 'term' | 'on'>> }
  | { policies: Partial<Policies> };

const PLANS = ['plan_a', 'plan_b', 'plan_c', 'plan_d'];
const PACKS = ['pack_a', 'pack_b', 'pack_c', 'pack_d'];

const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values], { minLength: 1 });
const price = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.constantFrom(1, 900, 1_900, 1_900, 4_900, 19_000) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 30_000 }) },
);
const credits = fc.oneof(fc.constantFrom(1, 100, 200, 1_000), fc.integer({ min: 1, max: 2_000 }));
const trial: fc.Arbitrary<NonNullable<Plan['trial']>> = fc.record({
  days: fc.constantFrom(1, 7, 7, 14, 30, 45),
  credits: fc.constantFrom(0, 50, 50, 150),
});
const term: fc.Arbitrary<PackTerm> = fc.oneof(
  fc.record({ days_after_renewal: fc.constantFrom(0, 1, 90, 90) }),
  fc.record({ days: fc.constantFrom(1, 7, 60, 400) }),
  fc.constant('subscription' as const),
);
const dunningDays = fc.constantFrom<number[]>([1, 3, 5, 7], [1, 3, 5, 7], [1], [2, 9, 27], [6, 7], [27]);
const existingPrices = fc.constantFrom('reprice' as const, 'keep' as const);
export const allowanceTerms = fc.constantFrom<AllowanceTerm>(30, 30, 'until_next_refresh', 1, 45);

const plans: fc.Arbitrary<Plan[]> = fc
  .array(
    fc.record({
      isContract: fc.nat({ max: 8 }).map((n) => n === 8),
      on: some(INTERVALS),
      price: fc.tuple(price, price, price, price),
      credits,
      trial: fc.option(trial, { freq: 2 }),
      packs: fc.option(fc.subarray(PACKS), { freq: 1 }),
    }),
    { minLength: 1, maxLength: PLANS.length },
  )
  .map((drawn) =>
    drawn.map(({ isContract, on, price: minor, ...plan }, i): Plan => {
      const base = { id: PLANS[i]!, name: PLANS[i]!, contact: null, contract: isContract };
      if (isContract) return { ...base, prices: {}, credits: null, trial: null, packs: null };
      return { ...base, ...plan, prices: Object.fromEntries(on.map((interval, n) => [interval, minor[n]!])) };
    }),
  );

const packs: fc.Arbitrary<Pack[]> = fc
  .array(
    fc.record({
      on: some(INTERVALS),
      credits,
      price: fc.constantFrom(1, 300, 500, 1_500, 2_000),
      renews: fc.constantFrom(true, true, true, false),
      term,
    }),
    { minLength: 0, maxLength: PACKS.length },
  )
  .map((drawn) => drawn.map((pack, i) => ({ id: PACKS[i]!, name: PACKS[i]!, ...pack })));

/** A catalogue of any product. */
export const drawnCatalogs: fc.Arbitrary<Drawn> = fc
  .record({
    plans,
    packs,
    policies: fc.record({
      dunning_days: dunningDays,
      past_due_spending: fc.constantFrom('allow' as const, 'block' as const),
      packs_per_purchase: fc.constantFrom(100, 2),
      existing_prices: existingPrices,
    }),
  })
  .map((drawn) => sound(drawn));

/** The drawn catalogue, or the built-in one. */
export function catalogFrom(drawn: Drawn | undefined, allowanceTerm: AllowanceTerm): Catalog {
  const { plans: all, packs: sold, policies } = drawn ?? DEFAULT_CATALOG;
  const allowance_term = allowanceTerm === 'until_next_refresh' ? allowanceTerm : { days: allowanceTerm };
  return { ...DEFAULT_CATALOG, plans: all, packs: sold, policies: { ...policies, allowance_term } };
}

/** The file of a catalogue: a contract names no credits. */
export function fileOf(catalog: Catalog): unknown {
  const without = ({ credits: each, ...plan }: Plan) => (each === null ? plan : { ...plan, credits: each });
  return { ...catalog, plans: catalog.plans.map(without) };
}

/** Whether a plan sells a pack at one of its intervals. */
const sells = ({ contract, prices, packs: named }: Plan, pack: Pack): boolean =>
  !contract &&
  pack.on.some(
    (interval) => prices[interval] !== undefined && (named?.includes(pack.id) ?? prices[interval] !== 0),
  );

/** Drops the members of a catalogue that no start would accept. */
export function sound<C extends Drawn>(catalog: C): C {
  const isNamed = ({ id }: Pack) =>
    catalog.plans.some((plan) => plan.packs === null || plan.packs.includes(id));
  const sold = catalog.packs.filter(
    (pack) => isNamed(pack) && catalog.plans.some((plan) => sells(plan, pack)),
  );
  const kept = catalog.plans.map((plan): Plan => {
    const isFree = Object.values(plan.prices).includes(0);
    const fits = (id: string) =>
      sold.find((pack) => pack.id === id)?.on.some((interval) => plan.prices[interval] !== undefined) ??
      false;
    return { ...plan, trial: isFree ? null : plan.trial, packs: plan.packs?.filter(fits) ?? null };
  });
  const isWeekly = kept.some(({ prices }) => (prices.week ?? 0) > 0);
  const { dunning_days: days } = catalog.policies;
  const dunning = isWeekly && days[0]! >= 7 ? [6, ...days] : days;
  return { ...catalog, plans: kept, packs: sold, policies: { ...catalog.policies, dunning_days: dunning } };
}

/** The catalogue after a change; null where it would have no plan left. */
export function edited(catalog: Catalog, edit: Edit): Catalog | null {
  const changed = sound(withEdit(catalog, edit));
  return changed.plans.length === 0 ? null : { ...changed, version: `${catalog.version.slice(0, 60)}'` };
}

function withEdit(catalog: Catalog, edit: Edit): Catalog {
  if ('policies' in edit) return { ...catalog, policies: { ...catalog.policies, ...edit.policies } };
  if ('without' in edit)
    return {
      ...catalog,
      plans: catalog.plans.filter(({ id }) => id !== edit.without),
      packs: catalog.packs.filter(({ id }) => id !== edit.without),
    };
  if ('pack' in edit)
    return {
      ...catalog,
      packs: catalog.packs.map((pack) => (pack.id === edit.pack ? { ...pack, ...edit.change } : pack)),
    };
  const change = (plan: Plan): Plan => {
    if (plan.id !== edit.plan || plan.contract) return plan;
    if ('price' in edit) return { ...plan, prices: { ...plan.prices, [edit.interval]: edit.price } };
    if ('credits' in edit) return { ...plan, credits: edit.credits };
    return 'trial' in edit ? { ...plan, trial: edit.trial } : { ...plan, packs: edit.packs };
  };
  return { ...catalog, plans: catalog.plans.map(change) };
}

/** Changes of a catalogue with these plans and packs. */
export function editsOf(catalog: Drawn): fc.Arbitrary<Edit> {
  const plan = fc.constantFrom(...catalog.plans.map(({ id }) => id));
  const of = fc.constantFrom(...INTERVALS);
  const change = fc.oneof(
    fc.record({ price: fc.constantFrom(1, 300, 700, 9_000) }),
    fc.record({ credits }),
    fc.record({ renews: fc.boolean() }),
    fc.record({ term }),
    fc.record({ on: some(INTERVALS) }),
  );
  const ids = catalog.packs.map(({ id }) => id);
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ price, plan, interval: of }) },
    { weight: 3, arbitrary: fc.record({ credits, plan }) },
    { weight: 1, arbitrary: fc.record({ trial: fc.option(trial, { freq: 1 }), plan }) },
    { weight: 1, arbitrary: fc.record({ packs: fc.option(fc.subarray(ids), { freq: 1 }), plan }) },
    {
      weight: 1,
      arbitrary: fc.record({ without: fc.constantFrom(...catalog.plans.map(({ id }) => id), ...ids) }),
    },
    ...(ids.length === 0
      ? []
      : [{ weight: 4, arbitrary: fc.record({ pack: fc.constantFrom(...ids), change }) }]),
    {
      weight: 3,
      arbitrary: fc.record({
        policies: fc.oneof(
          fc.record({ existing_prices: existingPrices }),
          fc.record({ dunning_days: dunningDays }),
          fc.record({ allowance_term: fc.constantFrom({ days: 30 }, 'until_next_refresh' as const) }),
        ),
      }),
    },
  );
}
