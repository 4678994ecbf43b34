import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../domain/calendar.ts';
import type { Database } from './client.ts';
import type { failures } from './schema.ts';

// Refused rows. Each is tried again at its own pace, and no other row waits for it.

/** A row of `failures`. */
type FailureRow = typeof failures.$inferSelect;

/** The name of a refused row. */
export interface FailureRef {
  kind: FailureRow['kind'];
  key: string;
  /** Empty for a row of no subscription. */
  subscriptionId: string;
}

/** PostgreSQL's texts hold no NUL. */
const textOf = (reason: string): string => reason.replaceAll('\0', '');

/** Records one more failure of a row, and the instant of its next try. */
export async function noteFailure(
  db: Database,
  { kind, key, subscriptionId }: FailureRef,
  reason: string,
): Promise<void> {
  await db.execute(sql`select note_failure(${kind}, ${key}, ${subscriptionId}, ${textOf(reason)})`);
}

/** Records how often a step of a subscription's workflow has failed. Temporal retries it, not the relay. */
export async function noteStepFailure(
  db: Database,
  id: string,
  attempts: number,
  reason: string,
): Promise<void> {
  await db.execute(sql`
    insert into failures (kind, key, subscription_id, attempts, reason, next_at)
    values ('step', ${id}, ${id}, ${attempts}, left(${textOf(reason)}, 500), clock_timestamp())
    on conflict (kind, key) do update set attempts = excluded.attempts, reason = excluded.reason, next_at = excluded.next_at`);
}

/** The rows to claim: `fresh` ones never failed, the others are tried `again`, in a loop of their own. */
export type Round = 'fresh' | 'again';

/** The condition that a row belongs to a round, by its key as text, and by the columns that its own index has. */
export function isOf(round: Round, kind: FailureRow['kind'], { text, column, found }: Named): SQL {
  return round === 'fresh'
    ? sql`not exists (select from failures f where f.kind = ${kind} and f.key = ${text})`
    : sql`${column} in (select ${found} from failures f where f.kind = ${kind} and f.next_at <= clock_timestamp())`;
}

interface Named {
  /** The key, as `failures` stores it. */
  text: SQL;
  column: SQL;
  /** The values of `column`, made from `f.key`. */
  found: SQL;
}

/** The start of a statement that marks a row as done: it removes the row's failure. */
export const noFailure = (kind: FailureRow['kind'], key: string): SQL =>
  sql`with mended as (delete from failures where kind = ${kind} and key = ${key})`;

/** Temporal retries a step every ten seconds, so a failure without news for longer is over. */
export const STEP_RECENT = sql`(f.kind <> 'step' or f.next_at > clock_timestamp() - interval '5 minutes')`;

/** A refused row for lists. */
export interface RefusedRow extends Omit<FailureRow, 'since' | 'nextAt'> {
  since: Instant;
  nextAt: Instant;
  /** For a message: the provider, the event and its kind. */
  says: string | null;
}

/** The rows that are refused now, the most often tried first, and their number. */
export async function listRefused(
  db: Database,
  limit: number | null,
): Promise<{ rows: RefusedRow[]; count: number }> {
  const rows = await db.execute<RefusedRow & { count: string } & Record<string, unknown>>(sql`
    select f.kind, f.key, f.subscription_id as "subscriptionId", f.attempts, f.reason, ms(f.since)::float as since, ms(f.next_at)::float as "nextAt",
      i.provider || ' ' || i.event_id || ': ' || i.kind as says, count(*) over () as count
    from failures f left join inbox i on f.kind = 'message' and i.id::text = f.key
    where ${STEP_RECENT} order by f.attempts desc, f.since limit ${limit}`);
  return { rows: rows.map(({ count: _, ...row }) => row), count: Number(rows[0]?.count ?? 0) };
}

/** Removes the failure of a row that succeeded in another way. */
export async function dropFailure(
  db: Database,
  { kind, key }: Omit<FailureRef, 'subscriptionId'>,
): Promise<void> {
  await db.execute(sql`delete from failures where kind = ${kind} and key = ${key}`);
}

/** Makes the relay try refused rows at once: all, or some by kind and key. Answers how many. */
export async function retryNow(
  db: Database,
  some: Pick<FailureRow, 'kind' | 'key'>[] | null = null,
): Promise<number> {
  const which =
    some === null
      ? sql`true`
      : sql`(kind, key) in (${sql.join(
          some.map(({ kind, key }) => sql`(${kind}, ${key})`),
          sql`, `,
        )})`;
  const { count } = await db.execute(
    sql`update failures set next_at = clock_timestamp() where kind <> 'step' and ${which}`,
  );
  return count;
}

/**
 * Drops a refused message of billing: it is kept as `dropped`, and goes to no workflow. False when it is not refused, or
 * was relayed.
 */
export async function dropMessage(db: Database, id: number): Promise<boolean> {
  const { count } = await db.execute(sql`
    with refused as (delete from failures where kind = 'message' and key = ${String(id)} returning 1)
    update inbox set relayed_at = clock_timestamp(), outcome = 'dropped'
    where id = ${id} and relayed_at is null and exists (select from refused)`);
  return count > 0;
}

/** Removes failures that nothing tries again: their object was deleted, or done otherwise. */
export async function dropStaleFailures(db: Database): Promise<void> {
  await db.execute(sql`delete from failures where next_at < clock_timestamp() - interval '1 day'`);
}
