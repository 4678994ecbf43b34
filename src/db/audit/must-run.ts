import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';

// Which subscriptions have a workflow that must be running: those that have not ended, and of the ended ones those with a
// payment on its way or credits still held.

const MUST_RUN = sql`(s.status <> 'ended' or jsonb_array_length(s.state->'waiting') > 0
  or exists (select from holds h where h.subscription_id = s.id and h.status = 'held'))`;

/** Ids in order, after one of them: a page at a time. */
export async function mustRun(db: Database, after: string, limit: number): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(
    sql`select s.id from subscriptions s where s.id > ${after} and ${MUST_RUN} order by s.id limit ${limit}`,
  );
  return rows.map(({ id }) => id);
}

export async function isToRun(db: Database, id: string): Promise<boolean> {
  const rows = await db.execute(sql`select from subscriptions s where s.id = ${id} and ${MUST_RUN}`);
  return rows.length > 0;
}

export async function countToRun(db: Database): Promise<number> {
  const [row] = await db.execute<{ n: string }>(
    sql`select count(*) as n from subscriptions s where ${MUST_RUN}`,
  );
  return Number(row!.n);
}

/** Some of them at random. */
export async function sampleToRun(db: Database, limit: number): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(
    sql`select s.id from subscriptions s where ${MUST_RUN} order by random() limit ${limit}`,
  );
  return rows.map(({ id }) => id);
}
