import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema.ts';

export type Database = PostgresJsDatabase<typeof schema> & { $client: postgres.Sql };

export interface DatabaseOptions {
  /** Connections; a statement waits for a free one. */
  max?: number;
}

/**
 * A pool of connections to the ledger. No transaction of several statements is opened on it: the driver goes on
 * over another connection when a backend dies in between, and would commit half (docs/architecture.md).
 */
export function connect(url: string, options: DatabaseOptions = {}): Database {
  const client = postgres(url, {
    max: options.max ?? 10,
    connect_timeout: 3,
    idle_timeout: 60,
    onnotice: () => {},
    connection: { application_name: 'drawdown', statement_timeout: 10_000 },
  });
  return drizzle(client, { schema });
}
