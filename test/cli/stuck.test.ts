import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { SIGNAL, workflowId } from '../../src/workflows/messages.ts';
import { textOf, Visit } from '../api/console-visit.ts';
import { drawdown, type Run } from '../support/cli.ts';
import { expectSound } from '../support/invariants.ts';
import { did, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Workflows that run and go on no more: each is named by `verify --workflows`, and started anew by `rehydrate --stuck`.

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const WITHIN = { timeout: 90_000, interval: 500 };
/** Fewer than the default, so that the test need not wait for a minute. */
const AFTER = ['--stuck-after', '2'];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

const run = (...words: string[]): Promise<Run> =>
  drawdown(words, {
    DATABASE_URL: stack.databaseUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_TASK_QUEUE: stack.taskQueue,
  });
const verify = (...words: string[]) => run('verify', '--workflows', ...AFTER, ...words);
const rehydrate = (...words: string[]) => run('rehydrate', ...AFTER, '--stuck', ...words);

const describeOf = async (id: string) =>
  (await stack.client.workflow.getHandle(workflowId(id)).describe()).raw;

/** A cancel of billing's with a reason that no step can be booked with, as half an emoji was. Nothing but the reason is wrong. */
async function wedge(id: string): Promise<void> {
  await stack.db.execute(sql`create function wedged() returns trigger language plpgsql as $$
    begin raise 'no step for this' using errcode = '58000'; end $$`);
  await stack.db.execute(sql`create trigger wedged before insert on notes for each row
    when (new.detail = 'half an emoji') execute function wedged()`);
  await stack.db.execute(sql`insert into inbox (provider, event_id, subscription_id, kind, payload)
    values ('test', 'evt_cancel', ${id}, 'cancelled', '{"at": "renewal", "reason": "half an emoji"}')`);
  await expect
    .poll(async () => (await describeOf(id)).pendingActivities?.[0]?.attempt ?? 0, WITHIN)
    .toBeGreaterThan(3);
}

test('a step that fails at each attempt: named with its reason, and mended by one command', async () => {
  const [stuck, other] = [await subscribe(stack, MONTHLY), await subscribe(stack, MONTHLY)];
  await wedge(stuck);

  const named = await verify();
  expect(named.code).toBe(1);
  expect(named.out).toMatch(
    new RegExp(`^Stuck: 1\nI14 {2}${stuck} {2}bookStep failed \\d+ times\n {5}.*58000`, 'm'),
  );
  expect(JSON.parse((await verify('--json')).out).workflows.stuck).toMatchObject([
    { subscription_id: stuck, what: 'bookStep' },
  ]);
  expect((await run('verify', '--workflows', '--stuck-after', '1000')).code).toBe(0);

  const fleet = async () => textOf((await (await Visit.begin(stack)).get('/console/fleet')).html);
  await expect
    .poll(fleet, WITHIN)
    .toMatch(new RegExp(`Step of a workflow \\d+ times in .* ${stuck} .*58000`));
  expect((await run('refused', 'list')).out).toMatch(new RegExp(`^step ${stuck} .*\n.*58000`, 'm'));

  const dry = await rehydrate('--dry-run');
  expect(dry.out).toMatch(new RegExp(`^stuck +1\n {2}${stuck} {2}bookStep failed`, 'm'));
  expect((await describeOf(stuck)).pendingActivities).toHaveLength(1);
  expect((await rehydrate(other)).out).toMatch(/^running +1$/m);

  const refused = await stack.request('PUT', `/v1/subscriptions/${stuck}/payment_method`, {
    body: { payment_method: 'sandbox_ok' },
  });
  expect(refused.status).toBe(503);
  // The cause is mended; the step that was asked for with it still fails.
  await stack.db.execute(sql`update inbox set payload = '{"at": "renewal", "reason": "whole"}'`);
  const { code, out } = await rehydrate(stuck);
  expect(out).toMatch(/^started anew +1$/m);
  expect(code).toBe(0);
  expect(await verify()).toMatchObject({ code: 0 });
  await expect
    .poll(async () => (await did(stack, stuck, 'GET workflow')).body, WITHIN)
    .toMatchObject({ state: { scheduled_change: { kind: 'cancel' } } });
  await did(stack, stuck, 'PUT payment_method', { payment_method: 'sandbox_ok' });
  await did(stack, stuck, 'POST resume');
  await did(stack, stuck, 'POST advance', { to: '2026-03-15T00:00:00.000Z' });
  expect(await run('refused', 'list')).toMatchObject({ code: 0, out: 'Nothing is refused.\n' });
  await expectSound(stack.db);
});

test('workflow code that fails on a signal: named, shown on the fleet page, and mended by the same command', async () => {
  const id = await subscribe(stack, MONTHLY);
  // Straight to Temporal, in an encoding that nobody reads.
  await stack.client.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: workflowId(id) },
    signalName: SIGNAL.ledgerAdvanced,
    input: { payloads: [{ metadata: { encoding: Buffer.from('binary/rubbish') }, data: Buffer.from('x') }] },
  });
  await expect
    .poll(async () => (await describeOf(id)).pendingWorkflowTask?.attempt ?? 0, WITHIN)
    .toBeGreaterThan(3);
  const { code, out } = await verify();
  expect(out).toMatch(
    new RegExp(`^I14 {2}${id} {2}the workflow’s code failed \\d+ times\n {5}.*rubbish`, 'm'),
  );
  expect(code).toBe(1);
  const fleet = async () => textOf((await (await Visit.begin(stack)).get('/console/fleet')).html);
  await expect.poll(fleet, WITHIN).toMatch(new RegExp(`${id} The workflow’s own code fails`));

  expect((await rehydrate()).out).toMatch(/^started anew +1$/m);
  expect(await verify()).toMatchObject({ code: 0 });
  await did(stack, id, 'POST advance', { to: '2026-03-15T00:00:00.000Z' });
});

test('due work that can not be booked: named until it is, though nothing fails at Temporal', async () => {
  const id = await subscribe(stack, MONTHLY);
  await stack.db.execute(sql`insert into incidents (subscription_id, step, what, code, detail)
    select subscription_id, step + 1, 'due', '23514', 'grants_remaining' from ledgers where subscription_id = ${id}`);
  const { code, out } = await verify('--subscription', id);
  expect(out).toMatch(
    new RegExp(`^Stuck: 1\nI14 {2}${id} {2}due work failed 1 times\n {5}23514 grants_remaining$`, 'm'),
  );
  expect(code).toBe(1);
  const fleet = textOf((await (await Visit.begin(stack)).get('/console/fleet')).html);
  expect(fleet).toMatch(new RegExp(`${id} held up Step \\d+, due: 23514 grants_remaining`));
  await did(stack, id, 'POST advance', { to: '2026-03-15T00:00:00.000Z' });
  expect(await verify('--subscription', id)).toMatchObject({ code: 0 });
});
