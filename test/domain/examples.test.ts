import { describe, expect, it } from 'vitest';
import { firstUse, startOf, triedPlan } from '../../src/api/examples.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG, ITEM } from '../../src/domain/catalog/default.ts';
import { price } from '../../src/domain/catalog/rates.ts';

// A newcomer's examples come from the catalogue in force.

type Rate = Pick<Catalog['features'][number], 'id' | 'credits' | 'per'>;

const offering = (changed: Partial<Catalog>): Catalog => ({ ...DEFAULT_CATALOG, ...changed });
const start = (plans: Catalog['plans']) => startOf(triedPlan(offering({ plans })));
const use = (rates: Rate[], allowance = 200) => {
  const features = rates.map((rate) => ({ ...rate, name: rate.id, unit: ITEM }));
  const catalog = offering({ features });
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
    expect(start(plans.map((plan) => ({ ...plan, prices: { year: plan.prices.year ?? 0 } })))).toEqual({
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
    [
      'of the built-in catalogue',
      DEFAULT_CATALOG.features,
      { feature: 'avatar_iv', quantity: 90, costs: 30 },
    ],
    [
      'passes over what costs nothing',
      [
        { id: 'free', credits: 0, per: 1 },
        { id: 'page', credits: 4, per: 1 },
      ],
      { feature: 'page', quantity: 7, costs: 28 },
    ],
    [
      'passes over what the allowance does not cover',
      [
        { id: 'film', credits: 900, per: 1 },
        { id: 'page', credits: 1, per: 10 },
      ],
      { feature: 'page', quantity: 300, costs: 30 },
    ],
    [
      'states the credits where the rate card does not',
      [{ id: 'agent', credits: null, per: null }],
      { feature: 'agent', quantity: 1, credits: 30, costs: 30 },
    ],
    [
      'is the cheapest where none is covered',
      [
        { id: 'film', credits: 900, per: 1 },
        { id: 'clip', credits: 300, per: 1 },
      ],
      { feature: 'clip', quantity: 1, costs: 300 },
    ],
    [
      'costs nothing where nothing costs anything',
      [{ id: 'free', credits: 0, per: 1 }],
      { feature: 'free', quantity: 30, costs: 0 },
    ],
  ] satisfies [string, Rate[], object][])('%s', (_, rates, wanted) => {
    expect(use(rates)).toEqual(wanted);
  });
});
