import { setTimeout as sleep } from 'node:timers/promises';
import { and, count, desc, eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { charges, commands, entries, subscriptions } from '../../src/db/schema.ts';
import { workflowId } from '../../src/workflows/messages.ts';
import { expectSound } from '../support/invariants.ts';
import {
  ask,
  did,
  expectStatus,
  realFacts,
  simulate,
  simulateBuy,
  simulatedFacts,
  simulateUntil,
  subscribe,
} from '../support/lives.ts';
import { createProcesses, type Killable, type Processes } from '../support/processes.ts';
import type { Answer } from '../support/stack.ts';

// The worker dies by signal 9, in the middle of work and before it: nothing is booked twice, nothing late.

const monthly = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const to = '2028-03-31T00:00:00.000Z';

let stack: Processes;
let worker: Killable;
beforeAll(async () => {
  stack = await createProcesses();
  [, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
});
afterAll(() => stack.stop());

/** Waits until a number of charges of a subscription is booked. */
async function chargesBooked(id: string, atLeast: number): Promise<void> {
  for (;;) {
    const [row] = await stack.db.select({ n: count() }).from(charges).where(eq(charges.subscriptionId, id));
    if (row!.n >= atLeast) return;
    await sleep(5);
  }
}

test('I5: killed in the middle of a 26-month advance: the caller gets the answer, the ledger is as without', async () => {
  const id = await subscribe(stack, monthly);
  await did(stack, id, 'POST purchases', { packs: 1 });
  const startedAt = performance.now();
  const advance = ask(stack, id, 'POST advance', { to });
  await chargesBooked(id, 12);
  await worker.kill();
  const killedAfter = performance.now() - startedAt;
  worker = await stack.startWorker();
  const backAfter = performance.now() - startedAt;
  const answer = expectStatus(await advance, 200);
  const answeredAfter = performance.now() - startedAt;
  const life = simulate(monthly);
  simulateBuy(life, 1);
  const atStart = simulatedFacts(life).length;
  simulateUntil(life, to);
  const wanted = simulatedFacts(life);
  expect(await realFacts(stack.db, id)).toEqual(wanted);
  await expectSound(stack.db);
  const fired = (answer.body as { fired: { kind: string }[] }).fired.filter(({ kind }) => kind === 'renewal');
  expect(fired).toHaveLength(26);
  expect(atStart).toBeLessThan(wanted.length);
  const seconds = [killedAfter, backAfter, answeredAfter].map((ms) => (ms / 1_000).toFixed(1)).join(', ');
  console.log(`killed, back, answered after ${seconds} s`);
});

/** One request timed: 503 within 3 s, worth another try. */
async function refusedInTime(request: () => Promise<Answer>): Promise<number> {
  const startedAt = performance.now();
  const answer = await request();
  const ms = performance.now() - startedAt;
  expect(answer.status, answer.text).toBe(503);
  expect(answer.body).toMatchObject({ code: 'temporal_unavailable' });
  expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
  expect(ms).toBeLessThan(3_000);
  return ms;
}

test('without workers: 503 within 3 s, no effect later, one with the same key; spending goes on', async () => {
  const customer_id = 'without-workers';
  const [buying, cancelling, advancing] = await Promise.all([
    subscribe(stack, monthly),
    subscribe(stack, monthly),
    subscribe(stack, monthly),
  ]);
  await worker.kill();

  const start = { customer_id, plan: 'creator', interval: 'month', test_clock: { now: monthly.from } };
  const asks = {
    purchase: () => ask(stack, buying, 'POST purchases', { packs: 2 }, 'k1'),
    cancel: () => ask(stack, cancelling, 'POST cancel', { at: 'now' }, 'k2'),
    advance: () => ask(stack, advancing, 'POST advance', { to: '2026-03-01T00:00:00.000Z' }, 'k3'),
    start: () =>
      stack.request('POST', '/v1/subscriptions', { body: start, headers: { 'Idempotency-Key': 'k4' } }),
  };
  const before = await Promise.all([buying, cancelling, advancing].map((id) => realFacts(stack.db, id)));

  const first = await Promise.all(Object.values(asks).map(refusedInTime));
  const [given] = await stack.db
    .select()
    .from(commands)
    .where(eq(commands.scope, 'start'))
    .orderBy(desc(commands.createdAt));
  const second = await Promise.all(Object.values(asks).map(refusedInTime));
  console.log(`503 after ${[...first, ...second].map((ms) => (ms / 1_000).toFixed(2)).join(', ')} s`);

  await expectTheRestToGoOn(buying);
  // Somebody guesses the id of the start that was given up, and its workflow: nobody may wait there for ever.
  const orphan = stack.client.workflow.getHandle(workflowId(given!.subscriptionId));
  const ref = { scope: given!.subscriptionId, operation: 'buy_packs', key: 'orphan', attempt: 1 };
  const lost = [
    orphan.executeUpdate('cancel', { args: [{ command: { type: 'cancel', at: 'now' }, ref }] }),
    orphan.executeUpdate('advanceClock', { args: [{ to: Date.parse(to), ref }] }),
  ].map((update) =>
    update.then(
      () => 'done',
      () => 'refused',
    ),
  );

  worker = await stack.startWorker();
  await Promise.all([buying, cancelling, advancing].map(expectWorkersToAnswer));
  const [bought, cancelled, advanced] = await Promise.all(
    [buying, cancelling, advancing].map((id) => realFacts(stack.db, id)),
  );
  expect(bought!.filter((line) => !line.includes('debit'))).toEqual(before[0]);
  expect(cancelled).toEqual(before[1]);
  expect(advanced).toEqual(before[2]);
  expect(await customers(customer_id)).toBe(0);
  expect(await Promise.all(lost)).toEqual(['refused', 'refused']);
  await orphan.result();

  const again = await Promise.all(Object.values(asks).map((request) => request()));
  expect(again.map(({ status }) => status)).toEqual([201, 200, 200, 201]);
  const replays = await Promise.all(Object.values(asks).map((request) => request()));
  expect(replays.map(({ text }) => text)).toEqual(again.map(({ text }) => text));
  expect(replays.map(({ headers }) => headers.get('Idempotent-Replayed'))).toEqual(Array(4).fill('true'));

  const after = await Promise.all([buying, cancelling, advancing].map((id) => realFacts(stack.db, id)));
  const count = (lines: string[] | undefined, what: string) =>
    lines?.filter((line) => line.includes(what)).length;
  expect(count(after[0], 'charge purchase')).toBe(1);
  expect(count(after[0], 'grant pack')).toBe(1);
  expect(count(after[1], 'forfeiture')).toBe(1);
  expect(count(after[2], 'charge renewal')).toBe(1);
  expect(await customers(customer_id)).toBe(1);
  const open = await stack.db.select().from(commands).where(eq(commands.status, 'pending'));
  expect(open).toEqual([]);
  await expectSound(stack.db);
});

async function customers(customerId: string): Promise<number> {
  const rows = await stack.db.select().from(subscriptions).where(eq(subscriptions.customerId, customerId));
  return rows.length;
}

async function expectTheRestToGoOn(id: string): Promise<void> {
  const items = [{ feature: 'generate_look', quantity: 3 }];
  const spent = await ask(stack, id, 'POST usage', { items });
  expect(spent.status, spent.text).toBe(201);
  const quoted = await ask(stack, id, 'POST quote', { items });
  expect(quoted.body).toMatchObject({ credits: 3, available: 197, sufficient: true });
  const balance = await ask(stack, id, 'GET balance');
  expect(balance.body).toMatchObject({ available: 197 });
  for (const list of ['', 'grants', 'entries', 'charges', 'purchases', 'usage', 'schedule'])
    expect((await ask(stack, id, `GET ${list}`)).status, list).toBe(200);
  const debits = and(eq(entries.subscriptionId, id), eq(entries.kind, 'debit'));
  expect(await stack.db.select().from(entries).where(debits)).toHaveLength(1);
}

/** Until the workers have worked through everything that was sent while there were none. */
async function expectWorkersToAnswer(id: string): Promise<void> {
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(200))
    if ((await ask(stack, id, 'GET workflow')).status === 200) return;
  throw new Error('no worker answered within 30 s');
}
