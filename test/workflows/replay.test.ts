import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { did, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { readHistories, record } from './histories.ts';

// Golden histories: the pasts of running subscriptions must replay with the workflow as it is now. A change that fails here
// needs `patched()`, or it stops every workflow that began before it. They are recorded anew, after that decision, with
// RECORD_HISTORIES=1 npx vitest run --project stack test/workflows/replay.test.ts

const monthly = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const yearly = { plan: 'creator', interval: 'year', from: '2026-01-17T00:00:00.000Z' } as const;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const advance = (stack: Stack, id: string, to: string) => did(stack, id, 'POST advance', { to });
const pay = (stack: Stack, id: string, payment_method: string) =>
  did(stack, id, 'PUT payment_method', { payment_method });

/** Each answers the id of the subscription it led. */
const lives: Record<string, (stack: Stack) => Promise<string>> = {
  async 'monthly-with-pack'(stack) {
    const id = await subscribe(stack, monthly);
    await did(stack, id, 'POST purchases', { packs: 1 });
    await did(stack, id, 'POST usage', { items: [{ feature: 'generate_look', quantity: 5 }] });
    await did(stack, id, 'GET workflow');
    await advance(stack, id, '2028-03-31T00:00:00.000Z');
    return id;
  },
  async annual(stack) {
    const id = await subscribe(stack, yearly);
    await did(stack, id, 'POST purchases', { packs: 1 });
    await advance(stack, id, '2027-06-01T00:00:00.000Z');
    await did(stack, id, 'PUT add_on', { packs: 0 });
    await advance(stack, id, '2028-03-17T00:00:00.000Z');
    return id;
  },
  async 'dunning-to-the-end'(stack) {
    const id = await subscribe(stack, monthly);
    await pay(stack, id, 'sandbox_declined');
    await advance(stack, id, '2026-04-01T00:00:00.000Z');
    return id;
  },
  async 'dunning-and-back'(stack) {
    const id = await subscribe(stack, monthly);
    await pay(stack, id, 'sandbox_declined');
    await advance(stack, id, '2026-03-02T00:00:00.000Z');
    await pay(stack, id, 'sandbox_ok');
    await advance(stack, id, '2026-05-01T00:00:00.000Z');
    return id;
  },
  async cancelled(stack) {
    const id = await subscribe(stack, monthly);
    await did(stack, id, 'POST cancel', {});
    await did(stack, id, 'POST resume', {});
    await did(stack, id, 'POST cancel', {});
    await advance(stack, id, '2026-03-01T00:00:00.000Z');
    return id;
  },
  async upgraded(stack) {
    const id = await subscribe(stack, monthly);
    await did(stack, id, 'POST purchases', { packs: 2 });
    await did(stack, id, 'POST change', { plan: 'pro', interval: 'month' });
    await did(stack, id, 'POST change', { plan: 'creator', interval: 'month' });
    await advance(stack, id, '2026-04-15T00:00:00.000Z');
    return id;
  },
  async 'pending-purchase'(stack) {
    const id = await subscribe(stack, monthly);
    await did(stack, id, 'POST purchases', { packs: 1, payment_method: 'sandbox_pending' });
    await settle(stack, id);
    await did(stack, id, 'POST purchases', { packs: 1, payment_method: 'sandbox_pending' });
    await advance(stack, id, '2026-02-03T00:00:00.000Z');
    return id;
  },
  async adjusted(stack) {
    const id = await subscribe(stack, { ...monthly, plan: 'enterprise' }, { allowance: 500 });
    const grant = { credits: 100, expires_at: '2026-06-01T00:00:00.000Z', reason: 'goodwill' };
    const { body } = await did(stack, id, 'POST grants', grant);
    await did(stack, id, 'PUT allowance', { credits: 600 });
    await did(stack, id, `POST grants/${(body as { id: string }).id}/revoke`, { reason: 'a mistake' });
    await advance(stack, id, '2026-04-15T00:00:00.000Z');
    return id;
  },
  /** On real time there is a timer: it goes on over commands, and gives way to an earlier one. */
  async 'real-clock'(stack) {
    const id = await subscribe(stack, monthly, { test_clock: undefined });
    await did(stack, id, 'POST purchases', { packs: 1 });
    await did(stack, id, 'POST cancel', {});
    await did(stack, id, 'POST resume', {});
    const soon = { credits: 10, expires_at: new Date(Date.now() + 3_000).toISOString(), reason: 'goodwill' };
    await did(stack, id, 'POST grants', soon);
    await pause(5_000);
    await did(stack, id, 'POST usage', { items: [{ feature: 'generate_look', quantity: 5 }] });
    await did(stack, id, 'GET workflow');
    await did(stack, id, 'POST cancel', { at: 'now' });
    return id;
  },
};

/** Recorded by the code of before, and never again: a run of then ends as it began. A purchase, a cancel and back, spends, a grant that
 * expires, a top-up. */
const OLDER = ['real-clock-older'];

/** The signal comes through inbox and relay. */
async function settle(stack: Stack, id: string): Promise<void> {
  const pending = async () => {
    const { data } = (await did(stack, id, 'GET charges')).body as { data: { id: string; status: string }[] };
    return data.find(({ status }) => status === 'pending');
  };
  const charge = (await pending())!;
  await stack.request('POST', `/v1/sandbox/charges/${charge.id}/settle`, { body: { outcome: 'paid' } });
  for (const until = Date.now() + 15_000; (await pending()) && Date.now() < until; ) await pause(50);
}

async function recordAll(): Promise<void> {
  const stack = await startStack();
  for (const [name, live] of Object.entries(lives)) await record(stack.client, await live(stack), name);
  await stack.stop();
}

test('the golden histories replay with the workflow as it is', async () => {
  if (process.env['RECORD_HISTORIES']) await recordAll();
  else Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const histories = readHistories();
  const names = new Set(histories.map(({ name }) => name.replace(/-\d+$/, '')));
  expect([...names].sort()).toEqual([...Object.keys(lives), ...OLDER].sort());
  const bundle = { workflowBundle: { codePath: inject('workflowBundle') } };
  const replays = Worker.runReplayHistories(
    bundle,
    histories.map(({ name, history }) => ({ workflowId: name, history })),
  );
  const failed: string[] = [];
  let replayed = 0;
  for await (const { workflowId, error } of replays) {
    replayed += 1;
    if (error) failed.push(`${workflowId}: ${error.message}`);
  }
  expect(failed).toEqual([]);
  expect(replayed).toBe(histories.length);
});
