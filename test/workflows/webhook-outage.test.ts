import { Client, type WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createDeliveryActivities } from '../../src/activities/deliver.ts';
import { loadConfig } from '../../src/config.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { createSafe } from '../../src/db/secrets/safe.ts';
import { PAUSES_MS } from '../../src/domain/events.ts';
import { findTestServer } from '../../src/embedded/temporal-binary.ts';
import { createTimedCaller } from '../../src/temporal.ts';
import { createPost } from '../../src/webhooks/post.ts';
import { deliveryQueue, webhookId } from '../../src/workflows/messages.ts';
import { deliveriesOf, endpointAt, eventTicks, secretOf, send, until } from '../support/deliveries.ts';
import { startReceiver, verified } from '../support/receiver.ts';
import { createDatabase } from '../support/stack.ts';

// Days of retries in seconds: on Temporal's test server, whose clock is moved from pause to pause while nothing is under way.
// PostgreSQL, the receivers and their sockets are real.

let environment: TestWorkflowEnvironment;
let db: Database;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const { cacheFolder: cacheDir } = loadConfig();
  const path = await findTestServer({ cacheDir, log: () => {} });
  const server = { executable: { type: 'existing-path' as const, path } };
  environment = await TestWorkflowEnvironment.createTimeSkipping({ server });
  db = connect(await createDatabase());
});
afterAll(async () => {
  await environment?.teardown();
  await db?.$client.end({ timeout: 2 });
});

const HOUR = 3_600_000;
const EVENTS = 25;

/**
 * Starts a workflow for each delivery of these events, and runs them for so many attempts of the slowest; answers their handles.
 */
async function deliver(events: string[], endpoints: string[], rounds: number): Promise<WorkflowHandle[]> {
  const { nativeConnection: connection } = environment;
  const taskQueue = `outage-${events[0]}`;
  // Not the environment's own client: to wait for a result moves its clock.
  const client = new Client({ connection: environment.connection });
  const deps = { db, temporal: createTimedCaller(client), taskQueue };
  const pairs = events.flatMap((eventId) => endpoints.map((endpointId) => ({ eventId, endpointId, run: 0 })));
  const tick = eventTicks(deps);
  // A start that takes long ends after its tick.
  const waiting = sql`select from deliveries where started_at is null`;
  do await tick();
  while ((await db.execute(waiting)).length > 0);
  const codePath = inject('workflowBundle');
  const common = { connection, namespace: 'default' };
  const engine = await Worker.create({ ...common, taskQueue, workflowBundle: { codePath } });
  const deliverer = await Worker.create({
    ...common,
    taskQueue: deliveryQueue(taskQueue),
    // Pauses without luck: the least they can be.
    activities: {
      ...createDeliveryActivities({
        db,
        safe: createSafe([]),
        post: createPost({ allowsPrivate: true }),
        luck: () => 0,
      }),
    },
  });
  const handles = pairs.map((ref) => client.workflow.getHandle(webhookId(ref)));
  await engine.runUntil(
    deliverer.runUntil(async () => {
      for (let attempt = 1; attempt <= rounds; attempt += 1) {
        await allTried(handles, attempt);
        if (attempt < rounds) await environment.sleep(PAUSES_MS[attempt - 1]! + 1_000);
      }
      await Promise.allSettled(handles.map((handle) => handle.result()));
    }),
  );
  return handles;
}

/** The server waits with each for the attempt after this one, or it has ended: nothing is under way. */
const allTried = (workflows: WorkflowHandle[], attempt: number) =>
  until(
    () => Promise.all(workflows.map((workflow) => workflow.describe())),
    (seen) =>
      seen.every(({ status, raw: { pendingActivities } }) => {
        const [pending] = pendingActivities ?? [];
        return status.name !== 'RUNNING' || pending?.attempt === attempt + 1;
      }),
    60,
  );

test('a receiver that is down for an hour gets every event once it is back, with valid signatures', async () => {
  const startedAt = await environment.currentTimeMs();
  const isBack = async () => (await environment.currentTimeMs()) >= startedAt + HOUR;
  const away: { at: number; id: string }[] = [];
  const down = await startReceiver(async ({ id }, response) => {
    if (await isBack()) return 204;
    away.push({ at: (await environment.currentTimeMs()) - startedAt, id });
    response.socket!.destroy();
    return undefined;
  });
  const up = await startReceiver();
  try {
    const secret = secretOf(5);
    const endpoints = [await endpointAt(db, down.url, { secret }), await endpointAt(db, up.url, { secret })];
    const events = await send(db, 'grant.made', EVENTS);
    const workflows = await deliver(events, endpoints, 5);
    const results = await Promise.all(workflows.map((workflow) => workflow.result()));
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['delivered']));
    // 5 s, 5 min and 30 min after each other: four attempts within the hour; the fifth is two hours later.
    expect(away).toHaveLength(4 * EVENTS);
    expect(Math.max(...away.map(({ at }) => at))).toBeLessThan(HOUR);
    const taken = down.received.slice(-EVENTS);
    expect(taken.map(({ id }) => id).sort()).toEqual([...events].sort());
    for (const received of [...down.received, ...up.received])
      expect(verified(secret, received)).toMatchObject({ type: 'grant.made' });
    for (const event of events) {
      const bodies = [...down.received, ...up.received].filter(({ id }) => id === event);
      expect(bodies).toHaveLength(6);
      expect(new Set(bodies.map(({ body }) => body)).size).toBe(1);
      const [late, prompt] = (await deliveriesOf(db, event)).sort((a, b) => b.attempts - a.attempts);
      expect(late).toMatchObject({ status: 'delivered', attempts: 5, endpoint_id: endpoints[0] });
      expect(prompt).toMatchObject({ status: 'delivered', attempts: 1, endpoint_id: endpoints[1] });
    }
  } finally {
    await Promise.all([down.stop(), up.stop()]);
  }
});

test('one that stays away is given up after ten attempts in three days, and all is told', async () => {
  const startedAt = await environment.currentTimeMs();
  const hours: number[] = [];
  const down = await startReceiver(async () => {
    hours.push(((await environment.currentTimeMs()) - startedAt) / HOUR);
    return 500;
  });
  try {
    const endpoint = await endpointAt(db, down.url, { types: ['credits.low'] });
    const [event] = await send(db, 'credits.low');
    const [workflow] = await deliver([event!], [endpoint], 10);
    expect((await workflow!.describe()).status.name).toBe('FAILED');
    expect(hours.map((at) => Math.round(at * 10) / 10)).toEqual([
      0, 0, 0.1, 0.6, 2.6, 7.6, 17.6, 31.6, 51.6, 75.6,
    ]);
    expect((await deliveriesOf(db, event!)).filter((row) => row.endpoint_id === endpoint)).toEqual([
      {
        endpoint_id: endpoint,
        run: 0,
        status: 'failed',
        attempts: 10,
        response_status: 500,
        failure: 'status',
      },
    ]);
    const [first] = down.received;
    for (const { body, id } of down.received) expect([id, body]).toEqual([first!.id, first!.body]);
  } finally {
    await down.stop();
  }
});
