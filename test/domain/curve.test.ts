import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../src/domain/burndown.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import {
  type Change,
  changeOf,
  curve,
  type Layer,
  seams,
  sumOf,
  totalAt,
  valueAt,
} from '../../src/domain/curve.ts';
import { advanceLife, command, forecast, type Life, startLife } from '../../src/domain/timeline.ts';

// The curve of a balance equals its book, at every instant.

const DAY = 86_400_000;
const NOTHING = { changes: [], grants: new Map() };
const at = (text: string) => Date.parse(text);

function life(anchor: string): Life {
  return startLife(
    {
      id: 'sub_curve',
      customerId: 'c',
      plan: 'creator',
      interval: 'month',
      timeZone: 'UTC',
      paymentMethod: 'sandbox_ok',
      allowance: null,
      anchorAt: null,
      testClock: true,
    },
    at(anchor),
    DEFAULT_CATALOG,
  );
}

/** The available credits of every grant at an instant, by the entries alone. */
function booked({ book }: Pick<Life, 'book'>, instant: number): number {
  return book.entries
    .filter(({ effectiveAt }) => effectiveAt <= instant)
    .reduce((sum, { credits }) => sum + credits, 0);
}

describe('looking back and ahead', () => {
  test('every day equals the book', () => {
    const lived = life('2026-12-31T09:00:00Z');
    advanceLife(lived, at('2027-01-12T00:00:00Z'));
    command(lived, { type: 'buy_packs', purchaseId: 'pur_1', packs: 1, interval: null, paymentMethod: null });
    advanceLife(lived, at('2027-02-10T00:00:00Z'));
    const now = lived.state.now;
    const from = now - 30 * DAY;
    const grants: Grant[] = [...lived.book.grants.values()];
    const past: Change[] = lived.book.entries
      .filter(({ effectiveAt }) => effectiveAt > from)
      .map((entry) => changeOf(entry, entry.effectiveAt));
    const ahead = forecast(lived.state, lived.state.grants, DEFAULT_CATALOG, { until: now + 60 * DAY });
    const layers = curve(
      grants,
      past,
      { ...ahead, grants: ahead.life.book.grants },
      { from, now, ends: null },
    );
    advanceLife(lived, now + 60 * DAY);
    for (let day = from; day <= now + 60 * DAY; day += DAY / 4) {
      const sum = layers.reduce((n, layer) => n + valueAt(layer, day), 0);
      expect([new Date(day).toISOString(), sum]).toEqual([new Date(day).toISOString(), booked(lived, day)]);
    }
  });

  test('credits past their term are gone, also before that is booked (R-12)', () => {
    const now = at('2027-03-10T00:00:00Z');
    const grant: Grant = {
      id: 'grt_late',
      kind: 'allowance',
      amount: 200,
      remaining: 120,
      held: 0,
      effectiveAt: at('2027-01-31T00:00:00Z'),
      expiresAt: at('2027-03-02T00:00:00Z'),
      made: 1,
    };
    const [layer] = curve([grant], [], NOTHING, { from: now - 30 * DAY, now, ends: null });
    expect([
      valueAt(layer!, at('2027-03-01T23:59:59Z')),
      valueAt(layer!, at('2027-03-02T00:00:00Z')),
    ]).toEqual([120, 0]);
  });
});

test('credits left at a scheduled end are gone, also before that is booked (R-12)', () => {
  const ends = at('2027-03-05T00:00:00Z');
  const now = at('2027-03-06T00:00:00Z');
  const grant: Grant = {
    id: 'grt_end',
    kind: 'pack',
    amount: 300,
    remaining: 120,
    held: 0,
    effectiveAt: at('2027-01-31T00:00:00Z'),
    expiresAt: at('2027-06-02T00:00:00Z'),
    made: 1,
  };
  const forfeiture: Change = { at: ends, grantId: grant.id, credits: -120, kind: 'forfeiture' };
  const ahead = { changes: [forfeiture], grants: new Map([[grant.id, grant]]) };
  const [layer] = curve([grant], [], ahead, { from: now - 30 * DAY, now, ends });
  expect([ends - 1, ends, now, now + DAY].map((instant) => valueAt(layer!, instant))).toEqual([120, 0, 0, 0]);
});

test('the sum of layers equals their total at every instant', () => {
  const points = fc.uniqueArray(fc.record({ at: fc.nat({ max: 40 }), credits: fc.nat({ max: 9 }) }), {
    selector: ({ at }) => at,
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.array(points, { maxLength: 6 }), (all) => {
      const layers = all.map((some) => ({ points: some.toSorted((a, b) => a.at - b.at) }) as Layer);
      const sum = { points: sumOf(layers) };
      for (let instant = -1; instant <= 41; instant += 1)
        expect(valueAt(sum, instant)).toBe(totalAt(layers, instant));
    }),
  );
});

describe('R-21: thirty days are not a month', () => {
  test.each([
    ['2027-01-31', '2027-02-28', 'overlap', '2027-02-28', '2027-03-02'],
    ['2027-02-28', '2027-03-31', 'gap', '2027-03-30', '2027-03-31'],
    ['2027-03-31', '2027-04-30', null, null, null],
  ])('from %s to %s: %s', (first, second, kind, from, to) => {
    const term = (day: string, id: string) => {
      const effectiveAt = at(`${day}T00:00:00Z`);
      return { id, kind: 'allowance' as const, amount: 200, effectiveAt, expiresAt: effectiveAt + 30 * DAY };
    };
    const pack = { ...term(first, 'p'), kind: 'pack' as const };
    const found = seams([term(second, 'b'), pack, term(first, 'a')]);
    expect(found).toEqual(kind ? [{ kind, from: at(`${from}T00:00:00Z`), to: at(`${to}T00:00:00Z`) }] : []);
  });
});
