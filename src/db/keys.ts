import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { listOf, type Page } from './paging.ts';
import { apiKeys } from './schema.ts';

/** An API key. */
export type KeyRow = typeof apiKeys.$inferSelect;

/** Stores the hash of a key; an existing key stays as it is. */
export async function storeKey(
  db: Database,
  key: Pick<KeyRow, 'id' | 'secretHash' | 'scopes'> & { name?: string | null },
): Promise<void> {
  await db.insert(apiKeys).values(key).onConflictDoNothing();
}

/** A key that is not revoked; else undefined. */
export async function readKey(db: Database, id: string): Promise<KeyRow | undefined> {
  const [row] = await db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)));
  return row;
}

/** A key, revoked or not. */
export async function findKey(db: Database, id: string): Promise<KeyRow | undefined> {
  const [row] = await db.select().from(apiKeys).where(eq(apiKeys.id, id));
  return row;
}

/** One page of the keys, by id, and one row more. */
export function listKeys(db: Database, page: Page): Promise<KeyRow[]> {
  return listOf(db, apiKeys, [], [apiKeys.id], page);
}

/** Every key, newest first. */
export function allKeys(db: Database): Promise<KeyRow[]> {
  return db.select().from(apiKeys).orderBy(desc(apiKeys.id));
}

/**
 * Revokes a key with the authority of another: false when that one is revoked itself. Both are locked in one order, so that of
 * two keys that revoke each other one stays.
 */
export async function revokeKeyBy(db: Database, id: string, by: string): Promise<boolean> {
  const rows = await db.execute(sql`
    with asked as (select id, revoked_at from api_keys where id in (${id}, ${by}) order by id for update)
    update api_keys k set revoked_at = coalesce(k.revoked_at, clock_timestamp())
    from asked a where k.id = ${id} and a.id = ${by} and a.revoked_at is null
    returning k.id`);
  return rows.length > 0;
}

/** Revokes a key with the authority of the database's owner. False when it was revoked before. */
export async function revokeKey(db: Database, id: string): Promise<boolean> {
  const rows = await db
    .update(apiKeys)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
    .returning({ id: apiKeys.id });
  return rows.length > 0;
}

/** Whether a key is not revoked: then this is not the first start. */
export async function hasKey(db: Database): Promise<boolean> {
  const rows = await db.select({ id: apiKeys.id }).from(apiKeys).where(isNull(apiKeys.revokedAt)).limit(1);
  return rows.length > 0;
}

/** Resolves when the database answers. */
export async function ping(db: Database): Promise<void> {
  await db.execute(sql`select 1`);
}
