import fc from 'fast-check';
import { INTERVALS } from '../../src/domain/calendar.ts';

// Catalogue files drawn at random: any that the shape and the checks take.

/** A catalogue's file as JSON. */
export type File = Record<string, unknown>;

const id = (most: number) => fc.stringMatching(new RegExp(`^[a-z0-9_]{1,${most}}$`));
const text = (most: number) =>
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: most })
    .filter((word) => word.trim() === word && word.length <= most && word.length > 0);
const url = fc.webUrl({ withQueryParameters: true }).filter((address) => address.length <= 500);
const whole = (min: number, max: number) => fc.integer({ min, max });
const MOST = 1_000_000_000_000;
const intervals = fc.uniqueArray(fc.constantFrom(...INTERVALS), { minLength: 1, maxLength: 4 });
const words = fc.tuple(text(80), text(80));
const termOf = (least: number) =>
  fc.oneof(
    fc.record({ days_after_renewal: whole(least, 3_660) }),
    fc.record({ days: whole(1, 3_660) }),
    fc.constant('subscription'),
  );

const brand = fc.record(
  {
    product: text(80),
    credit: words,
    pack: words,
    logo_url: fc.option(url),
    // Dark enough for every light page.
    accent: fc.option(fc.stringMatching(/^#[0-5][0-9a-f][0-5][0-9a-f][0-5][0-9a-f]$/)),
    home_url: fc.option(url),
    support_url: fc.option(url),
  },
  { requiredKeys: ['product'] },
);

const paid = fc.record(
  {
    name: text(80),
    contract: fc.constant(false),
    prices: fc
      .record(
        { week: whole(1, MOST), month: whole(1, MOST), quarter: whole(1, MOST), year: whole(1, MOST) },
        { requiredKeys: [] },
      )
      .filter((prices) => Object.keys(prices).length > 0),
    credits: whole(1, MOST),
    trial: fc.option(fc.record({ days: whole(1, 365), credits: whole(0, MOST) }, { requiredKeys: ['days'] })),
    contact: fc.option(text(500)),
  },
  { requiredKeys: ['name', 'prices', 'credits'] },
);
const free = fc.record({
  name: text(80),
  prices: fc.constantFrom({ week: 0 }, { month: 0 }, { quarter: 0, year: 900 }),
  credits: whole(1, MOST),
});
const contract = fc.record(
  { name: text(80), contract: fc.constant(true), credits: fc.constant(null), contact: fc.option(text(500)) },
  { requiredKeys: ['name', 'contract'] },
);

const pack = fc.record(
  {
    name: text(80),
    on: intervals,
    credits: whole(1, MOST),
    price: whole(1, MOST),
    renews: fc.boolean(),
    term: termOf(0),
  },
  { requiredKeys: ['name', 'credits', 'price'] },
);

const unit = fc.oneof(
  fc.constantFrom('second', 'item'),
  text(40).filter((word) => word.length < 40),
  fc.record(
    {
      one: text(40),
      many: text(40),
      natural: whole(1, 1e9),
      decimals: fc.constantFrom(0, 3),
    },
    { requiredKeys: ['one', 'many'] },
  ),
);
const feature = fc.oneof(
  fc.record(
    { name: text(80), unit, credits: whole(0, 1e6), per: whole(1, 1e6) },
    { requiredKeys: ['name', 'credits'] },
  ),
  fc.record(
    { name: text(80), unit, credits: fc.constant(null), per: fc.constant(null) },
    { requiredKeys: ['name', 'credits'] },
  ),
);

const policies = fc.record(
  {
    allowance_term: fc.oneof(fc.record({ days: whole(1, 3_660) }), fc.constant('until_next_refresh')),
    dunning_days: fc
      .uniqueArray(whole(1, 27), { minLength: 1, maxLength: 8 })
      .map((days) => [1, ...days.filter((day) => day > 1).sort((a, b) => a - b)]),
    past_due_spending: fc.constantFrom('allow', 'block'),
    packs_per_purchase: whole(1, 1_000),
    existing_prices: fc.constantFrom('reprice', 'keep'),
  },
  { requiredKeys: [] },
);

const named = <Item extends object>(items: fc.Arbitrary<Item>, most: number, least: number, max: number) =>
  fc
    .tuple(
      fc.uniqueArray(id(most), { minLength: max, maxLength: max }),
      fc.array(items, { minLength: least, maxLength: max }),
    )
    .map(([ids, drawn]) => drawn.map((item, i) => ({ id: ids[i]!, ...item })));

/** Any catalogue's file that is valid. The plan `every` sells every pack, so that none is without a plan. */
export const catalogFiles: fc.Arbitrary<File> = fc
  .record(
    {
      $schema: fc.constant('./catalog.schema.json'),
      version: fc.stringMatching(/^[\x21-\x7e]{1,64}$/),
      currency: fc.constantFrom('USD', 'EUR', 'JPY', 'GBP'),
      brand,
      plans: named(fc.oneof(paid, free, contract), 39, 0, 4),
      packs: named(pack, 40, 0, 4),
      features: named(feature, 64, 1, 4),
      policies,
    },
    { requiredKeys: ['version', 'currency', 'brand', 'plans', 'features'] },
  )
  .map(({ plans, ...file }) => ({
    ...file,
    plans: [
      ...plans.map(({ id, ...plan }) => ({ id: `${id}_`, ...plan })).filter(({ id }) => id !== 'every'),
      {
        id: 'every',
        name: 'Every',
        prices: { week: 1, month: 2, quarter: 3, year: 4 },
        credits: 1,
        ...(file.packs && file.packs.length > 2 ? { packs: file.packs.map(({ id }) => id) } : {}),
      },
    ],
  }));

/** The paths of all members of a value, lists and objects included, without that of the value itself. */
export function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [
    [...path, name],
    ...pathsIn(member, [...path, name]),
  ]);
}

/** A copy with one member replaced; removed where the value is undefined. */
export function withMember(root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  // Values that were drawn twice are one object: a copy by JSON has two.
  const copy = JSON.parse(JSON.stringify(root)) as Record<string, unknown>;
  const last = path.at(-1)!;
  let target = copy;
  for (const name of path.slice(0, -1)) target = target[name] as Record<string, unknown>;
  if (value === undefined) delete target[last];
  else target[last] = value;
  return copy;
}

export const memberAt = (root: unknown, path: readonly (string | number)[]): unknown =>
  path.reduce((value, name) => (value as Record<string, unknown>)[name], root);

/** A member of the schema: `plans[].prices.month`. */
export interface SchemaMember {
  path: string;
  description: string;
  isRequired: boolean;
  /** undefined where it has none. */
  default: unknown;
}

interface Node {
  properties?: Record<string, Node>;
  required?: string[];
  items?: Node | Node[];
  anyOf?: Node[];
  description?: string;
  default?: unknown;
}

/** Every member of a JSON Schema, in its order, those of all forms of a value included. */
export function membersOf(node: Node, around = ''): SchemaMember[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([name, member]) => [
    {
      path: around + name,
      description: member.description ?? '',
      isRequired: node.required?.includes(name) ?? false,
      default: member.default,
    },
    ...membersOf(member, `${around}${name}.`),
  ]);
  const forms = (node.anyOf ?? []).flatMap((form) => membersOf(form, around));
  const items =
    node.items && !Array.isArray(node.items) ? membersOf(node.items, around.replace(/\.$/, '[].')) : [];
  return [...own, ...items, ...forms];
}
