import type { SQL } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema.ts';

export type Database = PostgresJsDatabase<typeof schema> & { $client: postgres.Sql };

export interface DatabaseOptions {
  /** Connections; a statement waits for a free one. */
  max?: number;
  /** A statement that takes longer is given up. */
  statementTimeoutMs?: number;
}

/** Callers wait for what the ledger does; nothing of it takes a second. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** How long what is under way on a pool that lost a connection may still take, in seconds. */
const LAST_ANSWERS_WITHIN = 1;

/**
 * The ledger's database, over a pool of connections that is given up as a whole when it loses one. postgres.js 3.4.9
 * forgets statements that it was handed between a connection's error and its close, and uses a connection again with
 * what it had not yet written before (test/faults/connections.test.ts); ending the pool answers the first and spares the
 * second. Nobody knows whether such a statement took effect: the caller is told so, and repeats with its key.
 *
 * No transaction of several statements is opened on it: the driver goes on over another connection when a backend
 * dies in between, and would commit half (docs/architecture.md).
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
      // A connection closes when it is lost, and only then.
      idle_timeout: 0,
      max_lifetime: null,
      // Its question after the types of arrays has nobody to catch its failure: a connection lost there ends the process.
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
 * What says that the database is away: postgres.js's words for a connection that is gone, the system's for a socket
 * that is, and PostgreSQL's classes for a connection failure (08), no room (53), coming and going (57); a ledger that was
 * kept locked for too long (55P03).
 */
const AWAY =
  /^(CONNECTION_|CONNECT_|ERR_SOCKET|ERR_STREAM|ECONN|ENOTFOUND|EPIPE|ETIMEDOUT|EHOST|ENET|08|53|57|55P03)/;

/** Whether an error says that the database does not answer now: worth another try, with the same key. */
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
