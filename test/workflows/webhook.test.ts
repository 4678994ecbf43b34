import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { changeEndpoint, deleteEndpoint, rotateSecret } from '../../src/db/endpoints.ts';
import { MOST_STARTS_A_TICK } from '../../src/relay/deliveries.ts';
import { createTimedCaller } from '../../src/temporal.ts';
import { webhookId } from '../../src/workflows/messages.ts';
import { deliveriesOf, ended, endpointAt, eventTicks, secretOf, send, until } from '../support/deliveries.ts';
import { type Received, type Receiver, startReceiver, verified } from '../support/receiver.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Events on their way, on the real Temporal server: from the statement that inserts one to a receiver that listens on
// loopback.

let stack: Stack;
let receiver: Receiver;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await receiver.stop();
  await stack.db.execute(sql`delete from webhook_endpoints`);
});
afterAll(() => stack?.stop());

const workflowOf = (eventId: string, endpointId: string, run = 0) =>
  stack.client.workflow.getHandle(webhookId({ eventId, endpointId, run }));

/** The attempts under way, as the Temporal UI shows them. */
async function pendingActivity(eventId: string, endpointId: string) {
  const { raw } = await workflowOf(eventId, endpointId).describe();
  return raw.pendingActivities?.[0];
}

test('an event arrives, signed, as GET tells it', async () => {
  const secret = secretOf(7);
  const endpoint = await endpointAt(stack.db, `${receiver.url}/hooks?token=a`, { secret });
  const { body } = await stack.request('POST', '/v1/subscriptions', {
    body: { customer_id: 'ada', plan: 'creator', interval: 'month' },
  });
  const { id } = body as { id: string };
  const [event] = await send(stack.db, 'grant.made', 1, id);
  expect(await ended(stack.db, event!)).toMatchObject({
    endpoint_id: endpoint,
    status: 'delivered',
    attempts: 1,
    response_status: 204,
    failure: null,
  });
  const mine = receiver.received.filter((one) => one.id === event);
  expect(mine).toHaveLength(1);
  expect(mine[0]!.path).toBe('/hooks?token=a');
  const {
    id: _,
    recorded_at: __,
    deliveries,
    ...shown
  } = (await stack.request('GET', `/v1/events/${event}`)).body as Record<string, unknown>;
  expect(verified(secret, mine[0]!)).toEqual(shown);
  expect(shown).toEqual({
    type: 'grant.made',
    timestamp: expect.stringMatching(/Z$/),
    data: { subscription_id: id, customer_id: 'ada', n: 1 },
  });
  expect(deliveries).toMatchObject([{ endpoint_id: endpoint, status: 'delivered', attempts: 1 }]);
});

test('the Temporal UI shows type, endpoint, attempt, and neither URL nor secret', async () => {
  receiver.answer(() => 503);
  const secret = secretOf(8);
  const endpoint = await endpointAt(stack.db, `${receiver.url}/hooks?token=hunter2`, { secret });
  const [event] = await send(stack.db, 'credits.low');
  const waiting = await until(
    () => pendingActivity(event!, endpoint).catch(() => undefined),
    (seen) => seen?.lastFailure !== undefined && seen.lastFailure !== null,
  );
  expect(waiting).toMatchObject({
    attempt: 2,
    activityType: { name: 'deliver' },
    lastFailure: {
      message: 'Attempt 1 of 10: it answered with a status other than 2xx (503).',
    },
  });
  const workflow = workflowOf(event!, endpoint);
  const described = await workflow.describe();
  expect(described.workflowId).toBe(`webhook/${endpoint}/${event}`);
  expect(await described.staticSummary()).toBe(`credits.low to ${endpoint}`);
  receiver.answer(() => 200);
  expect(await ended(stack.db, event!)).toMatchObject({ status: 'delivered', attempts: 2, failure: null });
  expect(await workflow.result()).toEqual({ outcome: 'delivered', attempts: 2, status: 200 });
  const history = JSON.stringify([await workflow.fetchHistory(), described.raw, waiting]);
  const decoded = history.replaceAll(/"[A-Za-z0-9+/=]{16,}"/g, (text) =>
    Buffer.from(text.slice(1, -1), 'base64').toString(),
  );
  for (const kept of [history, decoded]) expect(kept).not.toMatch(/hunter2|127\.0\.0\.1|whsec_/);
  expect(decoded).toContain(endpoint);
  const bodies = new Set(receiver.received.map(({ body, id }) => `${id} ${body}`));
  expect([receiver.received.length, bodies.size]).toEqual([2, 1]);
});

test('while a secret is rotated both sign', async () => {
  const [old, fresh] = [secretOf(1), secretOf(2)];
  const endpoint = await endpointAt(stack.db, receiver.url, { secret: old });
  await rotateSecret(stack.db, endpoint, fresh);
  const [event] = await send(stack.db, 'grant.made');
  await ended(stack.db, event!);
  const [one] = receiver.received as [Received];
  for (const secret of [old, fresh]) expect(verified(secret, one)).toMatchObject({ type: 'grant.made' });
  expect(() => verified(secretOf(3), one)).toThrow();
});

describe('a delivery ends', () => {
  test('at 410, which disables the endpoint', async () => {
    receiver.answer(() => 410);
    const endpoint = await endpointAt(stack.db, receiver.url);
    const [event] = await send(stack.db, 'grant.made');
    expect(await ended(stack.db, event!)).toMatchObject({
      status: 'failed',
      failure: 'gone',
      response_status: 410,
    });
    expect(await workflowOf(event!, endpoint).result()).toMatchObject({ outcome: 'endpoint_gone' });
    const shown = await stack.request('GET', `/v1/webhook_endpoints/${endpoint}`);
    expect(shown.body).toMatchObject({ disabled: true });
    const [next] = await send(stack.db, 'grant.made');
    await until(
      () =>
        stack.db.execute<{ done: boolean }>(
          sql`select relayed_at is not null as done from events where id = ${next!}`,
        ),
      ([row]) => row!.done,
    );
    expect(await deliveriesOf(stack.db, next!)).toEqual([]);
    expect(receiver.received).toHaveLength(1);
  });

  test.each([
    ['deleted', 'endpoint_deleted', deleteEndpoint],
    [
      'disabled',
      'endpoint_disabled',
      (db: Stack['db'], id: string) => changeEndpoint(db, id, { disabled: true }),
    ],
  ] as const)('when the endpoint is %s meanwhile', async (_, failure, end) => {
    receiver.answer(() => 503);
    const endpoint = await endpointAt(stack.db, receiver.url);
    const [event] = await send(stack.db, 'grant.made');
    await until(
      () => deliveriesOf(stack.db, event!),
      ([seen]) => seen?.failure === 'status',
    );
    await end(stack.db, endpoint);
    expect(await ended(stack.db, event!)).toMatchObject({ status: 'failed', failure, attempts: 2 });
    expect(await workflowOf(event!, endpoint).result()).toMatchObject({ outcome: 'endpoint_gone' });
    expect(receiver.received).toHaveLength(1);
  });

  test('after its last attempt, failed, in the row and in Temporal; a replay is another workflow', async () => {
    receiver.answer(() => 500);
    const endpoint = await endpointAt(stack.db, receiver.url);
    const [event] = await send(stack.db, 'grant.made');
    await until(
      () => deliveriesOf(stack.db, event!),
      ([seen]) => seen?.failure === 'status',
    );
    // Three days are over.
    await stack.db.execute(sql`update deliveries set attempts = 9 where event_id = ${event!}`);
    expect(await ended(stack.db, event!)).toMatchObject({
      status: 'failed',
      attempts: 10,
      failure: 'status',
    });
    const failure = await workflowOf(event!, endpoint)
      .result()
      .catch((error: unknown) => error);
    expect(String((failure as { cause?: { cause?: unknown } }).cause?.cause)).toContain(
      'Attempt 10 of 10: it answered with a status other than 2xx (500). It is given up',
    );
    receiver.answer(() => 204);
    const again = await stack.request('POST', `/v1/events/${event}/replay`, { body: {} });
    expect(again.body).toEqual({ replayed: 1 });
    expect(await ended(stack.db, event!)).toMatchObject({ run: 1, status: 'delivered', attempts: 1 });
    const result = await workflowOf(event!, endpoint, 1).result();
    expect(result).toEqual({ outcome: 'delivered', attempts: 1, status: 204 });
    const [first, ...rest] = receiver.received;
    for (const one of rest) expect([one.id, one.body]).toEqual([first!.id, first!.body]);
  });

  test('as lost when the last attempt was counted and never recorded', async () => {
    receiver.answer(() => 503);
    await endpointAt(stack.db, receiver.url);
    const [event] = await send(stack.db, 'grant.made');
    await until(
      () => deliveriesOf(stack.db, event!),
      ([seen]) => seen?.failure === 'status',
    );
    await stack.db.execute(sql`update deliveries set attempts = 10 where event_id = ${event!}`);
    expect(await ended(stack.db, event!)).toMatchObject({ status: 'failed', failure: 'lost' });
    expect(receiver.received).toHaveLength(1);
  });
});

describe('the relay', () => {
  /** As when a relay was killed after the start of the workflow and before its mark. */
  const unmarked = (event: string) =>
    stack.db.execute(sql`
      update deliveries set started_at = null, claimed_until = clock_timestamp() - interval '1 second',
        status = 'pending', attempts = 0, ended_at = null
      where event_id = ${event}`);
  const marked = (event: string) =>
    until(
      () =>
        stack.db.execute(sql`select 1 from deliveries where event_id = ${event} and started_at is not null`),
      (rows) => rows.length === 1,
    );

  test('killed between the start of a workflow and its mark: the event arrives once', async () => {
    const endpoint = await endpointAt(stack.db, receiver.url);
    const [event] = await send(stack.db, 'grant.made');
    await ended(stack.db, event!);
    await workflowOf(event!, endpoint).result();
    const { runId } = await workflowOf(event!, endpoint).describe();
    await unmarked(event!);
    await marked(event!);
    await sleep(300);
    expect((await workflowOf(event!, endpoint).describe()).runId).toBe(runId);
    expect(receiver.received.map(({ id }) => id)).toEqual([event]);
  });

  test('killed so while the workflow still runs: it goes on, alone', async () => {
    receiver.answer(() => 503);
    const endpoint = await endpointAt(stack.db, receiver.url);
    const [event] = await send(stack.db, 'grant.made');
    await until(
      async () => receiver.received.length,
      (seen) => seen === 1,
    );
    const { runId } = await workflowOf(event!, endpoint).describe();
    await unmarked(event!);
    await marked(event!);
    await sleep(300);
    const { runId: after, status } = await workflowOf(event!, endpoint).describe();
    expect([after, status.name]).toEqual([runId, 'RUNNING']);
    expect(receiver.received).toHaveLength(1);
  });

  test('of two at once each delivers once', async () => {
    await endpointAt(stack.db, receiver.url);
    const deps = { db: stack.db, temporal: createTimedCaller(stack.client), taskQueue: stack.taskQueue };
    const events = await send(stack.db, 'grant.made', 40);
    // Beside the stack's own.
    const relays = [1, 2].map(async () => {
      const tick = eventTicks(deps);
      for (let ticks = 0; ticks < 15; ticks += 1) await tick();
    });
    await Promise.all(relays);
    for (const event of events) expect(await ended(stack.db, event)).toMatchObject({ status: 'delivered' });
    expect(receiver.received.map(({ id }) => id).sort()).toEqual([...events].sort());
  });

  test('starts a few at a time, however many wait', async () => {
    const quiet = await startStack({ withWorker: false });
    try {
      await endpointAt(quiet.db, receiver.url);
      await send(quiet.db, 'grant.made', 1_000);
      const deps = { db: quiet.db, temporal: createTimedCaller(stack.client), taskQueue: quiet.taskQueue };
      const tick = eventTicks(deps);
      const seen = async () =>
        (
          await quiet.db.execute<{ rows: number; started: number }>(sql`
            select count(*)::int as rows, count(started_at)::int as started from deliveries`)
        )[0]!;
      await tick();
      expect(await seen()).toEqual({ rows: 500, started: 1 });
      let before = 1;
      for (let ticks = 2; ticks <= 15; ticks += 1) {
        await tick();
        const { started } = await seen();
        expect(started - before).toBeGreaterThanOrEqual(1);
        expect(started - before).toBeLessThanOrEqual(MOST_STARTS_A_TICK);
        before = started;
      }
      expect((await seen()).rows).toBe(1_000);
    } finally {
      await quiet.stop();
    }
  });
});

test('receivers that hang hold up no other work of the workers', async () => {
  receiver.answer(() => undefined);
  await endpointAt(stack.db, receiver.url);
  await send(stack.db, 'grant.made', 150);
  await until(
    async () => receiver.received.length,
    (seen) => seen >= 50,
  );
  const { status } = await stack.request('POST', '/v1/subscriptions', {
    body: { customer_id: 'not-held-up', plan: 'creator', interval: 'month' },
  });
  expect(status).toBe(201);
  // As many as may be under way are, and no more. On a slow machine some have ended unanswered by now, and others come.
  await sleep(300);
  expect(receiver.mostOpen()).toBe(50);
});
