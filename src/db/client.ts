import type { SQL } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema.ts';

/** The ledger's database: Drizzle over postgres.js. */
export type Database = PostgresJsDatabase<typeof schema> & { $client: postgres.Sql };

/** Sees each statement from outside: for metrics and traces. */
export interface StatementWatch {
  /** A statement begins; `name` is the SQL function that it calls, or `other`. Answers a function for its end. */
  began(name: string): (hasFailed: boolean) => void;
}

/** The options of `connect`. */
interface DatabaseOptions {
  /** The most connections. A statement waits for a free one. */
  max?: number;
  /** A statement that takes longer is cancelled. */
  statementTimeoutMs?: number;
  watch?: StatementWatch | undefined;
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
  { max = 10, statementTimeoutMs = STATEMENT_TIMEOUT_MS, watch }: DatabaseOptions = {},
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
      onclose: () => giveUp(client),
      connection: { application_name: 'drawdown', statement_timeout: statementTimeoutMs },
    });
    const { end } = pool;
    pool.end = (options) => {
      isOver = true;
      return end(options);
    };
    const client = watch ? watched(pool, watch) : pool;
    return drizzle(client, { schema });

    function giveUp(lost: postgres.Sql): void {
      if (isOver || current.$client !== lost) return;
      current = open();
      void end({ timeout: LAST_ANSWERS_WITHIN });
    }
  }
}

/** The functions of src/db/functions that are called by themselves. */
export const CALLED_FUNCTIONS = [
  ...['spend_batch', 'read_subscriptions', 'book_step', 'prepare', 'snapshot', 'balance_at'],
  ...['refund_charge', 'ask_refund', 'release_overdue', 'relay_deadlines', 'relay_notices', 'keep_months'],
  ...['give_up_step', 'note_failure', 'advance_ended'],
  ...['grant_batch_item', 'end_batch_item', 'finish_grant_batch'],
  ...['unsealed_ledgers', 'seal_ledgers'],
];
const CALLED = new RegExp(`\\b(${CALLED_FUNCTIONS.join('|')})\\(`);

const names = new Map<string, string>();
/** Texts of statements are few: those of a list vary with its filters. */
const MOST_NAMES = 1_000;

/** The SQL function that a statement calls, or `other`. */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = CALLED.exec(text)?.[1] ?? 'other';
  if (names.size < MOST_NAMES) names.set(text, name);
  return name;
}

/** A pool that reports its statements. Their results and errors pass unchanged. It makes no fragments of statements. */
function watched(pool: postgres.Sql, watch: StatementWatch): postgres.Sql {
  const seen = <Q extends PromiseLike<unknown>>(text: string, query: Q): Q => {
    const ended = watch.began(nameOf(text));
    query.then(
      () => ended(false),
      () => ended(true),
    );
    return query;
  };
  const unsafe = (text: string, ...rest: unknown[]) =>
    seen(text, (pool.unsafe as (...args: unknown[]) => postgres.PendingQuery<postgres.Row[]>)(text, ...rest));
  return new Proxy(pool, {
    apply(target, _, args: [TemplateStringsArray, ...unknown[]]) {
      const query = Reflect.apply(target, undefined, args);
      return Array.isArray(args[0]) && 'raw' in args[0] ? seen(args[0][0]!, query) : query;
    },
    get: (target, name) => (name === 'unsafe' ? unsafe : Reflect.get(target, name)),
  });
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
