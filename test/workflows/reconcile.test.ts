import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureReconciliation } from '../../src/startup.ts';
import { RECONCILE_TYPE, reconcileScheduleId, UNEXPLAINED } from '../../src/workflows/messages.ts';
import { did, subscribe } from '../support/lives.ts';
import { createProcesses } from '../support/processes.ts';
import { type Stack, startStack } from '../support/stack.ts';

// The nightly look at the books on the real Temporal server: its schedule is made once, and a run that finds a row without its
// reason fails with the sentence.

let stack: Stack;
let id: string;
beforeAll(async () => {
  stack = await startStack();
  id = await subscribe(stack, { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' });
  await did(stack, id, 'POST purchases', { packs: 1 });
});
afterAll(async () => {
  await stack?.client.schedule.getHandle(reconcileScheduleId(stack.taskQueue)).delete();
  await stack?.stop();
});

const complaints: string[] = [];
const ensure = () => ensureReconciliation(stack.client, stack.taskQueue, (line) => complaints.push(line));

/** Starts a run now, as an operator may, and answers it. */
async function trigger(): Promise<WorkflowHandle> {
  const schedule = stack.client.schedule.getHandle(reconcileScheduleId(stack.taskQueue));
  const before = (await schedule.describe()).info.numActionsTaken;
  await schedule.trigger();
  for (const until = Date.now() + 15_000; Date.now() < until; await sleep(50)) {
    const { info } = await schedule.describe();
    const newest = info.recentActions.at(-1)?.action;
    if (info.numActionsTaken > before && newest?.type === 'startWorkflow')
      return stack.client.workflow.getHandle(newest.workflow.workflowId);
  }
  throw new Error('the schedule started nothing within 15 s');
}

test('many workers make one schedule: every night at 03:00 UTC, one run at a time', async () => {
  await Promise.all(Array.from({ length: 5 }, ensure));
  await ensure();
  expect(complaints).toEqual([]);
  const { spec, policies, action, info, state } = await stack.client.schedule
    .getHandle(reconcileScheduleId(stack.taskQueue))
    .describe();
  expect(action).toMatchObject({ workflowType: RECONCILE_TYPE, taskQueue: stack.taskQueue });
  expect(policies.overlap).toBe('SKIP');
  expect(state.paused).toBe(false);
  expect(spec.timezone ?? 'UTC').toBe('UTC');
  const [first, second] = info.nextActionTimes;
  expect(first!.toISOString()).toMatch(/T03:00:00\.000Z$/);
  expect(second!.getTime() - first!.getTime()).toBe(86_400_000);
});

test('an operator’s change of it stays', async () => {
  const schedule = stack.client.schedule.getHandle(reconcileScheduleId(stack.taskQueue));
  await schedule.pause('not this week');
  await ensure();
  expect((await schedule.describe()).state.paused).toBe(true);
  await schedule.unpause();
});

test('a run over whole books ends well, with its numbers', async () => {
  const run = await trigger();
  expect(await run.result()).toMatchObject({
    all: { total: 4, explained: 4 },
    charges: { total: 2, explained: 2 },
    grants: { total: 2, explained: 2 },
    inbox: { total: 0, explained: 0 },
    unexplained: [],
  });
});

test('a run that finds a row without its reason fails with the sentence, and names no customer', async () => {
  await stack.db.execute(sql`update charges set amount_minor = 1600 where kind = 'purchase'`);
  const run = await trigger();
  const failure = await run.result().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  const cause = (failure as WorkflowFailedError).cause as ApplicationFailure;
  expect(cause).toBeInstanceOf(ApplicationFailure);
  expect(cause.type).toBe(UNEXPLAINED);
  expect(cause.message).toMatch(
    /^1 of 4 rows are unexplained, the first: The purchase of USD 16\.00 of 2026-01-31T00:00:00\.000Z should be USD 15\.00 by its catalogue 2026-12-01\. \(R-07, chg_\w+ of sub_\w+\)$/,
  );
  expect(cause.details?.[0]).toMatchObject({
    all: { total: 4, explained: 3 },
    unexplained: [{ table: 'charges', subscription_id: id, rule: 'R-07' }],
  });
  const { status } = await run.describe();
  expect(status.name).toBe('FAILED');
  expect(JSON.stringify([cause.message, cause.details])).not.toMatch(/life-|select /);
  await stack.db.execute(sql`update charges set amount_minor = 1500 where kind = 'purchase'`);
});

test('two workers that start at once are there with one schedule', async () => {
  const processes = await createProcesses();
  const schedule = processes.client.schedule.getHandle(reconcileScheduleId(processes.taskQueue));
  try {
    await Promise.all([processes.startWorker(), processes.startWorker()]);
    expect((await schedule.describe()).action).toMatchObject({ taskQueue: processes.taskQueue });
    expect(processes.logs()).not.toContain('could not be made');
    await schedule.delete();
  } finally {
    await processes.stop();
  }
});
