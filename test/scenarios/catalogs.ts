import { readFileSync } from 'node:fs';
import { readCatalogText } from '../../src/catalog/read.ts';
import type { Catalog, Pack, Plan } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG, ITEM } from '../../src/domain/catalog/default.ts';

// Catalogues of tables besides the built-in one: the mark `catalogue shop` names one.

const plan = (
  id: string,
  prices: Plan['prices'],
  credits: number | null,
  more: Partial<Plan> = {},
): Plan => ({
  ...{ id, name: id, contract: false, prices, credits, trial: null, packs: null, contact: null },
  ...more,
});

const pack = (id: string, credits: number, price: number, more: Partial<Pack> = {}): Pack => ({
  ...{ id, name: id, on: ['week', 'month', 'quarter', 'year'], credits, price, renews: true },
  ...{ term: { days_after_renewal: 90 }, ...more },
});

/** Every kind of plan and pack: free, trial, each interval, contract; several sizes, sold once, three terms. */
const SHOP: Catalog = {
  ...DEFAULT_CATALOG,
  version: 'shop',
  plans: [
    plan('free', { week: 0, month: 0, quarter: 0 }, 50, { packs: ['boost'] }),
    plan('bare', { month: 0 }, 10),
    plan('lite', { week: 300, month: 900 }, 100, { packs: ['small', 'boost'] }),
    plan('plus', { week: 700, month: 1_900, quarter: 4_900, year: 19_000 }, 400, {
      trial: { days: 7, credits: 150 },
    }),
    plan('max', { month: 4_900, quarter: 12_900, year: 49_000 }, 1_000),
    plan('deal', {}, null, { contract: true }),
  ],
  packs: [
    pack('small', 100, 300),
    pack('big', 1_000, 2_500, { on: ['month', 'quarter', 'year'] }),
    pack('boost', 200, 500, { renews: false, term: { days: 60 } }),
    pack('lasting', 500, 2_000, { on: ['month', 'year'], term: 'subscription' }),
  ],
  features: [
    {
      id: 'token',
      name: 'Tokens',
      unit: { ...ITEM, one: 'token', many: 'tokens', natural: 1_000 },
      credits: 1,
      per: 1_000,
    },
    { id: 'image', name: 'Images', unit: { ...ITEM, one: 'image', many: 'images' }, credits: 1, per: 1 },
  ],
};

/** A starting point of `drawdown catalog init`. */
function starting(name: string): Catalog {
  const file = new URL(`../../examples/catalogues/${name}.json`, import.meta.url);
  const read = readCatalogText(readFileSync(file, 'utf8'));
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  return read.catalog;
}

export const CATALOGS: Record<string, Catalog> = {
  page: starting('page'),
  chat: starting('chat'),
  images: starting('images'),
  shop: SHOP,
  // R-08a.
  kept: { ...SHOP, version: 'kept', policies: { ...SHOP.policies, existing_prices: 'keep' } },
};
