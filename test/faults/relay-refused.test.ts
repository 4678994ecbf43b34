import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import { startRelay } from '../../src/relay/loop.ts';
import { createTimedCaller, type TemporalCaller, within } from '../../src/temporal.ts';
import { WORKFLOW_TYPE, workflowId } from '../../src/workflows/messages.ts';
import { createDatabase } from '../support/stack.ts';
import { startTemporalProxy } from '../support/temporal-proxy.ts';
import { tracked } from '../support/tracked.ts';

// One row of each kind that is always refused, in front of 40 that are not: all 40 are done, and the refused one is tried at its
// own pace, with its reason on record. Real PostgreSQL and Temporal; the workflows take signals, and no worker runs them.

const INNOCENTS = 40;
const WITHIN = { timeout: 60_000 };
/** Temporal takes ids of up to a thousand bytes. */
const TOO_LONG = 'x'.repeat(1_100);
/** Temporal takes payloads of up to two megabytes. */
const TOO_LARGE = 'x'.repeat(3_000_000);
const LIVE = 'sub_live';

let connection: Connection;
let client: Client;
beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
});
afterAll(() => connection?.close());
const noop = () => {};

/** A database of its own, and a relay on it that logs into an array. */
async function relayed(temporal: TemporalCaller = createTimedCaller(client)) {
  const db = connect(await createDatabase());
  const said: string[] = [];
  const start = () =>
    startRelay({
      ...{ db, temporal, taskQueue: 'nobody', nudgeAfterSeconds: 1, sealEverySeconds: 0 },
      log: (line) => void said.push(line),
    });
  let relay: ReturnType<typeof startRelay> | null = null;
  onTestFinished(async () => {
    await relay?.stop();
    await db.$client.end({ timeout: 2 });
  });
  return {
    db,
    said,
    begin: () => {
      relay = start();
    },
  };
}

/** A subscription that is live, with a workflow that takes signals. */
async function liveOne(db: Database, id = `${LIVE}_${randomUUID()}`): Promise<string> {
  const handle = await client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowId(id),
    taskQueue: 'nobody',
  });
  onTestFinished(() => handle.terminate().then(noop, noop));
  await db.execute(sql`insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
    values (${id}, ${id}, 'creator', 'month', 'active', '{"status": "active", "waiting": []}', '{}', now())`);
  await db.execute(sql`insert into ledgers (subscription_id, status) values (${id}, 'active')`);
  return id;
}

interface Message {
  sub: string;
  kind?: string;
  payload?: object;
  event?: string;
}
async function message(db: Database, { sub, kind = 'paymentSettled', payload = {}, event }: Message) {
  await db.execute(sql`insert into inbox (provider, event_id, subscription_id, kind, payload)
    values ('test', ${event ?? `evt_${Math.random()}`}, ${sub}, ${kind}, ${JSON.stringify(payload)}::jsonb)`);
}

const times = async (make: (n: number) => Promise<unknown>) => {
  for (let n = 1; n <= INNOCENTS; n += 1) await make(n);
};

const count = async (db: Database, query: SQL): Promise<number> =>
  Number((await db.execute<{ n: string }>(sql`select count(*) as n ${query}`))[0]!.n);

const relayedMessages = (of: string) =>
  sql`from inbox where relayed_at is not null and subscription_id = ${of}`;

/** Every statement on one row raises: the row is refused for ever. */
async function poison(db: Database, table: string, on: string, when: string): Promise<void> {
  await db.execute(sql`create or replace function poisoned() returns trigger language plpgsql as $$
    begin raise 'this one never works' using errcode = '22023'; end $$`);
  await db.execute(
    sql.raw(
      `create trigger poisoned before ${on} on ${table} for each row when (${when}) execute function poisoned()`,
    ),
  );
}

const ledger = (db: Database, id: string, more: SQL) =>
  db.execute(sql`insert into ledgers (subscription_id, status, workflow_behind, touched_at, next_notice)
    values (${id}, 'active', ${more})`);
const behind = sql`true, clock_timestamp() - interval '1 minute', null`;
const noticed = sql`false, null, clock_timestamp() - interval '1 minute'`;

async function overdue(db: Database, id: string): Promise<void> {
  await ledger(db, id, sql`false, null, null`);
  await db.execute(sql`insert into holds (subscription_id, id, at, deadline, credits, status, metadata, answer, live)
    values (${id}, 'hold_1', now() - interval '1 hour', now() - interval '30 minutes', 1, 'held', '{}', '{"debits": []}', true)`);
}

const endpoint = (db: Database, id: string) =>
  db.execute(
    sql`insert into webhook_endpoints (id, url, secret, created_at) values (${id}, 'https://example.com', '', '2026-01-01')`,
  );
const event = (db: Database, id: string) =>
  db.execute(
    sql`insert into events (id, subscription_id, type, at, data) values (${id}, 'sub_1', 'grant.made', now(), '{}')`,
  );
const delivery = (db: Database, eventId: string, endpointId: string) =>
  db.execute(sql`insert into deliveries (event_id, endpoint_id) values (${eventId}, ${endpointId})`);

interface Case {
  /** Makes the refused row first and 40 others behind it; answers the query that counts the finished ones. */
  make(db: Database): Promise<SQL>;
  kind: string;
  reason: RegExp;
}

const CASES: Record<string, Case> = {
  'a message that is too large for Temporal': {
    kind: 'message',
    reason: /exceeds (size )?limit/i,
    make: async (db) => {
      const [refused, live] = [await liveOne(db, `a_${randomUUID()}`), await liveOne(db)];
      await message(db, { sub: refused, payload: { TOO_LARGE } });
      await times(() => message(db, { sub: live }));
      return relayedMessages(live);
    },
  },
  'a message for a workflow that was lost': {
    kind: 'message',
    reason: /^Its workflow does not run: `npx drawdown rehydrate` starts it\.$/,
    make: async (db) => {
      const [lost, live] = [await liveOne(db, `a_${randomUUID()}`), await liveOne(db)];
      await client.workflow.getHandle(workflowId(lost)).terminate();
      await message(db, { sub: lost });
      await times(() => message(db, { sub: live }));
      return relayedMessages(live);
    },
  },
  'money that went back, which the ledger refuses': {
    kind: 'message',
    reason: /invalid input syntax/,
    make: async (db) => {
      const live = await liveOne(db);
      const said = { chargeId: 'chg_1', kind: 'refund' };
      await db.execute(sql`insert into charges (subscription_id, id, kind, status, amount_minor, currency, lines, packs, credits, at, step, catalog_version, attempts)
        values (${live}, 'chg_1', 'start', 'paid', 100, 'USD', '[]', 0, 0, now(), 1, 'x', '[]')`);
      await message(db, { sub: live, kind: 'moneyBack', payload: { ...said, toMinor: 'much' } });
      await times(() =>
        message(db, { sub: live, kind: 'moneyBack', payload: { ...said, chargeId: 'chg_none', toMinor: 1 } }),
      );
      return relayedMessages(live);
    },
  },
  'a nudge that is too large for Temporal': {
    kind: 'nudge',
    reason: /exceeds (size )?limit/i,
    make: async (db) => {
      const refused = await liveOne(db);
      await db.execute(sql`insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause)
        select ${refused}, 'grt_' || n, 'adjustment', 1, 1, now(), now() + interval '1 year', n, 'cause_' || n from generate_series(1, 20000) n`);
      await db.execute(
        sql`update ledgers set workflow_behind = true, touched_at = clock_timestamp() - interval '1 hour'`,
      );
      await times((n) => ledger(db, `sub_${n}`, behind));
      return sql`from ledgers where not workflow_behind`;
    },
  },
  'an event of which no delivery can be made': {
    kind: 'event',
    reason: /this one never works/,
    make: async (db) => {
      await endpoint(db, 'whe_1');
      await poison(db, 'deliveries', 'insert', `new.event_id = 'evt_0'`);
      await event(db, 'evt_0');
      await times((n) => event(db, `evt_${n}`));
      return sql`from deliveries`;
    },
  },
  'a delivery of which Temporal starts no workflow': {
    kind: 'delivery',
    reason: /exceeds maximum allowed length/,
    make: async (db) => {
      await event(db, 'evt_0');
      await delivery(db, 'evt_0', TOO_LONG);
      await times((n) => delivery(db, `evt_${n}`, `whe_${randomUUID()}`));
      return sql`from deliveries where started_at is not null`;
    },
  },
  'a hold past its deadline that can not be released': {
    kind: 'deadline',
    reason: /this one never works/,
    make: async (db) => {
      await poison(db, 'holds', 'update', `new.subscription_id = 'sub_0'`);
      await overdue(db, 'sub_0');
      await times((n) => overdue(db, `sub_${n}`));
      return sql`from holds where status = 'released'`;
    },
  },
  'an expiry that is near and can not be told': {
    kind: 'notice',
    reason: /this one never works/,
    make: async (db) => {
      await poison(db, 'ledgers', 'update of next_notice', `new.subscription_id = 'sub_0'`);
      await ledger(db, 'sub_0', noticed);
      await times((n) => ledger(db, `sub_${n}`, noticed));
      return sql`from ledgers where next_notice is null`;
    },
  },
};

describe('one row that is always refused holds up no other', () => {
  test.each(Object.entries(CASES))('%s', async (_, { make, kind, reason }) => {
    const { db, begin } = await relayed();
    const done = await make(db);
    begin();
    await expect.poll(() => count(db, done), WITHIN).toBe(INNOCENTS);
    const refused = () =>
      db.execute<{ kind: string; attempts: number; reason: string; seconds: number }>(sql`
        select kind, attempts, reason, extract(epoch from next_at - since)::float as seconds from failures`);
    // Tried more than once, each time after a longer pause.
    await expect.poll(async () => (await refused())[0]?.attempts ?? 0, WITHIN).toBeGreaterThan(2);
    const rows = await refused();
    expect(rows).toMatchObject([{ kind, reason: expect.stringMatching(reason) }]);
    expect(rows[0]!.seconds).toBeGreaterThanOrEqual(2 ** rows[0]!.attempts - 1);
  });
});

test('a call that hangs holds up no other: 40 are relayed while it lasts, and it is tried again', async () => {
  const proxy = await startTemporalProxy(inject('temporalAddress'));
  const through = await Connection.connect({ address: proxy.address });
  onTestFinished(async () => {
    await through.close();
    await proxy.stop();
  });
  const slow = new Client({ connection: through });
  // Longer than the test needs for all others, however busy the machine.
  const { db, begin } = await relayed({ call: (work) => within(60_000, work(slow)) });
  const [hanging, live] = [await liveOne(db, `a_${randomUUID()}`), await liveOne(db)];
  proxy.hold((method, request) => method.endsWith('/SignalWorkflowExecution') && request.includes(hanging));
  await message(db, { sub: hanging });
  await times(() => message(db, { sub: live }));
  begin();
  await expect.poll(() => count(db, relayedMessages(live)), WITHIN).toBe(INNOCENTS);
  expect(proxy.held()).toBe(1);
  expect(await count(db, relayedMessages(hanging))).toBe(0);
  proxy.release();
  await expect.poll(() => count(db, relayedMessages(hanging)), WITHIN).toBe(1);
  await expect.poll(() => count(db, sql`from failures`), WITHIN).toBe(0);
});

test('Temporal is away: said once, no row is blamed, and all are relayed when it is back', async () => {
  const proxy = await startTemporalProxy(inject('temporalAddress'));
  const through = Connection.lazy({ address: proxy.address });
  const caller = tracked(createTimedCaller(new Client({ connection: through })));
  onTestFinished(async () => {
    await caller.ended();
    await through.close();
    await proxy.stop();
  });
  const { db, said, begin } = await relayed(caller);
  const live = await liveOne(db);
  await proxy.shut();
  await times(() => message(db, { sub: live }));
  await times((n) => ledger(db, `sub_${n}`, behind));
  await times((n) => delivery(db, `evt_${n}`, `whe_${randomUUID()}`));
  begin();
  await expect.poll(() => said.length, WITHIN).toBeGreaterThan(0);
  // Long enough for several rounds of each loop.
  await sleep(8_000);
  expect(said).toEqual([expect.stringMatching(/^relay: Temporal is away: /)]);
  expect(await count(db, sql`from failures`)).toBe(0);
  await proxy.open();
  await expect.poll(() => count(db, relayedMessages(live)), WITHIN).toBe(INNOCENTS);
  await expect
    .poll(() => count(db, sql`from ledgers where subscription_id like 'sub\_%' and workflow_behind`), WITHIN)
    .toBe(0);
  await expect.poll(() => count(db, sql`from deliveries where started_at is null`), WITHIN).toBe(0);
});

test('PostgreSQL is away: said once, whichever loops notice', async () => {
  const db = connect('postgres://nobody@127.0.0.1:9/x');
  const said: string[] = [];
  const relay = startRelay({
    db,
    temporal: createTimedCaller(client),
    taskQueue: 'nobody',
    nudgeAfterSeconds: 1,
    sealEverySeconds: 0,
    log: (line) => void said.push(line),
  });
  await expect.poll(() => said.length, WITHIN).toBeGreaterThan(0);
  await sleep(3_000);
  await relay.stop();
  await db.$client.end({ timeout: 1 });
  expect(said).toEqual([expect.stringMatching(/ECONNREFUSED/)]);
});

test('a cancel that is refused keeps back the change of plan after it, which would undo it, and nothing else', async () => {
  const { db, begin } = await relayed();
  const [live, other] = [await liveOne(db), await liveOne(db, `b_${randomUUID()}`)];
  await message(db, {
    sub: live,
    kind: 'cancelled',
    payload: { at: 'renewal', reason: TOO_LARGE },
    event: 'cancel',
  });
  await message(db, { sub: live, kind: 'planChanged', payload: { plan: 'pro' }, event: 'change' });
  await message(db, { sub: live, event: 'settle' });
  await message(db, { sub: other, kind: 'planChanged', event: 'of another' });
  begin();
  const outcomes = async () =>
    Object.fromEntries(
      (
        await db.execute<{ event_id: string; outcome: string | null }>(
          sql`select event_id, outcome from inbox`,
        )
      ).map(({ event_id, outcome }) => [event_id, outcome]),
    );
  await expect.poll(() => count(db, sql`from failures where attempts > 1`), WITHIN).toBe(1);
  expect(await outcomes()).toEqual({
    cancel: null,
    change: null,
    settle: 'signalled',
    'of another': 'signalled',
  });
  await db.execute(sql`update inbox set payload = '{"at": "renewal"}' where event_id = 'cancel'`);
  await expect.poll(outcomes, WITHIN).toMatchObject({ cancel: 'signalled', change: 'signalled' });
  const [row] = await db.execute<{ isOrdered: boolean }>(sql`
    select (select relayed_at from inbox where event_id = 'cancel') <= (select relayed_at from inbox where event_id = 'change') as "isOrdered"`);
  expect(row).toEqual({ isOrdered: true });
});
