import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import { claimMessages, claimUnreported, markRelayed, markReported, receive } from '../../src/db/inbox.ts';
import { createDatabase } from '../support/stack.ts';

// A relay that dies between its claim and the end of its call to Temporal loses nothing: the next relay takes over.

const FIVE = { of: 'workflows', round: 'fresh', limit: 5 } as const;

let db: Database;
beforeAll(async () => {
  db = connect(await createDatabase());
});
afterAll(() => db.$client.end({ timeout: 2 }));

test('a nudge that did not arrive is sent again; one that did is not', async () => {
  await db.execute(sql`
    insert into ledgers (subscription_id, status, seq, workflow_behind, touched_at)
    values ('sub_a', 'active', 7, true, clock_timestamp() - interval '2 seconds')`);
  const later = (seconds: number) =>
    db.execute(sql`
      update ledgers set told_at = told_at - ${seconds} * interval '1 second',
        touched_at = touched_at - ${seconds} * interval '1 second'`);
  expect(await claimUnreported(db, 5)).toEqual(['sub_a']);
  expect(await claimUnreported(db, 5)).toEqual([]);
  // The relay died here: its claim ends.
  await later(6);
  expect(await claimUnreported(db, 5)).toEqual(['sub_a']);
  // A spend came after the reported snapshot: the ledger stays ahead of its workflow, and is claimed when quiet.
  await db.execute(sql`update ledgers set seq = 8, touched_at = clock_timestamp()`);
  await markReported(db, 'sub_a', 7);
  expect(await claimUnreported(db, 5)).toEqual([]);
  await db.execute(sql`
    update ledgers set told_at = told_at - interval '2 seconds', touched_at = touched_at - interval '1.5 seconds'`);
  expect(await claimUnreported(db, 5)).toEqual(['sub_a']);
  await markReported(db, 'sub_a', 8);
  await later(60);
  expect(await claimUnreported(db, 5)).toEqual([]);
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
