import { defaultPayloadConverter } from '@temporalio/common';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BillRequest, type BookStepRequest, createActivities } from '../../src/activities/index.ts';
import type { Gateway } from '../../src/billing/gateway.ts';
import { createSandbox } from '../../src/billing/sandbox.ts';
import type { Charge, Outcome } from '../../src/domain/state.ts';
import { expectSound } from '../support/invariants.ts';
import { did, realFacts, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { runsOf } from '../workflows/histories.ts';

// A worker that was thought dead goes on with its work: its statements come after newer steps, and change nothing.

const monthly = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

type Scheduled = { name: 'bookStep'; request: BookStepRequest } | { name: 'bill'; request: BillRequest };

/** Every activity a subscription's workflow ever asked for, with its argument. */
async function scheduled(id: string): Promise<Scheduled[]> {
  const runs = await runsOf(stack.client, id);
  return runs
    .flatMap((run) => run.events ?? [])
    .flatMap(({ activityTaskScheduledEventAttributes: asked }) => asked ?? [])
    .map(({ activityType, input }) => {
      const request = defaultPayloadConverter.fromPayload(input!.payloads![0]!);
      return { name: activityType!.name, request } as Scheduled;
    });
}

/** Everything that the ledger holds of a subscription, without the instant of the last nudge. */
async function everything(id: string): Promise<unknown> {
  const [row] = await stack.db.execute(sql`
    select (select jsonb_agg(to_jsonb(e) order by seq) from entries e where subscription_id = ${id}) as entries,
      (select jsonb_agg(to_jsonb(g) order by id) from grants g where subscription_id = ${id}) as grants,
      (select jsonb_agg(to_jsonb(c) order by id) from charges c where subscription_id = ${id}) as charges,
      (select jsonb_agg(to_jsonb(n) order by step, line) from notes n where subscription_id = ${id}) as notes,
      (select jsonb_agg(to_jsonb(c) order by operation, key) from commands c where subscription_id = ${id}) as commands,
      (select to_jsonb(s) from subscriptions s where id = ${id}) as subscription,
      (select to_jsonb(l) - 'told_at' - 'workflow_behind' - 'touched_at' from ledgers l where subscription_id = ${id}) as ledger`);
  return row;
}

const noMoney: Gateway = {
  charge: async ({ id }) => {
    throw new Error(`a zombie asked for money: ${id}`);
  },
  refund: async () => {},
  refundPart: async () => true,
  cancel: async () => 'cancelled' as const,
};

test('every step ever asked for, run again in any order after newer ones, changes nothing and asks for no money', async () => {
  const id = await subscribe(stack, monthly);
  await did(stack, id, 'POST purchases', { packs: 2 });
  await did(stack, id, 'POST advance', { to: '2026-04-15T00:00:00.000Z' });
  await did(stack, id, 'POST usage', { items: [{ feature: 'add_motion', quantity: 3 }] });
  await did(stack, id, 'PUT add_on', { packs: 0 });
  await did(stack, id, 'PUT payment_method', { payment_method: 'sandbox_declined' });
  await did(stack, id, 'POST advance', { to: '2026-05-05T00:00:00.000Z' });
  const before = await everything(id);
  const facts = await realFacts(stack.db, id);
  const steps = await scheduled(id);
  expect(steps.length).toBeGreaterThan(8);
  const zombie = createActivities({ db: stack.db, books: stack.db, gateway: noMoney, heartbeat: () => {} });
  for (const order of [steps, [...steps].reverse()])
    for (const step of order) {
      const answer = await (step.name === 'bill' ? zombie.bill(step.request) : zombie.bookStep(step.request));
      expect(answer.kind, `${step.name} ${step.request.step}`).toBe('replayed');
    }
  expect(await everything(id)).toEqual(before);
  expect(await realFacts(stack.db, id)).toEqual(facts);
  await expectSound(stack.db);
});

test('a worker that hangs at the gateway while another books the step: its own answer changes nothing', async () => {
  const id = await subscribe(stack, monthly);
  // The step a worker will hang in: the request is taken from a life that did it, and given to one that did not.
  const twin = await subscribe(stack, monthly);
  await did(stack, twin, 'POST advance', { to: '2026-02-28T00:00:00.000Z' });
  const made = (await scheduled(twin)).find(({ name, request }) => name === 'bill' && request.step === 2);
  const text = JSON.stringify(made!.request).replaceAll(twin.slice('sub_'.length), id.slice('sub_'.length));
  const request = { ...(JSON.parse(text) as BillRequest), command: null };

  const other = createActivities({
    db: stack.db,
    books: stack.db,
    gateway: createSandbox(),
    heartbeat: () => {},
  });
  let between: unknown;
  const hanging: Gateway = {
    async charge(_: Charge): Promise<Outcome> {
      expect((await other.bill(request)).kind).toBe('booked');
      between = await everything(id);
      return 'declined';
    },
    refund: async () => {},
    refundPart: async () => true,
    cancel: async () => 'cancelled' as const,
  };
  const zombie = createActivities({ db: stack.db, books: stack.db, gateway: hanging, heartbeat: () => {} });
  expect(await zombie.bill(request)).toMatchObject({ kind: 'replayed', outcome: 'paid' });
  expect(await everything(id)).toEqual(between);
  const lines = await realFacts(stack.db, id);
  expect(lines.filter((line) => line.includes('charge renewal'))).toEqual([
    expect.stringMatching(/USD 29.00 {2}paid$/),
  ]);
});
