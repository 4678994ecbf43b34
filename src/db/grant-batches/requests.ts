import { and, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { type Instant, iso } from '../../domain/calendar.ts';
import type { Database } from '../client.ts';
import type { CommandRef } from '../ledger.ts';
import { listOf, type Page, paged } from '../paging.ts';
import { type BatchFilter, grantBatches, grantBatchItems, subscriptions } from '../schema.ts';

// batches of grants as the API makes, reads, pauses and resumes them.

/** A row of `grant_batches`. */
export type BatchRow = typeof grantBatches.$inferSelect;
/** A row of `grant_batch_items`. */
export type BatchItemRow = typeof grantBatchItems.$inferSelect;

/** The subscriptions of a batch: by a filter, or by their ids. */
export type BatchTarget = { filter: BatchFilter } | { subscriptionIds: readonly string[] };

/** A batch to make. */
export interface NewBatch {
  id: string;
  target: BatchTarget;
  credits: number;
  expiresAt: Instant;
  reason: string;
}

const LIVE = ['trialing', 'active', 'past_due'];

function chosen(target: BatchTarget): SQL {
  if ('subscriptionIds' in target) return inArray(subscriptions.id, [...target.subscriptionIds]);
  const { plan, interval, status } = target.filter;
  return and(
    inArray(subscriptions.status, status === undefined ? LIVE : [status]),
    plan === undefined ? undefined : eq(subscriptions.plan, plan),
    interval === undefined ? undefined : eq(subscriptions.interval, interval),
  )!;
}

/** The number of subscriptions that a batch would have now. */
export async function countChosen(db: Database, target: BatchTarget): Promise<number> {
  return db.$count(subscriptions, chosen(target));
}

/** The ids of a list that belong to no subscription. */
export async function unknownOf(db: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .select({ id: subscriptions.id })
    .from(subscriptions)
    .where(inArray(subscriptions.id, [...ids]));
  const known = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !known.has(id));
}

/**
 * Makes a batch with an item for each of its subscriptions, and ends the command that asked for it, in one statement: a batch
 * whose caller got 503 does not exist. Makes nothing when the command was abandoned or had made it before.
 */
export async function makeBatch(db: Database, batch: NewBatch, ref: CommandRef): Promise<void> {
  const { id, target, credits, expiresAt, reason } = batch;
  const filter = 'filter' in target ? JSON.stringify(target.filter) : null;
  await db.execute(sql`
    with taken as (
      update commands set status = 'done'
      where scope = ${ref.scope} and operation = ${ref.operation} and key = ${ref.key} and attempt = ${ref.attempt}
        and status = 'pending' returning 1
    ), chosen as (
      select ${subscriptions.id} as id from ${subscriptions} where ${chosen(target)} and exists (select from taken)
    ), made as (
      insert into grant_batches (id, filter, credits, expires_at, reason, total)
      select ${id}, ${filter}::jsonb, ${credits}::bigint, ${iso(expiresAt)}::timestamptz, ${reason}, (select count(*) from chosen)
      from taken
    )
    insert into grant_batch_items (batch_id, subscription_id, grant_id)
    select ${id}, c.id, 'grt_' || split_part(c.id, '_', 2) || '_' || split_part(${id}, '_', 2) from chosen c`);
}

/** A batch; undefined when it does not exist. */
export async function readBatch(db: Database, id: string): Promise<BatchRow | undefined> {
  const [row] = await db.select().from(grantBatches).where(eq(grantBatches.id, id));
  return row;
}

/** One page of the batches, by id, and one row more. */
export function listBatches(db: Database, page: Page): Promise<BatchRow[]> {
  return listOf(db, grantBatches, [], [grantBatches.id], page);
}

/** One page of the items of a batch, by subscription, and one row more. */
export function listBatchItems(
  db: Database,
  batchId: string,
  outcome: BatchItemRow['outcome'] | undefined,
  page: Page,
): Promise<BatchItemRow[]> {
  const within = [
    [grantBatchItems.batchId, batchId] as const,
    ...(outcome === undefined ? [] : [[grantBatchItems.outcome, outcome] as const]),
  ];
  const { where, order, limit } = paged([grantBatchItems.subscriptionId], page, within);
  return db
    .select()
    .from(grantBatchItems)
    .where(where)
    .orderBy(...order)
    .limit(limit);
}

/** Pauses a running batch. It waits for the grant under way, and none comes after it. */
export async function pauseBatch(db: Database, id: string): Promise<void> {
  await db
    .update(grantBatches)
    .set({ state: 'paused' })
    .where(and(eq(grantBatches.id, id), eq(grantBatches.state, 'running')));
}

/** Lets a paused batch go on: the relay signals its workflow. */
export async function resumeBatch(db: Database, id: string): Promise<void> {
  await db
    .update(grantBatches)
    .set({ state: 'running', signalledAt: null })
    .where(and(eq(grantBatches.id, id), eq(grantBatches.state, 'paused')));
}
