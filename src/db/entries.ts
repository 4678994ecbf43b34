import { and, asc, desc, eq, gt, gte, inArray, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { GrantKind } from '../domain/burndown.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Database } from './client.ts';
import type { Page } from './paging.ts';
import { type Listed, listBelow } from './reading/lists.ts';
import { entries } from './schema.ts';

// The ledger's entries in the order of their primary key in each month.

/** A row of `entries`. */
type EntryRow = typeof entries.$inferSelect;
type Kind = EntryRow['kind'];
/** An entry with the feature of its usage or hold, if that has only one. */
export type EntryWithFeature = EntryRow & { feature: string | null };
/** An entry with the kind of its grant. */
export type ActivityRow = EntryWithFeature & { grantKind: GrantKind };

/** The kinds without an index, which every spend would have to write. */
const SPENT: readonly Kind[] = ['debit', 'capture'];
/** The entries that are searched for a page of these kinds. */
const ENTRIES_LOOKED_THROUGH = 10_000;

// Looked up for the rows of a page only: the planner might turn a join into a walk over all usages.
const FEATURE = sql<string | null>`(
  select case when min(l->>'feature') = max(l->>'feature') then min(l->>'feature') end
  from json_array_elements(coalesce(
    (select answer->'lines' from usages u where u.subscription_id = entries.subscription_id and u.id = entries.usage_id),
    (select answer->'lines' from holds h where h.subscription_id = entries.subscription_id and h.id = entries.hold_id))) l)`;
const GRANT_KIND = sql<GrantKind>`(
  select g.kind from grants g where g.subscription_id = entries.subscription_id and g.id = entries.grant_id)`;

/** One of the newest entries. */
export type RecentEntry = Pick<ActivityRow, 'kind' | 'feature' | 'grantKind' | 'credits' | 'balanceAfter'> & {
  at: Instant;
};

/** The newest entries of a row of `ledgers`, as one value; the placeholder `recent` says how many. */
export const NEWEST_ENTRIES = sql<RecentEntry[]>`(
  select coalesce(json_agg(json_build_object('kind', kind, 'feature', ${FEATURE}, 'grantKind', ${GRANT_KIND},
    'credits', credits, 'balanceAfter', balance_after, 'at', ms(effective_at)) order by seq desc), '[]')
  from (select * from entries where subscription_id = ledgers.subscription_id order by seq desc limit ${sql.placeholder('recent')}) entries)`;

const ENTRIES = {
  name: 'entries',
  table: entries,
  by: [entries.seq],
  more: { feature: FEATURE.as('feature') },
};

/** One page of a ledger's entries, and one row more; null for an unknown subscription. */
export const listEntries = (db: Database, id: string, page: Page): Promise<Listed<EntryWithFeature> | null> =>
  listBelow(db, id, ENTRIES, page);

/** One page of a wallet's activity. */
export interface Activity {
  rows: ActivityRow[];
  /** The entry before which the next page begins; null at the end. */
  next: number | null;
}

/** The page of activity to read. */
interface WantedActivity {
  /** The kinds of entries; null: all. */
  kinds: readonly Kind[] | null;
  before: number;
  limit: number;
}

/**
 * Entries before one, newest first, so that the running balance is continuous. A page of spends may be short before the
 * end.
 */
export async function listActivity(db: Database, id: string, wanted: WantedActivity): Promise<Activity> {
  const { kinds, before, limit } = wanted;
  const reading: EntriesWanted = { kinds, order: 'desc', after: before, limit };
  return read(db, id, reading, async (where, by, most) => {
    const rows = await db
      .select({ entry: entries, feature: FEATURE, grantKind: GRANT_KIND })
      .from(entries)
      .where(where)
      .orderBy(by)
      .limit(most);
    return rows.map(({ entry, feature, grantKind }) => ({ ...entry, feature, grantKind }));
  });
}

interface EntriesWanted {
  kinds: readonly Kind[] | null;
  order: 'asc' | 'desc';
  /** The entry after which the page begins. */
  after: number;
  limit: number;
}

/** A page of entries of some kinds, and the entry after which the next one begins. */
async function read<Row extends { seq: number }>(
  db: Database,
  id: string,
  { kinds, order, after, limit }: EntriesWanted,
  rowsOf: (where: SQL | undefined, by: SQL, most: number) => PromiseLike<Row[]>,
): Promise<{ rows: Row[]; next: number | null }> {
  const isAscending = order === 'asc';
  const isSpent = kinds?.some((kind) => SPENT.includes(kind)) === true;
  // Entries are numbered without gaps, so the searched ones are a range of the primary key.
  const until = after + (isAscending ? 1 : -1) * ENTRIES_LOOKED_THROUGH;
  const those =
    kinds && !isSpent
      ? await ofKinds(db, id, kinds, { order, after, limit: limit + 1 })
      : and(
          isAscending ? gt(entries.seq, after) : lt(entries.seq, after),
          isSpent ? (isAscending ? lte(entries.seq, until) : gte(entries.seq, until)) : undefined,
          kinds ? inArray(entries.kind, [...kinds]) : undefined,
        );
  const found = await rowsOf(
    and(eq(entries.subscriptionId, id), those),
    isAscending ? asc(entries.seq) : desc(entries.seq),
    limit + 1,
  );
  const rows = found.slice(0, limit);
  if (found.length > limit) return { rows, next: rows.at(-1)!.seq };
  return { rows, next: isSpent && (await hasEntry(db, id, until)) ? until : null };
}

/** A page of some kinds: one range of the index for each, then these entries in the months of their recording. */
async function ofKinds(
  db: Database,
  id: string,
  kinds: readonly Kind[],
  { order, after, limit }: Omit<EntriesWanted, 'kinds'>,
): Promise<SQL | undefined> {
  const beyond = order === 'asc' ? sql`seq > ${after}::bigint` : sql`seq < ${after}::bigint`;
  const page = sql`order by seq ${sql.raw(order)} limit ${limit}`;
  const ranges = kinds.map(
    (kind) => sql`(
      select seq, recorded_at from entries where subscription_id = ${id} and kind = ${kind} and ${beyond} ${page})`,
  );
  const rows = await db.execute<{ seq: string; at: string }>(
    sql`select seq, ms(recorded_at) as at from (${sql.join(ranges, sql` union all `)}) x ${page}`,
  );
  if (rows.length === 0) return sql`false`;
  const instants = rows.map(({ at }) => Number(at));
  return and(
    inArray(
      entries.seq,
      rows.map(({ seq }) => Number(seq)),
    ),
    gte(entries.recordedAt, new Date(Math.min(...instants))),
    lte(entries.recordedAt, new Date(Math.max(...instants))),
  );
}

/** Whether the ledger has this entry: a page never goes on from a missing one. */
export async function hasEntry(db: Database, id: string, seq: number): Promise<boolean> {
  const rows = await db
    .select({ seq: entries.seq })
    .from(entries)
    .where(and(eq(entries.subscriptionId, id), eq(entries.seq, seq)));
  return rows.length > 0;
}

/** The rows of one statement. They are held in memory, and read in vain for a reader who leaves. */
const ROWS_A_STATEMENT = 500;

/** The columns of the CSV, as the members of an entry. */
const CSV = {
  id: sql`'ent_' || substr(entries.subscription_id, 5) || '_' || entries.seq`,
  seq: sql`entries.seq`,
  kind: sql`entries.kind`,
  credits: sql`entries.credits`,
  grant_id: sql`entries.grant_id`,
  balance_after: sql`entries.balance_after`,
  effective_at: sql`iso(entries.effective_at)`,
  recorded_at: sql`iso(entries.recorded_at)`,
  usage_id: sql`entries.usage_id`,
  hold_id: sql`entries.hold_id`,
  feature: FEATURE,
} satisfies Record<string, SQL>;

/** The first line of the CSV. */
export const CSV_HEAD = Object.keys(CSV).join(',');

/**
 * One line of CSV, made by the database: a million rows as objects would block the API's one thread. No cell can start a
 * formula or needs quotes: cells are ids, kinds, numbers, instants and names of the rate card.
 */
const CSV_LINE = sql<string>`concat(${sql.join(Object.values(CSV), sql`, ',', `)})`;

/** The entries of a CSV. */
interface AllEntries {
  order: 'asc' | 'desc';
  /** The newest entry of the CSV, so that it ends while the ledger goes on. */
  newest: number;
  kinds: readonly Kind[] | null;
}

/**
 * All entries of a ledger as lines of CSV, in pages. One statement reads each page when it is pulled, so that a slow reader
 * holds no connection, and nothing is read for a reader who has left.
 */
export async function* csvLines(
  db: Database,
  id: string,
  { order, newest, kinds }: AllEntries,
): AsyncGenerator<string[]> {
  for (let after: number | null = order === 'asc' ? 0 : newest + 1; after !== null; ) {
    const reading: EntriesWanted = { kinds, order, after, limit: ROWS_A_STATEMENT };
    const { rows, next } = await read(db, id, reading, (where, by, most) =>
      db.select({ seq: entries.seq, line: CSV_LINE }).from(entries).where(where).orderBy(by).limit(most),
    );
    after = next !== null && next < newest ? next : null;
    yield rows.filter(({ seq }) => seq <= newest).map(({ line }) => line);
  }
}
