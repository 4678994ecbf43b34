import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  available,
  burnDown,
  burnOrder,
  type Grant,
  goneAt,
  isGone,
  isUsable,
} from '../../src/domain/burndown.ts';
import { NEVER } from '../../src/domain/calendar.ts';

let made = 0;
function grant(kind: Grant['kind'], remaining: number, effectiveAt: number, expiresAt: number): Grant {
  made += 1;
  return { id: `g${made}`, kind, amount: remaining, remaining, held: 0, effectiveAt, expiresAt, made };
}

const names = (grants: Grant[], credits: number, at: number): string =>
  (burnDown(grants, credits, at) ?? [{ kind: 'refused', credits: 0 }])
    .map((d) => `${d.kind}:${d.credits}`)
    .join(' ');

describe('R-12: usable', () => {
  test('from effectiveAt on, no longer at expiresAt', () => {
    const term = { effectiveAt: 10, expiresAt: 20 };
    expect([9, 10, 19, 20].map((at) => isUsable(term, at))).toEqual([false, true, true, false]);
  });

  test('an unusable grant is not available', () => {
    const grants = [grant('pack', 5, 0, 10), grant('pack', 7, 5, 20), grant('allowance', 11, 10, 30)];
    expect([0, 5, 10, 20, 30].map((at) => available(grants, at))).toEqual([5, 12, 18, 11, 0]);
  });
});

describe('R-83: no end of its own', () => {
  test('gone at the end of the subscription, and at no known instant before one is scheduled', () => {
    const endless = grant('adjustment', 1, 0, NEVER);
    expect([goneAt(endless, null), goneAt(endless, 7)]).toEqual([null, 7]);
    expect([6, 7].map((at) => isGone(endless, 7, at))).toEqual([false, true]);
    expect(isGone(endless, null, NEVER - 1)).toBe(false);
  });

  test('it burns last', () => {
    const grants = [grant('adjustment', 10, 0, NEVER), grant('pack', 10, 0, NEVER - 1)];
    expect(names(grants, 15, 5)).toBe('pack:10 adjustment:5');
  });
});

describe('R-60: the order', () => {
  test('the allowance first, even where a pack dies sooner', () => {
    expect(names([grant('pack', 100, 0, 10), grant('allowance', 100, 0, 99)], 150, 5)).toBe(
      'allowance:100 pack:50',
    );
  });

  test('packs and adjustments are one group: the first to die', () => {
    const grants = [grant('pack', 10, 0, 30), grant('adjustment', 10, 0, 20), grant('pack', 10, 0, 10)];
    expect(names(grants, 25, 5)).toBe('pack:10 adjustment:10 pack:5');
  });

  test('then the first to live, then the first made', () => {
    const late = grant('adjustment', 10, 2, 20);
    const early = grant('pack', 10, 1, 20);
    const second = grant('adjustment', 10, 1, 20);
    expect([late, second, early].sort(burnOrder)).toEqual([early, second, late]);
  });

  test('the caller’s list keeps its order', () => {
    const grants = [grant('pack', 1, 0, 9), grant('allowance', 1, 0, 9)];
    const before = structuredClone(grants);
    burnDown(grants, 2, 0);
    expect(grants).toEqual(before);
  });
});

describe('R-61: all or nothing', () => {
  test('to the last credit, and not one more', () => {
    const grants = [grant('allowance', 3, 0, 9), grant('pack', 4, 0, 9)];
    expect(names(grants, 7, 0)).toBe('allowance:3 pack:4');
    expect(burnDown(grants, 8, 0)).toBeNull();
    expect(burnDown(grants, 0, 0)).toEqual([]);
    expect(burnDown([], 1, 0)).toBeNull();
  });

  test('a spent grant makes no entry', () => {
    expect(names([grant('allowance', 0, 0, 9), grant('pack', 4, 0, 9)], 1, 0)).toBe('pack:1');
  });
});

test('I6: a spend is exactly the prefix of the usable grants in burn order', () => {
  const anyGrant = fc
    .tuple(
      fc.constantFrom<Grant['kind']>('allowance', 'pack', 'adjustment'),
      fc.nat({ max: 4 }),
      fc.nat({ max: 4 }),
      fc.nat({ max: 8 }),
    )
    .map(([kind, remaining, from, until]) => grant(kind, remaining, from, until));
  fc.assert(
    fc.property(
      fc.array(anyGrant, { maxLength: 8 }),
      fc.nat({ max: 20 }),
      fc.nat({ max: 8 }),
      (grants, credits, at) => {
        const unit = (g: Grant) => Array<string>(isUsable(g, at) ? g.remaining : 0).fill(g.id);
        const rank = (g: Grant) => [g.kind === 'allowance' ? 0 : 1, g.expiresAt, g.effectiveAt, g.made];
        const inOrder = [...grants].sort((a, b) => {
          const [x, y] = [rank(a), rank(b)];
          const i = x.findIndex((value, n) => value !== y[n]);
          return i < 0 ? 0 : x[i]! - y[i]!;
        });
        // Credit by credit: the first `credits` of all that is there.
        const single = inOrder.flatMap(unit);
        const debits = burnDown(grants, credits, at);
        if (single.length < credits) expect(debits).toBeNull();
        else
          expect(debits!.flatMap((d) => Array<string>(d.credits).fill(d.grant_id))).toEqual(
            single.slice(0, credits),
          );
      },
    ),
    { numRuns: 5_000 },
  );
});
