import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import type { Safe } from './safe.ts';

/** The name under which a secret of this installation is stored. */
export const installationSecret = (name: string): string => `secrets/${name}`;
/** The name under which an endpoint's secrets are stored. */
export const endpointSecret = (id: string): string => `webhook_endpoints/${id}`;

/**
 * Stores every secret as the safe's first key encrypts it; each start does so, so that a new key takes effect. Throws `SafeLocked`
 * where a key is missing. Another process may do the same at once: only rows that stayed as they were read are written.
 */
export async function lockSecrets(db: Database, safe: Safe): Promise<void> {
  const again = (name: string, stored: string): string => safe.lock(name, safe.unlock(name, stored));
  const own = await db.execute<{ name: string; value: string }>(sql`select name, value from secrets`);
  for (const { name, value } of own) {
    if (safe.isCurrent(value)) continue;
    await db.execute(
      sql`update secrets set value = ${again(installationSecret(name), value)} where name = ${name} and value = ${value}`,
    );
  }
  const endpoints = await db.execute<{ id: string; secret: string; previous: string | null }>(
    sql`select id, secret, previous_secret as previous from webhook_endpoints`,
  );
  for (const { id, secret, previous } of endpoints) {
    if (safe.isCurrent(secret) && (previous === null || safe.isCurrent(previous))) continue;
    const name = endpointSecret(id);
    const before = previous === null ? null : again(name, previous);
    await db.execute(sql`
      update webhook_endpoints set secret = ${again(name, secret)}, previous_secret = ${before}
      where id = ${id} and secret = ${secret} and previous_secret is not distinct from ${previous}`);
  }
}
