import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { RefusalRecord } from '../domain/errors.ts';
import type { Database } from './client.ts';
import type { CommandRef } from './ledger.ts';
import { commands } from './schema.ts';

export type CommandRow = typeof commands.$inferSelect;

export interface NewCommand {
  scope: string;
  operation: string;
  key: string;
  bodyHash: string;
  subscriptionId: string;
  objectId: string;
}

const sameRow = (ref: Pick<CommandRef, 'scope' | 'operation' | 'key'>) =>
  and(eq(commands.scope, ref.scope), eq(commands.operation, ref.operation), eq(commands.key, ref.key));
const sameAttempt = (ref: CommandRef) => and(sameRow(ref), eq(commands.attempt, ref.attempt));

/**
 * The permanent row of a key. New, or again after a refusal or a 503: a fresh attempt, pending. Otherwise the row as it
 * stands, so that copies in flight share one attempt.
 */
export async function openCommand(db: Database, wanted: NewCommand): Promise<CommandRow> {
  const { scope, operation, key, bodyHash, subscriptionId, objectId } = wanted;
  const fresh = sql`commands.status in ('refused', 'abandoned')`;
  const renewed = <T>(column: string, value: T) =>
    sql`case when ${fresh} then ${value} else ${sql.raw(`commands.${column}`)} end`;
  const [row] = await db
    .insert(commands)
    .values({ scope, operation, key, bodyHash, subscriptionId, objectId, status: 'pending', attempt: 1 })
    .onConflictDoUpdate({
      target: [commands.scope, commands.operation, commands.key],
      set: {
        status: sql`case when ${fresh} then 'pending' else commands.status end`,
        attempt: sql`case when ${fresh} then commands.attempt + 1 else commands.attempt end`,
        bodyHash: renewed('body_hash', bodyHash),
        subscriptionId: renewed('subscription_id', subscriptionId),
        objectId: renewed('object_id', objectId),
        step: sql`case when ${fresh} then null else commands.step end`,
        fromSeq: sql`case when ${fresh} then null else commands.from_seq end`,
        fromAt: sql`case when ${fresh} then null else commands.from_at end`,
        refusal: sql`case when ${fresh} then null else commands.refusal end`,
      },
    })
    .returning();
  return row!;
}

export async function readCommand(
  db: Database,
  ref: Omit<CommandRef, 'attempt'>,
): Promise<CommandRow | undefined> {
  const [row] = await db.select().from(commands).where(sameRow(ref));
  return row;
}

/** True when the attempt had not been taken: now it never will be, and its caller may be told so. */
export async function abandonCommand(db: Database, ref: CommandRef): Promise<boolean> {
  const rows = await db
    .update(commands)
    .set({ status: 'abandoned' })
    .where(and(sameAttempt(ref), eq(commands.status, 'pending')))
    .returning({ key: commands.key });
  return rows.length > 0;
}

/** After a refusal the same key may run again (R-65); copies that wait for this attempt get the same refusal. */
export async function refuseCommand(db: Database, ref: CommandRef, refusal: RefusalRecord): Promise<void> {
  await db
    .update(commands)
    .set({ status: 'refused', refusal })
    .where(and(sameAttempt(ref), inArray(commands.status, ['pending', 'taken'])));
}

/** Whether this attempt has taken effect. */
export async function isDone(db: Database, ref: CommandRef): Promise<boolean> {
  const row = await readCommand(db, ref);
  return row?.attempt === ref.attempt && row.status === 'done';
}

/** Stores the answer of a command, once: the first copy's is every copy's. Answers what is stored, and whether a copy had. */
export async function answerCommand(
  db: Database,
  ref: CommandRef,
  answer: { text: string; httpStatus: number },
): Promise<{ text: string; httpStatus: number; replayed: boolean }> {
  const stored = await db
    .update(commands)
    .set({ answer: answer.text, httpStatus: answer.httpStatus, status: 'done' })
    .where(and(sameAttempt(ref), isNull(commands.answer)))
    .returning({ key: commands.key });
  if (stored.length > 0) return { ...answer, replayed: false };
  const row = await readCommand(db, ref);
  if (!row?.answer || !row.httpStatus) return { ...answer, replayed: false };
  return { text: row.answer, httpStatus: row.httpStatus, replayed: true };
}

/** R-90: whether another advance of the subscription was taken and is not done. */
export async function isAdvancing(db: Database, row: CommandRow): Promise<boolean> {
  const rows = await db
    .select({ key: commands.key })
    .from(commands)
    .where(
      and(eq(commands.scope, row.scope), eq(commands.operation, row.operation), eq(commands.status, 'taken')),
    );
  return rows.some(({ key }) => key !== row.key);
}
