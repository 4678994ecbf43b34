import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerKey } from '../../src/api/auth.ts';
import type { App } from '../../src/api/route.ts';
import { type Answer, ask, type Stack, startStack } from '../support/stack.ts';
import { bodyOf, codeOf, faultsOf, type Json, type Page } from './driver.ts';
import { expectProblem } from './problem.ts';
import { openApp } from './raw.ts';

// Keys over HTTP: made, listed and revoked by an operator, over two API processes with a memory each.

let stack: Stack;
let here: App;
let there: App;
const logged: string[] = [];
beforeAll(async () => {
  stack = await startStack({ withWorker: false });
  [here, there] = [openApp(stack, (line) => logged.push(line)), openApp(stack, (line) => logged.push(line))];
});
afterAll(() => stack.stop());

interface Made {
  id: string;
  key: string;
}

const request = (app: App, key: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  ask((at, init) => app.request(at, init), key, method, path, body === undefined ? {} : { body });

async function make(scopes: string[], by = stack.key, more: Json = {}): Promise<Made> {
  return bodyOf<Made & Json>(await request(here, by, 'POST', '/v1/api_keys', { scopes, ...more }), 201);
}

const revoke = (id: string, by = stack.key, app = here): Promise<Answer> =>
  request(app, by, 'DELETE', `/v1/api_keys/${id}`);

const listed = async (id: string): Promise<Json | undefined> =>
  bodyOf<Page>(await request(here, stack.key, 'GET', '/v1/api_keys?limit=100')).data.find(
    (row) => row['id'] === id,
  );

/** May it read here? */
const reads = async (app: App, { key }: Made): Promise<string> =>
  codeOf(await request(app, key, 'GET', '/v1/catalog'));

test('a key is made, shown once, used at once everywhere, listed, and revoked', async () => {
  const answer = await request(here, stack.key, 'POST', '/v1/api_keys', {
    scopes: ['spend', 'read'],
    name: 'render farm',
  });
  const { key, ...rest } = bodyOf<Made & Json>(answer, 201);
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
  expect(key).toMatch(new RegExp(`^dd_test_${rest.id.slice('key_'.length)}_[\\w-]{32}$`));
  expect(rest).toEqual({
    id: expect.stringMatching(/^key_/),
    name: 'render farm',
    scopes: ['read', 'spend'],
    created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    revoked_at: null,
  });
  expect(await listed(rest.id)).toEqual(rest);
  expect([await reads(here, { key, id: '' }), await reads(there, { key, id: '' })]).toEqual(['ok', 'ok']);
  expectProblem(await request(there, key, 'GET', '/v1/api_keys'), 'forbidden_scope');

  const gone = bodyOf(await revoke(rest.id));
  expect(gone).toEqual({ ...rest, revoked_at: expect.stringMatching(/Z$/) });
  expect(await listed(rest.id)).toEqual(gone);
  expect(bodyOf(await revoke(rest.id)), 'once more changes nothing').toEqual(gone);
});

test('a revoked key is refused everywhere when a second is over, however busy it was', async () => {
  const made = await make(['read']);
  const others = await make(['read']);
  let isBusy = true;
  const busy = Promise.all(
    [here, there].map(async (app) => {
      // Timers must come in between: a request that is believed waits for nothing.
      for (; isBusy; await sleep(2)) await reads(app, made);
    }),
  );
  await sleep(50);
  expect([await reads(here, made), await reads(there, made)]).toEqual(['ok', 'ok']);
  bodyOf(await revoke(made.id));
  // A timer may be early by a millisecond.
  await sleep(1_002);
  const after = await Promise.all([reads(here, made), reads(there, made)]);
  isBusy = false;
  await busy;
  expect(after).toEqual(['unauthenticated', 'unauthenticated']);
  expect([await reads(here, others), await reads(there, others)]).toEqual(['ok', 'ok']);
});

describe('one operator key is left always', () => {
  test('a key does not revoke itself', async () => {
    const own = await make(['operator']);
    const answer = await revoke(own.id, own.key);
    expect(faultsOf(answer)).toBe('invalid_request: :id');
    expectProblem(answer, 'invalid_request');
    expect(await listed(own.id)).toMatchObject({ revoked_at: null });
  });

  test('of two that revoke each other at once one is left', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [a, b] = [await make(['operator']), await make(['operator'])];
      const answers = await Promise.all([revoke(a.id, b.key, here), revoke(b.id, a.key, there)]);
      expect(answers.map(codeOf).sort()).toEqual(['ok', 'unauthenticated']);
      const left = [await listed(a.id), await listed(b.id)].filter((row) => row?.['revoked_at'] === null);
      expect(left).toHaveLength(1);
    }
  });

  test('a revoked key that is still believed revokes none', async () => {
    const [a, b] = [await make(['operator', 'read']), await make(['read'])];
    expect(await reads(there, a)).toBe('ok');
    bodyOf(await revoke(a.id));
    expectProblem(await revoke(b.id, a.key, there), 'unauthenticated');
    expect(await listed(b.id)).toMatchObject({ revoked_at: null });
  });
});

test.each<[string, unknown, string]>([
  ['no scope', {}, 'invalid_request: /scopes'],
  ['an empty list', { scopes: [] }, 'invalid_request: /scopes'],
  ['a scope that is none', { scopes: ['read', 'root'] }, 'invalid_request: /scopes/1'],
  ['a scope twice', { scopes: ['read', 'read'] }, 'invalid_request: /scopes'],
  ['a scope alone', { scopes: 'read' }, 'invalid_request: /scopes'],
  ['an empty name', { scopes: ['read'], name: '' }, 'invalid_request: /name'],
  ['a name with a NUL', { scopes: ['read'], name: 'a\u0000b' }, 'invalid_request: /name'],
  ['a name too long', { scopes: ['read'], name: 'x'.repeat(256) }, 'invalid_request: /name'],
  ['a secret of one’s own', { scopes: ['read'], key: 'dd_test_a_b' }, 'invalid_request: /key'],
])('%s makes no key', async (_, body, faults) => {
  const count = () => stack.db.execute(sql`select count(*) from api_keys`);
  const before = await count();
  expect(faultsOf(await request(here, stack.key, 'POST', '/v1/api_keys', body))).toBe(faults);
  expect(await count()).toEqual(before);
});

test.each(['key_none', 'key_', '__proto__', "' or true --", 'sub_0'])('%s is not there', async (id) => {
  expectProblem(await revoke(encodeURIComponent(id)), 'not_found');
});

test('I15: a secret stands in no table, no list, no problem and no log, also when all fails', async () => {
  const { id, key } = await make(['operator']);
  const secret = key.split('_').slice(3).join('_');
  // Short enough to pass for an id.
  const short = `dd_live_a1_${secret}`;
  expect(await registerKey(stack.db, short)).toBe(true);
  const reported = [
    await revoke(encodeURIComponent(key)),
    await revoke(short),
    await request(here, key, 'GET', '/v1/api_keys?limit=100'),
    await request(here, `${key}x`, 'GET', '/v1/catalog'),
  ].map(({ text }) => text);
  const rows = await stack.db.execute(sql`select to_jsonb(k)::text as row from api_keys k`);
  await stack.db.execute(sql`alter table api_keys rename to api_keys_away`);
  const failing = [
    await revoke(short),
    await revoke(encodeURIComponent(key)),
    await revoke(id, key),
    await request(there, key, 'GET', '/v1/api_keys'),
    await request(there, stack.key, 'POST', '/v1/api_keys', { scopes: ['read'] }),
  ];
  await stack.db.execute(sql`alter table api_keys_away rename to api_keys`);
  expect(failing.map(codeOf)).toContain('internal_error');
  expect(logged.length).toBeGreaterThan(0);
  for (const text of [...reported, ...failing.map((answer) => answer.text), ...logged, JSON.stringify(rows)])
    expect(text).not.toContain(secret);
});
