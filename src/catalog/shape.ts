import { z } from 'zod';
import { INTERVALS } from '../domain/calendar.ts';
import { MOST } from '../domain/catalog/catalog.ts';
import { ITEM, SECOND } from '../domain/catalog/default.ts';

// The shape of a catalogue's file: its members, their defaults, and the words of the JSON Schema that is made from it.

const id = z
  .string()
  .regex(/^[a-z0-9_]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and _')
  .describe('The permanent name in requests: 1 to 40 of a-z, 0-9 and _.');
const feature = z.string().regex(/^[a-z0-9_]{1,64}$/, 'must be 1 to 64 of a-z, 0-9 and _');
const name = z.string().trim().min(1, 'must not be empty').max(80, 'must have at most 80 characters');
const url = z.url({ protocol: /^https?$/, message: 'must be an http or https URL' }).max(500);
const price = z.int('must be whole cents').min(0, 'must be at least 0').max(MOST, `must be at most ${MOST}`);
const credits = z
  .int('must be whole credits')
  .min(1, 'must be at least 1')
  .max(MOST, `must be at most ${MOST}`);
const days = z.int('must be whole days').min(1, 'must be at least 1').max(3_660, 'must be at most 3660');
const words = z.tuple([name, name], 'must be two words: one of it, and several');
const interval = z.enum(INTERVALS, `must be one of ${INTERVALS.join(', ')}`);

/** A price for each interval. */
const prices = z
  .strictObject({
    week: price.optional(),
    month: price.optional(),
    quarter: price.optional(),
    year: price.optional(),
  })
  .describe('The price of one interval in cents, for each interval that the plan is sold by; 0 is free.');

const trial = z.strictObject({
  days: z.int('must be whole days').min(1, 'must be at least 1').max(365, 'must be at most 365'),
  credits: z.int('must be whole credits').min(0, 'must be at least 0').max(MOST).optional(),
});

/** a plan. */
export const planShape = z.strictObject({
  id,
  name,
  contract: z.boolean().default(false),
  prices: prices.default({}),
  credits: credits.optional(),
  trial: trial.nullable().default(null),
  packs: z.array(z.string()).nullable().default(null),
  contact: z.string().max(500).nullable().default(null),
});

const term = z.union([
  z.strictObject({ days_after_renewal: z.int().min(0).max(3_660) }),
  z.strictObject({ days }),
  z.literal('subscription'),
]);

/** R-32a: a pack. */
export const packShape = z.strictObject({
  id,
  name,
  on: z
    .array(interval)
    .min(1, 'must name an interval')
    .default([...INTERVALS]),
  credits,
  price: price.min(1, 'must be at least 1'),
  renews: z.boolean().default(true),
  term: term.default({ days_after_renewal: 90 }),
});

const ownUnit = z.strictObject({
  one: name,
  many: name,
  natural: z.int().min(1).max(1e9).default(1),
  decimals: z.union([z.literal(0), z.literal(3)]).default(0),
});

/** The words of a unit: an object, or one of the two built-in ones, or one word whose plural adds an s. */
const unitShape = z.union([ownUnit, name.max(40)]).transform((unit) => {
  if (typeof unit !== 'string') return unit;
  if (unit === 'second') return SECOND;
  return unit === 'item' ? ITEM : { one: unit, many: `${unit}s`, natural: 1, decimals: 0 as const };
});

const rate = z.int('must be whole').max(1e6, 'must be at most 1000000');
/** a feature. */
export const featureShape = z.strictObject({
  id: feature,
  name,
  unit: unitShape.default(ITEM),
  credits: rate.min(0, 'must be at least 0').nullable(),
  per: rate.min(1, 'must be at least 1').nullable().default(1),
});

/** The choices that the rules leave to an operator. */
export const policiesShape = z.strictObject({
  allowance_term: z.union([z.strictObject({ days }), z.literal('until_next_refresh')]).default({ days: 30 }),
  // 27 days is the limit: the last retry comes before the next boundary can.
  dunning_days: z
    .array(z.int().min(1).max(27), 'must be a list of days')
    .min(1, 'must have at least one day')
    .refine((all) => all.every((day, i) => i === 0 || day > all[i - 1]!), 'must be rising days from 1 to 27')
    .default([1, 3, 5, 7]),
  past_due_spending: z.enum(['allow', 'block'], 'must be allow or block').default('allow'),
  packs_per_purchase: z.int().min(1).max(1_000).default(100),
  existing_prices: z.enum(['reprice', 'keep'], 'must be reprice or keep').default('reprice'),
});

/** The words and looks of the product. */
export const brandShape = z.strictObject({
  product: name,
  credit: words.default(['credit', 'credits']),
  pack: words.default(['credit pack', 'credit packs']),
  logo_url: url.nullable().default(null),
  accent: z
    .string()
    .regex(/^#[0-9a-f]{6}$/, 'must be a colour such as #1f5f5b')
    .nullable()
    .default(null),
  home_url: url.nullable().default(null),
  support_url: url.nullable().default(null),
});

/** The file. */
export const catalogShape = z.strictObject({
  $schema: z.string().optional(),
  version: z.string().regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 visible characters'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code'),
  brand: brandShape,
  plans: z.array(planShape).min(1, 'must have at least one plan'),
  packs: z.array(packShape).default([]),
  features: z.array(featureShape).min(1, 'must have at least one feature'),
  policies: policiesShape.prefault({}),
});
