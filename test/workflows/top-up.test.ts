import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { did, started } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// R-39 on real time: spends come behind the workflow's back, and no command moves its clock.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

interface Charge {
  id: string;
  at: string;
}

test('R-39: one spend below the threshold buys once, dated after it, not until the ceiling is spent', async () => {
  const body = { customer_id: 'low', plan: 'creator', interval: 'month', payment_method: 'sandbox_ok' };
  const { id } = (await started(stack, body)).body as { id: string };
  await did(stack, id, 'PUT top_up', { threshold: 50, packs: 1, monthly_ceiling_minor: 6_000 });
  await sleep(1_500);
  const spentAt = new Date().toISOString();
  await did(stack, id, 'POST usage', { items: [{ feature: 'generate_look', quantity: 190 }] });
  const bought = async () =>
    ((await did(stack, id, 'GET charges')).body as { data: Charge[] }).data.filter((each) =>
      /_t\d+$/.test(each.id),
    );
  await expect.poll(bought, { timeout: 15_000 }).not.toHaveLength(0);
  // The wrong ones came within a second of the first.
  await sleep(2_000);
  const made = await bought();
  expect(made).toHaveLength(1);
  expect(made[0]!.at > spentAt, `${made[0]!.at} ${spentAt}`).toBe(true);
});
