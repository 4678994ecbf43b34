import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import {
  claimMessages,
  claimUnreported,
  markRelayed,
  markReported,
  receive,
  unclaimUnreported,
} from '../../src/db/inbox.ts';
import { createDatabase } from '../support/stack.ts';

// A relay that dies between its claim and the end of its call to Temporal loses nothing: the next relay takes over.

const FIVE = { of: 'workflows', round: 'fresh', limit: 5 } as const;

let db: Database;
beforeAll(async () => {
  db = connect(await createDatabase());
});
afterAll(() => db.$client.end({ timeout: 2 }));

const claim = (due: 'urgent' | 'resting', quietSeconds = 5) =>
  claimUnreported(db, { due, quietSeconds, round: 'fresh', limit: 5 });
const later = (seconds: number) =>
  db.execute(sql`
    update ledgers set told_at = told_at - ${seconds} * interval '1 second',
      touched_at = touched_at - ${seconds} * interval '1 second'`);
const spent = (seq: number) =>
  db.execute(sql`update ledgers set seq = ${seq}, workflow_behind = true, touched_at = clock_timestamp()`);

test('a nudge that did not arrive is sent again; one that did is not', async () => {
  await db.execute(sql`insert into ledgers (subscription_id, status) values ('sub_a', 'active')`);
  await spent(7);
  await later(6);
  expect(await claim('resting')).toEqual(['sub_a']);
  expect(await claim('resting')).toEqual([]);
  // The relay died here: its claim ends.
  await later(61);
  expect(await claim('resting')).toEqual(['sub_a']);
  // A spend came after the reported snapshot: the ledger stays ahead of its workflow, and is claimed when quiet.
  await spent(8);
  await markReported(db, 'sub_a', 7);
  expect(await claim('resting')).toEqual([]);
  await later(61);
  expect(await claim('resting')).toEqual(['sub_a']);
  await markReported(db, 'sub_a', 8);
  await later(3_600);
  expect(await claim('resting')).toEqual([]);
  // A call that failed gives its claim back.
  await spent(9);
  await later(6);
  expect(await claim('resting')).toEqual(['sub_a']);
  await unclaimUnreported(db, 'sub_a');
  expect(await claim('resting')).toEqual(['sub_a']);
  await markReported(db, 'sub_a', 9);
});

test.each([
  // Every how many seconds it spends, for how long; the nudges' wait; the most nudges.
  ['each second', 1, 700, 5, 2],
  ['every 20 seconds, in a large fleet', 20, 7_200, 3_600, 3],
  ['every ten seconds', 10, 700, 5, 13],
  ['once an hour', 3_600, 36_000, 5, 10],
  ['once an hour, in a large fleet', 3_600, 36_000, 3_600, 10],
])('a subscription that spends %s is nudged rarely', async (_, every, seconds, quiet, most) => {
  let nudges = 0;
  await db.execute(sql`update ledgers set told_at = null, workflow_behind = false`);
  const step = Math.min(every, 30);
  for (let at = 0; at < seconds; at += step) {
    if (at % every === 0) await spent(at + 10);
    for (const id of await claim('resting', quiet)) {
      nudges += 1;
      await markReported(db, id, seconds + 10);
    }
    await later(step);
  }
  expect(nudges).toBeLessThanOrEqual(most);
  expect(nudges).toBeGreaterThan(0);
});

test('a ledger whose workflow has to act waits for no pause', async () => {
  await spent(99_999);
  await db.execute(sql`update ledgers set told_at = clock_timestamp() - interval '6 seconds'`);
  expect([...(await claim('urgent')), ...(await claim('resting'))]).toEqual([]);
  await db.execute(sql`update ledgers set nudge_now = true`);
  expect(await claim('urgent')).toEqual(['sub_a']);
  expect(await claim('urgent')).toEqual([]);
  await markReported(db, 'sub_a', 99_998);
  await later(6);
  expect(await claim('urgent')).toEqual(['sub_a']);
  await markReported(db, 'sub_a', 99_999);
  await later(6);
  expect(await claim('urgent')).toEqual([]);
});

test('a message of a relay that died is relayed by the next; a second delivery is not stored', async () => {
  const message = {
    provider: 'sandbox',
    eventId: 'evt_1',
    subscriptionId: 'sub_a',
    kind: 'paymentSettled',
    payload: { chargeId: 'chg_1' },
  };
  expect(await receive(db, message)).toBe(true);
  expect(await receive(db, message)).toBe(false);
  const [claimed] = await claimMessages(db, FIVE);
  expect(claimed).toMatchObject({ subscription_id: 'sub_a', kind: 'paymentSettled' });
  expect(await claimMessages(db, FIVE)).toEqual([]);
  await db.execute(sql`update inbox set claimed_until = claimed_until - interval '31 seconds'`);
  expect(await claimMessages(db, FIVE)).toHaveLength(1);
  await markRelayed(db, claimed!.id, 'signalled');
  await db.execute(sql`update inbox set claimed_until = claimed_until - interval '31 seconds'`);
  expect(await claimMessages(db, FIVE)).toEqual([]);
});
