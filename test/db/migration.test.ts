import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { expect, inject, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';

// Migrations hold tables and data, in the order of their journal; functions are kept apart (functions.test.ts).

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'src/db/migrations');
const tags = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .map((name) => basename(name, '.sql'));

test('the journal names each migration, oldest first: drizzle skips one that is older than the newest applied', () => {
  const journal = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8')) as {
    entries: { tag: string; when: number }[];
  };
  expect(journal.entries.map(({ tag }) => tag)).toEqual(tags.sort());
  const whens = journal.entries.map(({ when }) => when);
  expect(whens).toEqual([...whens].sort((a, b) => a - b));
  expect(new Set(whens).size).toBe(whens.length);
});

test.each(tags)('%s holds no function that stays', (tag) => {
  const text = readFileSync(join(folder, `${tag}.sql`), 'utf8').replaceAll('create function pg_temp.', '');
  expect(text).not.toMatch(/\b(function|procedure|aggregate)\b/i);
});

test('drizzle-kit finds no difference between src/db/schema.ts and the newest snapshot', async () => {
  const copy = mkdtempSync(join(tmpdir(), 'drawdown-migrations-'));
  try {
    cpSync(folder, copy, { recursive: true });
    const kit = join(root, 'node_modules/drizzle-kit/bin.cjs');
    const words = ['generate', '--dialect', 'postgresql', '--schema', 'src/db/schema.ts'];
    // A path of its own is taken as it stands only when it is relative.
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [kit, ...words, '--out', relative(root, copy)],
      { cwd: root },
    );
    expect(stdout).toContain('No schema changes');
    expect(readdirSync(copy).sort()).toEqual(readdirSync(folder).sort());
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test('eight processes that start at once make one schema: tables, guards, and the months of entries to come', async () => {
  const server = inject('databaseUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  await admin.end();
  const url = server.replace(/[^/]*$/, name);
  await Promise.all(Array.from({ length: 8 }, () => migrate(url)));

  const client = postgres(url, { max: 1, onnotice: () => {} });
  const applied = await client`select created_at from drizzle.__drizzle_migrations`;
  expect(applied).toHaveLength(tags.length);
  const months = await client<{ months: number; ahead: number }[]>`
    select count(*)::int as months,
      (count(*) filter (where to_date(right(inhrelid::regclass::text, 7), 'YYYY_MM') > now() at time zone 'UTC'))::int as ahead
    from pg_inherits where inhparent = 'entries'::regclass`;
  expect([...months]).toEqual([{ months: 7, ahead: 6 }]);
  const triggers = await client<{ guard: string; tables: number }[]>`
    select tgname || ' of ' || regexp_replace(tgrelid::regclass::text, '_[0-9]{4}_[0-9]{2}', ' by month') as guard,
      count(*)::int as tables
    from pg_trigger where not tgisinternal group by 1 order by 1`;
  expect(Object.fromEntries(triggers.map(({ guard, tables }) => [guard, tables]))).toEqual({
    'entries_append_only of entries': 1,
    'entries_append_only of entries by month': 7,
    'entries_no_truncate of entries': 1,
    'entries_no_truncate of entries by month': 7,
    'grants_kept of grants': 1,
    'grants_no_truncate of grants': 1,
  });
  await client.end();
});
