import type { Feature, Unit } from '../../domain/catalog/catalog.ts';
import { SECOND } from '../../domain/catalog/default.ts';
import type { Format } from './format.ts';
import { nameOf } from './words.ts';

// Quantities and rates of features, in the words of their units.

const isSecond = ({ one }: Unit): boolean => one === SECOND.one;

/** "12,500 tokens", "1 look"; seconds are spoken of as hours and minutes: "1 hr 40 min". */
export function quantityText(unit: Unit, count: number, format: Format): string {
  if (isSecond(unit)) return format.duration(count);
  return `${format.credits(count)} ${nameOf([unit.one, unit.many], count)}`;
}

/** The units that a balance buys; null for a feature whose credits the caller states. */
export function amountText(
  { unit, credits, per }: Feature,
  available: number,
  format: Format,
): string | null {
  if (credits === null || per === null) return null;
  if (credits === 0) return 'Unlimited';
  // In big integers: a large balance times a rate's `per` may pass 2^53.
  return quantityText(unit, Number((BigInt(available) * BigInt(per)) / BigInt(credits)), format);
}

/**
 * A rate by the amount that a person would buy at once: "1 minute = 20 credits", "1,000 tokens = 2 credits"; where that costs
 * no whole credits, by the amount that the rate names. Empty for a feature that has no rate, or is free.
 */
export function rateText({ unit, credits, per }: Feature, format: Format): string {
  if (credits === null || per === null || credits === 0) return '';
  const natural = (credits * unit.natural) / per;
  if (!Number.isInteger(natural)) return `${quantityText(unit, per, format)} = ${format.creditsOf(credits)}`;
  const isMinute = isSecond(unit) && unit.natural === SECOND.natural;
  return `${isMinute ? '1 minute' : quantityText(unit, unit.natural, format)} = ${format.creditsOf(natural)}`;
}
