import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import {
  applyFunctions,
  functionsFolder,
  functionsInForce,
  functionsScript,
} from '../../src/db/functions.ts';
import { migrate, pendingMigrations } from '../../src/db/migrate.ts';
import { openDatabase } from './raw-ledger.ts';

// The folder src/db/functions is the text that runs: the database has nothing else, and lacks nothing of it.

let db: Database;
let client: postgres.Sql;
let url: string;
beforeAll(async () => {
  db = await openDatabase();
  const { host, port, user, pass, database } = db.$client.options;
  url = `postgres://${user}:${pass}@${host[0]}:${port[0]}/${database}`;
  client = postgres(url, { max: 1, onnotice: () => {} });
});
afterAll(() => Promise.all([db.$client.end(), client.end()]));

const bodyOf = async (name: string): Promise<string> => {
  const [row] = await db.execute<{ prosrc: string }>(
    sql`select prosrc from pg_proc where pronamespace = 'public'::regnamespace and proname = ${name}`,
  );
  return row!.prosrc;
};

test('pg_proc holds the functions of the folder, with their text, and no others', async () => {
  const files = readdirSync(functionsFolder).filter((name) => name !== 'drops.sql');
  const text = files.map((name) => readFileSync(join(functionsFolder, name), 'utf8')).join('\n');
  const bodies = new Map(
    [...text.matchAll(/^create or replace function (\w+)\([^$]*\$\$(.*?)\$\$/gms)].map((m) => [m[1]!, m[2]!]),
  );
  const rows = await db.execute<{ proname: string; prosrc: string }>(
    sql`select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace`,
  );
  expect(rows.map(({ proname }) => proname).sort()).toEqual([...bodies.keys()].sort());
  for (const { proname, prosrc } of rows) expect(prosrc, proname).toBe(bodies.get(proname));
});

test('every body is valid once all functions are there: those that no other test calls too', async () => {
  await client.unsafe(
    `set check_function_bodies = on; ${functionsScript().script}; reset check_function_bodies`,
  );
});

test('functions of a newer version stay when an older process starts, and go when somebody goes back', async () => {
  expect(await functionsInForce(client)).toBe('current');
  const body = await bodyOf('notice_after');
  const newer = `create or replace function notice_after(p_gone timestamptz, p_at timestamptz)
    returns timestamptz language sql immutable as $$ select null::timestamptz $$;
    insert into drizzle.functions values ('the text of a newer version', clock_timestamp())`;
  await client.unsafe(newer);
  expect(await functionsInForce(client)).toBe('newer');
  expect(await pendingMigrations(url)).toEqual(['functions']);
  await migrate(url);
  expect(await bodyOf('notice_after')).toContain('null::timestamptz');
  await migrate(url, { goBack: true });
  expect(await bodyOf('notice_after')).toBe(body);
  expect(await pendingMigrations(url)).toEqual([]);
});

test('a folder is put in force whole or not at all', async () => {
  await client`drop function ms(timestamptz)`;
  await client`create function ms(p_at timestamptz) returns text language sql as $$ select '' $$`;
  // `ms` answers another type now, which no `create or replace` can mend: the script fails in its middle.
  await client`delete from drizzle.functions`;
  await expect(applyFunctions(client)).rejects.toThrow('cannot change return type');
  expect(await functionsInForce(client)).toBe('missing');
  expect(await bodyOf('notice_after')).not.toBe('');
  await client`drop function ms(timestamptz)`;
  await applyFunctions(client);
  expect(await functionsInForce(client)).toBe('current');
});
