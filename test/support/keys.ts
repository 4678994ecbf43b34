import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Scope } from '../../src/api/auth.ts';
import type { Database } from '../../src/db/client.ts';
import { newId } from '../../src/ids.ts';

/** A key with these scopes. */
export async function keyWith(db: Database, scopes: readonly Scope[], isRevoked = false): Promise<string> {
  const [id, secret] = [newId('key'), randomBytes(24).toString('base64url')];
  const hash = createHash('sha256').update(secret).digest('hex');
  await db.execute(sql`insert into api_keys (id, secret_hash, scopes, revoked_at)
    values (${id}, ${hash}, ${`{${scopes.join(',')}}`}::text[], case when ${isRevoked} then clock_timestamp() end)`);
  return `dd_test_${id.slice('key_'.length)}_${secret}`;
}
