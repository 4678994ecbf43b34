import { afterAll, beforeAll, expect, test } from 'vitest';
import { SIGNAL, workflowId } from '../../src/workflows/messages.ts';
import { type Stack, startStack } from '../support/stack.ts';

// A signal comes from another system, and nobody can be told that it makes no sense: it must change nothing, and the
// workflow must go on.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

test.each([
  ['a settlement without its instant', SIGNAL.paymentSettled, { chargeId: 'chg_1', outcome: 'paid' }],
  [
    'a settlement with half an instant',
    SIGNAL.paymentSettled,
    { chargeId: 'chg_1', outcome: 'paid', at: 0.5 },
  ],
  ['a settlement of another outcome', SIGNAL.paymentSettled, { chargeId: 'chg_1', outcome: 'maybe', at: 0 }],
  ['a withdrawal that says not how new it is', SIGNAL.packsWithdrawn, { packs: 1 }],
  ['a withdrawal of less than nothing', SIGNAL.packsWithdrawn, { packs: -1, nth: 1 }],
  ['a cancel at some time', SIGNAL.cancelled, { at: 'later' }],
  [
    'a change to a plan nobody sells',
    SIGNAL.planChanged,
    { plan: 'gold', interval: 'month', chargeId: 'chg_1' },
  ],
  [
    'a change at an interval nobody has',
    SIGNAL.planChanged,
    { plan: 'pro', interval: 'week', chargeId: 'chg_1' },
  ],
])('%s is put aside', async (what, name, payload) => {
  const body = {
    customer_id: what,
    plan: 'creator',
    interval: 'month',
    test_clock: { now: '2026-01-17T00:00:00Z' },
  };
  const { body: started } = await stack.request('POST', '/v1/subscriptions', { body });
  const { id } = started as { id: string };
  await stack.client.workflow.getHandle(workflowId(id)).signal(name, payload);
  const to = '2026-02-17T00:00:00Z';
  const advanced = await stack.request('POST', `/v1/subscriptions/${id}/advance`, { body: { to } });
  expect(advanced).toMatchObject({ status: 200, body: { now: '2026-02-17T00:00:00.000Z' } });
  const after = await stack.request('GET', `/v1/subscriptions/${id}`);
  expect(after.body).toMatchObject({
    status: 'active',
    plan: 'creator',
    interval: 'month',
    scheduled_change: null,
  });
});

test('a cancel from a system that owns billing is heard', async () => {
  const body = {
    customer_id: 'heard',
    plan: 'creator',
    interval: 'month',
    test_clock: { now: '2026-01-17T00:00:00Z' },
  };
  const { body: started } = await stack.request('POST', '/v1/subscriptions', { body });
  const { id } = started as { id: string };
  await stack.client.workflow.getHandle(workflowId(id)).signal(SIGNAL.cancelled, { at: 'renewal' });
  // The advance comes after the signal in the history, so the cancel is decided first.
  await stack.request('POST', `/v1/subscriptions/${id}/advance`, { body: { to: '2026-02-17T00:00:00Z' } });
  const after = await stack.request('GET', `/v1/subscriptions/${id}`);
  expect(after.body).toMatchObject({ status: 'ended', ended_at: '2026-02-17T00:00:00.000Z' });
});

test('R-81: of what the ledger says of the add-on the newest word wins, whenever the older ones come', async () => {
  const body = {
    customer_id: 'withdrawn',
    plan: 'creator',
    interval: 'month',
    test_clock: { now: '2026-01-17T00:00:00Z' },
  };
  const { body: started } = await stack.request('POST', '/v1/subscriptions', { body });
  const { id } = started as { id: string };
  await stack.request('POST', `/v1/subscriptions/${id}/purchases`, { body: { packs: 3 } });
  const workflow = stack.client.workflow.getHandle(workflowId(id));
  const addOnAfter = async (...withdrawals: { packs: number; nth: number }[]): Promise<unknown> => {
    for (const withdrawal of withdrawals) await workflow.signal(SIGNAL.packsWithdrawn, withdrawal);
    // It changes nothing, and comes after the signals in the history.
    await stack.request('POST', `/v1/subscriptions/${id}/resume`, { body: {} });
    return ((await stack.request('GET', `/v1/subscriptions/${id}`)).body as { add_on: unknown }).add_on;
  };
  expect(await addOnAfter({ packs: 2, nth: 3 }, { packs: 0, nth: 2 }, { packs: 3, nth: 1 })).toEqual({
    packs: 1,
  });
  expect(await addOnAfter({ packs: 2, nth: 3 }, { packs: 0, nth: 2 })).toEqual({ packs: 1 });
  expect(await addOnAfter({ packs: 0, nth: 4 })).toEqual({ packs: 3 });
});
