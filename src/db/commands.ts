import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { RefusalRecord } from '../domain/errors.ts';
import type { Database } from './client.ts';
import type { CommandRef } from './ledger.ts';
import { commands } from './schema.ts';

/** The permanent row of an idempotency key. */
export type CommandRow = typeof commands.$inferSelect;

/** The members of a new command's row. */
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
 * Opens the permanent row of a key. A new key, or one after a refusal or a 503, gets a fresh pending attempt. Any other row
 * stays as it is, so that copies in flight share one attempt.
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

/** The row of a key; undefined when the key is new. */
export async function readCommand(
  db: Database,
  ref: Omit<CommandRef, 'attempt'>,
): Promise<CommandRow | undefined> {
  const [row] = await db.select().from(commands).where(sameRow(ref));
  return row;
}

/** Abandons an attempt that no step has taken: it never takes effect, and its caller may get 503. False when it was taken. */
export async function abandonCommand(db: Database, ref: CommandRef): Promise<boolean> {
  const rows = await db
    .update(commands)
    .set({ status: 'abandoned' })
    .where(and(sameAttempt(ref), eq(commands.status, 'pending')))
    .returning({ key: commands.key });
  return rows.length > 0;
}

/** R-65: refuses an attempt. Waiting copies get the same refusal, and the key may run again. */
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

/**
 * Stores the answer of a command, once: every copy answers as the first one. Answers the stored text, and whether a copy
 * stored it.
 */
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

/** R-90: whether a step has taken another advance of the subscription that is not done. */
export async function isAdvancing(db: Database, row: CommandRow): Promise<boolean> {
  const rows = await db
    .select({ key: commands.key })
    .from(commands)
    .where(
      and(eq(commands.scope, row.scope), eq(commands.operation, row.operation), eq(commands.status, 'taken')),
    );
  return rows.some(({ key }) => key !== row.key);
}
