import type { SQL } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema.ts';

/** The ledger's database: Drizzle over postgres.js. */
export type Database = PostgresJsDatabase<typeof schema> & { $client: postgres.Sql };

/** The options of `connect`. */
interface DatabaseOptions {
  /** The most connections. A statement waits for a free one. */
  max?: number;
  /** A statement that takes longer is cancelled. */
  statementTimeoutMs?: number;
}

/** Callers wait for statements, and none of the ledger's takes a second. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** Seconds for the statements under way on a pool that lost a connection. */
const LAST_ANSWERS_WITHIN = 1;

/**
 * Opens the ledger's database over a pool of connections. The whole pool is given up when it loses one. postgres.js 3.4.9
 * forgets statements that arrive between a connection's error and its close. It also reuses a connection with text that it had
 * not written before (test/faults/connections.test.ts). Ending the pool answers the forgotten statements and prevents the
 * reuse. Nobody knows whether such a statement took effect: the caller gets 503, and repeats with its key.
 *
 * No transaction of several statements is opened on it. When a backend dies in between, the driver goes on over another
 * connection, and would commit half (docs/architecture.md).
 */
export function connect(
  url: string,
  { max = 10, statementTimeoutMs = STATEMENT_TIMEOUT_MS }: DatabaseOptions = {},
): Database {
  let isOver = false;
  let current = open();
  return new Proxy(current, { get: (_, name) => Reflect.get(current, name) });

  function open(): Database {
    const pool = postgres(url, {
      max,
      connect_timeout: 3,
      // A connection closes only when it is lost.
      idle_timeout: 0,
      max_lifetime: null,
      // The driver's query for array types handles no failure: a connection lost there would end the process.
      fetch_types: false,
      onnotice: () => {},
      onclose: () => giveUp(pool),
      connection: { application_name: 'drawdown', statement_timeout: statementTimeoutMs },
    });
    const { end } = pool;
    pool.end = (options) => {
      isOver = true;
      return end(options);
    };
    return drizzle(pool, { schema });

    function giveUp(lost: postgres.Sql): void {
      if (isOver || current.$client !== lost) return;
      current = open();
      void end({ timeout: LAST_ANSWERS_WITHIN });
    }
  }
}

/**
 * The error codes of a database that is away: postgres.js's codes for a lost connection, the system's for a lost socket,
 * and PostgreSQL's classes 08 (connection failure), 53 (no room), 57 (starting or stopping) and 55P03 (a ledger locked too
 * long).
 */
const AWAY =
  /^(CONNECTION_|CONNECT_|ERR_SOCKET|ERR_STREAM|ECONN|ENOTFOUND|EPIPE|ETIMEDOUT|EHOST|ENET|08|53|57|55P03)/;

/** Whether the database does not answer now: the caller may try again with the same key. */
export function isDatabaseAway(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, errors } = cause as Error & { code?: unknown; errors?: unknown };
    if (typeof code === 'string' && AWAY.test(code)) return true;
    // A connection that tears while postgres.js writes to it shows as the driver's own TypeError.
    if (cause instanceof TypeError && /[\\/]postgres[\\/](src|cjs)[\\/]/.test(cause.stack ?? '')) return true;
    // Node tries several addresses of a name and reports one error for each.
    if (Array.isArray(errors) && errors.some(isDatabaseAway)) return true;
  }
  return false;
}

/** Calls one SQL function and answers its one value, named `answer` in the query. */
export async function callFunction<T>(db: Database, query: SQL): Promise<T> {
  const [row] = await db.execute<{ answer: T }>(query);
  return row!.answer;
}
