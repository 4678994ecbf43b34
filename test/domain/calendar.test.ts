import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDays,
  boundary,
  cycleAt,
  iso,
  isTimeZone,
  renewalAfter,
  renewalOf,
} from '../../src/domain/calendar.ts';

const at = (text: string): number => Date.parse(text);
const series = (anchor: string, zone: string, count: number): string[] =>
  Array.from({ length: count }, (_, k) => iso(boundary(at(anchor), zone, k)));

/** R-10 in UTC without a calendar library: the day clamped to the month's last. */
function utcBoundary(anchor: number, k: number): number {
  const from = new Date(anchor);
  const year = from.getUTCFullYear();
  const month = from.getUTCMonth() + k;
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(from.getUTCDate(), lastDay)) + (anchor % 86_400_000);
}

describe('R-10: boundaries', () => {
  test('31 January: 28 February, 31 March, 30 April', () => {
    expect(series('2026-01-31T00:00Z', 'UTC', 5)).toEqual([
      '2026-01-31T00:00:00.000Z',
      '2026-02-28T00:00:00.000Z',
      '2026-03-31T00:00:00.000Z',
      '2026-04-30T00:00:00.000Z',
      '2026-05-31T00:00:00.000Z',
    ]);
  });

  test('29 February yearly: 28 February, and 29 again in 2028', () => {
    const yearly = [12, 24, 36, 48].map((k) => iso(boundary(at('2024-02-29T00:00Z'), 'UTC', k)).slice(0, 10));
    expect(yearly).toEqual(['2025-02-28', '2026-02-28', '2027-02-28', '2028-02-29']);
  });

  test('a wall-clock time that does not exist moves on, one that exists twice is the first', () => {
    expect(series('2026-02-08T07:30Z', 'America/New_York', 3)).toEqual([
      '2026-02-08T07:30:00.000Z',
      '2026-03-08T07:30:00.000Z',
      '2026-04-08T06:30:00.000Z',
    ]);
    expect(iso(boundary(at('2026-10-01T05:30Z'), 'America/New_York', 1))).toBe('2026-11-01T05:30:00.000Z');
    expect(iso(boundary(at('2026-09-25T00:30Z'), 'Europe/Berlin', 1))).toBe('2026-10-25T00:30:00.000Z');
  });

  test('an anchor in the second of two equal hours is its own boundary 0', () => {
    const second = at('2026-10-25T01:30Z');
    expect(boundary(second, 'Europe/Berlin', 0)).toBe(second);
    expect(cycleAt(second, 'Europe/Berlin', second)).toBe(0);
  });

  test('in UTC every boundary equals plain date arithmetic', () => {
    const anchors = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) });
    fc.assert(
      fc.property(anchors, fc.integer({ min: 0, max: 240 }), (anchor, k) => {
        expect(boundary(anchor, 'UTC', k)).toBe(utcBoundary(anchor, k));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('R-11: terms of days', () => {
  test('in UTC n times 24 hours; elsewhere the same wall-clock time', () => {
    expect(addDays(at('2026-03-01T12:00Z'), 'UTC', 30)).toBe(at('2026-03-31T12:00Z'));
    expect(iso(addDays(at('2026-03-01T11:00Z'), 'Europe/Berlin', 30))).toBe('2026-03-31T10:00:00.000Z');
  });
});

describe('cycles', () => {
  test('an instant lies in the cycle whose boundary is the newest at or before it', () => {
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe');
    const anchor = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2027, 0) });
    fc.assert(
      fc.property(anchor, zone, fc.nat({ max: 100 }), fc.constantFrom(-1, 0, 1), (from, timeZone, k, ms) => {
        const instant = Math.max(from, boundary(from, timeZone, k) + ms);
        const cycle = cycleAt(from, timeZone, instant);
        expect(boundary(from, timeZone, cycle)).toBeLessThanOrEqual(instant);
        expect(boundary(from, timeZone, cycle + 1)).toBeGreaterThan(instant);
      }),
      { numRuns: 1_000 },
    );
  });

  test('a monthly plan renews at each boundary, an annual one at each twelfth', () => {
    expect([0, 1, 11, 12, 13].map((k) => renewalAfter(k, 'month'))).toEqual([1, 2, 12, 13, 14]);
    expect([0, 1, 11, 12, 13].map((k) => renewalAfter(k, 'year'))).toEqual([12, 12, 12, 24, 24]);
    expect([0, 1, 11, 12, 23, 24].map((k) => renewalOf(k, 'year'))).toEqual([0, 0, 0, 12, 12, 24]);
    expect([0, 1, 2].map((k) => renewalOf(k, 'month'))).toEqual([0, 1, 2]);
  });
});

test('time zones are IANA names', () => {
  const good = ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'];
  const bad = ['', '+02:00', 'Mars/Olympus', 'Europe/Berlin[x]', ' UTC', '../etc/passwd'];
  expect(good.filter((name) => !isTimeZone(name))).toEqual([]);
  expect(bad.filter(isTimeZone)).toEqual([]);
});
