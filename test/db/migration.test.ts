import { hash, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { balanceAt } from '../../src/db/ledger.ts';
import { migrate } from '../../src/db/migrate.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog.ts';
import { newId } from '../../src/ids.ts';
import { expectPromises } from '../support/invariants.ts';
import { answerOf, bodyHash, DAY, HOUR, openDatabase, RawLedger, T0 } from './raw-ledger.ts';

// What was in a ledger before entries had months and keys had a table of their own is there afterwards (R-65, I5, I11).

/** A database as the migrations up to 0001 leave it, drizzle's own table included. */
async function databaseOfBefore(): Promise<string> {
  const server = inject('databaseUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  await admin.end();
  const url = server.replace(/[^/]*$/, name);
  const client = postgres(url, { max: 1, onnotice: () => {} });
  const read = (file: string) =>
    readFileSync(new URL(`../../src/db/migrations/${file}`, import.meta.url), 'utf8');
  const { entries } = JSON.parse(read('meta/_journal.json')) as { entries: { tag: string; when: number }[] };
  await client.unsafe(`create schema drizzle;
    create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`);
  for (const { tag, when } of entries.slice(0, 2)) {
    const content = read(`${tag}.sql`);
    await client.unsafe(content.replaceAll('--> statement-breakpoint', ''));
    await client`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash('sha256', content)}, ${when})`;
  }
  await client.end();
  return url;
}

/** A spend as 0001 has it. */
async function spendAsBefore(db: Database, ledger: RawLedger, credits: number, key: string) {
  const request = {
    id: newId('use'),
    key,
    bodyHash: bodyHash('a body'),
    credits,
    lines: [{ feature: 'generate_look', quantity: credits, credits }],
    via: 'zapier',
    reference: 'job 7',
    metadata: { b: '1', a: '2' },
    catalogVersion: DEFAULT_CATALOG.version,
  };
  const [row] = await db.execute<{ answer: { kind: string; answer: string } }>(
    sql`select spend(${ledger.id}, ${JSON.stringify(request)}::json) as answer`,
  );
  return row!.answer;
}

const entriesOf = async (db: Database, ledger: RawLedger): Promise<unknown[]> => {
  const rows = await db.execute(sql`
    select seq::int, kind, credits::int, grant_id, balance_after::int, effective_at, recorded_at, usage_id, hold_id
    from entries where subscription_id = ${ledger.id} order by seq`);
  return [...rows];
};

let url: string;
let db: Database;
beforeAll(async () => {
  url = await databaseOfBefore();
  db = await openDatabase(url);
});
afterAll(() => db.$client.end());

test('a ledger of before goes on: entries in order, keys answered for ever, spends as ever', async () => {
  const ledger = await RawLedger.open(db);
  await ledger.grant({ kind: 'allowance', credits: 100, to: T0 + 9 * DAY });
  await ledger.stand(T0 + HOUR);
  const key = randomUUID();
  const first = await spendAsBefore(db, ledger, 30, key);
  expect(first.kind).toBe('ok');
  // All of that last month; the rest in this one.
  await db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`);
    await tx.execute(sql`update entries set recorded_at = now() - interval '40 days'`);
  });
  await ledger.stand(T0 + 2 * HOUR);
  await ledger.grant({ kind: 'pack', credits: 50, to: T0 + 9 * DAY });
  const last = await spendAsBefore(db, ledger, 80, 'of this month');
  const [entries, balance] = [await entriesOf(db, ledger), await balanceAt(db, ledger.id, T0 + HOUR)];
  expect(entries).toHaveLength(5);
  // Connections that are open over a migration are those of processes that are about to end.
  await db.$client.end();

  await migrate(url);
  await migrate(url);
  db = await openDatabase(url);
  ledger.use(db);
  expect(await entriesOf(db, ledger)).toEqual(entries);
  const [row] = await db.execute(sql`select count(distinct tableoid)::int as months from entries`);
  expect(row).toEqual({ months: 2 });
  expect(await balanceAt(db, ledger.id, T0 + HOUR)).toEqual(balance);
  await expectPromises(db);

  expect(await ledger.spend(30, { key })).toEqual({ kind: 'replay', answer: first.answer });
  expect(await ledger.spend(80, { key: 'of this month' })).toEqual({ kind: 'replay', answer: last.answer });
  expect(await ledger.spend(30, { key, bodyHash: bodyHash('another') })).toEqual({ kind: 'reused' });
  expect(await entriesOf(db, ledger)).toEqual(entries);

  expect(answerOf(await ledger.spend(15)).balance.available).toBe(25);
  const reverse = await ledger.give('reverse', answerOf({ kind: 'ok', answer: last.answer }).id, 20);
  expect(answerOf(reverse)).toMatchObject({ restored: 20, balance: { available: 45 } });
  await expectPromises(db);
});

// A database that has run a migration never runs it again: what is changed later belongs into a new one.
test.each([
  ['0000_tables', 'dad8d9363fd1637d2442a65033be1819801f4b51c506f52e7dd3c2e4f9afb70e'],
  ['0001_functions', 'cd01719aed3d63091dd0815df1c9fb1b51f8b77e2f386227d1921cf6c1b9d0c6'],
  ['0002_spending', '130ab856f4f977055a8ee1eb1c1d6d4cdae2c3d1b368ac93b56dbb715123f1a2'],
  ['0003_spending_functions', 'fcf7b655c336d6215aa1c2413711ba51ebfc9387cd6cb74edea7b0e4795d7796'],
])('%s, which databases have run, is as it was', (tag, sha256) => {
  const content = readFileSync(new URL(`../../src/db/migrations/${tag}.sql`, import.meta.url));
  expect(hash('sha256', content)).toBe(sha256);
});
