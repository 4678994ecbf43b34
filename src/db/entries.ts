import { and, desc, eq, gte, inArray, lt, sql } from 'drizzle-orm';
import type { GrantKind } from '../domain/burndown.ts';
import type { Database } from './client.ts';
import { type Page, paged } from './paging.ts';
import { entries, type UsageAnswer } from './schema.ts';

// The ledger's entries in the order of the ledger, which is that of their primary key in each month.

export type EntryRow = typeof entries.$inferSelect;
/** An entry with the feature of its usage or hold, where that had only one. */
export type EntryWithFeature = EntryRow & { feature: string | null };
export type ActivityRow = EntryWithFeature & { grantKind: GrantKind };

/** Rows read by one statement on the way through all: held in memory, and read in vain for a reader who leaves. */
const ROWS_A_STATEMENT = 1_000;

/** No index is kept of these, or every spend would write it. */
const SPENT: readonly EntryRow['kind'][] = ['debit', 'capture'];
/** So this many entries are looked through for a page of them. */
const ENTRIES_LOOKED_THROUGH = 10_000;

// Of the page's rows alone: a join might be planned as a walk over all usages.
const LINES = sql<UsageAnswer['lines'] | null>`coalesce(
  (select answer->'lines' from usages u where u.subscription_id = entries.subscription_id and u.id = entries.usage_id),
  (select answer->'lines' from holds h where h.subscription_id = entries.subscription_id and h.id = entries.hold_id))`;
const GRANT_KIND = sql<GrantKind>`(
  select g.kind from grants g where g.subscription_id = entries.subscription_id and g.id = entries.grant_id)`;

export async function listEntries(db: Database, id: string, page: Page): Promise<EntryWithFeature[]> {
  const { where, order, limit } = paged([entries.seq], page);
  const rows = await db
    .select({ entry: entries, lines: LINES })
    .from(entries)
    .where(and(eq(entries.subscriptionId, id), where))
    .orderBy(...order)
    .limit(limit);
  return rows.map(({ entry, lines }) => ({ ...entry, feature: onlyFeature(lines ?? []) }));
}

export interface Activity {
  rows: ActivityRow[];
  /** The next page is before this entry; null at the end. */
  next: number | null;
}

export interface WantedActivity {
  /** null: all. */
  kinds: readonly EntryRow['kind'][] | null;
  before: number;
  limit: number;
}

/** Entries before one, newest first, so that the running balance runs. A page of what was spent may be short before the end. */
export async function listActivity(db: Database, id: string, wanted: WantedActivity): Promise<Activity> {
  const { kinds, before, limit } = wanted;
  const isSpent = kinds?.some((kind) => SPENT.includes(kind)) === true;
  // Entries are numbered without gaps: what is looked through is a range of the primary key.
  const from = before - (isSpent ? ENTRIES_LOOKED_THROUGH : limit + 1);
  const those =
    kinds && !isSpent
      ? inArray(entries.seq, await seqsOf(db, id, { kinds, before, limit: limit + 1 }))
      : and(
          lt(entries.seq, before),
          gte(entries.seq, from),
          kinds ? inArray(entries.kind, [...kinds]) : undefined,
        );
  const found = await db
    .select({ entry: entries, grantKind: GRANT_KIND, lines: LINES })
    .from(entries)
    .where(and(eq(entries.subscriptionId, id), those))
    .orderBy(desc(entries.seq))
    .limit(limit + 1);
  const rows = found
    .slice(0, limit)
    .map(({ entry, grantKind, lines }) => ({ ...entry, grantKind, feature: onlyFeature(lines ?? []) }));
  if (found.length > limit) return { rows, next: rows.at(-1)!.seq };
  return { rows, next: isSpent && (await hasEntry(db, id, from - 1)) ? from : null };
}

/** The newest entries of some kinds before one: a range of the index for each kind. */
async function seqsOf(
  db: Database,
  id: string,
  { kinds, before, limit }: { kinds: readonly string[]; before: number; limit: number },
): Promise<number[]> {
  const ranges = kinds.map(
    (
      kind,
    ) => sql`(select seq from entries where subscription_id = ${id} and kind = ${kind} and seq < ${before}::bigint
      order by seq desc limit ${limit})`,
  );
  const rows = await db.execute<{ seq: string }>(
    sql`${sql.join(ranges, sql` union all `)} order by seq desc limit ${limit}`,
  );
  return rows.map(({ seq }) => Number(seq));
}

function onlyFeature(lines: readonly { feature: string }[]): string | null {
  const [first, ...rest] = lines;
  return first && rest.every(({ feature }) => feature === first.feature) ? first.feature : null;
}

/** Whether the ledger has this entry: a page never goes on from one that is not there. */
export async function hasEntry(db: Database, id: string, seq: number): Promise<boolean> {
  const rows = await db
    .select({ seq: entries.seq })
    .from(entries)
    .where(and(eq(entries.subscriptionId, id), eq(entries.seq, seq)));
  return rows.length > 0;
}

export interface AllEntries {
  order: 'asc' | 'desc';
  /** The newest entry that counts: a ledger that is being written comes to an end all the same. */
  newest: number;
  kinds: readonly EntryRow['kind'][] | null;
}

/**
 * All entries of a ledger, in pages: each is read by a statement of its own when it is pulled, so that a slow reader holds no
 * connection, and nothing is read for one who has left.
 */
export async function* allEntries(
  db: Database,
  id: string,
  { order, newest, kinds }: AllEntries,
): AsyncGenerator<EntryWithFeature[]> {
  if (kinds === null) {
    let after = order === 'asc' ? 0 : newest + 1;
    for (let more = true; more; ) {
      const page = { limit: ROWS_A_STATEMENT, order, after: [after] };
      const rows = await listEntries(db, id, page);
      const those = rows.slice(0, ROWS_A_STATEMENT).filter(({ seq }) => seq <= newest);
      more = rows.length > ROWS_A_STATEMENT && those.length === ROWS_A_STATEMENT;
      after = those.at(-1)?.seq ?? after;
      yield those;
    }
    return;
  }
  for (let before: number | null = newest + 1; before !== null; ) {
    const { rows, next }: Activity = await listActivity(db, id, { kinds, before, limit: ROWS_A_STATEMENT });
    before = next;
    yield rows;
  }
}
