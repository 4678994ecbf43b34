import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';

// The subscriptions whose workflow must run: those that have not ended, and ended ones with a payment on its way or
// credits still held.

const MUST_RUN = sql`(s.status <> 'ended' or jsonb_array_length(s.state->'waiting') > 0
  or exists (select from holds h where h.subscription_id = s.id and h.status = 'held'))`;

/** One page of their ids, in order, after an id. */
export async function mustRun(db: Database, after: string, limit: number): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(
    sql`select s.id from subscriptions s where s.id > ${after} and ${MUST_RUN} order by s.id limit ${limit}`,
  );
  return rows.map(({ id }) => id);
}

/** Whether a subscription's workflow must run. */
export async function isToRun(db: Database, id: string): Promise<boolean> {
  const rows = await db.execute(sql`select from subscriptions s where s.id = ${id} and ${MUST_RUN}`);
  return rows.length > 0;
}

/** The number of subscriptions whose workflow must run. */
export async function countToRun(db: Database): Promise<number> {
  const [row] = await db.execute<{ n: string }>(
    sql`select count(*) as n from subscriptions s where ${MUST_RUN}`,
  );
  return Number(row!.n);
}

/** The ids of some of them at random. */
export async function sampleToRun(db: Database, limit: number): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(
    sql`select s.id from subscriptions s where ${MUST_RUN} order by random() limit ${limit}`,
  );
  return rows.map(({ id }) => id);
}
