import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { findTemporalCli } from '../../src/embedded/temporal-binary.ts';
import { type BalanceAnswer, QUERY, workflowId } from '../../src/workflows/messages.ts';
import { did, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// I8: the workflow's balance equals the ledger's at rest; `GET …/workflow` is never behind it.

interface Balance {
  available: number;
  held: number;
  by_kind: Record<string, number>;
  ledger_version: number;
}

const monthly = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;
const look = { items: [{ feature: 'generate_look', quantity: 1 }] };

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

const comparable = ({ available, held, by_kind, ledger_version }: Balance): Balance => ({
  available,
  held,
  by_kind,
  ledger_version,
});

async function ofLedger(id: string): Promise<Balance> {
  return comparable((await did(stack, id, 'GET balance')).body as Balance);
}

/** Straight from the workflow, as any Temporal client would ask: no API in between that could help. */
async function ofWorkflow(id: string): Promise<Balance> {
  const answer = await stack.client.workflow.getHandle(workflowId(id)).query<BalanceAnswer>(QUERY.balance);
  return comparable(answer);
}

async function atRest(id: string): Promise<void> {
  const wanted = await ofLedger(id);
  let said = await ofWorkflow(id);
  for (const until = Date.now() + 15_000; said.ledger_version < wanted.ledger_version; await sleep(100)) {
    if (Date.now() > until) break;
    said = await ofWorkflow(id);
  }
  expect(said).toEqual(wanted);
}

test('I8: after spends the workflow learns the ledger’s balance by itself', async () => {
  const ids = await Promise.all([subscribe(stack, monthly), subscribe(stack, monthly)]);
  for (const id of ids) await did(stack, id, 'POST purchases', { packs: 1 });
  for (const id of ids) expect(await ofWorkflow(id)).toEqual(await ofLedger(id));
  await Promise.all(
    ids.flatMap((id) => Array.from({ length: 10 }, () => did(stack, id, 'POST usage', look))),
  );
  for (const id of ids) await atRest(id);
  // Once more: informed a minute ago, behind again.
  await stack.db.execute(sql`update ledgers set told_at = told_at - interval '1 minute'`);
  for (const id of ids) await did(stack, id, 'POST usage', look);
  for (const id of ids) await atRest(id);
});

test('I8: GET …/workflow is never behind an earlier answer', async () => {
  const id = await subscribe(stack, monthly);
  for (let spent = 1; spent <= 5; spent += 1) {
    await did(stack, id, 'POST usage', look);
    const { balance } = (await did(stack, id, 'GET workflow')).body as { balance: Balance };
    expect(balance).toMatchObject({ available: 200 - spent, ledger_version: 1 + spent });
  }
});

test('R-52: the workflow of an ended subscription still answers', async () => {
  const id = await subscribe(stack, monthly);
  await did(stack, id, 'POST usage', look);
  await did(stack, id, 'POST cancel', { at: 'now' });
  const handle = stack.client.workflow.getHandle(workflowId(id));
  await handle.result();
  expect((await handle.describe()).status.name).toBe('COMPLETED');
  await atRest(id);
  const { body } = await did(stack, id, 'GET workflow');
  expect(body).toMatchObject({ state: { status: 'ended' }, balance: { available: 0 }, next_due: null });
  expect(await handle.query(QUERY.schedule)).toEqual([]);
});

test('temporal workflow query --type balance answers as GET …/balance, of a live subscription', async () => {
  const id = await subscribe(stack, monthly, { test_clock: undefined });
  await did(stack, id, 'POST purchases', { packs: 2 });
  await did(stack, id, 'POST usage', look);
  await atRest(id);
  const cli = await findTemporalCli({ cacheDir: loadConfig().cacheFolder, log: () => {} });
  const query = [
    'workflow',
    'query',
    '--type',
    'balance',
    '--workflow-id',
    workflowId(id),
    '--output',
    'json',
  ];
  const { stdout } = await promisify(execFile)(cli, [...query, '--address', inject('temporalAddress')]);
  const { queryResult } = JSON.parse(stdout) as { queryResult: BalanceAnswer[] | BalanceAnswer };
  const said = Array.isArray(queryResult) ? queryResult[0]! : queryResult;
  expect(comparable(said)).toEqual(await ofLedger(id));
  expect(said).toMatchObject({ available: 799, by_kind: { allowance: 199, pack: 600, adjustment: 0 } });
});
