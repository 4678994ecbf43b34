import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { apiKeys } from './schema.ts';

export type KeyRow = typeof apiKeys.$inferSelect;

/** Stores a key's hash; a key that is there stays as it is. */
export async function storeKey(
  db: Database,
  key: Pick<KeyRow, 'id' | 'secretHash' | 'scopes'>,
): Promise<void> {
  await db.insert(apiKeys).values(key).onConflictDoNothing();
}

/** A key that is not revoked. */
export async function readKey(db: Database, id: string): Promise<KeyRow | undefined> {
  const [row] = await db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)));
  return row;
}

/** True when there is a key that is not revoked: then the first start is behind. */
export async function hasKey(db: Database): Promise<boolean> {
  const rows = await db.select({ id: apiKeys.id }).from(apiKeys).where(isNull(apiKeys.revokedAt)).limit(1);
  return rows.length > 0;
}

/** Resolves when the database answers. */
export async function ping(db: Database): Promise<void> {
  await db.execute(sql`select 1`);
}
