import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { applyFunctions, functionsInForce } from './functions.ts';
import { keepMonths } from './ledger.ts';

/** The advisory lock's number, which nothing else uses. */
const LOCK = 4_177_001;

const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url));

const open = (databaseUrl: string): postgres.Sql =>
  postgres(databaseUrl, { max: 1, connect_timeout: 10, fetch_types: false, onnotice: () => {} });

/**
 * Brings a database to the newest schema, then puts the functions in force if their text changed. Several processes may start
 * at once: Drizzle takes no lock itself, so one connection holds an advisory lock throughout. Functions of a newer version stay
 * in force: in a rolling upgrade an older process may start after it. `goBack` replaces them too.
 */
export async function migrate(databaseUrl: string, { goBack = false } = {}): Promise<void> {
  const client = open(databaseUrl);
  try {
    await client`select pg_advisory_lock(${LOCK})`;
    await applyMigrations(drizzle(client), { migrationsFolder });
    const inForce = await functionsInForce(client);
    if (inForce === 'missing' || (inForce === 'newer' && goBack)) await applyFunctions(client);
    // A new database has no month for its entries yet; every start makes those that are to come.
    await keepMonths(drizzle(client));
    await client`select pg_advisory_unlock(${LOCK})`;
  } finally {
    await client.end({ timeout: 5 });
  }
}

/**
 * The names of the migrations that a database lacks, in order, and `functions` if other functions are in force. Drizzle
 * applies the migrations that are newer than the newest applied one.
 */
export async function pendingMigrations(databaseUrl: string): Promise<string[]> {
  const journal = readFileSync(join(migrationsFolder, 'meta', '_journal.json'), 'utf8');
  const { entries } = JSON.parse(journal) as { entries: { tag: string; when: number }[] };
  const client = open(databaseUrl);
  try {
    const [{ kept } = { kept: false }] = await client<{ kept: boolean }[]>`
      select to_regclass('drizzle.__drizzle_migrations') is not null as kept`;
    const [{ newest } = { newest: null }] = kept
      ? await client<
          { newest: string | null }[]
        >`select max(created_at) as newest from drizzle.__drizzle_migrations`
      : [];
    const lacking = entries
      .filter(({ when }) => newest === null || when > Number(newest))
      .map(({ tag }) => tag);
    return (await functionsInForce(client)) === 'current' ? lacking : [...lacking, 'functions'];
  } finally {
    await client.end({ timeout: 5 });
  }
}
