import { type Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';

/** A catalogue that has no plan, pack or feature of the built-in one's examples. */
export const OWN_CATALOG: Catalog = {
  ...DEFAULT_CATALOG,
  version: 'own-1',
  currency: 'EUR',
  plans: [{ id: 'business', interval: 'year', price_minor: 4_800, allowance: 60 }],
  packs: [{ interval: 'year', credits: 40, price_minor: 900 }],
  rates: [
    { feature: 'page', unit: 'item', credits: 4, per: 1 },
    { feature: 'minutes', unit: 'second', credits: 1, per: 60 },
  ],
};
