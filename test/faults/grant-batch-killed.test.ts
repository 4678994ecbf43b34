import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBatch } from '../../src/db/grant-batches/requests.ts';
import { RawLedger } from '../db/raw-ledger.ts';
import { batchOf } from '../support/grant-batches.ts';
import { expectInvariants } from '../support/invariants.ts';
import { createProcesses, type Killable, type Processes } from '../support/processes.ts';

// the worker dies by signal 9 in the middle of a batch, more than once. The batch goes on where it was, and each has one.

const TOTAL = 500;

let stack: Processes;
let worker: Killable;
beforeAll(async () => {
  stack = await createProcesses();
  await stack.startApi();
});
afterAll(() => stack.stop());

async function granted(id: string, atLeast: number): Promise<number> {
  for (const until = Date.now() + 90_000; Date.now() < until; await sleep(5)) {
    const batch = (await readBatch(stack.db, id))!;
    if (batch.granted >= atLeast) return batch.granted;
  }
  throw new Error(`fewer than ${atLeast} granted\n${stack.logs()}`);
}

test('killed in the middle, and again: each has one grant', async () => {
  const ids: string[] = [];
  for (let n = 0; n < TOTAL; n += 1) ids.push((await RawLedger.open(stack.db)).id);
  const batch = await batchOf(stack.db, { subscriptionIds: ids });
  worker = await stack.startWorker();
  const killedAt: number[] = [];
  for (const atLeast of [30, 230]) {
    await granted(batch, atLeast);
    await worker.kill();
    killedAt.push((await readBatch(stack.db, batch))!.granted);
    worker = await stack.startWorker();
  }
  expect(killedAt.every((count) => count < TOTAL)).toBe(true);
  await granted(batch, TOTAL);
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(50))
    if ((await readBatch(stack.db, batch))!.state === 'done') break;
  expect(await readBatch(stack.db, batch)).toMatchObject({ state: 'done', granted: TOTAL, skipped: 0 });
  const [row] = await stack.db.execute<{ grants: number; ledgers: number; events: number }>(sql`select
    (select count(*)::int from grants where cause = ${batch}) as grants,
    (select count(*)::int from ledgers where balance = 25 and seq = 1) as ledgers,
    (select count(*)::int from events where type = 'grant_batch.finished') as events`);
  expect(row).toEqual({ grants: TOTAL, ledgers: TOTAL, events: 1 });
  await expectInvariants(stack.db);
  console.log(`killed after ${killedAt.join(' and ')} of ${TOTAL}`);
});
