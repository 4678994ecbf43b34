import type postgres from 'postgres';
import { publishCatalog } from '../src/db/catalogs.ts';
import type { Database } from '../src/db/client.ts';
import { migrate } from '../src/db/migrate.ts';
import { DEFAULT_CATALOG } from '../src/domain/catalog.ts';
import { begin } from '../src/domain/commands.ts';
import { newId } from '../src/ids.ts';
import type { Running } from './command.ts';
import { seedHistory } from './spend-history.ts';
import { freshDatabase, hasDatabase, patient, type Server, schemaDigest } from './spend-stack.ts';

// A database as it is after a year of service: 10,000 subscriptions with 5 open grants each, some of them poor, 500 with
// 50 open grants, one that all callers share, and the past of all of them.

const DAY_MS = 86_400_000;
const ORDINARY = 10_000;
const WITH_MANY_GRANTS = 500;
/** 2 % of the ordinary. */
const POOR = 200;

/** Who can be asked to spend, by what they are there for. */
export interface Subscriptions {
  ordinary: string[];
  /** With 50 open grants. */
  many: string[];
  hot: string[];
}

export interface Seeded {
  url: string;
  subscriptions: Subscriptions;
  /** Entries that were there before anything was measured. */
  entries: number;
}

interface Wanted {
  name: string;
  /** Of the past: as near to it as the same number for each subscription comes. */
  entries: number;
  /** Take the database that is there if it holds what is wanted. */
  keep: boolean;
  say(line: string): void;
}

export async function seed(server: Server, wanted: Wanted, { stopping }: Running): Promise<Seeded> {
  const { name, entries, keep, say } = wanted;
  const url = server.url(name);
  const perEach = Math.max(1, Math.round(entries / (ORDINARY + WITH_MANY_GRANTS + 1)));
  const tag = `${schemaDigest()} ${perEach}`;
  const known = keep && (await hasDatabase(server, name)) ? await readSeeded(url, tag) : null;
  if (known) {
    say(`${name}: the history of before, ${known.entries} entries`);
    return known;
  }
  await freshDatabase(server, name);
  await migrate(url);
  const db = patient(url);
  const sql = db.$client;
  try {
    await publishCatalog(db, DEFAULT_CATALOG);
    await prepare(sql);
    await seedSubscriptions(sql, perEach);
    await seedHistory(sql, perEach, (line) => {
      stopping.throwIfAborted();
      say(`${name}: ${line}`);
    });
    await seedGrants(sql);
    say(`${name}: vacuum, analyze`);
    await sql`vacuum (analyze)`;
    await sql`checkpoint`;
    await sql`insert into bench.seeded (tag) values (${tag})`;
  } finally {
    await sql.end({ timeout: 1 });
  }
  return (await readSeeded(url, tag))!;
}

async function readSeeded(url: string, tag: string): Promise<Seeded | null> {
  const sql = patient(url).$client;
  try {
    const [there] = await sql<{ found: boolean }[]>`select to_regclass('bench.seeded') is not null as found`;
    if (!there!.found || (await sql`select from bench.seeded where tag = ${tag}`).length === 0) return null;
    const rows = await sql<{ id: string; kind: keyof Subscriptions }[]>`
      select id, case kind when 'poor' then 'ordinary' else kind end as kind from bench.subscriptions order by n`;
    const [sum] = await sql<{ entries: number }[]>`select sum(seq)::int as entries from ledgers`;
    const of = (wanted: keyof Subscriptions) =>
      rows.filter(({ kind }) => kind === wanted).map(({ id }) => id);
    const subscriptions = { ordinary: of('ordinary'), many: of('many'), hot: of('hot') };
    return { url, subscriptions, entries: sum!.entries };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Our own tables lie beside the ledger's, and the keys of what grows are made after the load. */
async function prepare(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create schema bench;
    create table bench.seeded (tag text primary key, now timestamptz not null default date_trunc('second', clock_timestamp()));
    create table bench.subscriptions (n int primary key, id text not null, kind text not null, spread float8 not null default random());
    set work_mem = '128MB';
    set maintenance_work_mem = '1GB'`);
}

/** Moved in a year ago, so that none was ever charged. */
async function seedSubscriptions(sql: postgres.Sql, perEach: number): Promise<void> {
  const now = Date.now();
  const start = {
    id: '',
    customerId: '',
    plan: 'creator',
    interval: 'month',
    timeZone: 'UTC',
    paymentMethod: 'sandbox_ok',
    allowance: null,
    anchorAt: now - 366 * DAY_MS,
    testClock: false,
  } as const;
  const { state } = begin(start, now, DEFAULT_CATALOG);
  const kinds = Array.from({ length: ORDINARY + WITH_MANY_GRANTS + 1 }, (_, n) => {
    if (n < ORDINARY) return n % (ORDINARY / POOR) === 7 ? 'poor' : 'ordinary';
    return n < ORDINARY + WITH_MANY_GRANTS ? 'many' : 'hot';
  });
  const ids = kinds.map(() => newId('sub'));
  await sql`insert into bench.subscriptions (n, id, kind)
    select ord - 1, id, kind from unnest(${ids}::text[], ${kinds}::text[]) with ordinality as x (id, kind, ord)`;
  await sql`insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
    select id, 'bench-' || n, 'creator', 'month', 'active',
      ${sql.json(state as never)}::jsonb || jsonb_build_object('id', id, 'customerId', 'bench-' || n), '{}',
      instant(${now}) - interval '366 days'
    from bench.subscriptions`;
  await sql`insert into ledgers (subscription_id, status, step, seq, balance)
    select id, 'active', 1, 0, 0 from bench.subscriptions`;
  await spentGrant(sql, perEach);
}

/** Two grants of the past: one that the history has used up, and one that expired unused. */
async function spentGrant(sql: postgres.Sql, perEach: number): Promise<void> {
  await sql`
    with g (which, made, amount, starts, ends) as (values
      ('spent', 1, bench_spent(${perEach}), now() - interval '366 days', now() + interval '300 days'),
      ('expired', 2, 10, now() - interval '366 days', now() - interval '365 days'))
    insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, taken, open)
    select s.id, 'x' from g, bench.subscriptions s`;
}
async function seedGrants(_sql: postgres.Sql): Promise<void> {}
