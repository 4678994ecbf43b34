import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { relayDeadlines, relayNotices } from '../../src/db/ledger.ts';
import { expectInvariants } from '../support/invariants.ts';
import { realFacts } from '../support/lives.ts';
import { answerOf, openDatabase, RawLedger } from './raw-ledger.ts';

// On real time the relay books expiries, so that no workflow wakes for them: each once, dated at its instant.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(async () => {
  await expectInvariants(db);
  await db.$client.end();
});

/** A second from now, in whole seconds, so that the text of a fact is known. */
const soon = () => (Math.floor(Date.now() / 1_000) + 2) * 1_000;
const until = async (at: number) => sleep(Math.max(0, at - Date.now() + 20));

const marksOf = async ({ id }: RawLedger) => {
  const [row] = await db.execute<{ behind: boolean; now: boolean; expired: number }>(sql`
    select workflow_behind as behind, nudge_now as now, (
      select count(*)::int from events e where e.subscription_id = l.subscription_id and e.type = 'grant.expired') as expired
    from ledgers l where subscription_id = ${id}`);
  return row!;
};
const expiriesOf = async ({ id }: RawLedger) =>
  (await realFacts(db, id))
    .filter((line) => line.includes(' expiry '))
    .map((line) => line.replaceAll(/ +/g, ' '));

test('an expiry is booked once it is due, at its instant, by any number of relays', async () => {
  const ledger = await RawLedger.live(db);
  const at = soon();
  await ledger.grant({ credits: 50, to: at });
  await ledger.grant({ credits: 30, to: at + 3_600_000 });
  await relayNotices(db, 100);
  expect(await marksOf(ledger)).toEqual({ behind: false, now: false, expired: 0 });
  await until(at);
  await Promise.all([1, 2, 3].map(() => relayNotices(db, 100)));
  const expiry = [`${new Date(at).toISOString()} expiry adjustment -50`];
  expect(await expiriesOf(ledger)).toEqual(expiry);
  expect(await marksOf(ledger)).toEqual({ behind: true, now: false, expired: 1 });
  // The step that the workflow decided before it knew.
  await ledger.book({ effects: [{ type: 'expire', grantId: await firstGrant(ledger), at }] });
  await relayNotices(db, 100);
  expect(await expiriesOf(ledger)).toEqual(expiry);
  expect(await marksOf(ledger)).toEqual({ behind: false, now: false, expired: 1 });
});

const firstGrant = async ({ id }: RawLedger): Promise<string> => {
  const [row] = await db.execute<{ id: string }>(
    sql`select id from grants where subscription_id = ${id} order by made limit 1`,
  );
  return row!.id;
};

test('R-14: an expiry at the instant at which the workflow wakes is left to it, for ten minutes', async () => {
  const ledger = await RawLedger.live(db);
  const at = soon();
  await ledger.grant({ credits: 50, to: at });
  await ledger.book({ after: { ...ledger.booking().after, wakesAt: at } });
  await until(at);
  await relayNotices(db, 100);
  expect(await expiriesOf(ledger)).toEqual([]);
  await db.execute(sql`
    update ledgers set wakes_at = clock_timestamp() - interval '11 minutes' where subscription_id = ${ledger.id}`);
  await relayNotices(db, 100);
  expect(await expiriesOf(ledger)).toHaveLength(1);
});

test('R-39: an expiry after which credits are low nudges the workflow of a top-up at once', async () => {
  const ledger = await RawLedger.live(db);
  ledger.lowBelow = 100;
  const at = soon();
  await ledger.grant({ credits: 200, to: at });
  await ledger.grant({ credits: 50, to: at + 3_600_000 });
  const topUp = { wish: { threshold: 100, packs: 1, monthlyLimit: 10, pack: 'pack_300' } };
  await ledger.book({ state: { topUp: topUp as never } });
  await until(at);
  await relayNotices(db, 100);
  expect(await marksOf(ledger)).toEqual({ behind: true, now: true, expired: 1 });
  const [event] = await db.execute(sql`
    select type, iso(at) as at, data->>'available' as available from events
    where subscription_id = ${ledger.id} and type like 'credits.%' order by nth desc limit 1`);
  expect(event).toEqual({ type: 'credits.low', at: new Date(at).toISOString(), available: '50' });
});

test('R-73: held credits of an expired grant stay held', async () => {
  const ledger = await RawLedger.live(db);
  const at = soon();
  await ledger.grant({ credits: 50, to: at });
  const hold = answerOf(await ledger.hold(20, 3_600));
  await until(at);
  await relayNotices(db, 100);
  expect(await expiriesOf(ledger)).toEqual([`${new Date(at).toISOString()} expiry adjustment -30`]);
  expect((await ledger.give('capture', hold.id)).kind).toBe('ok');
});

test('PostgreSQL’s clock 40 days ahead of the process books no expiry, no deadline and no step', async () => {
  const ledger = await RawLedger.live(db);
  const at = soon();
  await ledger.grant({ credits: 50, to: at });
  await ledger.grant({ credits: 30, to: at + 3_600_000 });
  await until(at);
  const clock = vi.spyOn(Date, 'now');
  for (const shift of [-40 * 86_400_000, 40 * 86_400_000, -61_000, 61_000]) {
    clock.mockReturnValue(at + 20 + shift);
    expect(await relayNotices(db, 100)).toBe(false);
    expect(await relayDeadlines(db, 100)).toBe(false);
    await expect(ledger.book()).rejects.toThrow('differ by more than a minute');
    expect(await expiriesOf(ledger)).toEqual([]);
  }
  clock.mockRestore();
  expect(await relayDeadlines(db, 100)).toBe(true);
  expect(await relayNotices(db, 100)).toBe(true);
  expect(await expiriesOf(ledger)).toEqual([`${new Date(at).toISOString()} expiry adjustment -50`]);
});
