import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type postgres from 'postgres';

// The SQL functions of the ledger. Their current text is the folder `functions`, one file a subject, and this text runs.

/** The folder of the SQL functions. */
export const functionsFolder = fileURLToPath(new URL('./functions', import.meta.url));

/** The whole folder as one script, with the drops first, and its SHA-256. */
export function functionsScript(): { script: string; digest: string } {
  const files = readdirSync(functionsFolder).filter((name) => name.endsWith('.sql') && name !== 'drops.sql');
  const script = ['drops.sql', ...files.sort()]
    .map((name) => readFileSync(join(functionsFolder, name), 'utf8'))
    .join('\n');
  return { script, digest: createHash('sha256').update(script).digest('hex') };
}

/** `current`: this text is in force. `newer`: it was in force until another replaced it. `missing`: it never was. */
export async function functionsInForce(client: postgres.Sql): Promise<'current' | 'newer' | 'missing'> {
  const { digest } = functionsScript();
  const [{ kept } = { kept: false }] = await client<{ kept: boolean }[]>`
    select to_regclass('drizzle.functions') is not null as kept`;
  if (!kept) return 'missing';
  const rows = await client<
    { digest: string }[]
  >`select digest from drizzle.functions order by applied_at desc`;
  if (rows[0]?.digest === digest) return 'current';
  return rows.some((row) => row.digest === digest) ? 'newer' : 'missing';
}

/**
 * Puts the folder in force. One simple query is one transaction, which no lost connection can tear. The bodies call each
 * other, so PostgreSQL does not check them while they are made.
 */
export async function applyFunctions(client: postgres.Sql): Promise<void> {
  const { script, digest } = functionsScript();
  await client.unsafe(`
    create table if not exists drizzle.functions (digest text primary key, applied_at timestamptz not null);
    set local check_function_bodies = off;
    ${script}
    insert into drizzle.functions values ('${digest}', clock_timestamp())
    on conflict (digest) do update set applied_at = excluded.applied_at`);
}
