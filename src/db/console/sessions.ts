import { eq, sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { consoleSessions } from '../schema.ts';

// An operator's visits to the console. They are kept here, not in a process: any API process serves any request.

/** At most so long; then the key is asked for again. */
export const SESSION_HOURS = 8;

/** Begins a visit, and forgets those that are over. */
export async function openSession(db: Database, digest: string, keyId: string): Promise<void> {
  await db.execute(sql`
    with over as (delete from console_sessions where expires_at <= clock_timestamp())
    insert into console_sessions (digest, key_id, expires_at)
    values (${digest}, ${keyId}, clock_timestamp() + make_interval(hours => ${SESSION_HOURS}))`);
}

/** Whose visit it is and what their key may do now; null when it is over, was signed out of, or its key was revoked. */
export async function readSession(
  db: Database,
  digest: string,
): Promise<{ keyId: string; scopes: string[] } | null> {
  const [row] = await db.execute<{ key_id: string; scopes: string }>(sql`
    select k.id as key_id, array_to_json(k.scopes)::text as scopes from console_sessions s join api_keys k on k.id = s.key_id
    where s.digest = ${digest} and s.expires_at > clock_timestamp() and k.revoked_at is null`);
  return row ? { keyId: row.key_id, scopes: JSON.parse(row.scopes) as string[] } : null;
}

export async function closeSession(db: Database, digest: string): Promise<void> {
  await db.delete(consoleSessions).where(eq(consoleSessions.digest, digest));
}
