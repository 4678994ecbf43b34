import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { type Client, createClient } from '../../client/src/client.ts';
import type { InsufficientCredits } from '../../client/src/contract.ts';
import { DrawdownProblem } from '../../client/src/problem.ts';
import { insufficientCredits } from '../../src/api/schemas.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Refusals as a caller meets them: one error, its members by its code.

let stack: Stack;
let client: Client;
let id: string;

beforeAll(async () => {
  stack = await startStack();
  client = createClient({ baseUrl: stack.url, key: stack.key });
  const test_clock = { now: '2026-01-17T00:00:00Z' };
  ({ id } = await client.start({ customer_id: 'ada', plan: 'creator', interval: 'month', test_clock }));
});
afterAll(async () => {
  await stack?.stop();
});

async function problemOf(call: Promise<unknown>): Promise<DrawdownProblem> {
  const error = await call.then(
    () => new Error('was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof DrawdownProblem)) throw error;
  return error;
}

const assets = (quantity: number) => ({ items: [{ feature: 'video_asset', quantity }] });

describe('insufficient_credits', () => {
  test('is narrowed by its code, to the members of the API’s schema', async () => {
    const problem = await problemOf(client.spend(id, assets(20), { idempotencyKey: 'job-1' }));
    expect(problem.code).toBe('insufficient_credits');
    if (problem.code !== 'insufficient_credits') return;
    expectTypeOf(problem.offer).toEqualTypeOf<InsufficientCredits['offer']>();
    expect([problem.needed, problem.available, problem.shortfall]).toEqual([300, 200, 100]);
    expect(problem.offer?.packs).toBe(1);
    expect(problem.message).toBe('This needs 300 credits and 200 are available.');
    expect(problem.idempotencyKey).toBe('job-1');
    // As it came, for a page: nothing of the caller's own is in it.
    const handedOn: unknown = JSON.parse(JSON.stringify(problem));
    expect(insufficientCredits.strict().parse(handedOn)).toEqual(handedOn);
  });

  test('names why there is no offer', async () => {
    const problem = await problemOf(
      client.hold(id, { items: [{ feature: 'video_agent', quantity: 1, credits: 90_000 }] }),
    );
    expect(problem).toMatchObject({ code: 'insufficient_credits', offer: null, contact: 'pack_limit' });
    expect(insufficientCredits.strict().safeParse(problem.toJSON()).success).toBe(true);
  });
});

describe('the members of other codes', () => {
  test('invalid_request: each pointer', async () => {
    const problem = await problemOf(
      client.spend(id, { items: [{ feature: 'x'.repeat(65), quantity: 'many' as never }] }),
    );
    expect(problem).toMatchObject({
      code: 'invalid_request',
      status: 400,
      title: 'The request is not valid',
    });
    expect(problem.errors.map(({ pointer }) => pointer)).toEqual(['/items/0/feature', '/items/0/quantity']);
  });

  test.each<[string, (hold: string, usage: string) => Promise<unknown>, object]>([
    ['capture_exceeds_hold', (hold) => client.capture(id, hold, { credits: 16 }), { held: 15 }],
    [
      'reversal_exceeds_usage',
      (_, usage) => client.reverse(id, usage, { credits: 31, reason: 'r' }),
      { reversible: 30 },
    ],
    [
      'unknown_feature',
      () => client.spend(id, { items: [{ feature: 'tea', quantity: 1 }] }),
      { feature: 'tea' },
    ],
    ['not_found', () => client.subscription('sub_nobody'), { errors: [], idempotencyKey: null }],
    ['pack_not_offered', () => client.buy(id, { packs: 1, interval: 'year' }), { status: 422 }],
    [
      'payment_declined',
      () => client.buy(id, { packs: 1, payment_method: 'sandbox_declined' }),
      { status: 402 },
    ],
  ])('%s', async (code, call, members) => {
    const hold = await client.hold(id, assets(1));
    const usage = await client.spend(id, assets(2));
    expect(await problemOf(call(hold.id, usage.id))).toMatchObject({ code, ...members });
    await client.reverse(id, usage.id, { reason: 'the next case' });
    await client.release(id, hold.id);
  });

  test('forbidden_scope, unauthenticated', async () => {
    const { key } = await client.createKey({ scopes: ['read'] });
    const readOnly = createClient({ baseUrl: stack.url, key });
    expect(await problemOf(readOnly.spend(id, assets(1)))).toMatchObject({
      code: 'forbidden_scope',
      scope: 'spend',
    });
    const nobody = createClient({ baseUrl: stack.url, key: 'dd_test_none_none' });
    expect(await problemOf(nobody.catalog())).toMatchObject({ code: 'unauthenticated', status: 401 });
  });

  test('a 503 says when to come again', async () => {
    const idle = await startStack({ withWorker: false });
    const once = createClient({ baseUrl: idle.url, key: idle.key, retries: 0 });
    const problem = await problemOf(once.start({ customer_id: 'ada', plan: 'creator', interval: 'month' }));
    expect(problem).toMatchObject({ code: 'temporal_unavailable', retryAfter: 1 });
    expect(problem.idempotencyKey).toMatch(/^[0-9a-f]{32}$/);
    await idle.stop();
  });
});

test('an answer overwrites no member that an error has of its own', () => {
  const body = JSON.parse(
    '{"code":"not_found","detail":"d","message":"m","stack":"s","name":"n","__proto__":{"a":1}}',
  );
  const problem = new DrawdownProblem(body, { idempotencyKey: null, retryAfter: null });
  expect([problem.message, problem.name]).toEqual(['d', 'DrawdownProblem']);
  expect(problem.stack).toContain('DrawdownProblem: d');
  expect('a' in problem).toBe(false);
  expect(problem).toBeInstanceOf(DrawdownProblem);
});
