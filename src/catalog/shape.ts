import { z } from 'zod';
import { INTERVALS } from '../domain/calendar.ts';
import { MOST } from '../domain/catalog/catalog.ts';
import { ITEM, SECOND } from '../domain/catalog/default.ts';

// The shape of a catalogue's file: its members, their defaults, the sentence for a wrong value, and the descriptions that the
// JSON Schema and docs/catalogue.md show. checks.ts has the rules between members.

/** The sentence for a wrong value. A missing one gets that of faults.ts. */
const says = (sentence: string) => ({
  error: (issue: { input?: unknown }) => (issue.input === undefined ? undefined : sentence),
});

function whole(min: number, max: number, of = '') {
  const wrong = says(`must be a whole number ${of && `of ${of} `}from ${min} to ${max}`);
  return z.int(wrong).min(min, wrong).max(max, wrong);
}

function text(most: number) {
  const wrong = says(`must be a text of 1 to ${most} characters`);
  return z.string(wrong).trim().min(1, wrong).max(most, wrong);
}

function id(most: number) {
  const wrong = says(`must be a text of 1 to ${most} of a-z, 0-9 and _`);
  return z.string(wrong).regex(new RegExp(`^[a-z0-9_]{1,${most}}$`), wrong);
}

const notAUrl = says('must be an http or https URL of at most 500 characters');
const url = () => z.url({ protocol: /^https?$/, ...notAUrl }).max(500, notAUrl);
const days = () => whole(1, 3_660, 'days');
const words = () => z.tuple([text(80), text(80)], says('must be two words: for one, and for several'));
const interval = z.enum(INTERVALS, says(`must be one of ${INTERVALS.join(', ')}`));

const price = () => whole(0, MOST, 'cents').optional();
const prices = z.strictObject({
  week: price().describe('Price of a week in cents; 0 is free.'),
  month: price().describe('Price of a month in cents; 0 is free.'),
  quarter: price().describe('Price of a quarter in cents; 0 is free.'),
  year: price().describe('Price of a year in cents; 0 is free.'),
});

const trial = z.strictObject({
  days: whole(1, 365, 'days').describe('Days before the first charge.'),
  credits: whole(0, MOST, 'credits')
    .optional()
    .describe("Credits of the trial; they expire with it. Without it: the plan's credits."),
});

/** R-09: a plan. */
export const planShape = z
  .strictObject({
    id: id(40).describe('Permanent name in requests: 1 to 40 of a-z, 0-9 and _.'),
    name: text(80).describe('Name on pages and bills.'),
    contract: z
      .boolean()
      .default(false)
      .describe('Paid by contract: no price, no charge; an operator sets the credits of each subscription.'),
    prices: prices
      .default({})
      .describe('Price for each interval that sells the plan. Required unless it is a contract.'),
    credits: whole(1, MOST, 'credits')
      .nullable()
      .optional()
      .describe('Credits a cycle. Required unless it is a contract.'),
    trial: trial.nullable().default(null).describe('Trial before the first charge; null: none.'),
    packs: z
      .array(z.string(says("must be a pack's id")))
      .nullable()
      .default(null)
      .describe('Ids of the packs sold on it; null: all that fit its interval, and none at a price of 0.'),
    contact: text(500)
      .nullable()
      .default(null)
      .describe('Address or page where a person asks for the plan; null: none.'),
  })
  .meta({
    if: { properties: { contract: { const: true } }, required: ['contract'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: {
      properties: { credits: { type: 'null' }, prices: { maxProperties: 0 }, trial: { type: 'null' } },
    },
    else: {
      properties: { prices: { minProperties: 1 }, credits: { type: 'integer' } },
      required: ['prices', 'credits'],
    },
  });

const term = z.union(
  [
    z.strictObject({
      days_after_renewal: whole(0, 3_660, 'days').describe(
        "Calendar days after the plan's next renewal, counted when the credits arrive.",
      ),
    }),
    z.strictObject({ days: days().describe('Calendar days after the credits arrive.') }),
    z.literal('subscription'),
  ],
  says('must be {"days_after_renewal": n}, {"days": n} or "subscription"'),
);

/** R-32a: a pack. */
export const packShape = z.strictObject({
  id: id(40).describe('Permanent name in requests: 1 to 40 of a-z, 0-9 and _.'),
  name: text(80).describe('Name on pages and bills.'),
  on: z
    .array(interval, says('must be a list of intervals'))
    .min(1, says('must name an interval'))
    .default([...INTERVALS])
    .describe('Intervals of the plans on which it is sold.'),
  credits: whole(1, MOST, 'credits').describe('Credits of one pack.'),
  price: whole(1, MOST, 'cents').describe('Price of one pack in cents.'),
  renews: z
    .boolean()
    .default(true)
    .describe('Whether a purchase joins the add-on, which renews with the plan; false: bought once.'),
  term: term
    .default({ days_after_renewal: 90 })
    .describe('End of its credits; "subscription": they live until the subscription ends.'),
});

const ownUnit = z.strictObject({
  one: text(40).describe('Word for one.'),
  many: text(40).describe('Word for several.'),
  natural: whole(1, 1e9)
    .default(1)
    .describe('Number that a person speaks of: pages show the price of so many.'),
  decimals: z
    .union([z.literal(0), z.literal(3)], says('must be 0 or 3'))
    .default(0)
    .describe('Decimal places of a quantity: 0 or 3.'),
});

/** The words of a unit: an object, one of the two built-in ones, or one word whose plural adds an s. */
const unit = z
  .union([ownUnit, text(40)], says('must be a word, or an object with the members one and many'))
  .transform((of) => {
    if (typeof of !== 'string') return of;
    if (of === 'second') return SECOND;
    return of === 'item' ? ITEM : { one: of, many: `${of}s`, natural: 1, decimals: 0 as const };
  });

const rate = (min: number) => whole(min, 1e6);

/** R-04: a feature. */
export const featureShape = z.strictObject({
  id: id(64).describe('Permanent name in requests: 1 to 64 of a-z, 0-9 and _.'),
  name: text(80).describe('Name on pages.'),
  unit: unit
    .prefault('item')
    .describe(
      'Unit of a quantity: "second" (to three decimals), "item" (use, uses), a word whose plural adds an s, or an object.',
    ),
  credits: rate(0)
    .nullable()
    .describe('Credits for `per` units, 0 for none; null: the caller states the credits of each line.'),
  per: rate(1)
    .nullable()
    .optional()
    .describe('Units that cost `credits`; null only where `credits` is null.')
    .meta({ default: 1 }),
});

const notRising = says('must be a rising list of days from 1 to 27');

/** The choices that the rules leave to an operator. */
export const policiesShape = z.strictObject({
  allowance_term: z
    .union(
      [
        z.strictObject({ days: days().describe('Calendar days after the boundary.') }),
        z.literal('until_next_refresh'),
      ],
      says('must be {"days": n} or "until_next_refresh"'),
    )
    .default({ days: 30 })
    .describe('Life of an allowance: a number of days, or "until_next_refresh".'),
  dunning_days: z
    // 27 days is the limit: the last retry comes before the next monthly boundary can.
    .array(whole(1, 27, 'days'), notRising)
    .min(1, notRising)
    .refine((all) => all.every((day, i) => i === 0 || day > all[i - 1]!), notRising)
    .default([1, 3, 5, 7])
    .describe('Days after the boundary at which an unpaid renewal is tried again, rising.'),
  past_due_spending: z
    .enum(['allow', 'block'], says('must be allow or block'))
    .default('allow')
    .describe('Whether credits can be spent while a renewal is unpaid: "allow" or "block".'),
  packs_per_purchase: whole(1, 1_000, 'packs').default(100).describe('Most packs of one purchase.'),
  existing_prices: z
    .enum(['reprice', 'keep'], says('must be reprice or keep'))
    .default('reprice')
    .describe('Whether a new catalogue reprices running subscriptions ("reprice") or not ("keep").'),
});

const notAColour = says('must be a colour such as #1f5f5b');

/** The words and looks of the product. */
export const brandShape = z.strictObject({
  product: text(80).describe("Product's name on every page of a customer."),
  credit: words().default(['credit', 'credits']).describe('Words for one credit, and for several.'),
  pack: words().default(['credit pack', 'credit packs']).describe('Words for one pack, and for several.'),
  logo_url: url().nullable().default(null).describe('Address of the logo; null: the name alone.'),
  accent: z
    .string(notAColour)
    .regex(/^#[0-9a-f]{6}$/, notAColour)
    .nullable()
    .default(null)
    .describe(
      'Colour of links and buttons, such as #1f5f5b; dark pages show a lighter one; null: the built-in one.',
    ),
  home_url: url().nullable().default(null).describe('Address of the product; null: no way back is shown.'),
  support_url: url().nullable().default(null).describe('Address of help; null: none is shown.'),
});

const notAVersion = says('must be a text of 1 to 64 visible characters without a space');
const notACurrency = says('must be an ISO 4217 code such as USD');

/** The file. */
export const catalogShape = z
  .strictObject({
    $schema: z.string(says('must be a text')).optional().describe('Address of this schema, for editors.'),
    version: z
      .string(notAVersion)
      .regex(/^[\x21-\x7e]{1,64}$/, notAVersion)
      .describe('Permanent name of this content. Each edit needs another one.'),
    currency: z
      .string(notACurrency)
      .regex(/^[A-Z]{3}$/, notACurrency)
      .describe('ISO 4217 code. Prices are in its smallest unit, called cents here.'),
    brand: brandShape.describe('Words and looks of the product.'),
    plans: z
      .array(planShape)
      .min(1, says('must have at least one plan'))
      .describe('Plans, in the order of pages.'),
    packs: z.array(packShape).default([]).describe('Packs, in the order of pages.'),
    features: z
      .array(featureShape)
      .min(1, says('must have at least one feature'))
      .describe('Features that cost credits, in the order of pages.'),
    policies: policiesShape.prefault({}).describe('Choices that the rules leave to an operator.'),
  })
  .describe('A catalogue of Drawdown: plans, packs, features and policies.');
