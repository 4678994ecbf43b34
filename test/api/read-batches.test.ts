import { getRequestListener } from '@hono/node-server';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFastPath } from '../../src/api/fast-path.ts';
import { createApp, createDeps } from '../../src/app.ts';
import { connect } from '../../src/db/client.ts';
import { createReading } from '../../src/db/reading/batches.ts';
import { listUsages } from '../../src/db/reads.ts';
import * as schema from '../../src/db/schema.ts';
import { expectInvariants } from '../support/invariants.ts';
import { listen } from '../support/listen.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, T0 } from './driver.ts';
import { hold, looks } from './holding.ts';

// Reads travel together (src/db/reading/batches.ts), and a list is one statement. What a caller was told is in every later read.

let stack: Stack;
/** The statements that `counted` sent. */
let statements: string[] = [];
let counting: postgres.Sql;

beforeAll(async () => {
  stack = await startStack();
  counting = postgres(stack.databaseUrl, {
    ...{ max: 4, fetch_types: false, onnotice: () => {} },
    debug: (_, query) => statements.push(query),
  });
});
afterAll(async () => {
  await expectInvariants(stack.db);
  await counting.end({ timeout: 1 });
  await stack.stop();
});

describe('reads of callers at once', () => {
  const SUBSCRIPTIONS = 6;
  const SPENDS = 60;
  const ONLOOKERS = 12;

  test('a read after an acknowledged spend shows it, to the credit', async () => {
    const drivers = await Promise.all(Array.from({ length: SUBSCRIPTIONS }, () => Driver.open(stack)));
    let isOver = false;
    const seen = { reads: 0, wrong: [] as string[] };
    // Onlookers keep calls under way, so that a read after a spend finds some that began before it.
    const onlookers = Array.from({ length: ONLOOKERS }, async (_, i) => {
      while (!isOver) await drivers[i % SUBSCRIPTIONS]!.get('balance');
    });
    const spenders = drivers.map(async (driver) => {
      for (let spent = 1; spent <= SPENDS; spent += 1) {
        bodyOf(await driver.spend(1), 201);
        const [balance, quote] = await Promise.all([
          driver.get('balance').then(bodyOf),
          driver.post('quote', looks(1)).then((answer) => bodyOf(answer)),
        ]);
        seen.reads += 2;
        for (const { available } of [balance, quote])
          if (available !== 200 - spent) seen.wrong.push(`${available} after ${spent} spends`);
      }
    });
    await Promise.all(spenders);
    isOver = true;
    await Promise.all(onlookers);
    expect(seen).toEqual({ reads: 2 * SUBSCRIPTIONS * SPENDS, wrong: [] });
  });

  test('each gets the answer of its own subscription, many share a call, and an unknown one is null', async () => {
    const drivers = await Promise.all([1, 2, 3].map(() => Driver.open(stack)));
    for (const [i, driver] of drivers.entries()) if (i > 0) bodyOf(await driver.spend(i), 201);
    const reading = createReading(drizzle(counting, { schema }));
    const ids = Array.from({ length: 300 }, (_, i) => drivers[i % 4]?.id ?? `sub_none${i}`);
    await reading.read('sub_none');
    statements = [];
    const answers = await Promise.all(ids.map((id) => reading.read(id)));
    const known = answers.map((answer) =>
      answer === null ? null : [answer.found!.row.state.id, answer.found!.balance.version],
    );
    expect(known).toEqual(
      ids.map((id) => {
        const i = drivers.findIndex((driver) => driver.id === id);
        return i === -1 ? null : [id, i === 0 ? 1 : 2];
      }),
    );
    // 3 and 75 different subscriptions, 64 a call.
    expect(statements).toHaveLength(2);
  });

  test('one that knows the version gets nothing more, beside one that does not', async () => {
    const driver = await Driver.open(stack);
    const reading = createReading(stack.db);
    const { version } = (await reading.read(driver.id))!;
    const [knows, knowsNot] = await Promise.all([
      reading.read(driver.id, version),
      reading.read(driver.id, '0'),
    ]);
    expect(knows).toEqual({ version, isOverdue: false, found: null });
    expect(knowsNot).toMatchObject({ version, found: { balance: { version: 1 } } });
  });

  test('a read that fails fails alone', async () => {
    const driver = await Driver.open(stack);
    const reading = createReading(stack.db);
    // PostgreSQL stores no NUL, so this id fails its statement.
    const [good, bad] = await Promise.allSettled([reading.read(driver.id), reading.read('sub_\0')]);
    expect(good).toMatchObject({
      status: 'fulfilled',
      value: { found: { row: { state: { id: driver.id } } } },
    });
    expect(bad.status).toBe('rejected');
  });

  test('R-72: a hold past its deadline is released before the balance is shown', async () => {
    const driver = await Driver.open(stack);
    await hold(driver, 5, { expires_in_seconds: 60 });
    expect(bodyOf(await driver.get('balance'))).toMatchObject({ available: 195, held: 5 });
    // The row's clock alone: nothing is booked.
    await stack.db.execute(
      sql`update ledgers set test_clock = test_clock + interval '1 minute' where subscription_id = ${driver.id}`,
    );
    const reading = createReading(stack.db);
    const late = (await reading.read(driver.id))!;
    expect(late).toMatchObject({
      isOverdue: true,
      found: { row: { nextDeadline: Date.parse(T0) + 60_000 } },
    });
    expect(await reading.read(driver.id, late.version)).toEqual(late);
    expect(bodyOf(await driver.get('balance'))).toMatchObject({ available: 200, held: 0 });
  });
});

describe('one request costs one statement', () => {
  const isCached = (text: string) => /from "?(api_keys|catalogs)"?/.test(text);

  /** The statements of one request, without those for the key and the catalogue, which are cached for a second. */
  async function costOf(method: string, path: string, headers: Record<string, string> = {}) {
    const app = createApp(createDeps({ ...stack.deps, db: drizzle(counting, { schema }) }));
    statements = [];
    const answer = await app.request(path, {
      method,
      headers: { Authorization: `Bearer ${stack.key}`, 'Content-Type': 'application/json', ...headers },
      ...(method === 'POST' ? { body: JSON.stringify(looks(1)) } : {}),
    });
    return {
      status: answer.status,
      statements: statements.filter((text) => !isCached(text)).length,
      tag: answer.headers.get('ETag') ?? '',
    };
  }

  let driver: Driver;
  beforeAll(async () => {
    driver = await Driver.open(stack);
    await driver.buy(1);
    await hold(driver, 3);
    await driver.spend(2);
  });

  test.each([
    '',
    'balance',
    'entries',
    'grants',
    'grants?open=true',
    'usage',
    'holds',
    'charges',
    'purchases',
  ])('GET /%s', async (below) => {
    expect(await costOf('GET', driver.path(below))).toMatchObject({ status: 200, statements: 1 });
  });

  test('a quote', async () => {
    expect(await costOf('POST', driver.path('quote'))).toMatchObject({ status: 200, statements: 1 });
  });

  test.each(['', 'balance'])('GET /%s by one who knows it', async (below) => {
    const { tag } = await costOf('GET', driver.path(below));
    const cost = await costOf('GET', driver.path(below), { 'If-None-Match': tag });
    expect(cost).toMatchObject({ status: 304, statements: 1 });
  });

  test('a list by its cursor', async () => {
    const { next_cursor: cursor } = bodyOf(await driver.get('entries?limit=1'));
    const path = driver.path(`entries?limit=1&cursor=${cursor}`);
    expect(await costOf('GET', path)).toMatchObject({ status: 200, statements: 1 });
  });

  test('a list goes on after its pool lost a connection and was given up', async () => {
    const db = connect(stack.databaseUrl, { max: 1 });
    const list = () => listUsages(db, driver.id, { limit: 5, order: 'asc', after: null });
    expect((await list())?.rows).toHaveLength(1);
    const [backend] = await db.$client<{ pid: number }[]>`select pg_backend_pid() as pid`;
    await stack.db.execute(sql`select pg_terminate_backend(${backend!.pid})`);
    await expect
      .poll(
        () =>
          list().then(
            (found) => found?.rows.length,
            () => 0,
          ),
        { timeout: 5_000 },
      )
      .toBe(1);
    await db.$client.end({ timeout: 1 });
  });

  test('the key is asked for once a second, for the application and the fast path together', async () => {
    const deps = createDeps({ ...stack.deps, db: drizzle(counting, { schema }) });
    const server = await listen(createFastPath(deps, getRequestListener(createApp(deps).fetch)));
    const headers = { Authorization: `Bearer ${stack.key}` };
    statements = [];
    const startedAt = performance.now();
    const paths = ['balance', 'entries', '', 'usage', 'balance'].map(
      (below) => server.url + driver.path(below),
    );
    const answers = await Promise.all(paths.map((url) => fetch(url, { headers })));
    expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
    const seconds = Math.ceil((performance.now() - startedAt) / 1_000);
    expect(statements.filter((text) => text.includes('api_keys')).length).toBeLessThanOrEqual(seconds);
    // Two balances and the subscription may share a call.
    expect(statements.filter((text) => !isCached(text)).length).toBeLessThanOrEqual(paths.length);
    await server.close();
  });
});
