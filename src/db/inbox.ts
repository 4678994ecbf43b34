import { and, eq, lte, sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { inbox, ledgers } from './schema.ts';

export interface InboxMessage {
  provider: string;
  /** The provider's own id of the event: a second delivery is not stored. */
  eventId: string;
  /** Empty where it names none. */
  subscriptionId: string;
  kind: string;
  payload: Record<string, unknown>;
}

/** Why a message is kept and goes to no workflow. */
export type PutAside = 'ignored' | 'unknown' | 'superseded' | 'mismatched';

/** Stores a message from billing; false when it was here before. One that is put aside is not relayed. */
export async function receive(
  db: Database,
  message: InboxMessage,
  putAside: PutAside | null = null,
): Promise<boolean> {
  const relayedAt = putAside && sql`clock_timestamp()`;
  const rows = await db
    .insert(inbox)
    .values({ ...message, outcome: putAside, relayedAt })
    .onConflictDoNothing()
    .returning({ id: inbox.id });
  return rows.length > 0;
}

/** What became of a message; null while it waits, undefined where it never came. */
export async function outcomeOf(
  db: Database,
  provider: string,
  eventId: string,
): Promise<string | null | undefined> {
  const [row] = await db
    .select({ outcome: inbox.outcome })
    .from(inbox)
    .where(and(eq(inbox.provider, provider), eq(inbox.eventId, eventId)));
  return row?.outcome;
}

/** Kinds of messages that are booked by the ledger itself, also when the workflow is long over. */
export const MONEY_BACK = 'moneyBack';

export interface Claimed {
  id: number;
  subscription_id: string;
  kind: string;
  payload: Record<string, unknown>;
}

/** Claims messages to relay, oldest first, for 30 s: a relay that dies leaves them to the next. */
export async function claimMessages(db: Database, limit: number): Promise<Claimed[]> {
  const rows = await db.execute<Claimed & Record<string, unknown>>(sql`
    update inbox set claimed_until = clock_timestamp() + interval '30 seconds'
    where id in (
      select id from inbox
      where relayed_at is null and (claimed_until is null or claimed_until < clock_timestamp())
      order by id limit ${limit} for update skip locked)
    returning id::int, subscription_id, kind, payload`);
  return [...rows].sort((a, b) => a.id - b.id);
}

/** Marks a message relayed: only after the call to Temporal returned, so nothing is lost in between. */
export async function markRelayed(db: Database, id: number, outcome: string): Promise<void> {
  await db.update(inbox).set({ relayedAt: sql`clock_timestamp()`, outcome }).where(eq(inbox.id, id));
}

/** Has a message come again: soon while it is young, then every 30 s, as what it waits for may take days. */
export async function postpone(db: Database, id: number): Promise<void> {
  const age = sql`clock_timestamp() - received_at`;
  const claimedUntil = sql`clock_timestamp() + least(${age}, interval '30 seconds')`;
  await db.update(inbox).set({ claimedUntil }).where(eq(inbox.id, id));
}

/** Lets a message go back to the queue after a failed call. */
export async function unclaim(db: Database, id: number): Promise<void> {
  await db.update(inbox).set({ claimedUntil: null }).where(eq(inbox.id, id));
}

/**
 * Subscriptions whose workflow is behind its ledger: quiet for a second, or busy for thirty since it was last told.
 * They stay untold until `markTold`, and are claimed for 5 s: a relay that dies leaves them to the next.
 */
export async function claimUntold(db: Database, limit: number): Promise<string[]> {
  const rows = await db.execute<{ subscription_id: string }>(sql`
    update ledgers set told_at = clock_timestamp()
    where subscription_id in (
      select subscription_id from ledgers
      where untold and (touched_at < clock_timestamp() - interval '1 second'
                          and coalesce(told_at, '-infinity') < greatest(touched_at, clock_timestamp() - interval '5 seconds')
                        or coalesce(told_at, '-infinity') < clock_timestamp() - interval '30 seconds')
      order by touched_at limit ${limit} for update skip locked)
    returning subscription_id`);
  return rows.map((row) => row.subscription_id);
}

/** Marks a ledger told of a version, only after the call to Temporal returned; a spend in between leaves it untold. */
export async function markTold(db: Database, id: string, version: number): Promise<void> {
  await db
    .update(ledgers)
    .set({ untold: false })
    .where(and(eq(ledgers.subscriptionId, id), lte(ledgers.seq, version)));
}
