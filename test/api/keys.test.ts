import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createKey, SCOPES, type Scope } from '../../src/api/auth.ts';
import { newId } from '../../src/ids.ts';
import { expectSound } from '../support/invariants.ts';
import { keyWith as keyOf } from '../support/keys.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { bodyOf, codeOf, Driver, start } from './driver.ts';
import { anonymous, expectProblem, seen } from './problem.ts';
import { filled, nameOf, ofSubscription, ROUTES, type Route } from './routes.ts';

// Which keys may ask, and the answer to every other: the same for every route.

let stack: Stack;
let driver: Driver;
beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

const named = (routes: Route[]): [string, Route][] => routes.map((route) => [nameOf(route), route]);

/** The route asked with a header of one's own; `Authorization: ''` stands for none. */
function ask(route: Route, authorization: string, id = driver.id, subId?: string): Promise<Answer> {
  const body = route.method === 'GET' ? {} : { body: route.body };
  const headers = { Authorization: authorization };
  return stack.request(route.method, filled(route.path, id, subId), { ...body, headers });
}

/** A key with these scopes alone. */
const keyWith = (scopes: readonly Scope[], isRevoked = false) => keyOf(stack.db, scopes, isRevoked);

describe.each(named(ROUTES))('%s', (_, route) => {
  test('answers 401 without a key that is valid, and changes nothing', async () => {
    const before = await seen(driver);
    const [, , id, secret] = stack.key.split('_', 4) as [string, string, string, string];
    const foreign = await createKey(stack.db, 'test');
    const wrong = {
      none: '',
      'another scheme': `Basic ${Buffer.from(`${stack.key}:`).toString('base64')}`,
      'no scheme': stack.key,
      'the scheme alone': 'Bearer',
      'not a key': 'Bearer secret',
      'another secret': `Bearer dd_test_${id}_${'x'.repeat(32)}`,
      'a secret cut short': `Bearer dd_test_${id}_${secret.slice(0, -1)}`,
      'the secret of another key': `Bearer dd_test_${id}_${foreign.split('_').slice(3).join('_')}`,
      'no such key': `Bearer dd_test_${'0'.repeat(26)}_${secret}`,
      'a revoked key': `Bearer ${await keyWith(SCOPES, true)}`,
      'an id that means something to objects': `Bearer dd_test_constructor_${secret}`,
    };
    for (const [what, authorization] of Object.entries(wrong)) {
      const answer = await ask(route, authorization);
      expect(codeOf(answer), what).toBe('unauthenticated');
      expectProblem(answer, 'unauthenticated');
      expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer');
    }
    expect(await seen(driver)).toEqual(before);
  });

  test(`needs the scope ${route.scope} and no other`, async () => {
    const others = SCOPES.filter((scope) => scope !== route.scope);
    expectProblem(await ask(route, `Bearer ${await keyWith(others)}`), 'forbidden_scope');
    const answer = await ask(route, `Bearer ${await keyWith([route.scope])}`, 'sub_none', 'grt_none');
    expect([200, 201, 202, 404]).toContain(answer.status);
  });
});

describe.each(named(ofSubscription))('%s', (_, route) => {
  test('gives missing, foreign and impossible ids the same answer', async () => {
    const before = await seen(driver);
    const answers = [];
    for (const id of [
      'sub_none',
      newId('sub'),
      '__proto__',
      'constructor',
      "'; drop table entries; --",
      '%F0%9F%98%80',
    ])
      answers.push(await ask(route, `Bearer ${stack.key}`, encodeURIComponent(id), 'xyz_0'));
    for (const answer of answers) {
      expectProblem(answer, 'not_found');
      expect(anonymous(answer)).toEqual(anonymous(answers[0]!));
    }
    expect(await seen(driver)).toEqual(before);
  });
});

describe('an object of another subscription looks missing', () => {
  test.each(['charges', 'purchases', 'usage', 'grants'])('%s', async (list) => {
    const other = await Driver.open(stack);
    const purchase = await other.buy(1);
    const usage = bodyOf(await other.spend(1), 201);
    const grant = await other.give(5);
    const charge = purchase['charge'] as { id: string };
    const id = { charges: charge.id, purchases: purchase['id'], usage: usage['id'], grants: grant['id'] }[
      list
    ];
    const before = await seen(other);
    const [foreign, missing] =
      list === 'grants'
        ? [
            await driver.post(`grants/${id}/revoke`, { reason: 'r' }),
            await driver.post('grants/grt_0/revoke', { reason: 'r' }),
          ]
        : [await driver.get(`${list}/${id}`), await driver.get(`${list}/none_0`)];
    expectProblem(foreign, 'not_found');
    expect(anonymous(foreign)).toEqual(anonymous(missing));
    expect(await seen(other)).toEqual(before);
    if (list !== 'grants') expect((await other.get(`${list}/${id}`)).status).toBe(200);
  });
});

describe('a start', () => {
  test.each([
    ['allowance', { plan: 'enterprise', allowance: 5 }],
    ['anchor_at', { anchor_at: '2020-01-01T00:00:00Z', test_clock: undefined }],
    ['test_clock', {}],
  ])('with %s is the operator’s', async (_, wanted) => {
    const key = await keyWith(['billing', 'read', 'spend']);
    expectProblem(await start(stack, wanted, { Authorization: `Bearer ${key}` }), 'forbidden_scope');
  });
});

describe('a route without a key', () => {
  test.each(['/healthz', '/readyz', '/openapi.json', '/problems/not_found'])('%s', async (path) => {
    const answer = await stack.request('GET', path, { headers: { Authorization: '' } });
    expect(answer.status).toBe(200);
  });
});

describe('a route that is not served', () => {
  test.each([
    ['GET', '/nothing'],
    ['GET', '/v1/nothing'],
    ['DELETE', '/v1/subscriptions'],
    ['GET', '/problems/no_such_code'],
    ['GET', '/problems/__proto__'],
    ['GET', '/problems/constructor'],
  ])('%s %s is a problem', async (method, path) => {
    expectProblem(await stack.request(method, path), 'not_found');
  });

  test('under /v1 a stranger learns of no route', async () => {
    for (const path of ['/v1/nothing', '/v1/catalog', '/v1'])
      expectProblem(await stack.request('GET', path, { headers: { Authorization: '' } }), 'unauthenticated');
  });
});

test('every answer has its own Request-Id', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => stack.request('GET', '/v1/catalog')));
  const ids = answers.map(({ headers }) => headers.get('Request-Id'));
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^req_/);
});
