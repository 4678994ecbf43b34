import { describe, expect, it } from 'vitest';
import { firstUse, startOf, triedPlan } from '../../src/api/examples.ts';
import { type Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { price } from '../../src/domain/catalog/rates.ts';

// A newcomer's examples come from the catalogue in force.

const offering = (changed: Partial<Catalog>): Catalog => ({ ...DEFAULT_CATALOG, ...changed });
const start = (plans: Catalog['plans']) => startOf(triedPlan(offering({ plans })));
const use = (rates: Catalog['rates'], allowance = 200) => {
  const catalog = offering({ rates });
  const item = firstUse(catalog, allowance);
  return { ...item, costs: price(catalog, [item]).credits };
};

describe('the plan to try', () => {
  it('is the cheapest by the month, else by the year, else enterprise with an allowance', () => {
    const { plans } = DEFAULT_CATALOG;
    expect(start(plans)).toEqual({ plan: 'creator', interval: 'month' });
    expect(start(plans.filter(({ id }) => id !== 'creator').reverse())).toEqual({
      plan: 'business',
      interval: 'month',
    });
    expect(start(plans.filter(({ interval }) => interval === 'year'))).toEqual({
      plan: 'creator',
      interval: 'year',
    });
    expect(start(plans.filter(({ id }) => id === 'enterprise'))).toEqual({
      plan: 'enterprise',
      interval: 'month',
      allowance: 1_000,
    });
  });
});

describe('the first use', () => {
  it.each([
    ['of the built-in catalogue', DEFAULT_CATALOG.rates, { feature: 'avatar_iv', quantity: 90, costs: 30 }],
    [
      'passes over what costs nothing',
      [
        { feature: 'free', unit: 'item', credits: 0, per: 1 },
        { feature: 'page', unit: 'item', credits: 4, per: 1 },
      ],
      { feature: 'page', quantity: 7, costs: 28 },
    ],
    [
      'passes over what the allowance does not cover',
      [
        { feature: 'film', unit: 'item', credits: 900, per: 1 },
        { feature: 'page', unit: 'item', credits: 1, per: 10 },
      ],
      { feature: 'page', quantity: 300, costs: 30 },
    ],
    [
      'states the credits where the rate card does not',
      [{ feature: 'agent', unit: 'item', credits: null, per: null }],
      { feature: 'agent', quantity: 1, credits: 30, costs: 30 },
    ],
    [
      'is the cheapest where none is covered',
      [
        { feature: 'film', unit: 'item', credits: 900, per: 1 },
        { feature: 'clip', unit: 'item', credits: 300, per: 1 },
      ],
      { feature: 'clip', quantity: 1, costs: 300 },
    ],
    [
      'costs nothing where nothing costs anything',
      [{ feature: 'free', unit: 'second', credits: 0, per: 1 }],
      { feature: 'free', quantity: 30, costs: 0 },
    ],
  ] satisfies [string, Catalog['rates'], object][])('%s', (_, rates, wanted) => {
    expect(use(rates)).toEqual(wanted);
  });
});
