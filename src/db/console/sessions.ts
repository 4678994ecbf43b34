import { eq, sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { consoleSessions } from '../schema.ts';

// An operator's visits to the console. The database keeps them, so that any API process serves any request.

/** The longest visit, in hours. After it the console asks for the key again. */
export const SESSION_HOURS = 8;

/** Begins a visit, and deletes those that are over. */
export async function openSession(db: Database, digest: string, keyId: string): Promise<void> {
  await db.execute(sql`
    with over as (delete from console_sessions where expires_at <= clock_timestamp())
    insert into console_sessions (digest, key_id, expires_at)
    values (${digest}, ${keyId}, clock_timestamp() + make_interval(hours => ${SESSION_HOURS}))`);
}

/** The key of a visit and its scopes now; null when the visit is over or signed out, or its key is revoked. */
export async function readSession(
  db: Database,
  digest: string,
): Promise<{ keyId: string; scopes: string[] } | null> {
  const [row] = await db.execute<{ key_id: string; scopes: string }>(sql`
    select k.id as key_id, array_to_json(k.scopes)::text as scopes from console_sessions s join api_keys k on k.id = s.key_id
    where s.digest = ${digest} and s.expires_at > clock_timestamp() and k.revoked_at is null`);
  return row ? { keyId: row.key_id, scopes: JSON.parse(row.scopes) as string[] } : null;
}

/** Ends a visit: the operator signed out. */
export async function closeSession(db: Database, digest: string): Promise<void> {
  await db.delete(consoleSessions).where(eq(consoleSessions.digest, digest));
}
