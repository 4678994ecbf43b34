import type { Interval } from '../domain/calendar.ts';
import { INTERVALS } from '../domain/calendar.ts';
import type { Catalog, Feature, Pack, PackTerm, Plan, Policies } from '../domain/catalog/catalog.ts';
import { moneyText } from './money.ts';

// The difference of two catalogues, a change a line, each with the subscriptions that it reaches.

/** The live subscriptions that a change can concern: those of a plan, those with a pack in the add-on, all, or none yet. */
export type ChangeScope =
  | { kind: 'plan'; plan: string; interval?: Interval }
  | { kind: 'pack'; pack: string }
  | { kind: 'prices' }
  | { kind: 'all' }
  | { kind: 'none' };

/** One change. `from` and `to` are null where the member was not there, or no longer is. */
export interface CatalogChange {
  /** `plans.creator.prices.month`: lists by id. */
  member: string;
  from: unknown;
  to: unknown;
  /** The change in words. */
  text: string;
  /** Whom it reaches, and from when on. */
  reaches: string;
  scope: ChangeScope;
}

const LATER = 'new subscriptions and changes of plan';
const PAGES = 'pages, at once';
const PURCHASES = 'purchases from now on';

/** Every change from one catalogue to another, in the order of the file. */
export function changesBetween(from: Catalog, to: Catalog): CatalogChange[] {
  return [
    ...currencyChange(from, to),
    ...brandChanges(from, to),
    ...planChanges(from, to),
    ...packChanges(from, to),
    ...featureChanges(from, to),
    ...policyChanges(from.policies, to.policies),
  ];
}

const isEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A change of one member, where there is one. `name` begins the sentence; `say` puts a value into words. */
function changed<Value>(
  member: string,
  name: string,
  values: readonly [Value, Value],
  say: (value: NonNullable<Value>) => string,
  reaches: string,
  scope: ChangeScope = { kind: 'none' },
): CatalogChange[] {
  const [from, to] = values;
  if (isEqual(from, to)) return [];
  const words = (value: Value) => (value === null || value === undefined ? 'none' : say(value));
  return [
    {
      member,
      from: from ?? null,
      to: to ?? null,
      text: `${name} ${words(from)} → ${words(to)}`,
      reaches,
      scope,
    },
  ];
}

/** The members of two lists by id: in the order of the new list, with those that are gone at the end. */
function pairs<Item extends { id: string }>(
  from: readonly Item[],
  to: readonly Item[],
): [Item | null, Item | null][] {
  const before = (id: string) => from.find((item) => item.id === id) ?? null;
  return [
    ...to.map((item): [Item | null, Item | null] => [before(item.id), item]),
    ...from.filter(({ id }) => !to.some((item) => item.id === id)).map((item): [Item, null] => [item, null]),
  ];
}

/** A whole element of a list, and the subscriptions that it concerns. */
interface Head {
  member: string;
  name: string;
  scope: ChangeScope;
}

const isNew = (
  { member, name, scope }: Head,
  to: unknown,
  text: string,
  reaches: string,
): CatalogChange[] => [{ member, from: null, to, text: `${name} is new: ${text}`, reaches, scope }];

const isGone = ({ member, name, scope }: Head, from: unknown, reaches: string): CatalogChange[] => [
  { member, from, to: null, text: `${name} is gone`, reaches, scope },
];

/** Pages show lists in the order of the file. */
function orderChange(
  list: string,
  from: readonly { id: string }[],
  to: readonly { id: string }[],
): CatalogChange[] {
  const kept = (items: readonly { id: string }[], other: readonly { id: string }[]) =>
    items.filter(({ id }) => other.some((item) => item.id === id)).map(({ id }) => id);
  return changed(
    list,
    `order of the ${list}:`,
    [kept(from, to), kept(to, from)],
    (ids) => ids.join(', '),
    PAGES,
  );
}

function currencyChange(from: Catalog, to: Catalog): CatalogChange[] {
  const reaches =
    'every charge from now on; a start is refused while a live subscription was charged in the old one (R-08b)';
  return changed('currency', 'currency', [from.currency, to.currency], String, reaches, { kind: 'prices' });
}

function brandChanges({ brand: from }: Catalog, { brand: to }: Catalog): CatalogChange[] {
  return (Object.keys(to) as (keyof typeof to)[]).flatMap((name) =>
    changed(
      `brand.${name}`,
      `brand ${name}`,
      [from[name], to[name]],
      (value) => [value].flat().join(', '),
      PAGES,
      { kind: 'all' },
    ),
  );
}

const gone = (of: string) => `a start is refused while ${of} (R-08)`;

function planChanges(from: Catalog, to: Catalog): CatalogChange[] {
  const changes = pairs(from.plans, to.plans).flatMap(([before, after]): CatalogChange[] => {
    const { id } = (after ?? before)!;
    const member = `plans.${id}`;
    const scope: ChangeScope = { kind: 'plan', plan: id };
    const head = { member, name: `plan ${id}`, scope };
    if (!before) return isNew(head, after!, planText(after!, to), LATER);
    if (!after) return isGone(head, before, gone('a live subscription is on it or will change to it'));
    return ofPlan(before, after, to);
  });
  return [...changes, ...orderChange('plans', from.plans, to.plans)];
}

function planText(plan: Plan, { currency }: Catalog): string {
  if (plan.contract) return 'a contract';
  const prices = INTERVALS.flatMap((interval) => {
    const price = plan.prices[interval];
    return price === undefined ? [] : `${moneyText(price, currency)} a ${interval}`;
  });
  return `${prices.join(' or ')}, ${plan.credits} credits a cycle`;
}

function ofPlan(before: Plan, after: Plan, to: Catalog): CatalogChange[] {
  const { id } = after;
  const scope: ChangeScope = { kind: 'plan', plan: id };
  const isKept = to.policies.existing_prices === 'keep';
  const running = isKept
    ? `${LATER}; running subscriptions keep theirs until they change plan (R-08a)`
    : 'running subscriptions from the next renewal on (R-08), and new ones';
  const credits = isKept ? running : 'running subscriptions from the next boundary on (R-08), and new ones';
  const member = (name: string) => `plans.${id}.${name}`;
  const prices = INTERVALS.flatMap((interval) => {
    const [price, next] = [before.prices[interval], after.prices[interval]];
    const reaches =
      next === undefined ? gone('a live subscription is paid by it') : price === undefined ? LATER : running;
    const say = (minor: number) => moneyText(minor, to.currency);
    return changed(
      member(`prices.${interval}`),
      `plan ${id}: price of a ${interval}`,
      [price, next],
      say,
      reaches,
      { ...scope, interval },
    );
  });
  const trial = ({ days, credits: c }: NonNullable<Plan['trial']>) => `${days} days with ${c} credits`;
  const packs = (ids: string[]) => (ids.length === 0 ? 'no pack' : ids.join(', '));
  return [
    ...changed(
      member('name'),
      `plan ${id}: name`,
      [before.name, after.name],
      String,
      'pages and bills from now on',
      scope,
    ),
    ...changed(
      member('contract'),
      `plan ${id}: contract`,
      [before.contract, after.contract],
      String,
      'running subscriptions from the next renewal on, and new ones',
      scope,
    ),
    ...prices,
    ...changed(
      member('credits'),
      `plan ${id}: credits a cycle`,
      [before.credits, after.credits],
      String,
      credits,
      scope,
    ),
    ...changed(
      member('trial'),
      `plan ${id}: trial`,
      [before.trial, after.trial],
      trial,
      'subscriptions that start from now on',
      scope,
    ),
    ...changed(
      member('packs'),
      `plan ${id}: packs`,
      [before.packs ?? ['all that fit'], after.packs ?? ['all that fit']],
      packs,
      `${PURCHASES}; ${gone('a live subscription has a pack in its add-on that is no longer sold')}`,
      scope,
    ),
    ...changed(
      member('contact'),
      `plan ${id}: contact`,
      [before.contact, after.contact],
      String,
      PAGES,
      scope,
    ),
  ];
}

function packChanges(from: Catalog, to: Catalog): CatalogChange[] {
  const changes = pairs(from.packs, to.packs).flatMap(([before, after]): CatalogChange[] => {
    const { id } = (after ?? before)!;
    const member = `packs.${id}`;
    const scope: ChangeScope = { kind: 'pack', pack: id };
    const text = (pack: Pack) => `${pack.credits} credits for ${moneyText(pack.price, to.currency)}`;
    const head = { member, name: `pack ${id}`, scope };
    if (!before) return isNew(head, after!, text(after!), PURCHASES);
    if (!after) return isGone(head, before, gone('a live subscription has it in its add-on'));
    return ofPack(before, after, to, scope);
  });
  return [...changes, ...orderChange('packs', from.packs, to.packs)];
}

function ofPack(before: Pack, after: Pack, { currency }: Catalog, scope: ChangeScope): CatalogChange[] {
  const { id } = after;
  const renewing = `${PURCHASES}, and add-ons from the next renewal on`;
  const change = <Name extends keyof Pack>(
    name: Name,
    say: (value: NonNullable<Pack[Name]>) => string,
    reaches: string,
  ) =>
    changed(`packs.${id}.${name}`, `pack ${id}: ${name}`, [before[name], after[name]], say, reaches, scope);
  return [
    ...change('name', String, 'pages and bills from now on'),
    ...change(
      'on',
      (on) => on.join(', '),
      `${PURCHASES}; ${gone('a live subscription has it in its add-on where it is no longer sold')}`,
    ),
    ...change('credits', String, renewing),
    ...change('price', (price) => moneyText(price, currency), renewing),
    ...change('renews', String, `${PURCHASES}; packs in an add-on stay there`),
    ...change('term', termText, `${renewing}; delivered packs keep their dates (R-31)`),
  ];
}

function termText(term: PackTerm): string {
  if (term === 'subscription') return 'the end of the subscription';
  return 'days' in term ? `${term.days} days` : `${term.days_after_renewal} days after the next renewal`;
}

/** rates count from the instant at which the catalogue comes into force. */
function featureChanges(from: Catalog, to: Catalog): CatalogChange[] {
  const spends = 'every use from now on (R-08)';
  const changes = pairs(from.features, to.features).flatMap(([before, after]): CatalogChange[] => {
    const { id } = (after ?? before)!;
    const member = `features.${id}`;
    const scope: ChangeScope = { kind: 'all' };
    const head = { member, name: `feature ${id}`, scope };
    if (!before) return isNew(head, after!, rateText(after!), spends);
    if (!after) return isGone(head, before, 'its uses are refused from now on (unknown_feature)');
    const isSameRate = before.credits === after.credits && before.per === after.per;
    const rates: [string, string] = [rateText(before), isSameRate ? rateText(before) : rateText(after)];
    return [
      ...changed(`${member}.name`, `feature ${id}: name`, [before.name, after.name], String, PAGES, scope),
      ...changed(`${member}.rate`, `feature ${id}:`, rates, String, spends, scope),
      ...changed(
        `${member}.unit`,
        `feature ${id}: unit`,
        [before.unit, after.unit],
        (unit) => `${unit.natural} ${unit.many}, ${unit.decimals} decimals`,
        spends,
        scope,
      ),
    ];
  });
  return [...changes, ...orderChange('features', from.features, to.features)];
}

function rateText({ credits, per, unit }: Feature): string {
  if (credits === null || per === null) return 'the caller states the credits';
  if (credits === 0) return 'free';
  return `${credits} ${credits === 1 ? 'credit' : 'credits'} for ${per} ${per === 1 ? unit.one : unit.many}`;
}

/** The moment from which each policy counts. */
const POLICY_REACHES: Record<keyof Policies, string> = {
  allowance_term: 'allowances that are granted from now on',
  dunning_days: 'renewals that are declined from now on',
  past_due_spending: 'every use from now on',
  packs_per_purchase: PURCHASES,
  existing_prices: 'price and credits of running subscriptions, from the next renewal on (R-08a)',
};

function policyChanges(from: Policies, to: Policies): CatalogChange[] {
  const say = (value: Policies[keyof Policies]) => {
    if (Array.isArray(value)) return value.join(', ');
    return typeof value === 'object' ? `${value.days} days` : String(value);
  };
  return (Object.keys(POLICY_REACHES) as (keyof Policies)[]).flatMap((name) =>
    changed(`policies.${name}`, `policy ${name}:`, [from[name], to[name]], say, POLICY_REACHES[name], {
      kind: name === 'existing_prices' ? 'prices' : 'all',
    }),
  );
}
