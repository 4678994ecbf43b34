import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endpointAt, send, until } from '../support/deliveries.ts';
import { createProcesses, type Processes } from '../support/processes.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

// kill -9 of the worker, relay and all, while events are on their way: every recorded event arrives.

let processes: Processes;
let receiver: Receiver;
beforeAll(async () => {
  processes = await createProcesses(undefined, { WEBHOOK_PRIVATE_ADDRESSES: 'allow' });
  // Slow enough to be killed in the middle of.
  receiver = await startReceiver(async () => {
    await sleep(100);
    return 204;
  });
});
afterAll(async () => {
  await processes?.stop();
  await receiver?.stop();
});

const EVENTS = 60;

test('every event arrives though the worker is killed three times', async () => {
  // Migrations and catalogue come with the first start.
  let worker = await processes.startWorker();
  await endpointAt(processes.db, receiver.url);
  const events = await send(processes.db, 'grant.made', EVENTS);
  for (const enough of [1, 15, 30]) {
    await until(
      async () => receiver.received.length,
      (seen) => seen >= enough,
    );
    await worker.kill();
    worker = await processes.startWorker();
  }
  const counts = await until(
    async () => [
      ...(await processes.db.execute<{ status: string; n: number }>(
        sql`select status, count(*)::int as n from deliveries group by status`,
      )),
    ],
    (seen) => seen.every(({ status }) => status === 'delivered'),
    100,
  );
  expect(counts).toEqual([{ status: 'delivered', n: EVENTS }]);
  expect([...new Set(receiver.received.map(({ id }) => id))].sort()).toEqual([...events].sort());
  // Only deliveries under way at a worker's death came twice.
  expect(receiver.received.length).toBeLessThanOrEqual(EVENTS + 3 * 50);
  const bodies = new Set(receiver.received.map(({ id, body }) => `${id} ${body}`));
  expect(bodies.size).toBe(EVENTS);
});
