import { and, asc, desc, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Database } from './client.ts';

// Pages by key. The columns that order a list are the end of an index that begins with the list's equality filters. So a page
// is a range of that index: it costs the same at every place of a list of any length.

/** The place of a row in its list: the values of the ordering columns. No two rows of a list share one. */
export type Key = readonly (string | number)[];

/** The page to read. */
export interface Page {
  limit: number;
  order: 'asc' | 'desc';
  /** The key of the last row of the page before. */
  after: Key | null;
}

/** The clauses of a page's statement. */
interface Paged {
  where: SQL | undefined;
  order: SQL[];
  /** One row more than asked: its presence means that another page follows. */
  limit: number;
}

/** The subject of a list: columns at the start of the index whose end orders it, and their values. */
export type Within = readonly (readonly [AnyPgColumn, string])[];

/**
 * Makes the clauses of a page. `within` is written as a range, not as an equality: for columns that equal a constant the
 * planner may choose another index with the same order, and walk through all rows of other lists.
 */
export function paged(
  columns: readonly AnyPgColumn[],
  { limit, order, after }: Page,
  within: Within = [],
): Paged {
  const [by, beyond] = order === 'asc' ? [asc, sql`>`] : [desc, sql`<`];
  const first = within.map(([column]) => column);
  const of = row(first);
  const is = row(within.map(([, value]) => value));
  const all = [...first, ...columns];
  const key = after && row([...within.map(([, value]) => value), ...after]);
  return {
    where: and(
      within.length > 0 ? sql`${of} >= ${is} and ${of} <= ${is}` : undefined,
      key ? sql`${row(all)} ${beyond} ${key}` : undefined,
    ),
    order: all.map((column) => by(column)),
    limit: limit + 1,
  };
}

/**
 * A cursor may hold any whole number. As a bigint PostgreSQL compares it with an integer column; as an integer it would
 * refuse it.
 */
const row = (values: readonly (AnyPgColumn | string | number)[]): SQL =>
  sql`(${sql.join(
    values.map((value) => (typeof value === 'number' ? sql`${value}::bigint` : sql`${value}`)),
    sql`, `,
  )})`;

/** The rows of a table that match, in the order of the columns. */
export async function listOf<T extends PgTable>(
  db: Database,
  table: T,
  where: (SQL | undefined)[],
  columns: readonly AnyPgColumn[],
  page: Page,
): Promise<T['$inferSelect'][]> {
  const { where: keys, order, limit } = paged(columns, page);
  const rows = await db
    .select()
    .from(table as PgTable)
    .where(and(...where, keys))
    .orderBy(...order)
    .limit(limit);
  return rows as T['$inferSelect'][];
}
