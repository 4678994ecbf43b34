import { setTimeout as sleep } from 'node:timers/promises';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/db/client.ts';
import { charges, entries, grants, usages } from '../../src/db/schema.ts';
import { boundary, iso } from '../../src/domain/calendar.ts';
import { keepAlive } from '../../src/embedded/keep.ts';
import { freePort } from '../../src/embedded/ports.ts';
import type { PostgresService } from '../../src/embedded/postgres.ts';
import type { TemporalService } from '../../src/embedded/temporal.ts';
import { expectSound } from '../support/invariants.ts';
import { ask, did, expectStatus } from '../support/lives.ts';
import { createProcesses, type Processes } from '../support/processes.ts';
import { ownServers } from '../support/servers.ts';
import type { Answer } from '../support/stack.ts';

// Servers of their own, which can be stopped: work due during an outage is done after it, acknowledged spends are there once,
// and everything comes back by itself.

const servers = ownServers();
const BOUNDARY_IN_MS = 8_000;
const look = { items: [{ feature: 'generate_look', quantity: 1 }] };

const supervised: { stop(): Promise<void> }[] = [];
const complaints: string[] = [];
const complain = (line: string) => void complaints.push(line);

let database: PostgresService;
let temporal: TemporalService;
let stack: Processes;

const { startDatabase, startTemporal: startEngine } = servers;

beforeAll(async () => {
  [database, temporal] = await Promise.all([startDatabase(), startEngine()]);
  stack = await createProcesses({ databaseUrl: database.url, temporalAddress: temporal.address });
});
afterAll(async () => {
  await Promise.all(supervised.map((kept) => kept.stop()));
  await stack.stop();
  await Promise.all([database.stop(), temporal.stop()]);
  servers.remove();
});

async function moveIn(customer_id: string, anchor_at: string): Promise<string> {
  const body = { customer_id, plan: 'creator', interval: 'month', anchor_at };
  const answer = expectStatus(await stack.request('POST', '/v1/subscriptions', { body }), 201);
  return (answer.body as { id: string }).id;
}

const day = 24 * 60 * 60 * 1_000;
const inDays = (days: number) => iso(Date.now() + days * day);

/** An anchor some months before an instant, of which that instant is a boundary: not every month has its day. */
function anchorBefore(wanted: number): string {
  for (let months = 1; months <= 12; months += 1) {
    const anchor = boundary(wanted, 'UTC', -months);
    if (boundary(anchor, 'UTC', months) === wanted) return iso(anchor);
  }
  throw new Error(`no anchor has a boundary at ${iso(wanted)}`);
}

test('R-13, R-44: everything stopped over a boundary on the live clock: worked once after, dated at the boundary', async () => {
  const [api, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
  const next = Date.now() + BOUNDARY_IN_MS;
  const id = await moveIn('over-the-boundary', anchorBefore(next));
  await did(stack, id, 'POST grants', { credits: 50, expires_at: inDays(9), reason: 'moved in' });
  await Promise.all([api.kill(), worker.kill()]);
  await Promise.all([database.stop(), temporal.stop()]);
  expect(Date.now()).toBeLessThan(next);
  await sleep(next + 500 - Date.now());

  const startedAt = performance.now();
  [database, temporal] = await Promise.all([startDatabase(database.port), startEngine(temporal.port)]);
  await startSupervised();
  const upAfter = performance.now() - startedAt;
  await grantsArrive(id, 2);
  const workedAfter = performance.now() - startedAt;

  const at = iso(next);
  const billed = await stack.db.select().from(charges).where(eq(charges.subscriptionId, id));
  expect(billed.map((row) => [row.kind, row.status, row.amountMinor, iso(row.at.getTime())])).toEqual([
    ['renewal', 'paid', 2_900, at],
  ]);
  const made = await stack.db.select().from(grants).where(eq(grants.subscriptionId, id)).orderBy(grants.made);
  expect(made.map((row) => [row.kind, row.amount])).toEqual([
    ['adjustment', 50],
    ['allowance', 200],
  ]);
  expect(made[1]!.effectiveAt.toISOString()).toBe(at);
  expect(made[1]!.expiresAt.getTime()).toBe(next + 30 * day);
  const booked = await stack.db.select().from(entries).where(eq(entries.subscriptionId, id));
  expect(booked).toHaveLength(2);
  expect((await did(stack, id, 'GET balance')).body).toMatchObject({ available: 250 });
  await expectSound(stack.db);
  const seconds = [upAfter, workedAfter].map((ms) => (ms / 1_000).toFixed(1)).join(' s, worked after ');
  console.log(`up after ${seconds} s`);
});

/** The way `npm start` runs them: a process that meets an error it cannot handle ends, and is started again. */
async function startSupervised(): Promise<void> {
  const kept = await Promise.all([
    keepAlive('api', async () => (await stack.startApi()).program, complain),
    keepAlive('worker', async () => (await stack.startWorker()).program, complain),
  ]);
  supervised.push(...kept);
}

async function grantsArrive(id: string, wanted: number): Promise<void> {
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(100)) {
    const made = await stack.db.select().from(grants).where(eq(grants.subscriptionId, id));
    if (made.length >= wanted) return;
  }
  throw new Error(`${wanted} grants were not there within 30 s`);
}

interface Load {
  id: string;
  isOver: boolean;
  /** Ids of usages whose spend was acknowledged, one a key. */
  acknowledged: string[];
  /** Every other answer, and `gone` where there was none. */
  refused: Map<string, number>;
}

/** Spends one credit again and again; a spend that was not acknowledged is repeated with its key until it is. */
async function spender(load: Load, name: string): Promise<void> {
  for (let n = 0; !load.isOver; n += 1) load.acknowledged.push(await spendOnce(load, `${name}-${n}`));
}

async function spendOnce(load: Load, key: string): Promise<string> {
  for (;;) {
    const answer = await ask(stack, load.id, 'POST usage', look, key).catch(() => null);
    if (answer?.status === 201) return (answer.body as { id: string }).id;
    const code = (answer?.body as { code?: string } | undefined)?.code ?? 'gone';
    load.refused.set(code, (load.refused.get(code) ?? 0) + 1);
    await sleep(50);
  }
}

/** Spends from six callers while something is done to the servers; answers the acknowledged spends and the refusals. */
async function underLoad(customer_id: string, harm: (load: Load) => Promise<void>): Promise<Load> {
  const body = { customer_id, plan: 'creator', interval: 'month' };
  const { id } = (await insist('/v1/subscriptions', body, customer_id)).body as { id: string };
  await insist(`/v1/subscriptions/${id}/purchases`, { packs: 100 }, customer_id);
  const load: Load = { id, isOver: false, acknowledged: [], refused: new Map() };
  const spending = Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => spender(load, name)));
  await acknowledgedMore(load, 50);
  await harm(load);
  await acknowledgedMore(load, 50);
  load.isOver = true;
  await spending;
  return load;
}

/** The same key again until it is done: a worker that was harmed before takes its seconds to come back. */
async function insist(path: string, body: object, key: string): Promise<Answer> {
  for (const until = Date.now() + 45_000; ; await sleep(200)) {
    const headers = { 'Idempotency-Key': key };
    const answer = await stack.request('POST', path, { body, headers }).catch(() => null);
    if (answer?.status === 201) return answer;
    if (Date.now() > until) throw new Error(`${path}: ${answer?.text ?? 'gone'} ${complaints}`);
  }
}

async function acknowledgedMore(load: Load, more: number): Promise<void> {
  const wanted = load.acknowledged.length + more;
  for (const until = Date.now() + 45_000; load.acknowledged.length < wanted; await sleep(20))
    if (Date.now() > until)
      throw new Error(`no more spends: ${JSON.stringify([...load.refused])} ${complaints}`);
}

const EXPECTED_REFUSALS = ['database_unavailable', 'gone'];

/** I5: acknowledged spends are there, once, and nothing else; each refusal had its reason. */
async function expectExactly({ id, acknowledged, refused }: Load): Promise<void> {
  const unexpected = [...refused.keys()].filter((code) => !EXPECTED_REFUSALS.includes(code));
  expect(unexpected, unexpected.length > 0 ? stack.logs() : '').toEqual([]);
  const spent = await stack.db.select({ id: usages.id }).from(usages).where(eq(usages.subscriptionId, id));
  expect(spent.map((usage) => usage.id).sort()).toEqual([...acknowledged].sort());
  expect((await did(stack, id, 'GET balance')).body).toMatchObject({
    available: 30_200 - acknowledged.length,
  });
  const [sums] = await stack.db.execute(sql`
    select (select sum(credits) from entries where subscription_id = ${id})::int as entered,
      (select sum(remaining) from grants where subscription_id = ${id})::int as remaining,
      (select count(*) from entries where subscription_id = ${id} and kind = 'debit')::int as debits,
      (select balance from ledgers where subscription_id = ${id})::int as balance`);
  await expectSound(stack.db);
  const left = 30_200 - acknowledged.length;
  expect(sums).toEqual({ entered: left, remaining: left, debits: acknowledged.length, balance: left });
}

const reported = ({ acknowledged, refused }: Load) =>
  `${acknowledged.length} spends, ${JSON.stringify(Object.fromEntries(refused))}, restarts: ${complaints.splice(0).join('; ') || 'none'}`;

test('I5: backends killed under spending load, between and during statements: every acknowledged spend once', async () => {
  const load = await underLoad('backends-killed', async () => {
    const admin = connect(database.url, { max: 1 });
    for (let round = 0; round < 12; round += 1) {
      await admin.execute(sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'drawdown' and pid <> pg_backend_pid()`);
      await sleep(100 + round * 10);
    }
    await admin.$client.end({ timeout: 1 });
  });
  console.log(`backends killed: ${reported(load)}`);
  await expectExactly(load);
});

test('PostgreSQL stopped under load: 503 database_unavailable, and everything comes back by itself', async () => {
  const load = await underLoad('postgres-stopped', async ({ id }) => {
    await database.stop();
    await untilRefused(id);
    database = await startDatabase(database.port);
  });
  console.log(`PostgreSQL stopped: ${reported(load)}`);
  await expectExactly(load);
  // The workers are back too.
  await insist(`/v1/subscriptions/${load.id}/purchases`, { packs: 1 }, 'after');
});

test('an API started while PostgreSQL is away says so, and serves once it is back', async () => {
  await database.stop();
  const port = await freePort();
  const starting = stack.startApi(port);
  const early = stack.at(`http://127.0.0.1:${port}`);
  const answers = async (path: string) => early.request('GET', path).catch(() => null);
  await expect.poll(async () => (await answers('/healthz'))?.status, { timeout: 30_000 }).toBe(200);
  for (const path of ['/readyz', '/v1/catalog'])
    expect((await answers(path))?.body).toMatchObject({ code: 'database_unavailable', status: 503 });
  database = await startDatabase(database.port);
  await starting;
  expect((await answers('/readyz'))?.status).toBe(200);
});

/** Waits until every answer while PostgreSQL is away is a refusal within 3 s that states when to come back. */
async function untilRefused(id: string): Promise<void> {
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(200)) {
    const startedAt = performance.now();
    const answer = await ask(stack, id, 'GET balance').catch(() => null);
    if (answer === null) continue;
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(answer.body).toMatchObject({ code: 'database_unavailable', status: 503 });
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    return;
  }
  throw new Error(`nothing answered 503 within 30 s: ${complaints}`);
}
