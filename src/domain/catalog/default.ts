import type { Catalog, Feature, Unit } from './catalog.ts';

const unit = (one: string, many: string): Unit => ({ one, many, natural: 1, decimals: 0 });
/** seconds are counted to three decimals; a person speaks of minutes. */
export const SECOND: Unit = { one: 'second', many: 'seconds', natural: 60, decimals: 3 };
/** The unit of a feature that names none of its own. */
export const ITEM: Unit = unit('use', 'uses');

const feature = (
  id: string,
  name: string,
  of: Unit,
  credits: number | null,
  per: number | null,
): Feature => ({
  id,
  name,
  unit: of,
  credits,
  per,
});

/**
 * The built-in values. HeyGen's page states the prices of creator monthly and of the two packs.
 * Every other plan price is example data.
 */
export const DEFAULT_CATALOG: Catalog = {
  version: '2026-12-01',
  currency: 'USD',
  brand: {
    product: 'HeyGen',
    credit: ['Premium Credit', 'Premium Credits'],
    pack: ['Premium Credit Pack', 'Premium Credit Packs'],
    logo_url: null,
    accent: null,
    home_url: null,
    support_url: null,
  },
  plans: [
    plan('creator', 'Creator', { month: 2_900, year: 28_800 }, 200),
    plan('pro', 'Pro', { month: 9_900, year: 99_000 }, 2_000),
    plan('business', 'Business', { month: 7_900, year: 78_000 }, 1_000),
    { ...plan('enterprise', 'Enterprise', {}, null), contract: true },
  ],
  packs: [pack('pack_300', 'month', 300, 1_500), pack('pack_3600', 'year', 3_600, 15_000)],
  features: [
    feature('avatar_iv', 'Avatar IV', SECOND, 1, 3),
    feature('add_motion', 'Add Motion', unit('motion', 'motions'), 10, 1),
    feature('upscale_video', 'Upscale Video', unit('conversion', 'conversions'), 10, 1),
    feature('generate_look', 'Generate Look', unit('look', 'looks'), 1, 1),
    feature('ai_model_training', 'AI Model Training', unit('training', 'trainings'), 20, 1),
    feature('video_translation', 'Video Translation', SECOND, 5, 60),
    feature('video_translation_precision', 'Video Translation – Precision mode', SECOND, 10, 60),
    feature('video_translation_audio', 'Video Translation – no lipsync', SECOND, 0, 1),
    feature('image_asset', 'Generate Image Assets', unit('image', 'images'), 2, 1),
    feature('video_asset', 'Generate Video Assets', unit('video', 'videos'), 15, 1),
    feature('video_agent', 'Video Agent', ITEM, null, null),
    feature('motion_designer_asset', 'Motion Designer Assets', unit('asset', 'assets'), 3, 1),
  ],
  policies: {
    allowance_term: { days: 30 },
    dunning_days: [1, 3, 5, 7],
    past_due_spending: 'allow',
    packs_per_purchase: 100,
    existing_prices: 'reprice',
  },
};

function plan(id: string, name: string, prices: Catalog['plans'][0]['prices'], credits: number | null) {
  return { id, name, contract: false, prices, credits, trial: null, packs: null, contact: null };
}

function pack(id: string, on: 'month' | 'year', credits: number, price: number): Catalog['packs'][0] {
  const term = { days_after_renewal: 90 };
  return { id, name: 'Premium Credit Pack', on: [on], credits, price, renews: true, term };
}
