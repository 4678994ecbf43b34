import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import {
  beginAttempt,
  claimDeliveries,
  markStarted,
  noteAttempt,
  replayEndpoint,
  replayEvent,
  spread,
  unclaimDelivery,
} from '../../src/db/deliveries.ts';
import { makeEndpoint, readEndpoint, rotateSecret } from '../../src/db/endpoints.ts';
import { createDatabase } from '../support/stack.ts';

// How events become deliveries, by several relays at once, one of which may die at any moment.

let db: Database;
beforeAll(async () => {
  db = connect(await createDatabase());
});
afterAll(() => db.$client.end({ timeout: 2 }));
beforeEach(() => db.execute(sql`truncate events, deliveries, webhook_endpoints`));

/** Events of these types, as the ledger inserts them. */
const happen = (...types: string[]) =>
  db.execute(sql`
    select emit_event('sub_1', type, clock_timestamp(), jsonb_build_object('n', n))
    from unnest(${`{${types.join(',')}}`}::text[]) with ordinality as said (type, n)`);
const endpoint = (id: string, types: string[] | null = null) =>
  makeEndpoint(db, { id, url: 'https://example.com/', types, description: null, secret: `whsec_${id}` });
/** Each delivery's event and endpoint, in the order in which the events were made. */
async function rows(): Promise<string[]> {
  const found = await db.execute<{ said: string }>(sql`
    select d.endpoint_id || ' ' || e.type as said from deliveries d join events e on e.id = d.event_id
    order by e.nth, d.endpoint_id`);
  return found.map(({ said }) => said);
}
const waiting = async (): Promise<number> =>
  (await db.execute<{ n: number }>(sql`select count(*)::int as n from events where relayed_at is null`))[0]!
    .n;
const later = () =>
  db.execute(sql`update deliveries set claimed_until = claimed_until - interval '31 seconds'`);

describe('an event', () => {
  test('goes to the endpoints that want its type, each once', async () => {
    await endpoint('all');
    await endpoint('low', ['credits.low', 'credits.exhausted']);
    await endpoint('none', ['purchase.paid']);
    await happen('grant.made', 'credits.low');
    await spread(db, 100);
    await spread(db, 100);
    expect(await rows()).toEqual(['all grant.made', 'all credits.low', 'low credits.low']);
    expect(await waiting()).toBe(0);
  });

  test('goes to none that is disabled, or that was made after it was recorded', async () => {
    await endpoint('off');
    await db.execute(sql`update webhook_endpoints set disabled_at = clock_timestamp()`);
    await happen('grant.made');
    await db.execute(sql`update events set recorded_at = recorded_at - interval '1 second'`);
    await endpoint('new');
    await happen('credits.low');
    await spread(db, 100);
    expect(await rows()).toEqual(['new credits.low']);
    expect(await waiting()).toBe(0);
  });

  test('waits its turn: so many at a time, the oldest first', async () => {
    await endpoint('all');
    await happen('grant.made', 'grant.expired', 'credits.low');
    await spread(db, 2);
    expect(await rows()).toEqual(['all grant.made', 'all grant.expired']);
    expect(await waiting()).toBe(1);
  });

  test('nobody wants is done with: a whole batch in one statement, and no delivery', async () => {
    await endpoint('some', ['purchase.paid']);
    await happen(...Array.from({ length: 500 }, () => 'grant.made'));
    await spread(db, 500);
    expect([await waiting(), await rows(), await claimDeliveries(db, 5)]).toEqual([0, [], []]);
  });

  test('spread by four relays at once is one delivery an endpoint', async () => {
    await endpoint('a');
    await endpoint('b');
    await happen(...Array.from({ length: 300 }, () => 'grant.made'));
    while ((await waiting()) > 0) await Promise.all([1, 2, 3, 4].map(() => spread(db, 20)));
    expect(await rows()).toHaveLength(600);
  });
});

describe('a delivery', () => {
  test('is claimed by one relay, and goes to the next when that one dies', async () => {
    await endpoint('a');
    await happen('grant.made');
    await spread(db, 100);
    const [claimed] = await claimDeliveries(db, 5);
    expect(claimed).toMatchObject({ endpointId: 'a', type: 'grant.made', run: 0 });
    expect(await claimDeliveries(db, 5)).toEqual([]);
    await later();
    expect(await claimDeliveries(db, 5)).toEqual([claimed]);
    await markStarted(db, claimed!);
    await later();
    expect(await claimDeliveries(db, 5)).toEqual([]);
  });

  test('that another relay has locked holds up no other', async () => {
    await endpoint('a');
    await happen('grant.made', 'credits.low');
    await spread(db, 100);
    const claimed = await db.transaction(async (tx) => {
      await tx.execute(sql`select from deliveries order by created_at, event_id limit 1 for update`);
      return Promise.race([claimDeliveries(db, 5), sleep(3_000, 'waited')]);
    });
    expect(claimed).toMatchObject([{ endpointId: 'a' }]);
  });

  test('goes back at once when Temporal was away', async () => {
    await endpoint('a');
    await happen('grant.made');
    await spread(db, 100);
    const [claimed] = await claimDeliveries(db, 5);
    await unclaimDelivery(db, claimed!);
    expect(await claimDeliveries(db, 5)).toEqual([claimed]);
  });

  test('is claimed once by many relays at once, never more than asked', async () => {
    await endpoint('a');
    await happen(...Array.from({ length: 200 }, () => 'grant.made'));
    await spread(db, 500);
    const seen: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      const claims = await Promise.all([1, 2, 3, 4].map(() => claimDeliveries(db, 5)));
      for (const claim of claims) expect(claim.length).toBeLessThanOrEqual(5);
      seen.push(...claims.flat().map(({ eventId }) => eventId));
    }
    expect(seen).toHaveLength(200);
    expect(new Set(seen).size).toBe(200);
  });
});

/** A delivery that is under way. */
async function begun() {
  await endpoint('a');
  await happen('grant.made');
  await spread(db, 100);
  const [ref] = await claimDeliveries(db, 1);
  await markStarted(db, ref!);
  return ref!;
}
const delivery = async () =>
  (
    await db.execute(sql`
      select run, status, attempts, response_status, failure, ended_at is not null as ended from deliveries`)
  )[0];

describe('an attempt', () => {
  test('is counted before it is made, and never more than the most', async () => {
    const ref = await begun();
    for (let attempt = 1; attempt <= 3; attempt += 1)
      expect((await beginAttempt(db, ref, 3))?.attempt).toBe(attempt);
    expect(await beginAttempt(db, ref, 3)).toBeNull();
  });

  test('knows the secrets that sign: one, two for a day after a rotation, then one again', async () => {
    const ref = await begun();
    const secrets = async () => (await beginAttempt(db, ref, 99))?.endpoint?.secrets;
    expect(await secrets()).toEqual(['whsec_a']);
    await rotateSecret(db, 'a', 'whsec_b');
    expect(await secrets()).toEqual(['whsec_b', 'whsec_a']);
    await rotateSecret(db, 'a', 'whsec_c');
    expect(await secrets()).toEqual(['whsec_c', 'whsec_b']);
    const day = "interval '1 day'";
    const left = await db.execute<{ fits: boolean }>(sql`
      select previous_until between clock_timestamp() + ${sql.raw(day)} - interval '1 minute'
        and clock_timestamp() + ${sql.raw(day)} as fits from webhook_endpoints`);
    expect(left[0]).toEqual({ fits: true });
    await db.execute(sql`update webhook_endpoints set previous_until = clock_timestamp()`);
    expect(await secrets()).toEqual(['whsec_c']);
  });

  test('that was the last ends the delivery; a late result of it changes nothing', async () => {
    const ref = await begun();
    await beginAttempt(db, ref, 3);
    await noteAttempt(db, ref, { status: 'pending', answer: 503, failure: 'status' });
    expect(await delivery()).toEqual({
      run: 0,
      status: 'pending',
      attempts: 1,
      response_status: 503,
      failure: 'status',
      ended: false,
    });
    await beginAttempt(db, ref, 3);
    await noteAttempt(db, ref, { status: 'delivered', answer: 204, failure: null });
    const ended = {
      run: 0,
      status: 'delivered',
      attempts: 2,
      response_status: 204,
      failure: null,
      ended: true,
    };
    expect(await delivery()).toEqual(ended);
    await noteAttempt(db, ref, { status: 'failed', answer: null, failure: 'lost' });
    expect(await delivery()).toEqual(ended);
    expect(await beginAttempt(db, ref, 3)).toBeNull();
  });

  test('answered 410 disables the endpoint, and no other answer does', async () => {
    const ref = await begun();
    await noteAttempt(db, ref, { status: 'pending', answer: 404, failure: 'status' });
    expect((await readEndpoint(db, 'a'))?.disabledAt).toBeNull();
    await noteAttempt(db, ref, { status: 'failed', answer: 410, failure: 'gone' });
    expect((await readEndpoint(db, 'a'))?.disabledAt).toBeInstanceOf(Date);
  });
});

describe('a replay', () => {
  const failed = async () => {
    const ref = await begun();
    await beginAttempt(db, ref, 3);
    await noteAttempt(db, ref, { status: 'failed', answer: 503, failure: 'status' });
    return ref;
  };

  test('is a new run with all its attempts, and the one before can change nothing of it', async () => {
    const ref = await failed();
    expect(await replayEvent(db, ref.eventId, null)).toBe(1);
    expect(await delivery()).toEqual({
      run: 1,
      status: 'pending',
      attempts: 0,
      response_status: null,
      failure: null,
      ended: false,
    });
    await noteAttempt(db, ref, { status: 'failed', answer: null, failure: 'lost' });
    expect(await beginAttempt(db, ref, 3)).toBeNull();
    const [again] = await claimDeliveries(db, 5);
    expect(again).toMatchObject({ eventId: ref.eventId, run: 1 });
    expect((await beginAttempt(db, again!, 3))?.attempt).toBe(1);
  });

  test('leaves alone deliveries under way, asked twice is once', async () => {
    const ref = await begun();
    expect(await replayEvent(db, ref.eventId, null)).toBe(0);
    expect(await replayEvent(db, ref.eventId, 'a')).toBe(0);
    await noteAttempt(db, ref, { status: 'failed', answer: null, failure: 'timeout' });
    expect(await replayEvent(db, ref.eventId, null)).toBe(1);
    expect(await replayEvent(db, ref.eventId, null)).toBe(0);
    expect(await delivery()).toMatchObject({ run: 1 });
  });

  test('to an endpoint that never had it', async () => {
    const ref = await failed();
    await endpoint('b');
    expect(await replayEvent(db, ref.eventId, 'b')).toBe(1);
    expect(await rows()).toEqual(['a grant.made', 'b grant.made']);
    // Not to those that are disabled.
    await db.execute(sql`update webhook_endpoints set disabled_at = clock_timestamp() where id = 'a'`);
    expect(await replayEvent(db, ref.eventId, null)).toBe(0);
  });

  test('of an endpoint starts the failed ones since, or all', async () => {
    await endpoint('a');
    await endpoint('b');
    await happen('grant.made', 'credits.low', 'purchase.paid');
    await spread(db, 100);
    await db.execute(sql`
      update deliveries set started_at = created_at, ended_at = created_at,
        status = case when type = 'credits.low' then 'failed' else 'delivered' end,
        created_at = deliveries.created_at - case when type = 'purchase.paid' then interval '1 day' else interval '0' end
      from events where events.id = event_id`);
    const hourAgo = new Date(Date.now() - 3_600_000);
    expect(await replayEndpoint(db, 'a', new Date(Date.now() + 60_000), 'failed')).toBe(0);
    expect(await replayEndpoint(db, 'a', hourAgo, 'failed')).toBe(1);
    expect(await replayEndpoint(db, 'a', hourAgo, 'all')).toBe(1);
    expect(await replayEndpoint(db, 'a', new Date(0), 'all')).toBe(1);
    expect(await replayEndpoint(db, 'b', new Date(0), 'all')).toBe(3);
  });

  test('of thousands goes behind new ones', async () => {
    await endpoint('a');
    await happen(...Array.from({ length: 20 }, () => 'grant.made'));
    await spread(db, 100);
    await db.execute(sql`update deliveries set started_at = created_at, status = 'failed'`);
    expect(await replayEndpoint(db, 'a', new Date(0), 'failed')).toBe(20);
    await happen('credits.low');
    await spread(db, 100);
    expect((await claimDeliveries(db, 1)).map(({ type }) => type)).toEqual(['credits.low']);
  });
});

test('the statement of docs/operating.md deletes old events, but none that is on its way or young', async () => {
  const page = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
  const [growth] = /^## Growth$[\s\S]*?(?=^## )/m.exec(page)!;
  const [, statement] = /```\n(with old as [\s\S]*?;)\n```/.exec(growth)!;
  await endpoint('a');
  await happen('grant.made', 'credits.low', 'purchase.paid');
  await spread(db, 100);
  await happen('grant.expired');
  await db.execute(sql`
    update deliveries set status = 'delivered', started_at = created_at from events
    where id = event_id and type <> 'credits.low'`);
  await db.execute(sql`
    update events set relayed_at = relayed_at - interval '91 days' where type <> 'purchase.paid'`);
  await db.execute(sql.raw(statement!));
  const left = await db.execute<{ type: string }>(sql`select type from events order by nth`);
  expect(left.map(({ type }) => type)).toEqual(['credits.low', 'purchase.paid', 'grant.expired']);
  expect(await rows()).toEqual(['a credits.low', 'a purchase.paid']);
});
