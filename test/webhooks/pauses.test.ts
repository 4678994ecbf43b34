import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAILURES, MOST_ATTEMPTS, pauseAfter } from '../../src/domain/events.ts';

const HOUR = 3_600_000;

it.each([
  [1, 5_000],
  [2, 300_000],
  [3, 1_800_000],
  [4, 2 * HOUR],
  [5, 5 * HOUR],
  [6, 10 * HOUR],
  [7, 14 * HOUR],
  [8, 20 * HOUR],
  [9, 24 * HOUR],
  [10, null],
])('after attempt %i: %s ms, and up to a tenth more', (attempt, pause) => {
  expect(pauseAfter(attempt, 0)).toBe(pause);
  if (pause !== null) expect(pauseAfter(attempt, 0.999_999)).toBeCloseTo(pause * 1.1, -2);
});

it('is tried for more than three days, and less than four', () => {
  const all = (luck: number) =>
    Array.from({ length: MOST_ATTEMPTS - 1 }, (_, n) => pauseAfter(n + 1, luck)!).reduce((a, b) => a + b);
  expect(all(0)).toBeGreaterThan(72 * HOUR);
  expect(all(1)).toBeLessThan(96 * HOUR);
});

it('docs/events.md describes each failure as the code does', () => {
  const page = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');
  const [, table = ''] = /\| `failure` \| \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(page) ?? [];
  const said = [...table.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, failure, why]) => [failure, why]);
  expect(said).toEqual(Object.entries(FAILURES));
});
