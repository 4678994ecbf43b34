import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import { freePort } from '../../src/embedded/ports.ts';
import type { PostgresService } from '../../src/embedded/postgres.ts';
import { sized } from '../support/campaign.ts';
import { expectSound } from '../support/invariants.ts';
import { expectStatus } from '../support/lives.ts';
import { createProcesses, type Killable, type Processes } from '../support/processes.ts';
import { ownServers } from '../support/servers.ts';
import { booked, expected, left } from './spending-effects.ts';
import { CALLERS, Load } from './spending-load.ts';

// I5, I10: two APIs and a worker on a durable PostgreSQL, killed under spending load. Every acknowledged request is there,
// once, and a repeat gets the same answer to the letter. All others are repeated with their key and take effect once.

const SUBSCRIPTIONS = 20;
const GRANTED = 200 + 30_000 + 25;
const servers = ownServers();

let database: PostgresService;
let stack: Processes;
/** The test's own connection, which is not among the killed: they are called `drawdown`. */
let db: Database;
let apis: Kept[];
let worker: Kept;

beforeAll(async () => {
  database = await servers.startDatabase();
  stack = await createProcesses({ databaseUrl: database.url, temporalAddress: inject('temporalAddress') });
  db = connect(`${database.url}?application_name=test`, { max: 1 });
  const second = await freePort();
  const first = await keep(() => stack.startApi());
  const [other, engine] = await Promise.all([
    keep(() => stack.startApi(second)),
    keep(() => stack.startWorker()),
  ]);
  apis = [first, other];
  worker = engine;
});
afterAll(async () => {
  for (const kept of [...(apis ?? []), worker]) kept?.stop();
  await stack?.stop();
  await db?.$client.end({ timeout: 1 });
  await database?.stop();
  servers.remove();
});

interface Kept {
  readonly url: string;
  /** How often it ended, by us or by itself. */
  readonly ends: number;
  readonly isUp: boolean;
  kill(): void;
  /** It is not started again. */
  stop(): void;
}

/** A program that is started again as soon as it ends. */
async function keep(start: () => Promise<Killable>): Promise<Kept> {
  let current = await start();
  let stopping = false;
  const kept = {
    url: current.program.info.url ?? '',
    ends: 0,
    isUp: true,
    // It may have ended by itself a moment ago.
    kill: () => void current.kill().catch(() => {}),
    stop: () => {
      stopping = true;
    },
  };
  void (async () => {
    while (!stopping) {
      await current.program.exited;
      kept.ends += 1;
      kept.isUp = false;
      while (!kept.isUp && !stopping) {
        // One that could not come up, its backend being killed, is tried once more.
        current = await start().then(
          (next) => {
            kept.isUp = true;
            return next;
          },
          () => current,
        );
      }
    }
  })();
  return kept;
}

/** Subscriptions that hold several grants each, every second on a test clock. */
async function subscriptions(run: string): Promise<string[]> {
  const ids = [];
  for (let n = 0; n < SUBSCRIPTIONS; n += 1) {
    const clock = n % 2 === 0 ? {} : { test_clock: { now: new Date().toISOString() } };
    const body = { customer_id: `${run}-${n}`, plan: 'creator', interval: 'month', ...clock };
    const { id } = await made('/v1/subscriptions', body);
    await made(`/v1/subscriptions/${id}/purchases`, { packs: 100 });
    const expires_at = new Date(Date.now() + 7 * 86_400_000).toISOString();
    await made(`/v1/subscriptions/${id}/grants`, { credits: 25, expires_at, reason: 'a gift' });
    ids.push(id);
  }
  return ids;
}

async function made(path: string, body: object): Promise<{ id: string }> {
  return expectStatus(await stack.request('POST', path, { body }), 201).body as { id: string };
}

async function underLoad(run: string, harm: (load: Load) => Promise<void>): Promise<Load> {
  const urls = apis.map(({ url }) => url);
  const load = new Load(stack, urls, await subscriptions(run));
  const ends = [...apis, worker].map((kept) => kept.ends);
  const startedAt = performance.now();
  await load.run(() => harm(load));
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  const said = (counts: Map<string, number>) => JSON.stringify(Object.fromEntries(counts));
  const restarts = [...apis, worker].map((kept, i) => kept.ends - ends[i]!);
  console.log(
    `${run}: ${load.acknowledged.length} acknowledged in ${seconds} s, ${load.lost} of them by a repeat; ` +
      `repeated ${said(load.broken)}, refused ${said(load.refused)}; ended ${restarts}`,
  );
  return load;
}

const REFUSALS = [
  'insufficient_credits',
  'hold_already_settled',
  'capture_exceeds_hold',
  'reversal_exceeds_usage',
];

async function expectExactlyOnce(load: Load): Promise<void> {
  const strange = [...load.broken.keys()].filter((code) => !['gone', 'database_unavailable'].includes(code));
  expect(strange, strange.length > 0 ? stack.logs() : '').toEqual([]);
  for (const code of load.refused.keys()) expect(REFUSALS).toContain(code);
  expect(await booked(db, load.subs)).toEqual(expected(load.acknowledged));
  for (const sub of load.subs) {
    const { body } = await stack.request('GET', `/v1/subscriptions/${sub}/balance`);
    expect(body, sub).toMatchObject(left(load.acknowledged, sub, GRANTED));
  }
  await expectSound(db);
  await expectReplays(load);
  expect(await booked(db, load.subs)).toEqual(expected(load.acknowledged));
}

/** I10: the same key, the same answer to the letter, marked as a replay; whichever API is asked. */
async function expectReplays(load: Load): Promise<void> {
  const again = [...load.acknowledged];
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let one = again.pop(); one; one = again.pop()) {
        const { status, text, headers } = await load.ask(one);
        const replayed = headers.get('Idempotent-Replayed');
        expect([status, text, replayed], one.path).toEqual([one.status, one.text, 'true']);
      }
    }),
  );
}

const ROUNDS = sized(3, 10);
const BACKENDS = sized(40, 200);

/** Until requests are on their way to it: then it dies in the middle of a batch. */
async function inFlight(load: Load, { url }: Kept): Promise<void> {
  for (const until = Date.now() + 2_000; (load.inFlight.get(url) ?? 0) < 2; await sleep(1))
    if (Date.now() > until) return;
}

test('both APIs killed by signal 9, shortly one after the other, again and again, with requests in flight', async () => {
  let busy = 0;
  const load = await underLoad('api-killed', async (on) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const ends = apis.map((api) => api.ends);
      for (const api of round % 2 === 0 ? apis : [...apis].reverse()) {
        await sleep(randomInt(300));
        await inFlight(on, api);
        busy += on.inFlight.get(api.url) ?? 0;
        api.kill();
      }
      for (const [i, api] of apis.entries()) while (api.ends === ends[i] || !api.isUp) await sleep(5);
    }
  });
  console.log(`api-killed: ${2 * ROUNDS} times, with ${busy} requests in flight`);
  await expectExactlyOnce(load);
});

test(`${BACKENDS} backends terminated, of APIs and worker, busy ones first`, async () => {
  let killed = 0;
  const load = await underLoad('backends-killed', async () => {
    for (; killed < BACKENDS; await sleep(randomInt(120))) {
      const rows = await db.execute(sql`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'drawdown'
        order by ${killed % 3 > 0} and state = 'active' desc, random() limit 1`);
      killed += rows.length;
    }
  });
  console.log(`backends-killed: ${killed} times`);
  await expectExactlyOnce(load);
});
