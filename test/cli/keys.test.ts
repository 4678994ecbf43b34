import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childEnvironment } from '../../src/config.ts';
import { openApp } from '../api/raw.ts';
import { drawdown } from '../support/cli.ts';
import { ask, type Stack, startStack } from '../support/stack.ts';

// `drawdown keys`: with the database, and without any key.

const root = fileURLToPath(new URL('../../', import.meta.url));

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ withWorker: false });
});
afterAll(() => stack.stop());

const keys = (...words: string[]) => drawdown(['keys', ...words], { DATABASE_URL: stack.databaseUrl });
const json = async (...words: string[]) => JSON.parse((await keys(...words, '--json')).out);

/** The answer of an API that has never seen the key. */
async function asked(key: string): Promise<number> {
  const app = openApp(stack, () => {});
  return (await ask((at, init) => app.request(at, init), key, 'GET', '/v1/api_keys')).status;
}

test('created: the key alone on stdout; listed; revoked, and the next step', async () => {
  const made = await keys('create', '--scopes', 'operator', 'read', '--name', 'night shift');
  expect(made).toMatchObject({ code: 0, err: expect.stringMatching(/^Made key_\w+ with read operator\./) });
  expect(made.out).toMatch(/^dd_test_\w+_[\w-]{32}\n$/);
  const key = made.out.trim();
  expect(made.err).not.toContain(key);
  const id = `key_${key.split('_')[2]}`;
  expect(await asked(key)).toBe(200);

  const { out } = await keys('list');
  expect(out).toMatch(/^id +name +scopes +made +revoked\n/);
  expect(out).toMatch(new RegExp(`^${id} +night shift +read operator +\\d{4}-\\S+Z$`, 'm'));
  expect(out).not.toContain(key.slice(-32));

  const dry = await keys('revoke', '--dry-run', id);
  expect(dry).toEqual({ code: 0, out: `${id}: would be revoked\n`, err: '' });
  expect(await asked(key)).toBe(200);

  expect(await keys('revoke', id)).toEqual({
    code: 0,
    out: `${id}: revoked\nEvery API refuses it within a second. Another one: npx drawdown keys create --scopes …\n`,
    err: '',
  });
  expect(await asked(key)).toBe(401);
  expect(await json('revoke', id)).toMatchObject({ keys: [{ id, fate: 'revoked before' }] });
  expect((await json('list')).find((row: { id: string }) => row.id === id)).toMatchObject({
    name: 'night shift',
    scopes: ['read', 'operator'],
    revoked_at: expect.stringMatching(/Z$/),
  });
});

test('bytes that are no UTF-8 come as U+FFFD from the system: no word holds half an emoji', async () => {
  const env = childEnvironment({ DATABASE_URL: stack.databaseUrl, DRAWDOWN_DATA: tmpdir() });
  const line = `exec "$0" drawdown.mjs keys create --scopes read --json --name "$(printf 'ok \\355\\240\\275')"`;
  const out = await new Promise<string>((resolve, reject) => {
    execFile('sh', ['-c', line, process.execPath], { cwd: root, env }, (error, text) =>
      error ? reject(error) : resolve(text),
    );
  });
  expect(JSON.parse(out)).toMatchObject({ name: 'ok \ufffd\ufffd\ufffd' });
});

test('a key that was found is revoked by itself; TEST_MODE names the mode', async () => {
  const env = { DATABASE_URL: stack.databaseUrl, TEST_MODE: 'off' };
  const { out } = await drawdown(['keys', 'create', '--scopes', 'operator'], env);
  const key = out.trim();
  expect(key).toMatch(/^dd_live_/);
  const revoked = await keys('revoke', key);
  expect(revoked.code).toBe(0);
  expect(revoked.out).not.toContain(key);
  expect(await asked(key)).toBe(401);
});

test('one that is not there: exit code 1, and the others are revoked; the last operator key says so', async () => {
  const all: { id: string; revoked_at: string | null }[] = await json('list');
  const left = all.filter(({ revoked_at }) => revoked_at === null).map(({ id }) => id);
  const { code, out } = await keys('revoke', 'key_none', ...left);
  expect(code).toBe(1);
  expect(out).toContain('key_none: not there\n');
  for (const id of left) expect(out).toContain(`${id}: revoked\n`);
  expect(out).toContain(
    'No operator key is left: npx drawdown keys create --scopes read spend billing operator\n',
  );
  expect(await asked(stack.key)).toBe(401);
});

describe('an impossible request gets a sentence: exit code 2', () => {
  test.each<[string, string[], string | undefined, RegExp]>([
    ['no scope', ['create'], undefined, /required option '--scopes/],
    ['a scope that is none', ['create', '--scopes', 'root'], undefined, /Allowed choices are read, spend/],
    ['no id', ['revoke'], undefined, /missing required argument 'ids'/],
    ['no database', ['list'], '', /^Set DATABASE_URL to the database of the ledger, or start Drawdown here/],
    ['a database that is away', ['list'], 'postgres://nobody@127.0.0.1:9/x', /ECONNREFUSED/],
  ])('%s', async (_, words, databaseUrl, sentence) => {
    const run = await drawdown(['keys', ...words], { DATABASE_URL: databaseUrl ?? stack.databaseUrl });
    expect(run).toMatchObject({ code: 2, out: '' });
    expect(run.err).toMatch(sentence);
  });
});
