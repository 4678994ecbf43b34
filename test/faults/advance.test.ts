import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import {
  did,
  realFacts,
  simulate,
  simulateBuy,
  simulatedFacts,
  simulateUntil,
  subscribe,
} from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Years in one call under a test clock: the ledger equals the simulator's facts, line by line.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

const lives = [
  { plan: 'creator', interval: 'year', from: '2026-01-17T00:00:00.000Z', to: '2028-03-17T00:00:00.000Z' },
  { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z', to: '2028-03-31T00:00:00.000Z' },
  { plan: 'creator', interval: 'month', from: '2024-02-29T10:30:00.000Z', to: '2034-02-28T10:30:00.000Z' },
] as const;

test.each(lives)(
  'R-90: $plan/$interval with a pack from $from to $to in one call',
  async ({ to, ...plan }) => {
    const id = await subscribe(stack, plan);
    await did(stack, id, 'POST purchases', { packs: 1 });
    const startedAt = performance.now();
    const answer = await did(stack, id, 'POST advance', { to });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const life = simulate(plan);
    simulateBuy(life, 1);
    simulateUntil(life, to);
    const wanted = simulatedFacts(life);
    expect(await realFacts(stack.db, id)).toEqual(wanted);
    await expectSound(stack.db);
    expect((answer.body as { now: string }).now).toBe(to);
    console.log(
      `${plan.interval} ${plan.from.slice(0, 10)} to ${to.slice(0, 10)}: ${seconds} s, ${wanted.length} facts`,
    );
  },
);
