import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_CATALOG, SECOND } from '../../src/domain/catalog/default.ts';
import { type Item, price } from '../../src/domain/catalog/rates.ts';
import { Refusal } from '../../src/domain/errors.ts';

const cost = (...items: Item[]): number => price(DEFAULT_CATALOG, items).credits;
const use = (feature: string, quantity: number, credits?: number): Item =>
  credits === undefined ? { feature, quantity } : { feature, quantity, credits };

function refusal(...items: Item[]): { code: string; pointer: string | undefined } {
  try {
    price(DEFAULT_CATALOG, items);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const errors = error.data['errors'] as { pointer: string }[];
    return { code: error.code, pointer: errors[0]?.pointer };
  }
  throw new Error('was not refused');
}

describe('R-04, R-05: the cost of a line', () => {
  test.each([
    ['video_translation', 61, 6],
    ['avatar_iv', 62.5, 21],
    ['avatar_iv', 60, 20],
    ['avatar_iv', 12.48, 5],
    ['avatar_iv', 3, 1],
    ['avatar_iv', 3.001, 2],
    ['avatar_iv', 0.001, 1],
    ['avatar_iv', 1_000_000_000, 333_333_334],
    ['video_translation_precision', 60.001, 11],
    ['video_translation_audio', 999.999, 0],
    ['generate_look', 3, 3],
    ['video_asset', 1_000_000_000, 15_000_000_000],
    ['motion_designer_asset', 7, 21],
  ])('%s × %d = %d', (feature, quantity, credits) => {
    expect(cost(use(feature, quantity))).toBe(credits);
  });

  test('rounded up line by line, then added', () => {
    expect(cost(use('avatar_iv', 1), use('avatar_iv', 1))).toBe(2);
    expect(cost(use('avatar_iv', 2))).toBe(1);
    expect(cost()).toBe(0);
  });

  test('exact in thousandths, as no float is', () => {
    const timed = DEFAULT_CATALOG.features.filter(({ unit }) => unit.decimals > 0);
    fc.assert(
      fc.property(
        fc.constantFrom(...timed),
        fc.oneof(fc.integer({ min: 1, max: 1e12 }), fc.integer({ min: 1, max: 200_000 })),
        ({ id: feature, credits, per }, thousandths) => {
          const quantity = Number(
            `${Math.trunc(thousandths / 1000)}.${String(thousandths % 1000).padStart(3, '0')}`,
          );
          const charged = BigInt(cost(use(feature, quantity)));
          const exact = BigInt(thousandths) * BigInt(credits!);
          const unit = BigInt(per!) * 1000n;
          expect(charged * unit >= exact && (charged - 1n) * unit < exact).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('exact where a float is not: 2.007 s at 1,000 credits a second is 2,007', () => {
    const features = [{ id: 'render', name: 'Render', unit: SECOND, credits: 1_000, per: 1 }];
    const { credits } = price({ ...DEFAULT_CATALOG, features }, [use('render', 2.007)]);
    expect(Math.ceil(2.007 * 1_000)).toBe(2_008);
    expect(credits).toBe(2_007);
  });

  test('a stated line costs its stated credits, for any quantity', () => {
    expect(cost(use('video_agent', 5, 40))).toBe(40);
    expect(cost(use('video_agent', 1, Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('refusals name the member', () => {
  test.each([0, -1, 1.5, 1_000_000_001, Number.NaN, Number.POSITIVE_INFINITY, 1e-7])(
    '%d items',
    (quantity) => {
      const pointer = '/items/1/quantity';
      expect(refusal(use('image_asset', 1), use('generate_look', quantity))).toEqual({
        code: 'invalid_request',
        pointer,
      });
    },
  );

  test.each([0, -0.5, 12.4801, 1_000_000_000.5, 1e-9])('%d seconds', (quantity) => {
    expect(refusal(use('avatar_iv', quantity))).toEqual({
      code: 'invalid_request',
      pointer: '/items/0/quantity',
    });
  });

  test('unknown features, stated credits missing, wrong or not wanted', () => {
    expect(refusal(use('teleport', 1))).toEqual({ code: 'unknown_feature', pointer: '/items/0/feature' });
    expect(refusal(use('toString', 1)).code).toBe('unknown_feature');
    const pointer = '/items/0/credits';
    expect(refusal(use('video_agent', 1))).toEqual({ code: 'credits_required', pointer });
    for (const credits of [0, -1, 1.5, 2 ** 53])
      expect(refusal(use('video_agent', 1, credits))).toEqual({ code: 'invalid_request', pointer });
    expect(refusal(use('add_motion', 1, 10))).toEqual({ code: 'invalid_request', pointer });
  });

  test('R-63: a sum past 2^53-1', () => {
    const most = use('video_agent', 1, Number.MAX_SAFE_INTEGER);
    expect(refusal(most, use('generate_look', 1))).toEqual({ code: 'invalid_request', pointer: '/items' });
  });
});
