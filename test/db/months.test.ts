import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { balanceAt, keepMonths } from '../../src/db/ledger.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import { expectInvariants } from '../support/invariants.ts';
import { answerOf, DAY, HOUR, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// Entries lie in months of recording: made ahead, append-only one by one, and an old one can be taken away.

let db: Database;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.$client.end());

const months = async (): Promise<string[]> => {
  const rows = await db.execute<{ name: string }>(sql`
    select inhrelid::regclass::text as name from pg_inherits where inhparent = 'entries'::regclass order by 1`);
  return rows.map(({ name }) => name);
};

const keep = async (from: number, to: number): Promise<number> => {
  const [row] = await db.execute<{ made: number }>(sql`
    select keep_months(now() + make_interval(months => ${from}), now() + make_interval(months => ${to})) as made`);
  return row!.made;
};

describe('months are made', () => {
  test('once, also when eight ask at once', async () => {
    const before = await months();
    const eight = <T>(ask: () => PromiseLike<T>) => Promise.all(Array.from({ length: 8 }, ask));
    // Eight connections are open already: all come at once.
    await eight(() => db.execute(sql`select pg_sleep(0.1)`));
    const made = await eight(() => keep(8, 10));
    expect(made.sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 3]);
    expect((await months()).length).toBe(before.length + 3);
    expect(await keep(8, 10)).toBe(0);
  });

  test('seven ahead with this one, and existing ones stay', async () => {
    const before = await months();
    await keepMonths(db);
    await keepMonths(db);
    expect(await months()).toEqual(before);
    const [row] = await db.execute<{ ahead: number }>(sql`
      select count(to_regclass('entries_' || to_char(m at time zone 'UTC', 'YYYY_MM')))::int as ahead
      from generate_series(date_trunc('month', now(), 'UTC'), now() + interval '6 months', interval '1 month') m`);
    expect(row).toEqual({ ahead: 7 });
  });

  test('while entries are being written, and need not wait for them', async () => {
    await db.$client.begin(async (writing) => {
      await writing`lock table entries in row exclusive mode`;
      expect(await keep(12, 12)).toBe(1);
    });
  });

  test('without a gap or an overlap: the first and the last millisecond of each find their own', async () => {
    for (const name of await months()) {
      const [, month] = name.match(/^entries_(\d{4}_\d{2})$/)!;
      const first = `${month!.replace('_', '-')}-01T00:00:00Z`;
      await db
        .transaction(async (tx) => {
          const rows = await tx.execute(sql`
            insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, recorded_at)
            select 'sub_none', n, 'grant', 1, 'grt_none', 1, now(), at
            from (values (1, ${first}::timestamptz),
              (2, (${first}::timestamptz at time zone 'UTC' + interval '1 month' - interval '1 ms') at time zone 'UTC')) x(n, at)
            returning tableoid::regclass::text as name`);
          expect([...rows]).toEqual([{ name }, { name }]);
          throw new Error('roll back');
        })
        .catch((error: Error) => {
          if (error.message !== 'roll back') throw error;
        });
    }
  });
});

describe('I11: every month is append-only', () => {
  test.each([
    ['update', (month: string) => `update ${month} set credits = credits + 1`],
    ['delete', (month: string) => `delete from ${month}`],
    ['truncate', (month: string) => `truncate ${month}`],
  ])('%s is refused', async (_, statement) => {
    const names = await months();
    expect(names.length).toBeGreaterThan(6);
    for (const name of names) {
      const attempt = db.$client.begin(async (tx) => {
        await tx.unsafe(
          `insert into ${name} (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, recorded_at)
           values ('sub_none', 1, 'grant', 1, 'grt_none', 1, now(), to_date(right('${name}', 7), 'YYYY_MM') + interval '1 day')`,
        );
        await tx.unsafe(statement(name));
      });
      await expect(attempt, name).rejects.toThrow('entries are append-only (I11)');
    }
  });
});

describe('a month that is taken away', () => {
  /** Of a ledger on a test clock, the entries up to `seq` as if they had been recorded three months ago. */
  async function age(ledger: RawLedger, seq: number): Promise<string> {
    await keep(-3, -3);
    await db.transaction(async (tx) => {
      await tx.execute(sql`set local session_replication_role = replica`);
      await tx.execute(sql`
        update entries set recorded_at = now() - interval '3 months' where subscription_id = ${ledger.id} and seq <= ${seq}`);
    });
    const [row] = await db.execute<{ name: string }>(sql`
      select distinct tableoid::regclass::text as name from entries where subscription_id = ${ledger.id} and seq <= ${seq}`);
    return row!.name;
  }

  async function reported(ledger: RawLedger, at: Instant | null): Promise<unknown> {
    const { grants, archived } = (await balanceAt(db, ledger.id, at))!;
    return archived ?? grants.map(({ kind, remaining, held }) => ({ kind, remaining, held }));
  }

  test('leaves balances, spends, replays, holds and reversals as they are; its past balances are `archived`', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ kind: 'allowance', credits: 100, to: T0 + 9 * DAY });
    await ledger.grant({ kind: 'pack', credits: 50, to: T0 + 9 * DAY });
    await ledger.stand(T0 + HOUR);
    const first = await ledger.spend(110, { key: 'old' });
    await ledger.stand(T0 + 2 * HOUR);
    const held = await ledger.hold(20, 86_400, { key: 'held' });
    // Five entries so far: these go.
    await ledger.stand(T0 + 3 * HOUR);
    await ledger.spend(5);
    await ledger.stand(T0 + 4 * HOUR);

    const instants = [0, 0.5, 1, 2, 2.5, 3, 3.5, 4].map((hours) => T0 + hours * HOUR);
    const before = await Promise.all(instants.map((at) => reported(ledger, at)));
    const month = await age(ledger, 5);
    expect(await Promise.all(instants.map((at) => reported(ledger, at)))).toEqual(before);
    await expectInvariants(db);
    await db.$client.unsafe(`alter table entries detach partition ${month}`);

    const after = await Promise.all(instants.map((at) => reported(ledger, at)));
    expect(after).toEqual([true, true, true, true, true, ...before.slice(5)]);
    expect(await reported(ledger, null)).toEqual(before.at(-1));
    expect(await ledger.spend(110, { key: 'old' })).toEqual({ ...first, kind: 'replay' });
    expect(await ledger.hold(20, 86_400, { key: 'held' })).toEqual({ ...held, kind: 'replay' });
    expect(answerOf(await ledger.spend(10)).balance).toEqual({ available: 5, held: 20 });
    const capture = await ledger.give('capture', answerOf(held).id, 15);
    expect(answerOf(capture)).toMatchObject({ captured: 15, balance: { available: 10, held: 0 } });
    const reverse = await ledger.give('reverse', answerOf(first).id, 30);
    expect(answerOf(reverse)).toMatchObject({ restored: 30, balance: { available: 40 } });
    expect(await reported(ledger, null)).toEqual([
      { kind: 'allowance', remaining: 20, held: 0 },
      { kind: 'pack', remaining: 20, held: 0 },
    ]);
    await ledger.end();
    expect(await reported(ledger, null)).toEqual([]);

    await db.$client.unsafe(`drop table ${month}`);
    expect(await keep(-3, -3)).toBe(1);
  });

  test('R-13: an instant that only a late booking reaches back to is `archived` too', async () => {
    const ledger = await RawLedger.open(db);
    await ledger.grant({ kind: 'allowance', credits: 30, to: T0 + HOUR });
    await ledger.grant({ kind: 'pack', credits: 50, to: T0 + DAY });
    // No worker runs: the expiry at one o'clock is booked after the spend at two, and the month changes in between.
    await ledger.drift(T0 + 2 * HOUR);
    await ledger.spend(10);
    await ledger.stand(T0 + 3 * HOUR);
    const at = T0 + 1.5 * HOUR;
    const before = await reported(ledger, at);
    expect(before).toEqual([{ kind: 'pack', remaining: 50, held: 0 }]);
    const month = await age(ledger, 3);
    await db.$client.unsafe(`alter table entries detach partition ${month}`);
    expect([true, before]).toContainEqual(await reported(ledger, at));
    expect(await reported(ledger, null)).toEqual([{ kind: 'pack', remaining: 40, held: 0 }]);
  });
});
