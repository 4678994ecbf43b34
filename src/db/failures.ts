import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../domain/calendar.ts';
import type { Database } from './client.ts';
import type { failures } from './schema.ts';

// Rows that were refused: each is tried again at its own pace, and no other waits for it.

export type FailureRow = typeof failures.$inferSelect;

/** Names a row that was refused. */
export interface FailureRef {
  kind: FailureRow['kind'];
  key: string;
  /** Empty where it is of none. */
  subscriptionId: string;
}

/** PostgreSQL's texts hold no NUL. */
const textOf = (reason: string): string => reason.replaceAll('\0', '');

/** Puts one more failure of a row on record, and when it is tried again. */
export async function noteFailure(
  db: Database,
  { kind, key, subscriptionId }: FailureRef,
  reason: string,
): Promise<void> {
  await db.execute(sql`select note_failure(${kind}, ${key}, ${subscriptionId}, ${textOf(reason)})`);
}

/** Puts on record how often a step of a subscription's workflow has failed; Temporal tries it again, not the relay. */
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

/** Which rows to claim: `fresh` ones have not failed yet, the others are tried `again`, with places of their own. */
export type Round = 'fresh' | 'again';

/** The condition that a row is of a turn, by its key as text and as what its own index finds it by. */
export function isOf(round: Round, kind: FailureRow['kind'], { text, column, found }: Named): SQL {
  return round === 'fresh'
    ? sql`not exists (select from failures f where f.kind = ${kind} and f.key = ${text})`
    : sql`${column} in (select ${found} from failures f where f.kind = ${kind} and f.next_at <= clock_timestamp())`;
}

interface Named {
  /** The key, as `failures` has it. */
  text: SQL;
  column: SQL;
  /** What `column` is, made of `f.key`. */
  found: SQL;
}

/** To be put before the statement that marks a row as done: it is no failure any more. */
export const noFailure = (kind: FailureRow['kind'], key: string): SQL =>
  sql`with mended as (delete from failures where kind = ${kind} and key = ${key})`;

/** A step that fails is tried every ten seconds: one of which nobody has heard for longer is over. */
const STEP_RECENT = sql`(f.kind <> 'step' or f.next_at > clock_timestamp() - interval '5 minutes')`;

export interface RefusedRow extends Omit<FailureRow, 'since' | 'nextAt'> {
  since: Instant;
  nextAt: Instant;
  /** Of a message: who said it, and what. */
  says: string | null;
}

/** What is refused now, the most often tried first, and how many there are. */
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

/** What has come right in another way is no failure any more. */
export async function dropFailure(
  db: Database,
  { kind, key }: Omit<FailureRef, 'subscriptionId'>,
): Promise<void> {
  await db.execute(sql`delete from failures where kind = ${kind} and key = ${key}`);
}

/** Has every row that was refused tried again at once: all, or some by kind and key. Answers how many. */
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

/** Gives a refused message of billing up: it is kept as `dropped`, and goes to no workflow. False when it is none, or was relayed. */
export async function dropMessage(db: Database, id: number): Promise<boolean> {
  const { count } = await db.execute(sql`
    with refused as (delete from failures where kind = 'message' and key = ${String(id)} returning 1)
    update inbox set relayed_at = clock_timestamp(), outcome = 'dropped'
    where id = ${id} and relayed_at is null and exists (select from refused)`);
  return count > 0;
}

/** A row that nobody tries again is there no more: its object was deleted, or was done by somebody else. */
export async function dropStaleFailures(db: Database): Promise<void> {
  await db.execute(sql`delete from failures where next_at < clock_timestamp() - interval '1 day'`);
}
