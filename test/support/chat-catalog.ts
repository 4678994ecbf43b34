import type { Catalog, Pack, Plan } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';

/** The catalogue of a chat product: a free plan by the week, a trial, packs that renew and one that does not. */
export const CHAT_CATALOG: Catalog = {
  version: 'chat-1',
  currency: 'USD',
  brand: {
    product: 'Parlo',
    credit: ['token credit', 'token credits'],
    pack: ['token pack', 'token packs'],
    logo_url: 'https://cdn.parlo.example/logo.svg',
    accent: '#6d28d9',
    home_url: 'https://parlo.example/app',
    support_url: 'https://parlo.example/help',
  },
  plans: [
    plan('free', 'Free', { prices: { week: 0 }, credits: 50, packs: [] }),
    plan('plus', 'Plus', {
      prices: { month: 1_900, year: 19_000 },
      credits: 2_000,
      trial: { days: 7, credits: 200 },
    }),
    plan('team', 'Team', { contract: true, contact: 'sales@parlo.example' }),
  ],
  packs: [
    pack('boost_500', 'Boost', 500, 600, { renews: false, term: { days: 60 } }),
    pack('pack_1000', 'Token Pack S', 1_000, 1_000, {}),
    pack('pack_5000', 'Token Pack L', 5_000, 4_000, { term: 'subscription' }),
  ],
  features: [
    {
      id: 'chat_reply',
      name: 'Chat reply',
      unit: { one: 'token', many: 'tokens', natural: 1_000, decimals: 0 },
      credits: 2,
      per: 1_000,
    },
  ],
  policies: DEFAULT_CATALOG.policies,
};

function plan(id: string, name: string, more: Partial<Plan>): Plan {
  const none = { contract: false, prices: {}, credits: null, trial: null, packs: null, contact: null };
  return { id, name, ...none, ...more };
}

function pack(id: string, name: string, credits: number, price: number, more: Partial<Pack>): Pack {
  const usual = { on: ['month', 'year'], renews: true, term: { days_after_renewal: 90 } } as const;
  return { id, name, ...usual, on: [...usual.on], credits, price, ...more };
}
