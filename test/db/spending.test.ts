import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import {
  createSpending,
  type Spending,
  type SpendOutcome,
  type SpendRequest,
} from '../../src/db/spend-batches.ts';
import { expectInvariants } from '../support/invariants.ts';
import { answerOf, bodyHash, DAY, everythingOf, HOUR, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// The queue by itself. Requests of one turn of the event loop go as one batch, and each gets the answer that it would get
// alone.

let db: Database;
let spending: Spending;
beforeAll(async () => {
  db = await openDatabase();
  spending = createSpending(db);
});
afterEach(() => expectInvariants(db));
afterAll(() => db.$client.end());

async function with100(): Promise<RawLedger> {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ kind: 'allowance', credits: 100, to: T0 + DAY });
  return ledger;
}

const together = (requests: SpendRequest[]): Promise<SpendOutcome[]> =>
  Promise.all(requests.map((request) => spending.submit(request)));

/** The outcome of each: the credits that are left, or the refusal. */
const reported = (served: SpendOutcome): string => {
  if ('answer' in served) return `${served.kind}, ${answerOf(served).balance.available} left`;
  return 'available' in served ? `${served.kind}, ${served.available} there` : served.kind;
};

/** How many calls wrote entries: all that a call writes is recorded at one instant. */
async function callsOf(ledger: RawLedger): Promise<number> {
  const [row] = await db.execute<{ calls: number }>(sql`
    select count(distinct recorded_at)::int as calls from entries
    where subscription_id = ${ledger.id} and kind in ('debit', 'hold')`);
  return row!.calls;
}

describe('a batch is served one by one', () => {
  test('R-61: a request that is too large is refused, a later smaller one is not', async () => {
    const ledger = await with100();
    const served = await together([60, 50, 30, 11, 0, 10, 1, 0].map((credits) => ledger.request(credits)));
    expect(served.map(reported)).toEqual([
      'ok, 40 left',
      'insufficient_credits, 40 there',
      'ok, 10 left',
      'insufficient_credits, 10 there',
      'ok, 10 left',
      'ok, 0 left',
      'insufficient_credits, 0 there',
      'ok, 0 left',
    ]);
    expect(await callsOf(ledger)).toBe(1);
  });

  test('R-60: it burns through grants in order, and each tells the debits that are its own', async () => {
    const ledger = await with100();
    await ledger.grant({ kind: 'pack', credits: 100, to: T0 + HOUR });
    const served = await together([ledger.request(90), ledger.request(20, { op: 'hold', seconds: 60 })]);
    const debits = served.map((one) => answerOf(one).debits.map(({ kind, credits }) => `${kind} ${credits}`));
    expect(debits).toEqual([['allowance 90'], ['allowance 10', 'pack 10']]);
    expect(answerOf(served[1]!).balance).toEqual({ available: 90, held: 20 });
  });

  test('returns come before spends, though they were asked for later', async () => {
    const ledger = await with100();
    const { id: usage } = answerOf(await ledger.spend(20));
    const holds = [answerOf(await ledger.hold(50, 60)).id, answerOf(await ledger.hold(30, 60)).id];
    const served = await together([
      ledger.request(60),
      ledger.request(31),
      ledger.giving('capture', holds[0]!, { credits: 10 }),
      ledger.giving('release', holds[1]!),
      ledger.giving('reverse', usage),
    ]);
    expect(served.map(reported)).toEqual([
      'ok, 30 left',
      'insufficient_credits, 30 there',
      'ok, 40 left',
      'ok, 70 left',
      'ok, 90 left',
    ]);
  });

  test('more than a call carries: 600 spends of 1 on 500 are two calls that write, and one that refuses', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ credits: 500, to: T0 + DAY });
    const served = await together(Array.from({ length: 600 }, () => ledger.request(1)));
    const left = served.slice(0, 500).map((one) => answerOf(one).balance.available);
    expect(left).toEqual(Array.from({ length: 500 }, (_, i) => 499 - i));
    expect(new Set(served.slice(500).map(reported))).toEqual(new Set(['insufficient_credits, 0 there']));
    expect(await callsOf(ledger)).toBe(2);
  });

  test('one that raises fails alone, and its key is free again', async () => {
    const ledger = await with100();
    const other = await with100();
    const { id } = answerOf(await ledger.spend(1));
    const requests = Array.from({ length: 20 }, (_, i) => (i % 2 ? other : ledger).request(1));
    // Ids of usages that are there already.
    const wrong = [4, 15].map((i) => Object.assign(requests[i]!, { subscriptionId: ledger.id, id }));
    const settled = await Promise.allSettled(requests.map((request) => spending.submit(request)));
    const failed = settled.flatMap((one, i) =>
      one.status === 'rejected' ? [`${i} ${one.reason.code}`] : [],
    );
    expect(failed).toEqual(['4 23505', '15 23505']);
    const again = await together(wrong.map((request, i) => ({ ...request, id: `use_again_${i}` })));
    expect(again.map(({ kind }) => kind)).toEqual(['ok', 'ok']);
    expect(answerOf(await ledger.spend(0)).balance.available).toBe(100 - 1 - 9 - 2);
    expect(answerOf(await other.spend(0)).balance.available).toBe(100 - 9);
  });
});

describe('R-65: one key', () => {
  test('50 copies in flight: one effect, one answer, and the later ones say that they repeat', async () => {
    const ledger = await with100();
    const request = ledger.request(20);
    const served = await together(Array.from({ length: 50 }, () => ({ ...request, id: randomUUID() })));
    expect(served.map(({ kind }) => kind)).toEqual(['ok', ...Array.from({ length: 49 }, () => 'replay')]);
    expect(new Set(served.map((one) => 'answer' in one && one.answer)).size).toBe(1);
    expect(reported(await ledger.spend(0))).toBe('ok, 80 left');
  });

  test('copies of a refusal are refused alike', async () => {
    const ledger = await with100();
    const request = ledger.request(101);
    const served = await together(Array.from({ length: 5 }, () => request));
    expect(new Set(served.map(reported))).toEqual(new Set(['insufficient_credits, 100 there']));
  });

  test('another body in flight waits: `reused` after a success, on its own after a refusal or an error', async () => {
    const ledger = await with100();
    const { id } = answerOf(await ledger.spend(1));
    const other = { bodyHash: bodyHash('another') };
    const outcomes: string[] = [];
    for (const first of [ledger.request(9), ledger.request(500), ledger.request(9, { id })]) {
      const second = { ...ledger.request(10, other), key: first.key };
      const [a, b] = await Promise.allSettled([spending.submit(first), spending.submit(second)]);
      outcomes.push(
        `${a.status === 'fulfilled' ? reported(a.value) : 'failed'}; ${b.status === 'fulfilled' ? reported(b.value) : 'failed'}`,
      );
    }
    expect(outcomes).toEqual([
      'ok, 90 left; reused',
      'insufficient_credits, 90 there; ok, 80 left',
      'failed; ok, 70 left',
    ]);
  });

  test('of a usage, of a hold, and of each thing that is settled is a key of its own', async () => {
    const ledger = await with100();
    const key = 'k';
    const [usage, hold, second] = (
      await together([
        ledger.request(10, { key }),
        ledger.request(10, { key, op: 'hold', seconds: 60 }),
        ledger.request(10, { op: 'hold', seconds: 60 }),
      ])
    ).map((one) => answerOf(one).id);
    const settle = () =>
      together([
        ledger.giving('reverse', usage!, { key }),
        ledger.giving('capture', hold!, { key }),
        ledger.giving('capture', second!, { key }),
      ]);
    const [first, repeat] = [await settle(), await settle()];
    expect(first.map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok']);
    expect(repeat).toEqual(first.map((one) => ({ ...one, kind: 'replay' })));
    const other = ledger.giving('reverse', usage!, { key, bodyHash: bodyHash('another') });
    expect(await spending.submit(other)).toEqual({ kind: 'reused' });
  });
});

test('I7: a refusal changes nothing', async () => {
  const ledger = await with100();
  const usage = answerOf(await ledger.spend(10)).id;
  const late = answerOf(await ledger.hold(10, 60)).id;
  await ledger.stand(T0 + HOUR);
  const [open, released] = [answerOf(await ledger.hold(10, 60)).id, answerOf(await ledger.hold(10, 60)).id];
  await ledger.give('release', released);
  await ledger.give('reverse', usage, 4);
  const refused: [string, SpendRequest][] = [
    ['insufficient_credits', ledger.request(85)],
    ['insufficient_credits', ledger.request(85, { op: 'hold', seconds: 60 })],
    ['stale', ledger.request(1, { catalogVersion: 'of tomorrow' })],
    ['not_found', ledger.giving('capture', 'hld_none')],
    ['not_found', ledger.giving('reverse', 'use_none')],
    ['capture_exceeds_hold', ledger.giving('capture', open, { credits: 11 })],
    ['hold_expired', ledger.giving('capture', late)],
    ['hold_already_settled', ledger.giving('capture', released)],
    ['reversal_exceeds_usage', ledger.giving('reverse', usage, { credits: 7 })],
  ];
  const before = await everythingOf(db, ledger.id);
  const alone: string[] = [];
  for (const [, request] of refused) alone.push((await spending.submit(request)).kind);
  const atOnce = await together(refused.map(([, request]) => request));
  expect(alone).toEqual(refused.map(([kind]) => kind));
  expect(atOnce.map(({ kind }) => kind)).toEqual(alone);
  expect(await everythingOf(db, ledger.id)).toEqual(before);
});

test('R-63: a reversal leaves room for held credits that may come back', async () => {
  const ledger = await RawLedger.open(db);
  const most = Number.MAX_SAFE_INTEGER - 10;
  await ledger.grant({ credits: most, to: T0 + DAY });
  const { id: usage } = answerOf(await ledger.spend(most));
  await ledger.grant({ credits: most, to: T0 + DAY });
  await ledger.hold(most, 1);
  await ledger.give('reverse', usage);
  await ledger.drift(T0 + 1_000);
  expect((await ledger.spend(1)).kind).toBe('ok');
});
