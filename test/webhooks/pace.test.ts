import { expect, it } from 'vitest';
import { MOST_STARTS_A_TICK, paced } from '../../src/relay/deliveries.ts';

// How many workflows a tick starts: as many as Temporal has time for.

it.each([
  ['one more while it is quick', 3, 3, 10, 4],
  ['never more than the most', MOST_STARTS_A_TICK, MOST_STARTS_A_TICK, 10, MOST_STARTS_A_TICK],
  ['as many when it is neither quick nor slow', 3, 3, 50, 3],
  ['half when it is slow', 7, 7, 200, 3],
  ['half of what may be, also when fewer waited', 8, 2, 200, 4],
  ['never none, however slow', 1, 1, 2_000, 1],
  ['as many when fewer waited', 3, 2, 1, 3],
  ['as many when none waited', 3, 0, 0, 3],
])('%s', (_, starts, started, tookMs, next) => {
  expect(paced(starts, started, tookMs)).toBe(next);
});
