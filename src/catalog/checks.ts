import type { z } from 'zod';
import { INTERVALS, type Interval } from '../domain/calendar.ts';
import { LEAST_CONTRAST, readableAccent } from '../domain/catalog/accent.ts';
import type { CatalogFault, Path } from './faults.ts';
import { brandShape, catalogShape, featureShape, packShape, planShape, policiesShape } from './shape.ts';

// The rules between members. Each looks only at members that are valid by themselves, so that no fault hides another.

type Members<Shape extends z.ZodObject> = { [Name in keyof Shape['shape']]?: z.output<Shape['shape'][Name]> };

/** An object of the file: its valid members with their defaults, and the names of the others. */
interface Valid<Shape extends z.ZodObject> {
  of: Members<Shape>;
  wrong: Set<string>;
  path: Path;
}

function valid<Shape extends z.ZodObject>(shape: Shape, value: unknown, path: Path): Valid<Shape> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  // A value that is no object has no member that could be looked at.
  if (!isObject && value !== undefined) return { of: {}, wrong: new Set(Object.keys(shape.shape)), path };
  const raw = (value ?? {}) as Record<string, unknown>;
  const read = Object.entries(shape.shape).map(([name, member]) => {
    const parsed = (member as z.ZodType).safeParse(Object.hasOwn(raw, name) ? raw[name] : undefined);
    return [name, parsed] as const;
  });
  const of = Object.fromEntries(
    read.flatMap(([name, { data }]) => (data === undefined ? [] : [[name, data]])),
  );
  const wrong = new Set(read.filter(([, { success }]) => !success).map(([name]) => name));
  return { of: of as Members<Shape>, wrong, path };
}

type ValidPlan = Valid<typeof planShape>;
type ValidPack = Valid<typeof packShape>;

/** The faults between the members of a parsed file. */
export function checkMembers(value: unknown): CatalogFault[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const file = value as Record<string, unknown>;
  const all = <Shape extends z.ZodObject>(shape: Shape, name: string) => {
    const list = Array.isArray(file[name]) ? file[name] : [];
    return list.map((item: unknown, i) => valid(shape, item, [name, i]));
  };
  const [plans, packs, features] = [
    all(planShape, 'plans'),
    all(packShape, 'packs'),
    all(featureShape, 'features'),
  ];
  const arePacksKnown = file['packs'] === undefined || Array.isArray(file['packs']);
  const policies = valid(policiesShape, file['policies'], ['policies']);
  return [
    ...checkCurrency(valid(catalogShape.pick({ currency: true }), file, []).of.currency),
    ...checkAccent(valid(brandShape, file['brand'], ['brand']).of.accent),
    ...[plans, packs, features].flatMap((list) => checkIds(list)),
    ...plans.flatMap((plan) => [...checkPlan(plan), ...(arePacksKnown ? checkPacksOf(plan, packs) : [])]),
    ...packs.flatMap((pack) => checkPack(pack, plans)),
    ...features.flatMap(checkFeature),
    ...checkDunning(policies.of.dunning_days, plans),
  ];
}

const currencies = new Set(Intl.supportedValuesOf('currency'));

function checkCurrency(currency: string | undefined): CatalogFault[] {
  if (currency === undefined || currencies.has(currency)) return [];
  return [{ path: ['currency'], detail: `must be an ISO 4217 code such as USD: there is no ${currency}` }];
}

function checkAccent(accent: string | null | undefined): CatalogFault[] {
  if (!accent) return [];
  const nearest = readableAccent(accent, 'light');
  if (nearest === accent) return [];
  const detail = `must have a contrast of at least ${LEAST_CONTRAST} with light pages: the nearest colour that has it is ${nearest}`;
  return [{ path: ['brand', 'accent'], detail }];
}

function checkIds(list: readonly { of: { id?: string | undefined }; path: Path }[]): CatalogFault[] {
  return list.flatMap(({ of: { id }, path }, i) => {
    const first = list.findIndex(({ of }) => of.id === id);
    if (id === undefined || first === i) return [];
    return [{ path: [...path, 'id'], detail: `must be an id of its own: /${path[0]}/${first} is ${id} too` }];
  });
}

/** a contract has neither price nor credits nor trial; any other plan has both, and a trial only if it is never free. */
function checkPlan({ of, wrong, path }: ValidPlan): CatalogFault[] {
  const prices = Object.values(of.prices ?? {}).filter((price) => price !== undefined);
  const fault = (member: string, detail: string): CatalogFault => ({ path: [...path, member], detail });
  if (wrong.has('contract')) return [];
  if (of.contract)
    return [
      ...(prices.length > 0 ? [fault('prices', 'must be left out: a contract has no price')] : []),
      ...(!of.credits ? [] : [fault('credits', 'must be left out: an operator sets those of a contract')]),
      ...(of.trial ? [fault('trial', 'must be left out: a contract has no trial')] : []),
      ...(of.packs?.length ? [fault('packs', 'must be left out: a contract buys no packs')] : []),
    ];
  return [
    ...(prices.length === 0 && !wrong.has('prices')
      ? [fault('prices', 'is required: a price for an interval, or "contract": true')]
      : []),
    ...(!of.credits && !wrong.has('credits')
      ? [fault('credits', 'is required: the credits of a cycle')]
      : []),
    ...(of.trial && prices.includes(0)
      ? [fault('trial', 'must be left out: a plan with a price of 0 has no trial')]
      : []),
  ];
}

const intervalsOf = ({ of }: ValidPlan): Interval[] =>
  INTERVALS.filter((interval) => of.prices?.[interval] !== undefined);

/** the packs that a plan names exist, and are sold by one of its intervals. */
function checkPacksOf(plan: ValidPlan, packs: readonly ValidPack[]): CatalogFault[] {
  const named = plan.of.contract ? [] : (plan.of.packs ?? []);
  const ids = packs.flatMap(({ of }) => of.id ?? []);
  return named.flatMap((id, i) => {
    const path = [...plan.path, 'packs', i];
    if (named.indexOf(id) < i) return [{ path, detail: `names ${id} twice` }];
    const pack = packs.find(({ of }) => of.id === id);
    if (!pack)
      return ids.length < packs.length
        ? []
        : [{ path, detail: `must be the id of a pack: there is no ${id}` }];
    const sold = intervalsOf(plan);
    if (sold.length === 0 || !pack.of.on || sold.some((interval) => pack.of.on!.includes(interval)))
      return [];
    const detail = `must fit an interval of the plan: ${id} is sold by ${pack.of.on.join(', ')}, the plan by ${sold.join(', ')}`;
    return [{ path, detail }];
  });
}

/** an interval stands once, and some plan sells the pack. A pack that can never be sold is a mistake. */
function checkPack({ of, path }: ValidPack, plans: readonly ValidPlan[]): CatalogFault[] {
  const on = of.on ?? [];
  const twice = on.findIndex((interval, i) => on.indexOf(interval) < i);
  if (twice >= 0) return [{ path: [...path, 'on', twice], detail: `names ${on[twice]} twice` }];
  const isUnsure = ({ of: plan, wrong }: ValidPlan) =>
    ['prices', 'packs', 'contract'].some((name) => wrong.has(name)) ||
    (!plan.contract && Object.keys(plan.prices ?? {}).length === 0);
  const isSoldOn = (plan: ValidPlan) =>
    !plan.of.contract &&
    intervalsOf(plan).some(
      (interval) =>
        on.includes(interval) &&
        (plan.of.packs ? plan.of.packs.includes(of.id ?? '') : plan.of.prices?.[interval] !== 0),
    );
  if (!of.id || !of.on || plans.length === 0 || plans.some((plan) => isUnsure(plan) || isSoldOn(plan)))
    return [];
  return [{ path, detail: `is sold on no plan: ${of.id} fits no interval of a plan that sells packs` }];
}

/** the rate is credits for units, or the caller states the credits. */
function checkFeature({ of, wrong, path }: Valid<typeof featureShape>): CatalogFault[] {
  if (wrong.has('credits') || wrong.has('per')) return [];
  if (of.credits === null && typeof of.per === 'number')
    return [{ path: [...path, 'per'], detail: 'must be left out: the caller states the credits' }];
  if (of.credits !== null && of.per === null)
    return [{ path: [...path, 'per'], detail: 'must be a number: the credits are not null' }];
  return [];
}

/** a weekly plan is tried again before its next renewal only. */
function checkDunning(days: readonly number[] | undefined, plans: readonly ValidPlan[]): CatalogFault[] {
  const weekly = plans.find(({ of }) => (of.prices?.week ?? 0) > 0);
  if (!weekly || !days || days[0]! < 7) return [];
  const detail = `must be below 7: ${weekly.of.id ?? 'a plan'} is paid by the week, and renews after 7 days`;
  return [{ path: ['policies', 'dunning_days', 0], detail }];
}
