import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { callByTheClock } from '../ledger.ts';
import { grantBatches, grantBatchItems } from '../schema.ts';
import type { BatchItemRow } from './requests.ts';

// how a batch goes on: the relay claims it for its workflow, and the workflow's activity ends its items, each by one
// statement (src/db/functions/grant-batches.sql).

/** The next subscriptions of a batch without an outcome. */
export async function pendingItems(db: Database, batchId: string, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: grantBatchItems.subscriptionId })
    .from(grantBatchItems)
    .where(and(eq(grantBatchItems.batchId, batchId), eq(grantBatchItems.outcome, 'pending')))
    .orderBy(grantBatchItems.subscriptionId)
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Grants a batch's credits to one subscription, once; null when the batch is not running. */
export async function grantItem(
  db: Database,
  batchId: string,
  subscriptionId: string,
): Promise<BatchItemRow['outcome'] | null> {
  return callByTheClock(db, sql`select grant_batch_item(${batchId}, ${subscriptionId}) as answer`);
}

/** Skips one subscription of a batch, with a code. */
export async function skipItem(
  db: Database,
  batchId: string,
  subscriptionId: string,
  code: string,
): Promise<void> {
  await db.execute(sql`select end_batch_item(${batchId}, ${subscriptionId}, 'skipped', ${code})`);
}

/** Ends a batch that has no pending item, with its event, once. */
export async function finishBatch(db: Database, id: string): Promise<void> {
  await db.execute(sql`select finish_grant_batch(${id})`);
}

/** A running workflow without a signal for so long gets another, which starts it again where its Temporal was lost. */
const SIGNAL_EVERY = sql`interval '5 minutes'`;

/** Claims a running batch whose workflow is to be started or signalled; null when there is none. */
export async function claimBatch(db: Database): Promise<string | null> {
  const [row] = await db.execute<{ id: string }>(sql`
    update grant_batches set signalled_at = clock_timestamp()
    where id in (
      select id from grant_batches
      where state = 'running' and (signalled_at is null or signalled_at < clock_timestamp() - ${SIGNAL_EVERY})
      order by signalled_at nulls first limit 1 for update skip locked)
    returning id`);
  return row?.id ?? null;
}

/** Ends the claim of a batch whose workflow could not be signalled. */
export async function unclaimBatch(db: Database, id: string): Promise<void> {
  await db.update(grantBatches).set({ signalledAt: null }).where(eq(grantBatches.id, id));
}
