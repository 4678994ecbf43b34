import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG, ITEM, SECOND } from '../../src/domain/catalog/default.ts';

/** A catalogue that has no plan, pack or feature of the built-in one's examples. */
export const OWN_CATALOG: Catalog = {
  ...DEFAULT_CATALOG,
  version: 'own-1',
  currency: 'EUR',
  plans: [
    {
      ...{ id: 'business', name: 'Business', contract: false, prices: { year: 4_800 }, credits: 60 },
      ...{ trial: null, packs: null, contact: null },
    },
  ],
  packs: [
    {
      ...{ id: 'pack_40', name: 'Pack', on: ['year'], credits: 40, price: 900 },
      ...{ renews: true, term: { days_after_renewal: 90 } },
    },
  ],
  features: [
    { id: 'page', name: 'Page', unit: ITEM, credits: 4, per: 1 },
    { id: 'minutes', name: 'Minutes', unit: SECOND, credits: 1, per: 60 },
  ],
};
