import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { readWallet } from '../../src/db/wallet/reads.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import { answerOf, DAY, HOUR, openDatabase, RawLedger } from './raw-ledger.ts';

// The changes of the wallet's chart against all entries of the ledger.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db?.$client.end());

interface Line extends Record<string, unknown> {
  at: Instant;
  grantId: string;
  credits: number;
  kind: string;
}

const entriesOf = (id: string) =>
  db.execute<Line>(sql`select ms(effective_at)::float8 as at, grant_id as "grantId", credits::float8 as credits, kind
    from entries where subscription_id = ${id} order by seq`);

/** The sums of all grants from an instant on. */
function sumsAfter(lines: readonly Pick<Line, 'at' | 'grantId' | 'credits'>[], at: Instant) {
  const sums: Record<string, number> = {};
  for (const line of lines) if (line.at > at) sums[line.grantId] = (sums[line.grantId] ?? 0) + line.credits;
  return Object.fromEntries(Object.entries(sums).filter(([, credits]) => credits !== 0));
}

/** They are exact at the end of each day and at each grant and end, and a day's use of a grant between two of those is one. */
async function expectExact(ledger: RawLedger, now: Instant): Promise<number> {
  const from = now - 30 * DAY;
  const entries = await entriesOf(ledger.id);
  const { changes } = await readWallet(db, ledger.id, { from, recent: 8 });
  const days = Array.from({ length: 31 }, (_, day) => from + day * DAY);
  const ends = entries.filter(({ kind }) => ['grant', 'expiry', 'forfeiture', 'revocation'].includes(kind));
  const instants = [...days, ...ends.map(({ at }) => at)].filter((at) => at >= from).sort((a, b) => a - b);
  for (const at of instants)
    expect(sumsAfter(changes, at), new Date(at).toISOString()).toEqual(sumsAfter(entries, at));
  const stretches = changes
    .filter(({ kind }) => kind === 'use')
    .map(({ grantId, at }) => `${grantId} ${instants.findIndex((end) => end >= at)}`);
  expect(new Set(stretches).size).toBe(stretches.length);
  return changes.length;
}

/** Two grants that are used on many days, as the clock goes on; one expires on a day full of use, booked a day late. */
async function live(ledger: RawLedger, at: Instant): Promise<Instant> {
  await ledger.drift(at);
  await ledger.grant({ credits: 60, to: at + 5 * DAY + HOUR });
  await ledger.grant({ credits: 500, to: at + 90 * DAY });
  let now = at;
  for (let nth = 0; nth < 40; nth += 1) {
    now = at + Math.floor((nth * 9) / 8) * 6 * HOUR;
    await ledger.drift(now);
    const used = answerOf(await ledger.spend(1 + (nth % 3)));
    if (nth % 7 === 0) await ledger.give('reverse', used.id, 1);
    if (nth === 17) await ledger.grant({ credits: 30, from: now - 2 * HOUR, to: at + 60 * DAY });
  }
  return now;
}

test.each([
  ['behind the database’s', -400 * DAY],
  ['far ahead of the database’s', 400 * DAY],
])('are exact on a test clock %s, with a grant that was booked late', async (_, ahead) => {
  const ledger = await RawLedger.open(db);
  const now = await live(ledger, Date.now() + ahead);
  expect(await expectExact(ledger, now)).toBeGreaterThan(10);
  expect(await expectExact(ledger, now + 27 * DAY)).toBeGreaterThan(3);
});

test('are exact on real time', async () => {
  const ledger = await RawLedger.live(db);
  const now = Date.now();
  await ledger.grant({ credits: 100, from: now - 40 * DAY, to: now + DAY });
  await ledger.grant({ credits: 100, from: now - 3 * DAY, to: now + 2 * DAY });
  for (let n = 1; n <= 5; n += 1) await ledger.spend(n);
  const { changes, activity } = await readWallet(db, ledger.id, { from: now - 30 * DAY, recent: 3 });
  expect(changes.map(({ kind, credits }) => [kind, credits])).toEqual([
    ['grant', 100],
    ['use', -15],
  ]);
  expect(activity.map(({ credits }) => credits)).toEqual([-5, -4, -3]);
  await expectExact(ledger, Date.now());
});
