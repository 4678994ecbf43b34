import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import fc from 'fast-check';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { relayDeadlines } from '../../src/db/ledger.ts';
import * as schema from '../../src/db/schema.ts';
import { createSpending, type Spending, type SpendOutcome } from '../../src/db/spend-batches.ts';
import { sized } from '../support/campaign.ts';
import { expectInvariants } from '../support/invariants.ts';
import { createDatabase } from '../support/stack.ts';
import { answerOf, DAY, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// Several API processes on one ledger, each with its own pool and its own calls; and the work of time beside them.

let url: string;
let db: Database;
let pools: Database[];
let processes: Spending[];
beforeAll(async () => {
  url = await createDatabase();
  pools = await Promise.all(Array.from({ length: 4 }, () => openDatabase(url)));
  db = pools[0]!;
  processes = pools.map((pool) => createSpending(pool));
});
afterEach(() => expectInvariants(db));
afterAll(async () => {
  // A batch in a deadlock would have been divided, without a trace.
  const [row] = await db.execute(
    sql`select deadlocks::int from pg_stat_database where datname = current_database()`,
  );
  expect(row).toEqual({ deadlocks: 0 });
  await Promise.all(pools.map((pool) => pool.$client.end()));
});

async function withCredits(credits: number): Promise<RawLedger> {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ credits, to: T0 + DAY });
  return ledger;
}

function tally(served: SpendOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of served) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

const leftOf = async (ledger: RawLedger): Promise<number> =>
  answerOf(await ledger.spend(0)).balance.available;

describe('two processes', () => {
  test('100 spends of 7 on 500: 71 succeed and 3 remain', async () => {
    const ledger = await withCredits(500);
    const served = await Promise.all(
      Array.from({ length: 100 }, (_, i) => processes[i % 2]!.submit(ledger.request(7))),
    );
    expect(tally(served)).toEqual({ ok: 71, insufficient_credits: 29 });
    expect(await leftOf(ledger)).toBe(3);
  });

  test('50 keys, each in both, on credits for 28: 28 effects, and each key has one answer', async () => {
    const ledger = await withCredits(200);
    const requests = Array.from({ length: 50 }, () => ledger.request(7));
    const pairs = await Promise.all(
      requests.map((request, i) =>
        Promise.all([
          processes[i % 2]!.submit(request),
          // Its own id, as another process would give it.
          processes[(i + 1) % 2]!.submit({ ...request, id: `use_copy_${i}` }),
        ]),
      ),
    );
    const served = pairs.filter((pair) => pair.every((one) => 'answer' in one));
    const refused = pairs.filter((pair) => pair.every(({ kind }) => kind === 'insufficient_credits'));
    expect([served.length, refused.length]).toEqual([28, 22]);
    for (const pair of served) {
      expect(pair.map(({ kind }) => kind).sort()).toEqual(['ok', 'replay']);
      expect(new Set(pair.map((one) => 'answer' in one && one.answer)).size).toBe(1);
    }
    expect(await leftOf(ledger)).toBe(4);
  });
});

/** Rounds of each process. */
const EACH = sized(30, 80);

test('four processes, 24 subscriptions in random order: nobody waits in a circle, and every count is exact', async () => {
  const ledgers = await Promise.all(Array.from({ length: 24 }, () => withCredits(100)));
  const seed = Date.now() & 0x7fffffff;
  process.stderr.write(`  processes: seed ${seed}\n`);
  // Many small batches of which any two have something in common.
  const round = fc.shuffledSubarray(ledgers, { minLength: 8, maxLength: 8 });
  const rounds = fc.sample(round, { seed, numRuns: 4 * EACH });
  const served = new Map(ledgers.map((ledger) => [ledger, [] as SpendOutcome[]]));
  const work = processes.map(async (spending, i) => {
    for (const asked of rounds.slice(i * EACH, (i + 1) * EACH))
      await Promise.all(
        asked.map(async (ledger) => served.get(ledger)!.push(await spending.submit(ledger.request(2)))),
      );
  });
  await Promise.all(work);
  for (const [ledger, all] of served) {
    const ok = Math.min(50, all.length);
    expect(tally(all)).toEqual({ ok, ...(all.length > ok && { insufficient_credits: all.length - ok }) });
    expect(await leftOf(ledger)).toBe(100 - 2 * ok);
  }
});

describe('R-72: past its deadline', () => {
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  async function live(): Promise<RawLedger> {
    const ledger = await RawLedger.live(db);
    await ledger.grant({ credits: 10, to: ledger.now + DAY });
    return ledger;
  }

  interface Hold {
    status: string;
    isAtDeadline: boolean;
  }
  const holdOf = async (ledger: RawLedger): Promise<Hold> => {
    const [row] = await db.execute<Hold & Record<string, unknown>>(sql`
      select h.status, h.settled_at is not distinct from h.deadline
        and coalesce(e.effective_at = h.deadline and e.recorded_at > h.deadline, false) as "isAtDeadline"
      from holds h left join entries e
        on e.subscription_id = h.subscription_id and e.hold_id = h.id and e.kind = 'release'
      where h.subscription_id = ${ledger.id}`);
    return row!;
  };
  const OPEN = { status: 'held', isAtDeadline: false };
  const RELEASED = { status: 'released', isAtDeadline: true };

  test('the next spend sees the credits, and the release is dated at the deadline', async () => {
    const [ledger, still] = [await live(), await RawLedger.open(db)];
    await still.grant({ credits: 10, to: T0 + DAY });
    for (const one of [ledger, still]) await one.hold(10, 1);
    expect(await ledger.spend(1)).toMatchObject({ kind: 'insufficient_credits', available: 0, held: 10 });
    await sleep(1_050);
    await still.drift(T0 + 999);
    expect((await still.spend(1)).kind).toBe('insufficient_credits');
    await still.drift(T0 + 1_000);
    for (const one of [ledger, still]) {
      expect(answerOf(await one.spend(10)).balance).toEqual({ available: 0, held: 0 });
      expect(await holdOf(one)).toEqual(RELEASED);
    }
  });

  test('the relay releases it, the longest overdue first; not one on a test clock, nor of a ledger that is busy', async () => {
    const still = await RawLedger.open(db);
    await still.grant({ credits: 10, to: T0 + DAY });
    await still.hold(10, 1);
    await still.drift(T0 + DAY / 2);
    const [first, busy, second, later] = [await live(), await live(), await live(), await live()];
    for (const one of [first, busy, second]) await one.hold(10, 1);
    await later.hold(10, 60);
    await sleep(1_050);
    await relayDeadlines(db, 1);
    expect(await Promise.all([first, busy, second].map(holdOf))).toEqual([RELEASED, OPEN, OPEN]);
    const unlock = await lock(busy);
    await relayDeadlines(db, 10);
    expect(await Promise.all([busy, second, later, still].map(holdOf))).toEqual([OPEN, RELEASED, OPEN, OPEN]);
    await unlock();
    await relayDeadlines(db, 10);
    expect(await Promise.all([busy, later, still].map(holdOf))).toEqual([RELEASED, OPEN, OPEN]);
  });
});

/** Another transaction locks a ledger's row until the test ends the lock or is over. */
async function lock(ledger: RawLedger): Promise<() => Promise<void>> {
  const client = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => client.end({ timeout: 0 }));
  await client`begin`;
  await client`select from ledgers where subscription_id = ${ledger.id} for no key update`;
  return async () => {
    await client`commit`;
  };
}

describe('a ledger that another transaction has locked', () => {
  test('holds up nobody: its own requests wait, in their order', async () => {
    const ledgers = await Promise.all(Array.from({ length: 24 }, () => withCredits(10)));
    const [busy, ...others] = ledgers as [RawLedger, ...RawLedger[]];
    const unlock = await lock(busy);
    const waiting = [3, 5, 4].map((credits) => processes[0]!.submit(busy.request(credits)));
    const answered = tally(
      await Promise.all(others.map((ledger) => processes[0]!.submit(ledger.request(1)))),
    );
    expect(answered).toEqual({ ok: 23 });
    const late = processes[0]!.submit(busy.request(2));
    expect(await processes[0]!.submit(others[0]!.request(1))).toMatchObject({ kind: 'ok' });
    await unlock();
    expect(await Promise.all([...waiting, late])).toMatchObject([
      { kind: 'ok' },
      { kind: 'ok' },
      { kind: 'insufficient_credits', available: 2 },
      { kind: 'ok' },
    ]);
    expect(await leftOf(busy)).toBe(0);
  });

  test('nor those that come after more requests of it, one by one', async () => {
    const [busy, one, other] = await Promise.all([10, 10, 10].map(withCredits));
    const unlock = await lock(busy!);
    let isOver = false;
    const first = processes[0]!.submit(busy!.request(1)).finally(() => {
      isOver = true;
    });
    expect(await processes[0]!.submit(one!.request(1))).toMatchObject({ kind: 'ok' });
    const second = processes[0]!.submit(busy!.request(1));
    for (const ledger of [other!, one!, other!]) {
      await new Promise(setImmediate);
      expect(await processes[0]!.submit(ledger.request(1))).toMatchObject({ kind: 'ok' });
    }
    expect(isOver).toBe(false);
    await unlock();
    expect(await Promise.all([first, second])).toMatchObject([{ kind: 'ok' }, { kind: 'ok' }]);
  });

  test('nor one that comes alone, just after a call for it alone', async () => {
    const [busy, other] = await Promise.all([10, 10].map(withCredits));
    const unlock = await lock(busy!);
    let isOver = false;
    const first = processes[0]!.submit(busy!.request(1)).finally(() => {
      isOver = true;
    });
    await new Promise(setImmediate);
    expect(await processes[0]!.submit(other!.request(1))).toMatchObject({ kind: 'ok' });
    expect(isOver).toBe(false);
    await unlock();
    expect(await first).toMatchObject({ kind: 'ok' });
  });

  test('more of them than calls that wait: each is served once it is free', async () => {
    const ledgers = await Promise.all(Array.from({ length: 24 }, () => withCredits(10)));
    const unlocks = await Promise.all(ledgers.slice(0, 12).map(lock));
    const all = ledgers.map((ledger) => processes[0]!.submit(ledger.request(1)));
    expect(tally(await Promise.all(all.slice(12)))).toEqual({ ok: 12 });
    for (const unlock of unlocks) await unlock();
    expect(tally(await Promise.all(all))).toEqual({ ok: 24 });
    expect(await Promise.all(ledgers.map(leftOf))).toEqual(ledgers.map(() => 9));
  });

  test('waits also where the batch is divided, because another request raises', {
    timeout: 20_000,
  }, async () => {
    const ledgers = await Promise.all(Array.from({ length: 8 }, () => withCredits(10)));
    // The id of a usage that is there already.
    const { id } = answerOf(await ledgers[7]!.spend(1));
    const unlock = await lock(ledgers[0]!);
    const [busy, ...others] = ledgers.map((ledger, i) =>
      processes[0]!.submit(ledger.request(1, i === 7 ? { id } : {})),
    );
    const settled = await Promise.allSettled(others);
    const outcomes = settled.map((one) => (one.status === 'fulfilled' ? one.value.kind : one.reason.code));
    expect(outcomes).toEqual([...Array.from({ length: 6 }, () => 'ok'), '23505']);
    await unlock();
    expect(await busy).toMatchObject({ kind: 'ok' });
    expect(await Promise.all(ledgers.map(leftOf))).toEqual(ledgers.map(() => 9));
  });

  test('fails alone after two seconds, in any batch', async () => {
    const ledgers = await Promise.all(Array.from({ length: 8 }, () => withCredits(10)));
    const unlock = await lock(ledgers[0]!);
    const settled = await Promise.allSettled(
      ledgers.map((ledger) => processes[0]!.submit(ledger.request(1))),
    );
    const outcomes = settled.map((one) => (one.status === 'fulfilled' ? one.value.kind : one.reason.code));
    await unlock();
    expect(outcomes).toEqual(['55P03', ...Array.from({ length: 7 }, () => 'ok')]);
    expect(await Promise.all(ledgers.map(leftOf))).toEqual([10, ...Array.from({ length: 7 }, () => 9)]);
  });

  test('fails alone when a statement may take no longer, and the others go on', async () => {
    const client = postgres(url, { max: 4, onnotice: () => {}, connection: { statement_timeout: 300 } });
    const impatient = createSpending(drizzle(client, { schema }) as Database);
    const ledgers = await Promise.all(Array.from({ length: 24 }, () => withCredits(10)));
    const unlock = await lock(ledgers[0]!);
    const settled = await Promise.allSettled(ledgers.map((ledger) => impatient.submit(ledger.request(1))));
    const failed = settled.flatMap((one, i) =>
      one.status === 'rejected' ? [`${i} ${one.reason.code}`] : [],
    );
    expect(failed).toEqual(['0 57014']);
    await unlock();
    expect(await Promise.all(ledgers.map(leftOf))).toEqual([10, ...Array.from({ length: 23 }, () => 9)]);
    await client.end();
  });
});
