import type postgres from 'postgres';
import { publishCatalog } from '../src/db/catalogs.ts';
import { migrate } from '../src/db/migrate.ts';
import type { Instant } from '../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../src/domain/catalog/default.ts';
import { begin, type Start } from '../src/domain/commands.ts';
import { newId } from '../src/ids.ts';
import type { Running } from './command.ts';
import { seedPast } from './spend-history.ts';
import { freshDatabase, hasDatabase, patient, type Server, schemaDigest } from './spend-stack.ts';

// A database after a year of service: 10,000 subscriptions with 5 open grants each, some of them poor; 500 with 50 open grants;
// one that all callers share; and the past of all of them.

const DAY_MS = 86_400_000;
const ORDINARY = 10_000;
const WITH_MANY_GRANTS = 500;
const ALL = ORDINARY + WITH_MANY_GRANTS + 1;
/** 2 % of the ordinary subscriptions: the 402 is part of the work. */
const POOR_EVERY = 50;

/** Subscriptions that get requests, by their purpose. */
export interface Subscriptions {
  ordinary: string[];
  /** Each with 50 open grants. */
  many: string[];
  hot: string[];
}

/** A seeded database. */
export interface Seeded {
  url: string;
  subscriptions: Subscriptions;
  /** Entries before the first leg. */
  entries: number;
}

interface Wanted {
  name: string;
  /** Entries of the past: the nearest number with as many for each subscription. */
  entries: number;
  /** Uses an existing database that holds the wanted rows. */
  keep: boolean;
  say(line: string): void;
}

/** Seeds a database, or takes an existing one. */
export async function seed(server: Server, wanted: Wanted, { stopping }: Running): Promise<Seeded> {
  const { name, entries, keep, say } = wanted;
  const url = server.url(name);
  const spends = Math.max(1, Math.round(entries / ALL));
  const tag = `${schemaDigest()} ${spends}`;
  const known = keep && (await hasDatabase(server, name)) ? await readSeeded(url, tag) : null;
  if (known) {
    say(`${name}: the history of before, ${known.entries} entries`);
    return known;
  }
  await freshDatabase(server, name);
  await migrate(url);
  const db = patient(url);
  const sql = db.$client;
  const progress = (line: string) => {
    stopping.throwIfAborted();
    say(`${name}: ${line}`);
  };
  try {
    await publishCatalog(db, DEFAULT_CATALOG);
    const now = Date.now();
    await seedSubscriptions(sql, now);
    await seedPast(sql, { now, spends, say: progress });
    progress('vacuum, analyze');
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

/** Makes subscriptions that were moved in a year ago, so that none was ever charged. */
async function seedSubscriptions(sql: postgres.Sql, now: Instant): Promise<void> {
  const kinds = Array.from({ length: ALL }, (_, n) => {
    if (n < ORDINARY) return n % POOR_EVERY === 7 ? 'poor' : 'ordinary';
    return n < ORDINARY + WITH_MANY_GRANTS ? 'many' : 'hot';
  });
  const ids = kinds.map(() => newId('sub'));
  const start: Start = {
    ...{ id: '', customerId: '', plan: 'creator', interval: 'month', timeZone: 'UTC', allowance: null },
    ...{ paymentMethod: 'sandbox_ok', anchorAt: now - 366 * DAY_MS, testClock: false },
  };
  const { state } = begin(start, now, DEFAULT_CATALOG);
  await sql.unsafe(`
    create schema bench;
    create table bench.seeded (tag text);
    create table bench.subscriptions (n int primary key, id text not null, kind text not null, spread float8 not null default random())`);
  await sql`insert into bench.subscriptions (n, id, kind)
    select ord - 1, id, kind from unnest(${ids}::text[], ${kinds}::text[]) with ordinality as x (id, kind, ord)`;
  await sql`insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
    select id, 'bench-' || n, 'creator', 'month', 'active',
      ${JSON.stringify(state)}::text::jsonb || jsonb_build_object('id', id, 'customerId', 'bench-' || n), '{}',
      instant(${now}) - interval '366 days'
    from bench.subscriptions`;
}
