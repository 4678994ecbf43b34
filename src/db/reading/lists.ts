import { and, eq, getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Instant } from '../../domain/calendar.ts';
import type { Database } from '../client.ts';
import type { Page } from '../paging.ts';
import { ledgers } from '../schema.ts';
import { madeOnce } from './statements.ts';

// Lists below a subscription. One statement reads a page with the ledger's row beside it. So a list costs one round trip, and its
// rows are shown as of the instant at which they were read.

/** A page of a list below a subscription, and one row more, with its ledger at the same moment. */
export interface Listed<Row> {
  rows: Row[];
  /** The subscription's now: its test clock, or the database's clock. */
  now: Instant;
  /** R-12: nothing can be spent from this instant on; null while none is known. */
  endsAt: Instant | null;
  version: number;
  /** R-72: whether an open hold may be past its deadline. */
  isOverdue: boolean;
}

/** The subscription's now within the statement of a list. */
export const LIST_NOW = sql`clock.now`;

/** A column of the page within the statement of a list. */
export const ofPage = ({ name }: AnyPgColumn): SQL => sql`page.${sql.identifier(name)}`;

/** The subscription's id within the statement of a list. */
export const LIST_ID = sql.placeholder('id');

/** The rows to list. A list is made once: its statements are kept by its name. */
interface ListOf<T extends PgTable> {
  name: string;
  table: T & { subscriptionId: AnyPgColumn };
  /** The columns after the subscription's id in the index that orders the list. */
  by: readonly AnyPgColumn[];
  where?: SQL;
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

async function readList<T extends PgTable>(
  db: Database,
  id: string,
  list: ListOf<T>,
  page: Page,
): Promise<Listed<{ row: unknown; beside?: unknown }> | null> {
  const after = Object.fromEntries((page.after ?? []).map((value, i) => [`after${i}`, value]));
  const found = await statementOf(db, list, page).execute({ id, limit: page.limit + 1, ...after });
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

type Statement = ReturnType<typeof makeStatement>;

/** The statements of each pool. */
const statements = madeOnce(() => new Map<string, Statement>());

/** The statement of a list, made once. */
function statementOf<T extends PgTable>(db: Database, list: ListOf<T>, { order, after }: Page): Statement {
  const ofPool = statements(db);
  const name = `${list.name} ${order} ${after === null ? 'first' : 'next'}`;
  const statement = ofPool.get(name) ?? makeStatement(db, list, order, after !== null);
  ofPool.set(name, statement);
  return statement;
}

const HEAD = {
  now: sql<string>`ms(${LIST_NOW})`,
  endsAt: sql<string | null>`ms(${ledgers.endsAt})`,
  version: ledgers.seq,
  isOverdue: sql<boolean>`coalesce(${ledgers.nextDeadline} <= ${LIST_NOW}, false)`,
};
type Columns = typeof HEAD & Record<'row' | 'beside', SQL<unknown>>;

function makeStatement<T extends PgTable>(
  db: Database,
  { table, by, where, more = {}, beside }: ListOf<T>,
  order: Page['order'],
  isNext: boolean,
) {
  const rows = db
    .select({ ...getTableColumns(table as PgTable), ...more })
    .from(table as PgTable)
    .where(and(eq(table.subscriptionId, LIST_ID), where, isNext ? isBeyond(by, order) : undefined))
    .orderBy(...by.map((column) => sql`${column} ${sql.raw(order)}`))
    .limit(sql.placeholder('limit'))
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
  return (
    (one ? below.leftJoinLateral(one, sql`true`) : below)
      .where(eq(ledgers.subscriptionId, LIST_ID))
      .orderBy(...by.map((column) => sql`${ofPage(column)} ${sql.raw(order)}`))
      // The driver prepares it once a connection.
      .prepare('list')
  );
}

/** Whether a row comes after the page before. A cursor may hold any whole number (`paged`). */
function isBeyond(by: readonly AnyPgColumn[], order: Page['order']): SQL {
  const key = by.map((column, i) => {
    const value = sql.placeholder(`after${i}`);
    return column.dataType === 'number' ? sql`${value}::bigint` : sql`${value}::text`;
  });
  return sql`(${sql.join([...by], sql`, `)}) ${sql.raw(order === 'asc' ? '>' : '<')} (${sql.join(key, sql`, `)})`;
}
