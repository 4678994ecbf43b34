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

// A database after a year of service: subscriptions of every kind below, and the past of all of them.

const DAY_MS = 86_400_000;

/** The kinds of subscriptions by their purpose, and their number. */
const COUNTS = {
  /** With 5 open grants each; some are poor. */
  ordinary: 10_000,
  /** With 50 open grants each. */
  many: 500,
  /** All callers share it. */
  hot: 1,
  /** For commands to workflows: they make grants, which would slow the spends of the others down. */
  buyers: 200,
} as const;
/** One subscription each, with so many entries. */
export const LONG = { long_100: 100, long_20k: 20_000, long_100k: 100_000, long_1m: 1_000_000 } as const;
/** Entries of a subscription that are no spends: of the used-up and the expired grant, and of five open ones. */
const NO_SPENDS = 8;
const ALL = Object.values(COUNTS).reduce((sum, count) => sum + count, 0);
/** 2 % of the ordinary subscriptions: the 402 is part of the work. */
const POOR_EVERY = 50;

/** A kind of subscription with a long ledger. */
export type LongKind = keyof typeof LONG;
/** A kind of subscription. */
export type Kind = keyof typeof COUNTS | LongKind;

/** The ids of the subscriptions of each kind. */
export type Subscriptions = Record<Kind, string[]>;

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
  /** Subscriptions with a long ledger beside these. */
  long: LongKind[];
  /** Uses an existing database that holds the wanted rows. */
  keep: boolean;
  say(line: string): void;
}

/** Seeds a database, or takes an existing one. */
export async function seed(server: Server, wanted: Wanted, { stopping }: Running): Promise<Seeded> {
  const { name, entries, long, keep, say } = wanted;
  const url = server.url(name);
  const spends = Math.max(1, Math.round(entries / ALL));
  const tag = `${schemaDigest()} ${spends} ${long.join()}`;
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
    await seedSubscriptions(sql, kindsOf(spends, long), now);
    await seedPast(sql, { now, say: progress });
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
    const rows = await sql<{ kind: Kind; ids: string[] }[]>`
      select case kind when 'poor' then 'ordinary' else kind end as kind, array_agg(id order by n) as ids
      from bench.subscriptions group by 1`;
    const [sum] = await sql<{ entries: number }[]>`select sum(seq)::int as entries from ledgers`;
    const subscriptions = Object.fromEntries(rows.map(({ kind, ids }) => [kind, ids])) as Subscriptions;
    return { url, subscriptions, entries: sum!.entries };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

interface Planned {
  kind: Kind | 'poor';
  spends: number;
}

function kindsOf(spends: number, long: LongKind[]): Planned[] {
  const short = Object.entries(COUNTS).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, n): Planned => {
      const isPoor = kind === 'ordinary' && n % POOR_EVERY === 7;
      return { kind: isPoor ? 'poor' : (kind as Kind), spends };
    }),
  );
  return [...short, ...long.map((kind) => ({ kind, spends: LONG[kind] - NO_SPENDS }))];
}

/** Makes subscriptions that were moved in a year ago, so that none was ever charged. */
async function seedSubscriptions(sql: postgres.Sql, planned: Planned[], now: Instant): Promise<void> {
  const ids = planned.map(() => newId('sub'));
  const start: Start = {
    ...{ id: '', customerId: '', plan: 'creator', interval: 'month', timeZone: 'UTC', allowance: null },
    ...{ paymentMethod: 'sandbox_ok', anchorAt: now - 366 * DAY_MS, testClock: false },
  };
  const { state } = begin(start, now, DEFAULT_CATALOG);
  await sql.unsafe(`
    create schema bench;
    create table bench.seeded (tag text);
    create table bench.subscriptions (n int primary key, id text not null, kind text not null, spends bigint not null,
      spread float8 not null default random())`);
  const kinds = planned.map(({ kind }) => kind);
  const spends = planned.map((one) => one.spends);
  await sql`insert into bench.subscriptions (n, id, kind, spends)
    select ord - 1, id, kind, spends
    from unnest(${ids}::text[], ${kinds}::text[], ${spends}::bigint[]) with ordinality as x (id, kind, spends, ord)`;
  await sql`insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
    select id, 'bench-' || n, 'creator', 'month', 'active',
      ${JSON.stringify(state)}::text::jsonb || jsonb_build_object('id', id, 'customerId', 'bench-' || n), '{}',
      instant(${now}) - interval '366 days'
    from bench.subscriptions`;
}
