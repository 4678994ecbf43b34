import { sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { MONEY_BACK } from './inbox.ts';

/** Whether rows of a kind may wait for the relay. Rows that another relay has claimed, or that were refused, count too. */
export type WaitingRows = Record<
  'deadlines' | 'notices' | 'messages' | 'money' | 'events' | 'deliveries',
  boolean
>;

/** Looks for rows of all kinds, each by its index of waiting rows: one statement instead of a claim for each. */
export async function readWaiting(db: Database): Promise<WaitingRows> {
  const [row] = await db.execute<WaitingRows>(sql`select
    exists (select from holds where status = 'held' and live and deadline <= clock_timestamp()) as deadlines,
    exists (select from ledgers where next_notice <= clock_timestamp() and test_clock is null) as notices,
    exists (select from inbox where relayed_at is null and kind <> ${MONEY_BACK}) as messages,
    exists (select from inbox where relayed_at is null and kind = ${MONEY_BACK}) as money,
    exists (select from events where relayed_at is null) as events,
    exists (select from deliveries where started_at is null) as deliveries`);
  return row!;
}
