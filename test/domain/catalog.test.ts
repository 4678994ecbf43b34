import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/catalog/read.ts';
import { findPlan, packsOn } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';

type Json = Record<string, unknown>;

/** The default catalogue with one member changed, or removed where the value is undefined. */
function changed(path: string, value: unknown): unknown {
  const root = structuredClone(DEFAULT_CATALOG) as unknown as Json;
  const names = path.split('/').slice(1);
  const last = names.pop()!;
  let target: Json = root;
  for (const name of names) target = target[name] as Json;
  if (value === undefined) delete target[last];
  else target[last] = value;
  return root;
}

function pointers(value: unknown): string[] {
  const read = readCatalog(value);
  return 'faults' in read ? read.faults.map(({ pointer }) => pointer) : [];
}

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

describe('every fault has a pointer to its member', () => {
  test.each<[string, unknown, string?]>([
    ['/version', ''],
    ['/version', 7],
    ['/version', 'with space'],
    ['/version', 'x'.repeat(65)],
    ['/version', undefined],
    ['/currency', 'usd'],
    ['/currency', 'DOLLAR'],
    ['/currency', undefined],
    ['/extra', 1],
    ['/a~b', 1, '/a~0b'],
    // nothing of it is kept, wherever text is that PostgreSQL would refuse.
    ['/version', '2026-11-\ud83d'],
    ['/rates/0/feature', 'avatar\u0000'],
    ['/rates/0/colour', '\ude00'],
    ['/rates/0/a\ud83d', 1, '/rates/0'],
    ['/plans', {}],
    ['/plans', []],
    ['/plans', undefined],
    ['/plans/0', 'creator', '/plans/0'],
    ['/plans/0/id', 'gold'],
    ['/plans/0/interval', 'week'],
    ['/plans/0/price_minor', 0],
    ['/plans/0/price_minor', 29.5],
    ['/plans/0/price_minor', '2900'],
    ['/plans/0/price_minor', null],
    ['/plans/0/allowance', 0],
    ['/plans/0/allowance', null],
    ['/plans/0/allowance', 2 ** 53],
    ['/plans/0/colour', 'red'],
    ['/plans/1/interval', 'month', '/plans'],
    ['/plans/6/price_minor', 100],
    ['/plans/6/allowance', 100],
    ['/packs', null],
    ['/packs', []],
    ['/packs/0', [], '/packs/0'],
    ['/packs/0/interval', 'day'],
    ['/packs/0/credits', 0],
    ['/packs/0/credits', 1.5],
    ['/packs/0/price_minor', -1],
    ['/packs/0/name', 'big'],
    ['/packs/1/interval', 'month', '/packs'],
    ['/rates', 'none'],
    ['/rates', []],
    ['/rates/0', 1, '/rates/0'],
    ['/rates/0/feature', ''],
    ['/rates/0/feature', 'avatar iv'],
    ['/rates/0/feature', '=avatar,iv'],
    ['/rates/0/unit', 'minute'],
    ['/rates/0/credits', -1],
    ['/rates/0/credits', 0.5],
    ['/rates/0/credits', null],
    ['/rates/0/credits', 1e6 + 1],
    ['/rates/0/per', 0],
    ['/rates/0/per', null],
    ['/rates/0/price', 1],
    ['/rates/1/feature', 'avatar_iv', '/rates'],
    ['/policies', undefined],
    ['/policies', []],
    ['/policies/grace', 1],
    ['/policies/allowanceTerm', 30],
    ['/policies/allowanceTerm', 'for_ever'],
    ['/policies/allowanceTerm', { days: 0 }],
    ['/policies/allowanceTerm', { days: 30, hours: 1 }],
    ['/policies/packTermDays', -1],
    ['/policies/packTermDays', 1.5],
    ['/policies/dunning', []],
    ['/policies/dunning', [0]],
    ['/policies/dunning', [3, 1]],
    ['/policies/dunning', [1, 1]],
    ['/policies/dunning', [1, 28]],
    ['/policies/dunning', '1,3'],
    ['/policies/pastDueSpending', 'maybe'],
    ['/policies/packsPerPurchase', 0],
    ['/policies/packsPerPurchase', 1_001],
  ])('%s = %j', (path, value, pointer = path) => {
    expect(pointers(changed(path, value))).toContain(pointer);
  });

  test.each([[null], [[]], ['catalogue'], [1]])('%j is no catalogue', (value) => {
    expect(pointers(value)).toContain('');
  });

  test('all faults at once, and none besides', () => {
    const wrong = changed('/version', '') as Json;
    (wrong['packs'] as Json[])[1]!['credits'] = 0;
    expect(pointers(wrong)).toEqual(['/version', '/packs/1/credits']);
  });
});

test('other values of the policies are taken', () => {
  for (const [path, value] of [
    ['/policies/allowanceTerm', 'until_next_refresh'],
    ['/policies/allowanceTerm', { days: 31 }],
    ['/policies/dunning', [2, 27]],
    ['/policies/pastDueSpending', 'block'],
    ['/policies/packTermDays', 0],
  ] as const)
    expect(pointers(changed(path, value)), path).toEqual([]);
});
