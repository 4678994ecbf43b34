import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/catalog/read.ts';
import { findPlan, isContract, isFree, packsOn, plansAt } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { CATALOGS } from '../scenarios/catalogs.ts';

describe('the default catalogue', () => {
  test('is valid, and is the page’s', () => {
    expect(readCatalog(DEFAULT_CATALOG)).toEqual({ catalog: DEFAULT_CATALOG });
    expect(findPlan(DEFAULT_CATALOG, 'creator', 'month')?.price_minor).toBe(2_900);
    expect(
      ['creator', 'pro', 'business'].map((id) => findPlan(DEFAULT_CATALOG, id, 'year')?.allowance),
    ).toEqual([200, 2_000, 1_000]);
    expect(packsOn(DEFAULT_CATALOG, 'creator', 'month')).toMatchObject([{ credits: 300, price: 1_500 }]);
    expect(packsOn(DEFAULT_CATALOG, 'creator', 'year')).toMatchObject([{ credits: 3_600, price: 15_000 }]);
  });

  test('an annual pack costs its credits no more than a monthly one', () => {
    const perCredit = DEFAULT_CATALOG.packs.map(({ credits, price }) => price / credits);
    expect(perCredit[1]).toBeLessThan(perCredit[0]!);
  });
});

describe('a catalogue of every kind of plan and pack', () => {
  const shop = CATALOGS['shop']!;

  test('is valid', () => {
    const { unit: _, ...rest } = shop.features[0]!;
    expect(readCatalog(shop)).toEqual({ catalog: shop });
    expect(rest).toMatchObject({ id: 'token', credits: 1, per: 1_000 });
  });

  test.each([
    ['plus', 'week', ['small', 'boost']],
    ['plus', 'quarter', ['small', 'big', 'boost']],
    ['plus', 'year', ['small', 'big', 'boost', 'lasting']],
    ['lite', 'month', ['small', 'boost']],
    ['free', 'week', ['boost']],
    ['bare', 'month', []],
    ['deal', 'month', []],
    ['gold', 'month', []],
  ] as const)('R-34: on %s by the %s are sold %j', (plan, interval, packs) => {
    expect(packsOn(shop, plan, interval).map(({ id }) => id)).toEqual(packs);
  });

  test('a contract runs by any interval, and has no price', () => {
    expect(findPlan(shop, 'deal', 'quarter')).toMatchObject({ price_minor: null, allowance: null });
    expect([isContract(shop, 'deal'), isContract(shop, 'max'), isFree(shop, 'free', 'week')]).toEqual([
      true,
      false,
      true,
    ]);
    expect(findPlan(shop, 'max', 'week')).toBeUndefined();
    expect(plansAt(shop).map(({ id, interval }) => `${id}/${interval}`)).toEqual([
      ...['free/week', 'free/month', 'free/quarter', 'bare/month', 'lite/week', 'lite/month'],
      ...['plus/week', 'plus/month', 'plus/quarter', 'plus/year'],
      ...['max/month', 'max/quarter', 'max/year', 'deal/month', 'deal/year'],
    ]);
  });
});
