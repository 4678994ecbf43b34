import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { ledgers } from '../schema.ts';

/**
 * A statement with placeholders that is made once for each pool: to make one costs as much CPU as all the rest of a small page. A
 * new pool (`connect`) needs its own.
 */
export function madeOnce<Statement>(make: (db: Database) => Statement): (db: Database) => Statement {
  const ofPools = new WeakMap<object, Statement>();
  return (db) => {
    const statement = ofPools.get(db.$client) ?? make(db);
    ofPools.set(db.$client, statement);
    return statement;
  };
}

/** A statement of values beside a row of `ledgers`; its placeholder `id` is the subscription. */
export const besideLedger = <Values extends Record<string, SQL<unknown>>>(name: string, values: Values) =>
  madeOnce((db) =>
    db
      .select(values)
      .from(ledgers)
      .where(eq(ledgers.subscriptionId, sql.placeholder('id')))
      // The driver prepares it once a connection.
      .prepare(name),
  );
