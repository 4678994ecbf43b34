import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Client, createClient } from '../../client/src/client.ts';
import { DrawdownNoAnswer, DrawdownProblem } from '../../client/src/problem.ts';
import type { ClientOptions, Retry } from '../../client/src/request.ts';
import { listen } from '../support/listen.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { type Fate, type Proxy as Network, startProxy } from './proxy.ts';

// A change has its effect once, though the network loses answers.

let stack: Stack;
let network: Network;
let id: string;
const retries: Retry[] = [];

beforeAll(async () => {
  stack = await startStack();
  network = await startProxy(stack.url);
});
afterAll(async () => {
  await network?.close();
  await stack?.stop();
});

const clientOf = (options: Partial<ClientOptions> = {}): Client =>
  createClient({ baseUrl: network.url, key: stack.key, onRetry: (retry) => retries.push(retry), ...options });

const asset = { items: [{ feature: 'video_asset', quantity: 2 }] };
const available = async () => (await clientOf().balance(id)).available;
let runs = 0;

/** The keys that went over the network; each repeat has the key of its first request. */
const keys = () => [...new Set(network.passed.map(({ key }) => key))];

beforeEach(async () => {
  network.plan();
  runs += 1;
  const started = await clientOf().start({
    customer_id: `repeats-${runs}`,
    plan: 'creator',
    interval: 'month',
    test_clock: { now: '2026-01-17T00:00:00Z' },
  });
  id = started.id;
  network.plan();
  retries.length = 0;
});

/** An answer of the API that asks to come again, as it or something before it would send it. */
const away = (headers: Record<string, string> = {}): Fate => ({
  refuse: 503,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify({
    type: '/problems/database_unavailable',
    status: 503,
    code: 'database_unavailable',
    detail: 'away',
  }),
});
const running: Fate = {
  refuse: 409,
  headers: { 'content-type': 'application/problem+json' },
  body: JSON.stringify({ status: 409, code: 'idempotency_in_progress', detail: 'still running' }),
};
const gateway: Fate = { refuse: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' };
const limited: Fate = {
  refuse: 429,
  headers: { 'content-type': 'application/problem+json', 'retry-after': '1' },
  body: JSON.stringify({ status: 429, code: 'rate_limited', detail: 'slowly' }),
};

describe('a spend', () => {
  test.each<[string, Fate[]]>([
    ['whose answer is cut off', ['drop']],
    ['whose answer is torn', ['tear']],
    ['that loses both again and again', ['drop', 'tear', 'drop', 'tear']],
    ['that a gateway answers', [gateway, 'drop']],
    ['that finds the ledger away', [away(), away({ 'retry-after': '0' })]],
    ['whose first copy is still running', ['drop', running]],
  ])('%s is made once', async (_, fates) => {
    network.plan(...fates);
    const spent = await clientOf().spend(id, asset);
    expect(spent).toMatchObject({ credits: 30, balance: { available: 170 } });
    expect(network.passed).toHaveLength(fates.length + 1);
    expect(keys()).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(await available()).toBe(170);
    expect((await clientOf().usages(id)).data).toMatchObject([{ id: spent.id }]);
  });

  test('whose answer does not come in time is made once', async () => {
    network.plan('silent');
    await clientOf({ timeoutMs: 500 }).spend(id, asset, { idempotencyKey: 'job-1' });
    expect(keys()).toEqual(['job-1']);
    expect(await available()).toBe(170);
  });

  test('that is never answered says under which key it goes on', async () => {
    network.plan('drop', 'drop', 'drop');
    const lost = await clientOf({ retries: 2 })
      .spend(id, asset)
      .catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(DrawdownNoAnswer);
    const { idempotencyKey, cause } = lost as DrawdownNoAnswer;
    expect(cause).toBeInstanceOf(Error);
    expect(keys()).toEqual([idempotencyKey]);
    await clientOf().spend(id, asset, { idempotencyKey: idempotencyKey! });
    expect(await available()).toBe(170);
  });

  test('is another one under another key', async () => {
    await clientOf().spend(id, asset);
    await clientOf().spend(id, asset);
    expect(keys()).toHaveLength(2);
    expect(await available()).toBe(140);
  });
});

test('a hold, its capture, a purchase and a start are made once too', async () => {
  const client = clientOf();
  network.plan('drop', 'tear');
  const hold = await client.hold(id, asset);
  network.plan('tear', 'drop');
  expect(await client.capture(id, hold.id, { credits: 20 })).toMatchObject({ captured: 20, released: 10 });
  network.plan('drop', 'drop');
  await client.buy(id, { packs: 1 });
  expect(await available()).toBe(480);
  expect((await client.holds(id)).data).toHaveLength(1);
  expect((await client.purchases(id)).data).toHaveLength(1);

  network.plan('drop', 'tear');
  const started = await client.start({ customer_id: `twice-${runs}`, plan: 'creator', interval: 'month' });
  const { data } = await client.subscriptions({ customer_id: `twice-${runs}` });
  expect(data.map((found) => found.id)).toEqual([started.id]);
});

describe('the pause before a repeat', () => {
  test('is never shorter than Retry-After', async () => {
    network.plan(limited, away({ 'retry-after': '1' }));
    await clientOf().balance(id);
    expect(retries).toHaveLength(2);
    for (const { waitMs } of retries) expect(waitMs).toBeGreaterThanOrEqual(1_000);
  });

  test('grows, and is told with the key', async () => {
    network.plan('drop', 'drop', 'drop', 'drop');
    await clientOf().spend(id, asset, { idempotencyKey: 'job-1' });
    expect(retries.map(({ attempt, idempotencyKey }) => [attempt, idempotencyKey])).toEqual(
      [1, 2, 3, 4].map((attempt) => [attempt, 'job-1']),
    );
    const [first, , , last] = retries.map(({ waitMs }) => waitMs);
    expect(last).toBeGreaterThan(first!);
  });

  test.each([
    ['in seconds', () => '3600'],
    ['as a date', () => new Date(Date.now() + 3_600_000).toUTCString()],
  ])('is the caller’s to make when it is long: %s', async (_, header) => {
    network.plan(away({ 'retry-after': header() }));
    const refused = await clientOf()
      .balance(id)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'database_unavailable' });
    expect((refused as DrawdownProblem).retryAfter).toBeGreaterThan(3_000);
    expect(network.passed).toHaveLength(1);
  });
});

describe('no repeat', () => {
  test('of a refusal: the same request would be refused again', async () => {
    const refused = await clientOf()
      .spend(id, { items: [{ feature: 'nothing', quantity: 1 }] })
      .catch((e: unknown) => e);
    expect(refused).toBeInstanceOf(DrawdownProblem);
    expect(network.passed).toHaveLength(1);
  });

  test('of a request without a key that may do harm', async () => {
    network.plan('drop');
    const { data } = await clientOf({ baseUrl: stack.url }).charges(id);
    const settled = clientOf().settleSandboxCharge(data[0]!.id, { outcome: 'paid' });
    await expect(settled).rejects.toBeInstanceOf(DrawdownNoAnswer);
    expect(network.passed).toHaveLength(1);
  });

  test('after the caller gave up, in a request or in a pause', async () => {
    const stop = new AbortController();
    network.plan('drop', 'drop', 'drop');
    const given = clientOf({ onRetry: () => stop.abort(new Error('enough')) });
    await expect(given.spend(id, asset, { signal: stop.signal })).rejects.toThrow('enough');
    expect(network.passed).toHaveLength(1);
    await expect(given.spend(id, asset, { signal: stop.signal })).rejects.toThrow('enough');
    expect(network.passed).toHaveLength(1);

    // A pause far longer than this test may take.
    network.plan(away({ 'retry-after': '50' }));
    const resting = new AbortController();
    const patient = clientOf({ onRetry: () => setImmediate(() => resting.abort(new Error('at once'))) });
    await expect(patient.balance(id, {}, { signal: resting.signal })).rejects.toThrow('at once');

    network.plan('silent');
    const asking = new AbortController();
    const asked = clientOf().balance(id, {}, { signal: asking.signal });
    await expect.poll(() => network.passed.length).toBe(1);
    asking.abort(new Error('no more'));
    await expect(asked).rejects.toThrow('no more');
  }, 30_000);

  test('elsewhere: a key follows no redirection', async () => {
    const signalled: (string | undefined)[] = [];
    const elsewhere = await listen((request, response) => {
      signalled.push(request.headers.authorization);
      response.setHeader('Content-Type', 'application/json').end('{}');
    });
    network.plan({ refuse: 307, headers: { location: `${elsewhere.url}/v1/catalog` } });
    await expect(clientOf({ retries: 0 }).catalog()).rejects.toBeInstanceOf(DrawdownNoAnswer);
    expect(signalled).toEqual([]);
    await elsewhere.close();
  });
});

describe('a slip of the caller', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['an empty id', () => clientOf().balance('')],
    ['an id that leads elsewhere', () => clientOf().release(id, '..')],
    ['no id', () => clientOf().subscription(undefined as never)],
    ['a key that no header can hold', () => clientOf().spend(id, asset, { idempotencyKey: 'schlüssel 1' })],
    ['no key', () => clientOf().spend(id, asset, { idempotencyKey: '' })],
  ])('is told, and nothing is sent: %s', async (_, call) => {
    await expect(call()).rejects.toBeInstanceOf(TypeError);
    expect(network.passed).toEqual([]);
  });

  test('so is an API key that is none', () => {
    expect(() => clientOf({ key: 'dd_test_\n' })).toThrow(TypeError);
  });

  test('an id keeps to its place in the path', async () => {
    await expect(clientOf().subscription('../catalog?a=b#c')).rejects.toMatchObject({ code: 'not_found' });
    expect(network.passed[0]!.path).toBe('/v1/subscriptions/..%2Fcatalog%3Fa%3Db%23c');
  });
});

test('an answer of another server is no answer', async () => {
  network.plan({
    refuse: 200,
    headers: { 'content-type': 'text/html' },
    body: '<h1>Log in to this network</h1>',
  });
  await expect(clientOf().catalog()).rejects.toThrow('What answered with 200 was not Drawdown');
});
