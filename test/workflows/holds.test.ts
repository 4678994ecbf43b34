import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { nudge } from '../../src/relay/nudges.ts';
import {
  type BalanceAnswer,
  QUERY,
  type SubscriptionAnswer,
  workflowId,
} from '../../src/workflows/messages.ts';
import { expectSound } from '../support/invariants.ts';
import { ask, did, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Events behind the workflow's back: holds that outlive the end, deadlines, storms of spends, and the nudges about them
// (I8).

const monthly = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
/** On real time, where the relay works. */
const live = { test_clock: undefined };
const looks = (quantity: number) => ({ items: [{ feature: 'generate_look', quantity }] });

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

const handleOf = (id: string) => stack.client.workflow.getHandle(workflowId(id));
/** Straight from the workflow: no API in between that could help. */
const balanceOf = (id: string) => handleOf(id).query<BalanceAnswer>(QUERY.balance);
const stateOf = async (id: string) =>
  (await handleOf(id).query<SubscriptionAnswer>(QUERY.subscription)).state;
const statusOf = async (id: string) => (await handleOf(id).describe()).status.name;

async function hold(id: string, credits: number, seconds = 3_600): Promise<string> {
  const body = { ...looks(credits), expires_in_seconds: seconds };
  return ((await did(stack, id, 'POST holds', body)).body as { id: string }).id;
}

interface Row {
  seq: number;
  behind: boolean;
  held: number;
  [member: string]: unknown;
}

/** The ledger, without a read that would release overdue holds. */
async function rowOf(id: string): Promise<Row> {
  const [row] = await stack.db.execute<Row>(sql`
    select seq::int, workflow_behind as behind, (select coalesce(sum(held), 0)::int from grants where subscription_id = ${id}) as held
    from ledgers where subscription_id = ${id}`);
  return row!;
}

/** The newest nudge becomes so much older. */
const later = (id: string, time: string) =>
  stack.db.execute(
    sql`update ledgers set told_at = told_at - ${time}::interval where subscription_id = ${id}`,
  );

async function until(what: string, holds: () => Promise<boolean>, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !(await holds()); await sleep(50))
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
}

/** ended with 30 held; the workflow stays until their hold has ended. */
async function endedWithHold(more: object, seconds?: number): Promise<{ id: string; held: string }> {
  const id = await subscribe(stack, monthly, more);
  const held = await hold(id, 30, seconds);
  await did(stack, id, 'POST cancel', { at: 'now' });
  const { body } = await did(stack, id, 'GET workflow');
  expect(body).toMatchObject({ state: { status: 'ended' }, balance: { available: 0, held: 30 } });
  expect(await statusOf(id)).toBe('RUNNING');
  return { id, held };
}

async function expectCompleted(id: string): Promise<void> {
  await until('the workflow completes', async () => (await statusOf(id)) === 'COMPLETED');
  const { body } = await did(stack, id, 'GET workflow');
  expect(body).toMatchObject({ state: { status: 'ended' }, balance: { available: 0, held: 0 } });
}

test('R-73: with an open hold the workflow outlives the end, and completes after the capture', async () => {
  const { id, held } = await endedWithHold(live);
  // Longer than any nudge takes.
  await sleep(2_500);
  expect(await statusOf(id)).toBe('RUNNING');
  expect(await balanceOf(id)).toMatchObject({ available: 0, held: 30 });
  const { body } = await did(stack, id, `POST holds/${held}/capture`, { credits: 12 });
  expect(body).toMatchObject({ captured: 12, released: 18, balance: { available: 0, held: 0 } });
  await expectCompleted(id);
});

test('R-72, R-73: … and after the deadline, at which the relay releases by itself', async () => {
  const { id } = await endedWithHold(live, 3);
  await until('the workflow completes', async () => (await statusOf(id)) === 'COMPLETED');
  expect(await rowOf(id)).toMatchObject({ held: 0 });
  await expectCompleted(id);
});

test('R-52, R-90: … on a test clock after an advance over the deadline', async () => {
  const { id } = await endedWithHold({});
  await did(stack, id, 'POST advance', { to: '2026-01-31T00:59:59.999Z' });
  await sleep(1_500);
  expect(await statusOf(id)).toBe('RUNNING');
  await did(stack, id, 'POST advance', { to: '2026-01-31T01:00:00.000Z' });
  await expectCompleted(id);
});

test('R-72, I8: a hold of a second is released by the relay alone, and the workflow follows', async () => {
  const id = await subscribe(stack, monthly, live);
  await hold(id, 30, 1);
  await until('the hold is released', async () => (await rowOf(id)).held === 0);
  const { seq } = await rowOf(id);
  await later(id, '1 minute');
  await until('the workflow is told', async () => (await balanceOf(id)).ledger_version === seq);
  const said = await balanceOf(id);
  expect(said).toMatchObject({ available: 200, held: 0, ledger_version: 3 });
  expect((await did(stack, id, 'GET balance')).body).toMatchObject({
    available: 200,
    held: 0,
    ledger_version: 3,
  });
});

test('R-13: cancelled at once under a storm of spends: one end for everyone, and nothing spent after it', async () => {
  for (let round = 0; round < 5; round += 1) {
    const id = await subscribe(stack, monthly, live);
    await did(stack, id, 'POST purchases', { packs: 5 });
    let isOver = false;
    let spent = 0;
    const storm = Promise.all(
      Array.from({ length: 12 }, async () => {
        while (!isOver) {
          const { status } = await ask(stack, id, 'POST usage', looks(1));
          if (status === 201) spent += 1;
          else isOver = true;
        }
      }),
    );
    await until('the storm blows', async () => spent > 20);
    const { ended_at } = (await did(stack, id, 'POST cancel', { at: 'now' })).body as { ended_at: string };
    isOver = true;
    await storm;
    const [row] = await stack.db.execute(sql`
      select iso(ends_at) as ends, (select iso(max(effective_at)) from entries where subscription_id = ${id} and kind = 'forfeiture') as forfeited,
        (select count(*)::int from entries where subscription_id = ${id} and kind = 'debit') as debits,
        (select count(*)::int from entries where subscription_id = ${id} and kind = 'debit' and effective_at > ends_at) as late
      from ledgers where subscription_id = ${id}`);
    const ended = (await stateOf(id)).ended_at;
    expect(row).toEqual({ ends: ended, forfeited: ended, debits: spent, late: 0 });
    expect(ended).toBe(ended_at);
    expect((await did(stack, id, 'GET ')).body).toMatchObject({ status: 'ended', ended_at });
  }
});

test('a busy subscription is told at its pace; once it is quiet, nothing is left to tell', async () => {
  const id = await subscribe(stack, monthly, live);
  let isOver = false;
  const busy = (async () => {
    for (; !isOver; await sleep(100)) await did(stack, id, 'POST usage', looks(1));
  })();
  const version = async () => (await balanceOf(id)).ledger_version;
  await until('it is told a first time', async () => (await version()) > 1);
  const reported = await version();
  await sleep(3_000);
  expect(await version()).toBe(reported);
  expect((await rowOf(id)).behind).toBe(true);
  // Ten minutes later, and busy all the time.
  await later(id, '10 minutes');
  await until('it is told again', async () => (await version()) > reported + 10);
  isOver = true;
  await busy;
  await later(id, '1 minute');
  await until('no workflow is behind', async () => !(await rowOf(id)).behind);
  const { seq } = await rowOf(id);
  expect(await version()).toBe(seq);
});

test('a nudge that hangs blocks no spend, and the workflow stays behind', async () => {
  const id = await subscribe(stack, monthly);
  await until('no workflow is behind', async () => !(await rowOf(id)).behind);
  let answer = (): void => {};
  const hanging = new Promise<never>((resolve) => {
    answer = () => resolve(undefined as never);
  });
  const nudged = nudge({ db: stack.db, temporal: { call: () => hanging } }, id);
  await sleep(100);
  for (let i = 0; i < 3; i += 1) await did(stack, id, 'POST usage', looks(1));
  answer();
  await nudged;
  expect(await rowOf(id)).toMatchObject({ seq: 4, behind: true });
  await until('no workflow is behind', async () => !(await rowOf(id)).behind);
  expect(await balanceOf(id)).toMatchObject({ available: 197, ledger_version: 4 });
});
