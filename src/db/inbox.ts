import { and, eq, sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { isOf, noFailure, type Round } from './failures.ts';
import { inbox } from './schema.ts';

/** A message from billing. */
export interface InboxMessage {
  provider: string;
  /** The provider's own id of the event: a second delivery is not stored. */
  eventId: string;
  /** Empty for an event of no subscription. */
  subscriptionId: string;
  kind: string;
  payload: Record<string, unknown>;
}

/** The reason why a message is kept and goes to no workflow. */
export type PutAside = 'ignored' | 'unknown' | 'superseded' | 'mismatched';

/** Stores a message from billing; false when it was stored before. A message that is put aside is not relayed. */
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

/** The outcome of a message; null while it waits, undefined when it never came. */
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

/** the kind of messages that the ledger books itself, also after the end of the workflow. */
export const MONEY_BACK = 'moneyBack';

/** Kinds that a later message undoes: those of one subscription are relayed in the order of arrival. */
const IN_ORDER = sql`('cancelled', 'planChanged')`;

/** A message that this relay has claimed. */
export interface Claimed {
  id: number;
  subscription_id: string;
  kind: string;
  payload: Record<string, unknown>;
}

const NAMED = { text: sql`i.id::text`, column: sql`i.id`, found: sql`f.key::bigint` };

/**
 * Claims messages to relay for 30 s, oldest first: when a relay dies, the next takes them. Refunds and disputes are claimed
 * apart from messages for workflows, because they wait for different servers.
 */
export async function claimMessages(
  db: Database,
  { of, round, limit }: { of: 'money' | 'workflows'; round: Round; limit: number },
): Promise<Claimed[]> {
  const rows = await db.execute<Claimed & Record<string, unknown>>(sql`
    update inbox set claimed_until = clock_timestamp() + interval '30 seconds'
    where id in (
      select i.id from inbox i
      where i.relayed_at is null and (i.claimed_until is null or i.claimed_until < clock_timestamp())
        and (i.kind = ${MONEY_BACK}) = ${of === 'money'} and ${isOf(round, 'message', NAMED)}
        and not (i.kind in ${IN_ORDER} and exists (
          select from inbox o where o.subscription_id = i.subscription_id and o.id < i.id and o.relayed_at is null and o.kind in ${IN_ORDER}))
      order by i.id limit ${limit} for update of i skip locked)
    returning id::int, subscription_id, kind, payload`);
  return [...rows].sort((a, b) => a.id - b.id);
}

/** Marks a message as relayed, only after the call to Temporal returned, so that none is lost in between. */
export async function markRelayed(db: Database, id: number, outcome: string): Promise<void> {
  await db.execute(sql`
    ${noFailure('message', String(id))} update inbox set relayed_at = clock_timestamp(), outcome = ${outcome} where id = ${id}`);
}

/** Lets a message come again: soon while it is young, then every 30 s, because the settlement it waits for may take days. */
export async function postpone(db: Database, id: number): Promise<void> {
  await db.execute(sql`
    ${noFailure('message', String(id))}
    update inbox set claimed_until = clock_timestamp() + least(clock_timestamp() - received_at, interval '30 seconds') where id = ${id}`);
}

/** Ends the claim of a message that was not relayed. */
export async function unclaim(db: Database, id: number): Promise<void> {
  await db.update(inbox).set({ claimedUntil: null }).where(eq(inbox.id, id));
}

const LEDGER = { text: sql`l.subscription_id`, column: sql`l.subscription_id`, found: sql`f.key` };

/** Seconds between two nudges of one subscription: while it rests now and then, and while it never does. */
const RESTING_EVERY = 60;
const BUSY_EVERY = 600;

/** When a nudge of a ledger is due. `quiet`: the seconds without a spend after which one may go out. */
const nudgeIsDue = {
  /** The workflow has to act. A claim lasts 5 s: when a relay dies, the next takes it. */
  urgent: () =>
    sql`l.nudge_now and coalesce(l.told_at, '-infinity') < clock_timestamp() - interval '5 seconds'`,
  /** It only has to be right some time. */
  resting: (quiet: number) => sql`l.workflow_behind and (
    l.touched_at < clock_timestamp() - ${quiet} * interval '1 second'
      and coalesce(l.told_at, '-infinity') < clock_timestamp() - ${Math.max(quiet, RESTING_EVERY)} * interval '1 second'
    or coalesce(l.told_at, '-infinity') < clock_timestamp() - ${Math.max(quiet, BUSY_EVERY)} * interval '1 second')`,
};

/** Claims subscriptions whose workflow is behind the ledger, and is to get a nudge. They stay behind until `markReported`. */
export async function claimUnreported(
  db: Database,
  {
    due,
    quietSeconds,
    round,
    limit,
  }: { due: keyof typeof nudgeIsDue; quietSeconds: number; round: Round; limit: number },
): Promise<string[]> {
  const rows = await db.execute<{ subscription_id: string }>(sql`
    update ledgers set told_at = clock_timestamp()
    where subscription_id in (
      select l.subscription_id from ledgers l
      where ${nudgeIsDue[due](quietSeconds)} and ${isOf(round, 'nudge', LEDGER)}
      order by l.touched_at limit ${limit} for update of l skip locked)
    returning subscription_id`);
  return rows.map((row) => row.subscription_id);
}

/** Ends the claim of a nudge that could not be sent. */
export async function unclaimUnreported(db: Database, id: string): Promise<void> {
  await db.execute(sql`update ledgers set told_at = null where subscription_id = ${id}`);
}

/**
 * Marks a ledger as reported up to a version, only after the call to Temporal returned. A spend in between leaves it
 * behind.
 */
export async function markReported(db: Database, id: string, version: number): Promise<void> {
  await db.execute(sql`
    ${noFailure('nudge', id)} update ledgers set workflow_behind = false, nudge_now = false where subscription_id = ${id} and seq <= ${version}`);
}

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
