import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import postgres from 'postgres';
import { describe, expect, inject, test } from 'vitest';
import { drawdown } from '../support/cli.ts';

// The command as a whole, and `drawdown migrate`.

const COMMANDS = ['start', 'migrate', 'catalog', 'keys', 'verify', 'reconcile', 'rehydrate', 'simulate'];

test('--help names every command', async () => {
  const { code, out } = await drawdown(['--help']);
  expect(code).toBe(0);
  for (const name of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${name} .*\\w`, 'm'));
  const files = readdirSync(new URL('../../src/cli', import.meta.url)).map((file) => file.replace('.ts', ''));
  for (const name of COMMANDS) expect(files).toContain(name);
});

const PARTS = [
  ...['check', 'diff', 'init', 'schema'].map((part) => ['catalog', part]),
  ...['list', 'create', 'revoke'].map((part) => ['keys', part]),
];

test.each([...COMMANDS.map((name) => [name]), ...PARTS])('%s %s --help has examples', async (...words) => {
  const { code, out } = await drawdown([...words, '--help']);
  expect(out).toContain(`\nExamples:\n  npx drawdown ${words[0]}`);
  if (words.join() !== 'keys') expect(out).toMatch(/exit code/i);
  expect(code).toBe(0);
});

test.each<[string, string[], RegExp]>([
  ['nothing', [], /Usage: drawdown/],
  ['a command that is none', ['restart'], /unknown command 'restart'/],
  ['a word too many', ['verify', 'everything'], /too many arguments/],
  ['an object’s own', ['constructor'], /unknown command 'constructor'/],
])('%s: exit code 2', async (_, words, sentence) => {
  const { code, out, err } = await drawdown(words);
  expect(err).toMatch(sentence);
  expect({ code, out }).toEqual({ code: 2, out: '' });
});

describe('migrate', () => {
  test('names the missing migrations, applies them, and has nothing to do then', async () => {
    const server = inject('databaseUrl');
    const name = `migrate_${randomBytes(6).toString('hex')}`;
    const sql = postgres(server, { max: 1, onnotice: () => {} });
    await sql.unsafe(`create database ${name}`);
    await sql.end();
    const env = { DATABASE_URL: server.replace(/[^/]*$/, name) };
    const migrate = (...words: string[]) => drawdown(['migrate', ...words], env);

    const dry = await migrate('--dry-run');
    expect(dry.out).toMatch(/^To be applied: 0000_baseline, .*functions\n$/);
    const { pending } = JSON.parse((await migrate('--dry-run', '--json')).out) as { pending: string[] };
    expect(pending.length).toBeGreaterThan(1);
    expect(await drawdown(['verify'], env)).toMatchObject({ code: 2, out: '' });

    const { code, out } = await migrate();
    expect(out).toBe(`Applied: ${pending.join(', ')}\nThe schema is up to date.\n`);
    expect(code).toBe(0);
    expect(await migrate()).toMatchObject({ code: 0, out: 'The schema is up to date.\n', err: '' });
    expect(JSON.parse((await migrate('--json')).out)).toEqual({ applied: [] });
    expect(JSON.parse((await migrate('--dry-run', '--json')).out)).toEqual({ pending: [] });
    expect(await drawdown(['verify'], env)).toMatchObject({ code: 0 });
  });

  test.each<[string, string, RegExp]>([
    ['no database', '', /^Set DATABASE_URL/],
    [
      'a database that is away',
      'postgres://nobody@127.0.0.1:9/x',
      /^The database could not be migrated: .*ECONNREFUSED/,
    ],
  ])('%s: exit code 2', async (_, DATABASE_URL, sentence) => {
    const { code, err } = await drawdown(['migrate'], { DATABASE_URL });
    expect(err).toMatch(sentence);
    expect(code).toBe(2);
  });
});
