import { is, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import type { Database } from '../client.ts';
import { functionsScript } from '../functions.ts';
import * as schema from '../schema.ts';
import type { Broken } from './invariants.ts';

// I11, before any row: the functions in force are those of the code, and the constraints and unique indexes of the tables are
// there and hold for all rows. `verify.ts` has the triggers. Reads the catalogue of PostgreSQL alone.

const FUNCTION = /^create or replace function (\w+)\(.*?\s+as \$\$(.*?)\$\$/gms;

/** The bodies of the folder's functions. */
function bodiesInCode(): { name: string; body: string }[] {
  return [...functionsScript().script.matchAll(FUNCTION)].map(([, name, body]) => ({
    name: name!,
    body: body!,
  }));
}

/** Names of the constraints and unique indexes that the tables of schema.ts have, besides their primary keys. */
function constraintsInCode(): { on: string; name: string }[] {
  return Object.values(schema).flatMap((table) => {
    if (!is(table, PgTable)) return [];
    const { name: on, checks, indexes, uniqueConstraints } = getTableConfig(table);
    const names = [
      ...checks.map((check) => check.name),
      ...uniqueConstraints.map((unique) => unique.getName() ?? ''),
      ...indexes.filter(({ config }) => config.unique).map(({ config }) => config.name ?? ''),
    ];
    return names.map((name) => ({ on, name }));
  });
}

/** A function of another name is nobody's here; another one of a name of ours may be called in its place. */
const functions = sql`
  with wanted as (select * from json_to_recordset(${JSON.stringify(bodiesInCode())}::json) as (name text, body text)),
  found as (
    select p.proname::text as name, p.prosrc as body, not p.prosecdef as is_plain from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname in (select name from wanted)
  )
  select 'I11 the functions in force are those of the code' as invariant, '' as subscription_id,
    concat_ws(' ', coalesce(w.name, f.name), case when w.name is null then 'is another than the code brings' else 'is not as the code brings it' end) as row
  from wanted w full join found f on f.name = w.name and f.body = w.body and f.is_plain
  where w.name is null or f.name is null`;

const constraints = sql`
  select 'I11 the constraints and unique indexes of the tables hold' as invariant, '' as subscription_id, concat_ws(' ', w.on, 'lacks', w.name) as row
  from json_to_recordset(${JSON.stringify(constraintsInCode())}::json) as w("on" text, name text)
  where not exists (select from pg_constraint c where c.conrelid = to_regclass(w.on) and c.conname = w.name and c.convalidated)
    and not exists (
      select from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid = to_regclass(w.on) and c.relname = w.name and i.indisunique and i.indisvalid and i.indisready)
  union all
  select 'I11 the constraints and unique indexes of the tables hold', '', concat_ws(' ', t.name, 'lacks its primary key')
  from json_array_elements_text(${JSON.stringify([...new Set(tablesInCode())])}::json) as t(name)
  where not exists (select from pg_index i where i.indrelid = to_regclass(t.name) and i.indisprimary and i.indisvalid)`;

function tablesInCode(): string[] {
  return Object.values(schema).flatMap((table) => (is(table, PgTable) ? [getTableConfig(table).name] : []));
}

/**
 * The functions, constraints and indexes that are not as the code brings them. None where the functions of another release are in
 * force, in a rolling upgrade: its tables may differ too.
 */
export async function brokenGuards(db: Database): Promise<Broken[]> {
  const [newest] = await db.execute<{ digest: string }>(
    sql`select digest from drizzle.functions order by applied_at desc limit 1`,
  );
  if (newest?.digest !== functionsScript().digest) return [];
  return [
    ...(await db.execute<Broken & Record<string, unknown>>(sql`${functions} union all ${constraints}`)),
  ];
}
