import { sql } from 'drizzle-orm';
import type { Database } from './client.ts';

// What the ledger needs done from time to time. Each may be done by any number at once, twice, or late.

/** A worker may be away this long before a month has no table for its entries. */
const MONTHS_AHEAD = 6;

/** Makes the months of entries ahead that are not there yet. */
export async function keepMonths(db: Database): Promise<void> {
  await db.execute(sql`select keep_months(now(), now() + make_interval(months => ${MONTHS_AHEAD}))`);
}

/** releases what is overdue of up to so many subscriptions, the longest overdue first. */
export async function relayDeadlines(db: Database, limit: number): Promise<void> {
  await db.execute(sql`select relay_deadlines(${limit})`);
}

/** Tells of expiries that are near, of up to so many subscriptions, the longest overdue first. */
export async function relayNotices(db: Database, limit: number): Promise<void> {
  await db.execute(sql`select relay_notices(${limit})`);
}
