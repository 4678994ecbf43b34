import { randomUUID } from 'node:crypto';
import { type RequestListener, type RequestOptions, request } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createFastPath } from '../../src/api/fast-path.ts';
import type { App } from '../../src/api/route.ts';
import { createApp } from '../../src/app.ts';
import type { LogFields } from '../../src/telemetry/log.ts';
import { expectSound } from '../support/invariants.ts';
import { keyWith } from '../support/keys.ts';
import { type Listening, listen } from '../support/listen.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { Driver } from './driver.ts';
import { hold, use } from './holding.ts';

// Spends and reads of one subscription go past the application (src/api/fast-path.ts). A caller sees no difference: the same request
// gets the same answer on both ways, and unusual requests go through the application.

interface Reported {
  status: number;
  headers: Record<string, string | null>;
  body: unknown;
}

type Asked = Omit<RequestInit, 'headers'> & { headers?: Record<string, string>; duplex?: 'half' };
type Make = (of: { subscription: string; usage: string; hold: string }) => [path: string, asked?: Asked];

let stack: Stack;
let app: App;
let server: Listening;
let driver: Driver;
let mayOnlyRead: string;
let mayOnlySpend: string;
/** Requests that came to the application. */
let longWay = 0;
let isOpen = true;

beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
  await driver.give(1_000);
  mayOnlyRead = await keyWith(stack.db, ['read']);
  mayOnlySpend = await keyWith(stack.db, ['spend']);
  const deps = { ...stack.deps, isOpen: () => isOpen };
  app = createApp(deps);
  const application = getRequestListener(app.fetch);
  const counted: RequestListener = (incoming, outgoing) => {
    longWay += 1;
    return application(incoming, outgoing);
  };
  server = await listen(createFastPath(deps, counted));
});
afterEach(() => expectSound(stack.db));
afterAll(async () => {
  await server.close();
  await stack.stop();
});

const OF_ANSWERS = [
  ...['content-type', 'etag', 'idempotent-replayed', 'retry-after', 'www-authenticate'],
  ...['cache-control', 'content-security-policy', 'referrer-policy', 'x-content-type-options'],
  'strict-transport-security',
];

async function reported(response: Response): Promise<Reported> {
  const text = await response.text();
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  const id = response.headers.get('Request-Id');
  expect(id).toMatch(/^req_[0-9a-z]{26}$/);
  if ('request_id' in body) expect(body['request_id']).toBe(id);
  if ('wallet_url' in body)
    expect(response.headers.get('Link')).toBe(`<${body['wallet_url']}>; rel="payment"`);
  const { request_id: _, wallet_url: __, ...rest } = body;
  const headers = OF_ANSWERS.map((name) => [name, response.headers.get(name)]);
  return { status: response.status, headers: Object.fromEntries(headers), body: rest };
}

const sent = (asked: Asked = {}): Asked => ({
  method: 'POST',
  ...asked,
  headers: {
    Authorization: `Bearer ${stack.key}`,
    'Content-Type': 'application/json',
    'Idempotency-Key': randomUUID(),
    ...asked.headers,
  },
});

const overTheSocket = async (path: string, asked: Asked) =>
  reported(await fetch(`${server.url}${path}`, asked));
const throughTheApp = async (path: string, asked: Asked) => reported(await app.request(path, asked));

const looks = (quantity: unknown) => JSON.stringify({ items: [{ feature: 'generate_look', quantity }] });
const at = (id: string, below: string) => `/v1/subscriptions/${id}/${below}`;

const SPENDS: Record<string, Make> = {
  'a usage': ({ subscription }) => [at(subscription, 'usage'), { body: looks(1) }],
  'a usage with a reference that is not ASCII': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: JSON.stringify({ items: [{ feature: 'add_motion', quantity: 1 }], reference: 'ä' }) },
  ],
  'a usage with a whole emoji in escapes': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: '{"items":[{"feature":"generate_look","quantity":1}],"reference":"\\ud83d\\ude00"}' },
  ],
  'a hold': ({ subscription }) => [at(subscription, 'holds'), { body: looks(2) }],
  'a capture': ({ subscription, hold }) => [
    at(subscription, `holds/${hold}/capture`),
    { body: '{"credits":1}' },
  ],
  'a release, without a body': ({ subscription, hold }) => [at(subscription, `holds/${hold}/release`)],
  'a reversal': ({ subscription, usage }) => [
    at(subscription, `usage/${usage}/reverse`),
    { body: '{"credits":1,"reason":"r"}' },
  ],
};

const REFUSALS: Record<string, Make> = {
  'too few credits': ({ subscription }) => [at(subscription, 'usage'), { body: looks(1_000_000) }],
  'a hold of too many': ({ subscription }) => [at(subscription, 'holds'), { body: looks(1_000_000) }],
  'a reversal of too much': ({ subscription, usage }) => [
    at(subscription, `usage/${usage}/reverse`),
    { body: '{"credits":1000,"reason":"r"}' },
  ],
  'no key': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: looks(1), headers: { Authorization: '' } },
  ],
  'a key that is none': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: looks(1), headers: { Authorization: `Bearer dd_test_none_${'x'.repeat(32)}` } },
  ],
  'a key that may only read': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: '{', headers: { Authorization: `Bearer ${mayOnlyRead}` } },
  ],
  'a subscription that nobody has': () => [at('sub_none', 'usage'), { body: looks(1) }],
  'a hold that nobody has': ({ subscription }) => [
    at(subscription, 'holds/hld_none/capture'),
    { body: '{}' },
  ],
  'no Idempotency-Key': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: looks(1), headers: { 'Idempotency-Key': '' } },
  ],
  'an Idempotency-Key with a space': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: looks(1), headers: { 'Idempotency-Key': 'a b' } },
  ],
  'no body': ({ subscription }) => [at(subscription, 'usage')],
  'a body that is no JSON': ({ subscription }) => [at(subscription, 'usage'), { body: '{"items":' }],
  'a body that is no UTF-8': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: Uint8Array.of(0x7b, 0xff, 0x7d) },
  ],
  'half an emoji': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: '{"items":[{"feature":"generate_look","quantity":1}],"reference":"ok \\ud83d"}' },
  ],
  'a NUL in a name': ({ subscription }) => [
    at(subscription, 'holds'),
    { body: '{"items":[{"feature":"generate_look","quantity":1}],"metadata":{"a\\u0000":"b"}}' },
  ],
  'half an emoji as a reason': ({ subscription, usage }) => [
    at(subscription, `usage/${usage}/reverse`),
    { body: '{"reason":"\\ude00"}' },
  ],
  'a body of another type': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: looks(1), headers: { 'Content-Type': 'text/plain' } },
  ],
  'wrong members': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: '{"items":[{"feature":7,"quantity":"1"}],"at":1}' },
  ],
  'an unknown feature': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: JSON.stringify({ items: [{ feature: 'dance', quantity: 1 }] }) },
  ],
};

const NOT_PLAIN: Record<string, Make> = {
  'a query': ({ subscription }) => [`${at(subscription, 'usage')}?now=1`, { body: looks(1) }],
  'an encoded path': ({ subscription }) => [at(`${subscription}%20`, 'usage'), { body: looks(1) }],
  'an id that is too long': () => [at('s'.repeat(65), 'usage'), { body: looks(1) }],
  'a body of more than 64 KiB': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: ' '.repeat(65_537) },
  ],
  'a body that comes in chunks': ({ subscription }) => [
    at(subscription, 'usage'),
    { body: new Blob([looks(1_000_000)]).stream(), duplex: 'half' },
  ],
  'a quote with a query': ({ subscription }) => [`${at(subscription, 'quote')}?a=b`, { body: looks(1) }],
  'another method': ({ subscription }) => [at(subscription, 'usage'), { method: 'PUT', body: looks(1) }],
};

const read = (headers: Record<string, string> = {}): Asked => ({ method: 'GET', headers });

const READS: Record<string, Make> = {
  'a balance': ({ subscription }) => [at(subscription, 'balance'), read()],
  'a balance that the caller does not know': ({ subscription }) => [
    at(subscription, 'balance'),
    read({ 'If-None-Match': '"1-1-0-aaaaaaaa"' }),
  ],
  'a subscription': ({ subscription }) => [`/v1/subscriptions/${subscription}`, read()],
  'a quote': ({ subscription }) => [at(subscription, 'quote'), { body: looks(1) }],
  'a quote of too many': ({ subscription }) => [at(subscription, 'quote'), { body: looks(1_000_000) }],
};

const REFUSED_READS: Record<string, Make> = {
  'no key': ({ subscription }) => [at(subscription, 'balance'), read({ Authorization: '' })],
  'a key that may only spend': ({ subscription }) => [
    at(subscription, 'balance'),
    read({ Authorization: `Bearer ${mayOnlySpend}` }),
  ],
  'a quote by a key that may only read': ({ subscription }) => [
    at(subscription, 'quote'),
    { body: looks(1), headers: { Authorization: `Bearer ${mayOnlyRead}` } },
  ],
  'the balance of a subscription that nobody has': () => [at('sub_none', 'balance'), read()],
  'a known balance of a subscription that nobody has': () => [
    at('sub_none', 'balance'),
    read({ 'If-None-Match': '*' }),
  ],
  'a subscription that nobody has': () => ['/v1/subscriptions/sub_none', read()],
  'a quote for a subscription that nobody has': () => [
    at('sub_none', 'quote'),
    { body: JSON.stringify({ items: [{ feature: 'dance', quantity: 1 }] }) },
  ],
  'a quote without items': ({ subscription }) => [at(subscription, 'quote'), { body: '{}' }],
  'a quote of an unknown feature': ({ subscription }) => [
    at(subscription, 'quote'),
    { body: JSON.stringify({ items: [{ feature: 'dance', quantity: 1 }] }) },
  ],
};

const NOT_PLAIN_READS: Record<string, Make> = {
  'an instant': ({ subscription }) => [`${at(subscription, 'balance')}?at=2026-01-31T00:00:00Z`, read()],
  'an unknown parameter': ({ subscription }) => [`${at(subscription, 'balance')}?when=now`, read()],
  'an id with a space': ({ subscription }) => [at(`${subscription}%20`, 'balance'), read()],
  'an id that is too long': () => [at('s'.repeat(65), 'balance'), read()],
  'a slash at the end': ({ subscription }) => [at(subscription, 'balance/'), read()],
  HEAD: ({ subscription }) => [at(subscription, 'balance'), { method: 'HEAD' }],
};

async function made(make: Make): Promise<[path: string, asked: Asked]> {
  const [{ id: usage }, { id: held }] = [await use(driver, 2), await hold(driver, 2)];
  const [path, asked] = make({ subscription: driver.id, usage: usage as string, hold: held as string });
  return [path, sent(asked)];
}

describe('past the application', () => {
  test.each(Object.entries(SPENDS))(
    '%s: a repeat through the application has the same answer',
    async (_, make) => {
      const [path, asked] = await made(make);
      longWay = 0;
      const first = await overTheSocket(path, asked);
      expect(first.status).toBeOneOf([200, 201]);
      const again = { ...first, headers: { ...first.headers, 'idempotent-replayed': 'true' } };
      expect(await throughTheApp(path, asked)).toEqual(again);
      expect(await overTheSocket(path, asked)).toEqual(again);
      expect(longWay).toBe(0);
    },
  );

  test.each([...Object.entries(REFUSALS), ...Object.entries(REFUSED_READS)])(
    '%s: refused alike',
    async (_, make) => {
      const [path, asked] = await made(make);
      longWay = 0;
      const refused = await overTheSocket(path, asked);
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(await throughTheApp(path, asked)).toEqual(refused);
      expect(longWay).toBe(0);
    },
  );

  test.each(Object.entries(READS))('%s: answered alike', async (_, make) => {
    const [path, asked] = await made(make);
    longWay = 0;
    const answer = await overTheSocket(path, asked);
    expect(answer.status).toBe(200);
    expect(await throughTheApp(path, asked)).toEqual(answer);
    expect(longWay).toBe(0);
  });

  test.each(['balance', ''])('/%s: 304 alike to those who know it', async (below) => {
    const path = driver.path(below);
    const { headers } = await overTheSocket(path, sent(read()));
    const tag = headers['etag']!;
    longWay = 0;
    for (const value of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const asked = sent(read({ 'If-None-Match': value }));
      const answer = await overTheSocket(path, asked);
      expect(answer).toMatchObject({ status: 304, headers: { etag: tag, 'content-type': null }, body: {} });
      expect(await throughTheApp(path, asked)).toEqual(answer);
    }
    expect(longWay).toBe(0);
  });

  test.each(['a usage', 'a balance'])('%s while the ledger is not open yet', async (name) => {
    const [path, asked] = await made({ ...SPENDS, ...READS }[name]!);
    longWay = 0;
    isOpen = false;
    try {
      const refused = await overTheSocket(path, asked);
      expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
      expect(await throughTheApp(path, asked)).toEqual(refused);
    } finally {
      isOpen = true;
    }
    expect(longWay).toBe(0);
  });

  test.each([
    ['POST /v1/subscriptions/:id/usage', 'a usage'],
    ['GET /v1/subscriptions/:id/balance', 'a balance'],
  ])(
    'an unforeseen error of %s is a 500 that names its request, and the log has the rest',
    async (route, name) => {
      const [path, asked] = await made({ ...SPENDS, ...READS }[name]!);
      const lines: unknown[] = [];
      const error = new Error('a bug');
      const spending = { submit: () => Promise.reject(error) };
      const reading = { read: () => Promise.reject(error) };
      const log = (line: string, fields?: LogFields) => lines.push([line, fields]);
      const deps = { ...stack.deps, spending, reading, log };
      const broken = await listen(createFastPath(deps, getRequestListener(createApp(deps).fetch)));
      const response = await fetch(`${broken.url}${path}`, asked);
      expect(response.status).toBe(500);
      const { code, request_id, detail } = (await response.json()) as Record<string, string>;
      expect([code, detail]).toEqual(['internal_error', expect.not.stringContaining('a bug')]);
      const subscription_id = path.split('/')[3];
      expect(lines).toEqual([
        [
          `${route}: internal_error`,
          { level: 'error', route, request_id, subscription_id, status: 500, code, error },
        ],
      ]);
      await broken.close();
    },
  );
});

describe('an unusual request goes through the application', () => {
  test.each(Object.entries(NOT_PLAIN))('%s', async (_, make) => {
    const [path, asked] = await made(make);
    longWay = 0;
    await overTheSocket(path, asked);
    expect(longWay).toBe(1);
  });

  test.each(Object.entries(NOT_PLAIN_READS))('a read with %s', async (_, make) => {
    const [path, asked] = await made(make);
    longWay = 0;
    await overTheSocket(path, asked);
    expect(longWay).toBe(1);
  });

  /** The status of a request with headers as no fetch sends them. */
  const statusOf = (options: RequestOptions, body: string): Promise<number | undefined> => {
    const { hostname, port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      const sending = request({ hostname, port, ...options }, (incoming) =>
        resolve(incoming.resume().statusCode),
      );
      sending.on('error', reject).end(body);
    });
  };

  test('a read with a body', async () => {
    longWay = 0;
    const headers = { Authorization: `Bearer ${stack.key}`, 'Content-Length': 2 };
    const status = await statusOf({ path: driver.path('balance'), headers }, '{}');
    expect([status, longWay]).toEqual([200, 1]);
  });

  test.each([
    ['Authorization', () => `Bearer ${mayOnlyRead}`, 401],
    ['Content-Type', () => 'text/plain', 415],
    ['Idempotency-Key', () => randomUUID(), 400],
  ])('with a second %s, and is refused there', async (name, second, refusal) => {
    longWay = 0;
    const headers: Record<string, string[]> = {
      Authorization: [`Bearer ${stack.key}`],
      'Content-Type': ['application/json'],
      'Idempotency-Key': [randomUUID()],
    };
    headers[name]!.push(second());
    const body = looks(1);
    const length = { 'Content-Length': Buffer.byteLength(body) };
    const asked = { method: 'POST', path: driver.path('usage'), headers: { ...headers, ...length } };
    expect([await statusOf(asked, body), longWay]).toEqual([refusal, 1]);
  });
});
