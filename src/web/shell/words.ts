import type { GrantKind } from '../../domain/burndown.ts';
import type { Interval } from '../../domain/calendar.ts';

// The names of things on pages: the product's help page has most of them.

const FEATURES: Record<string, string> = {
  avatar_iv: 'Avatar IV',
  add_motion: 'Add Motion',
  upscale_video: 'Upscale Video',
  generate_look: 'Generate Look',
  ai_model_training: 'AI Model Training',
  video_translation: 'Video Translation',
  video_translation_precision: 'Video Translation – Precision mode',
  video_translation_audio: 'Video Translation – no lipsync',
  image_asset: 'Generate Image Assets',
  video_asset: 'Generate Video Assets',
  video_agent: 'Video Agent',
  motion_designer_asset: 'Motion Designer Assets',
};

/** The singular and plural of a feature's items. */
const ITEMS: Record<string, [string, string]> = {
  add_motion: ['motion', 'motions'],
  upscale_video: ['conversion', 'conversions'],
  generate_look: ['look', 'looks'],
  ai_model_training: ['training', 'trainings'],
  image_asset: ['image', 'images'],
  video_asset: ['video', 'videos'],
  motion_designer_asset: ['asset', 'assets'],
};

/** A feature's name; one of another catalogue is named by its id. */
export const featureName = (id: string): string => FEATURES[id] ?? sentence(id.replaceAll('_', ' '));

/** The name of a feature's items in a number. */
export const itemsName = (id: string, count: number): string =>
  (ITEMS[id] ?? ['use', 'uses'])[count === 1 ? 0 : 1];

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** A plan's name. */
export const planName = (plan: string): string => sentence(plan);

/** An interval's adjective. */
export const intervalWord = (interval: Interval): string => (interval === 'month' ? 'monthly' : 'annual');

/** The names of the kinds of grants. */
export const GRANTS: Record<GrantKind, string> = {
  allowance: 'Default credits',
  pack: 'Premium Credit Pack',
  adjustment: 'Adjustment',
};

/** "1 pack", "3 packs". */
export const packsOf = (count: number): string => (count === 1 ? '1 pack' : `${count} packs`);

/** The names of ledger entries for their owner. */
export const ENTRIES: Record<string, string> = {
  grant: 'Credits added',
  debit: 'Used',
  hold: 'Set aside for a job',
  capture: 'Used by a job',
  release: 'Given back by a job',
  expiry: 'Expired',
  forfeiture: 'Forfeited with the subscription',
  reversal: 'Given back',
  revocation: 'Taken back',
};
