import { invalid, Refusal } from '../errors.ts';
import { type Catalog, type Feature, featureOf, type Unit } from './catalog.ts';

/** One line of a request. `quantity` counts the feature's unit; `credits` is only for features whose caller states it. */
export interface Item {
  feature: string;
  quantity: number;
  credits?: number;
}

/** A line with its price in credits. */
export interface Line {
  feature: string;
  quantity: number;
  credits: number;
}

/** the largest quantity of a line. */
const MAX_QUANTITY = 1_000_000_000;

/** the integrations through which a feature costs the same as directly. */
export const CHANNELS = ['hubspot', 'clay', 'zapier', 'make', 'n8n'] as const;

/**
 * the quantity in thousandths of its unit. A fraction is read by its decimal digits, never multiplied as a float.
 * null when it is not positive, above the cap, or finer than the unit allows.
 */
function thousandths(quantity: number, { decimals }: Unit): number | null {
  if (!(quantity > 0 && quantity <= MAX_QUANTITY)) return null;
  if (Number.isInteger(quantity)) return quantity * 1_000;
  const digits = /^(\d+)\.(\d{1,3})$/.exec(String(quantity));
  if (!digits || decimals === 0) return null;
  return Number(digits[1]! + digits[2]!.padEnd(3, '0'));
}

/** `of` · `credits` ÷ `per`, rounded up, in integers. */
function share(of: number, credits: number, per: number): number {
  const product = of * credits;
  if (!Number.isSafeInteger(product))
    return Number((BigInt(of) * BigInt(credits) + BigInt(per) - 1n) / BigInt(per));
  const rest = product % per;
  return (product - rest) / per + (rest > 0 ? 1 : 0);
}

function priceLine(catalog: Catalog, item: Item, pointer: string): Line {
  const feature = featureOf(catalog, item.feature);
  if (!feature)
    throw new Refusal('unknown_feature', `The rate card has no feature "${item.feature}".`, {
      feature: item.feature,
      errors: [{ pointer: `${pointer}/feature`, detail: 'is not on the rate card' }],
    });
  const quantity = thousandths(item.quantity, feature.unit);
  if (quantity === null)
    throw invalid({
      pointer: `${pointer}/quantity`,
      detail:
        feature.unit.decimals === 0
          ? `must be a whole number of ${feature.unit.many} from 1 to ${MAX_QUANTITY}`
          : `must be ${feature.unit.many} above 0, at most ${MAX_QUANTITY}, with at most 3 decimals`,
    });
  return {
    feature: item.feature,
    quantity: item.quantity,
    credits: creditsOf(feature, quantity, item, pointer),
  };
}

function creditsOf({ credits, per }: Feature, quantity: number, item: Item, pointer: string): number {
  if (credits === null || per === null) return statedCredits(item, pointer);
  if (item.credits !== undefined)
    throw invalid({ pointer: `${pointer}/credits`, detail: `is set by the rate card for ${item.feature}` });
  return share(quantity, credits, per * 1_000);
}

function statedCredits(item: Item, pointer: string): number {
  if (item.credits === undefined)
    throw new Refusal('credits_required', `${item.feature} changes per use: state the credits of the line.`, {
      feature: item.feature,
      errors: [{ pointer: `${pointer}/credits`, detail: 'is required for this feature' }],
    });
  if (!Number.isSafeInteger(item.credits) || item.credits < 1)
    throw invalid({ pointer: `${pointer}/credits`, detail: 'must be a whole number from 1 to 2^53-1' });
  return item.credits;
}

/**
 * the lines of a request with their credits, and their sum.
 * Throws `unknown_feature`, `credits_required`, and `invalid_request` with a pointer to the wrong member.
 */
export function price(catalog: Catalog, items: readonly Item[]): { lines: Line[]; credits: number } {
  const lines = items.map((item, i) => priceLine(catalog, item, `/items/${i}`));
  // integers up to 2^53-1. A floating sum that passes the limit stays above it, so one check at the end is enough.
  const credits = lines.reduce((sum, line) => sum + line.credits, 0);
  if (credits > Number.MAX_SAFE_INTEGER)
    throw invalid({ pointer: '/items', detail: 'the sum of the lines passes 2^53-1 credits' });
  return { lines, credits };
}
