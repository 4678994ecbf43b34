import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIGNAL, workflowId } from '../../src/workflows/messages.ts';
import { type Stack, startStack } from '../support/stack.ts';

// A malformed signal comes from another system, which gets no answer: it must change nothing, and the workflow must go on.

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
  [
    'a settlement beyond the calendar',
    SIGNAL.paymentSettled,
    { chargeId: 'chg_1', outcome: 'paid', at: 9e15 },
  ],
  ['a settlement before it', SIGNAL.paymentSettled, { chargeId: 'chg_1', outcome: 'paid', at: -1 }],
  [
    'a settlement of half a charge',
    SIGNAL.paymentSettled,
    { chargeId: 'chg_\ud83d', outcome: 'paid', at: 0 },
  ],
  ['a withdrawal of more than there can be', SIGNAL.packsWithdrawn, { packs: 2 ** 31, nth: 1 }],
  ['a cancel for half an emoji', SIGNAL.cancelled, { at: 'now', reason: 'ok \ud83d' }],
  ['a cancel for a NUL', SIGNAL.cancelled, { at: 'now', reason: '\0' }],
  [
    'a change that names its charge with a NUL',
    SIGNAL.planChanged,
    { plan: 'pro', interval: 'month', chargeId: 'chg_\0' },
  ],
  ['a member of half an emoji', SIGNAL.cancelled, { at: 'now', '\ude00': 1 }],
  ['no cancel at all', SIGNAL.cancelled, null],
  ['no news at all', SIGNAL.ledgerAdvanced, null],
  ['news without grants', SIGNAL.ledgerAdvanced, { version: 1_000, now: 0 }],
  [
    'news of half a grant',
    SIGNAL.ledgerAdvanced,
    { version: 1_000, now: 0, grants: [{ id: 'grt_\ud83d', kind: 'pack', amount: 1, remaining: 1 }] },
  ],
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

describe('an update that went past the API', () => {
  const ref = { scope: 'sub', operation: 'cancel', key: 'k', attempt: 1 };
  const cancel = { type: 'cancel', at: 'now' };
  test.each<[string, string, unknown, string]>([
    ['for half an emoji', 'cancel', { command: { ...cancel, reason: 'ok \ud83d' }, ref }, '/reason'],
    ['under a key with a NUL', 'cancel', { command: cancel, ref: { ...ref, key: '\0' } }, '/key'],
    ['that names no command', 'cancel', { command: { type: 'dance' }, ref }, ''],
    ['that names no row', 'cancel', { command: cancel }, ''],
    ['that is empty', 'cancel', {}, ''],
    ['to no instant', 'advanceClock', { to: 1e300, ref }, '/to'],
    ['to an instant of half a row', 'advanceClock', { to: 0, ref: { ...ref, scope: '\ud83d' } }, '/scope'],
  ])('%s is refused, and the workflow goes on', async (what, name, argument, pointer) => {
    const body = { customer_id: what, plan: 'creator', interval: 'month' };
    const { body: started } = await stack.request('POST', '/v1/subscriptions', { body });
    const { id } = started as { id: string };
    const asked = stack.client.workflow.getHandle(workflowId(id)).executeUpdate(name, { args: [argument] });
    const refusal = {
      type: 'invalid_request',
      details: [{ errors: [expect.objectContaining({ pointer })] }],
    };
    await expect(asked).rejects.toMatchObject({ cause: refusal });
    const resumed = await stack.request('POST', `/v1/subscriptions/${id}/resume`, { body: {} });
    expect(resumed).toMatchObject({ status: 200, body: { status: 'active' } });
  });
});

test('a cancel from a system that owns billing takes effect', async () => {
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

test('R-81: the ledger’s newest count for the add-on wins, though older ones come later', async () => {
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
  // A number is the word of a ledger of before packs had ids.
  const packs = (quantity: number) => (quantity > 0 ? [{ pack: 'pack_300', quantity }] : []);
  type Withdrawal = { packs: number | { pack: string; quantity: number }[]; nth: number };
  const addOnAfter = async (...withdrawals: Withdrawal[]): Promise<unknown> => {
    for (const withdrawal of withdrawals) await workflow.signal(SIGNAL.packsWithdrawn, withdrawal);
    // It changes nothing, and comes after the signals in the history.
    await stack.request('POST', `/v1/subscriptions/${id}/resume`, { body: {} });
    return ((await stack.request('GET', `/v1/subscriptions/${id}`)).body as { add_on: unknown }).add_on;
  };
  expect(
    await addOnAfter({ packs: packs(2), nth: 3 }, { packs: packs(0), nth: 2 }, { packs: packs(3), nth: 1 }),
  ).toEqual({ packs: 1, items: packs(1) });
  expect(await addOnAfter({ packs: packs(2), nth: 3 }, { packs: 0, nth: 2 })).toEqual({
    packs: 1,
    items: packs(1),
  });
  expect(await addOnAfter({ packs: 1, nth: 4 })).toEqual({ packs: 2, items: packs(2) });
  expect(await addOnAfter({ packs: [], nth: 5 })).toEqual({ packs: 3, items: packs(3) });
});
