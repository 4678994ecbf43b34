import { and, eq, getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Instant } from '../../domain/calendar.ts';
import type { Database } from '../client.ts';
import { type Page, paged } from '../paging.ts';
import { ledgers } from '../schema.ts';

// Lists below a subscription. One statement reads a page with the ledger's row beside it. So a list costs one round trip, and its
// rows are shown as of the instant at which they were read.

/** A page of a list below a subscription, and one row more, with its ledger at the same moment. */
export interface Listed<Row> {
  rows: Row[];
  /** The subscription's now: its test clock, or the database's clock. */
  now: Instant;
  /** nothing can be spent from this instant on; null while none is known. */
  endsAt: Instant | null;
  version: number;
  /** whether an open hold may be past its deadline. */
  isOverdue: boolean;
}

/** The subscription's now within the statement of a list. */
export const LIST_NOW = sql`clock.now`;

/** A column of the page within the statement of a list. */
export const ofPage = ({ name }: AnyPgColumn): SQL => sql`page.${sql.identifier(name)}`;

/** The rows to list. */
interface ListOf<T extends PgTable> {
  table: T & { subscriptionId: AnyPgColumn };
  /** The columns after the subscription's id in the index that orders the list. */
  by: readonly AnyPgColumn[];
  where?: (SQL | undefined)[];
  /** More than the table's columns: values that are looked up for the rows of the page only. */
  more?: Record<string, SQL.Aliased>;
  /** A table with one row at most for each row of the page. */
  beside?: { table: PgTable; on: SQL | undefined };
}

/** One page of a list below a subscription; null for an unknown subscription. */
export async function listBelow<T extends PgTable, Row = T['$inferSelect']>(
  db: Database,
  id: string,
  list: ListOf<T>,
  page: Page,
): Promise<Listed<Row> | null> {
  const found = await readList(db, id, list, page);
  return found && { ...found, rows: found.rows.map(({ row }) => row as Row) };
}

/** The same with the row of the table beside it; null where there is none. */
export async function listBeside<T extends PgTable, Beside extends PgTable>(
  db: Database,
  id: string,
  list: ListOf<T> & { beside: { table: Beside } },
  page: Page,
): Promise<Listed<{ row: T['$inferSelect']; beside: Beside['$inferSelect'] | null }> | null> {
  const found = await readList(db, id, list, page);
  return found as Listed<{ row: T['$inferSelect']; beside: Beside['$inferSelect'] | null }> | null;
}

const HEAD = {
  now: sql<string>`ms(${LIST_NOW})`,
  endsAt: sql<string | null>`ms(${ledgers.endsAt})`,
  version: ledgers.seq,
  isOverdue: sql<boolean>`coalesce(${ledgers.nextDeadline} <= ${LIST_NOW}, false)`,
};
type Columns = typeof HEAD & Record<'row' | 'beside', SQL<unknown>>;

async function readList<T extends PgTable>(
  db: Database,
  id: string,
  { table, by, where = [], more = {}, beside }: ListOf<T>,
  page: Page,
): Promise<Listed<{ row: unknown; beside?: unknown }> | null> {
  const { where: keys, order, limit } = paged(by, page);
  const rows = db
    .select({ ...getTableColumns(table as PgTable), ...more })
    .from(table as PgTable)
    .where(and(eq(table.subscriptionId, id), ...where, keys))
    .orderBy(...order)
    .limit(limit)
    .as('page');
  // Looked up by its key for each row of the page, however many rows its table has of this subscription.
  const one = beside && db.select().from(beside.table).where(beside.on).limit(1).as('beside');
  // Drizzle knows no types for columns that are chosen while it runs.
  const columns = {
    ...{ ...HEAD, row: rows._.selectedFields },
    ...(one ? { beside: one._.selectedFields } : {}),
  } as unknown as Columns;
  const below = db
    .select(columns)
    .from(ledgers)
    .crossJoinLateral(sql`(select ledger_now(${ledgers.testClock}) as now) clock`)
    .leftJoinLateral(rows, sql`true`)
    .$dynamic();
  const found = await (one ? below.leftJoinLateral(one, sql`true`) : below)
    .where(eq(ledgers.subscriptionId, id))
    .orderBy(...by.map((column) => sql`${ofPage(column)} ${sql.raw(page.order)}`))
    // The driver prepares the statement once a connection.
    .prepare('list')
    .execute();
  const [first] = found;
  if (!first) return null;
  return {
    rows: found.filter(({ row }) => row !== null),
    now: Number(first.now),
    endsAt: first.endsAt === null ? null : Number(first.endsAt),
    version: first.version,
    isOverdue: first.isOverdue,
  };
}
