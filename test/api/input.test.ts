import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, faultsOf, type Json, start } from './driver.ts';
import { expectProblem, seen } from './problem.ts';
import { raw } from './raw.ts';
import { filled, nameOf, ROUTES, type Route } from './routes.ts';

// Bad input is refused with a pointer to each member, and changes nothing.

let stack: Stack;
let driver: Driver;
beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
  await driver.give(1_000_000);
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

const line = (quantity: unknown, feature = 'avatar_iv'): Json => ({ feature, quantity });
const usage = (...items: unknown[]): Json => ({ items });
const look = line(1, 'generate_look');

type Row = [body: string, faults: string];
/** Rows of raw JSON: they hold input that no typed client could send, too. */
const TABLES: Record<string, Row[]> = {
  'POST usage': [
    ['{}', 'invalid_request: /items'],
    ['null', 'invalid_request: '],
    ['[]', 'invalid_request: '],
    ['7', 'invalid_request: '],
    ['"items"', 'invalid_request: '],
    ['{"items": []}', 'invalid_request: /items'],
    ['{"items": {}}', 'invalid_request: /items'],
    ['{"items": null}', 'invalid_request: /items'],
    ['{"items": [null]}', 'invalid_request: /items/0'],
    ['{"items": [{}]}', 'invalid_request: /items/0/feature, /items/0/quantity'],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1, "price": 0}]}',
      'invalid_request: /items/0/price',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "item": [], "at": 1}',
      'invalid_request: /item, /at',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1, "a/b~c": 1}]}',
      'invalid_request: /items/0/a~1b~0c',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "__proto__": {"x": 1}}',
      'invalid_request: /__proto__',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1, "__proto__": {"credits": 1}}]}',
      'invalid_request: /items/0/__proto__',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1, "constructor": 1}]}',
      'invalid_request: /items/0/constructor',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "constructor": {"prototype": {}}}',
      'invalid_request: /constructor',
    ],
    ['{"items": [{"feature": 7, "quantity": 1}]}', 'invalid_request: /items/0/feature'],
    ['{"items": [{"feature": "", "quantity": 1}]}', 'invalid_request: /items/0/feature'],
    ['{"items": [{"feature": "generate_\\u0000look", "quantity": 1}]}', 'invalid_request: /items/0/feature'],
    ['{"items": [{"feature": "generate_look", "quantity": 1}], "via": "fax"}', 'invalid_request: /via'],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "reference": "a\\u0000b"}',
      'invalid_request: /reference',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "metadata": {"a": 1}}',
      'invalid_request: /metadata/a',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "metadata": {"a": "b\\u0000"}}',
      'invalid_request: /metadata/a',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "metadata": []}',
      'invalid_request: /metadata',
    ],
    // the caller's credits, only where the rate card asks for them.
    [
      '{"items": [{"feature": "generate_look", "quantity": 1, "credits": 1}]}',
      'invalid_request: /items/0/credits',
    ],
    [
      '{"items": [{"feature": "video_agent", "quantity": 1, "credits": 0}]}',
      'invalid_request: /items/0/credits',
    ],
    [
      '{"items": [{"feature": "video_agent", "quantity": 1, "credits": -5}]}',
      'invalid_request: /items/0/credits',
    ],
    [
      '{"items": [{"feature": "video_agent", "quantity": 1, "credits": 1.5}]}',
      'invalid_request: /items/0/credits',
    ],
    [
      '{"items": [{"feature": "video_agent", "quantity": 1, "credits": "5"}]}',
      'invalid_request: /items/0/credits',
    ],
    [
      '{"items": [{"feature": "video_agent", "quantity": 1, "credits": 9007199254740992}]}',
      'invalid_request: /items/0/credits',
    ],
    // together they pass 2^53-1.
    [
      '{"items": [{"feature": "video_agent", "quantity": 1, "credits": 9007199254740991}, {"feature": "generate_look", "quantity": 1}]}',
      'invalid_request: /items',
    ],
  ],
  'POST holds': [
    ['{}', 'invalid_request: /items'],
    ['null', 'invalid_request: '],
    ['{"items": []}', 'invalid_request: /items'],
    ['{"items": [{"feature": "generate_look"}]}', 'invalid_request: /items/0/quantity'],
    ['{"items": [{"feature": "generate_look", "quantity": 1.5}]}', 'invalid_request: /items/0/quantity'],
    // a hold of 0 credits is refused.
    ['{"items": [{"feature": "video_translation_audio", "quantity": 60}]}', 'invalid_request: /items'],
    ...['0', '-1', '1.5', '"60"', 'null', 'true', '86401', '1e300'].map(
      (seconds): Row => [
        `{"items": [{"feature": "generate_look", "quantity": 1}], "expires_in_seconds": ${seconds}}`,
        'invalid_request: /expires_in_seconds',
      ],
    ),
    ['{"items": [{"feature": "generate_look", "quantity": 1}], "via": "fax"}', 'invalid_request: /via'],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "reference": "a\\u0000b"}',
      'invalid_request: /reference',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "metadata": {"a": 1}}',
      'invalid_request: /metadata/a',
    ],
    [
      '{"items": [{"feature": "generate_look", "quantity": 1}], "deadline": "2026-02-01T00:00:00Z", "__proto__": {}}',
      'invalid_request: /deadline, /__proto__',
    ],
  ],
  // The fault is reported before the hold or usage is looked up.
  'POST holds/hld_0/capture': [
    ['[]', 'invalid_request: '],
    ...['0', '-1', '1.5', '"1"', 'null', 'true', '9007199254740992', '1e300'].map(
      (credits): Row => [`{"credits": ${credits}}`, 'invalid_request: /credits'],
    ),
    ['{"credits": 1, "amount": 1}', 'invalid_request: /amount'],
    ['{"reason": "r"}', 'invalid_request: /reason'],
  ],
  'POST holds/hld_0/release': [
    ['null', 'invalid_request: '],
    ['{"credits": 1}', 'invalid_request: /credits'],
    ['{"reason": "r"}', 'invalid_request: /reason'],
  ],
  'POST usage/use_0/reverse': [
    ['{}', 'invalid_request: /reason'],
    ['{"reason": ""}', 'invalid_request: /reason'],
    ['{"reason": 1}', 'invalid_request: /reason'],
    ['{"reason": "a\\u0000b"}', 'invalid_request: /reason'],
    ...['0', '-1', '1.5', '"1"', 'null', '9007199254740992'].map(
      (credits): Row => [`{"reason": "r", "credits": ${credits}}`, 'invalid_request: /credits'],
    ),
    ['{"reason": "r", "usage_id": "use_0"}', 'invalid_request: /usage_id'],
  ],
  'POST purchases': [
    ['{}', 'invalid_request: /packs'],
    ['{"packs": 0}', 'invalid_request: /packs'],
    ['{"packs": -1}', 'invalid_request: /packs'],
    ['{"packs": 1.5}', 'invalid_request: /packs'],
    ['{"packs": "1"}', 'invalid_request: /packs'],
    ['{"packs": 101}', 'invalid_request: /packs'],
    ['{"packs": 1e300}', 'invalid_request: /packs'],
    ['{"packs": true}', 'invalid_request: /packs'],
    ['{"packs": 1, "interval": "fortnight"}', 'invalid_request: /interval'],
    ['{"packs": 1, "payment_method": "card"}', 'invalid_request: /payment_method'],
    ['{"packs": 1, "payment_method": ""}', 'invalid_request: /payment_method'],
    ['{"packs": 1, "price": 0}', 'invalid_request: /price'],
  ],
  'PUT add_on': [
    ['{}', 'invalid_request: /packs'],
    ['{"packs": -1}', 'invalid_request: /packs'],
    ['{"packs": 0.5}', 'invalid_request: /packs'],
    ['{"packs": 1}', 'invalid_request: /packs'],
    ['{"packs": 0, "interval": "month"}', 'invalid_request: /interval'],
  ],
  'PUT payment_method': [
    ['{}', 'invalid_request: /payment_method'],
    ['{"payment_method": "card"}', 'invalid_request: /payment_method'],
    ['{"payment_method": 1}', 'invalid_request: /payment_method'],
  ],
  'POST cancel': [
    ['{"at": "later"}', 'invalid_request: /at'],
    ['{"reason": ""}', 'invalid_request: /reason'],
    ['{"reason": "a\\u0000b"}', 'invalid_request: /reason'],
  ],
  'POST resume': [['{"at": "now"}', 'invalid_request: /at']],
  'POST change': [
    ['{}', 'invalid_request: /plan, /interval'],
    ['{"plan": "free!", "interval": "month"}', 'invalid_request: /plan'],
    ['{"plan": "pro", "interval": "fortnight"}', 'invalid_request: /interval'],
    ['{"plan": "pro", "interval": "month", "preview": "yes"}', 'invalid_request: /preview'],
    ['{"plan": "Object.prototype", "interval": "constructor"}', 'invalid_request: /plan, /interval'],
  ],
  'POST grants': [
    ['{}', 'invalid_request: /credits, /reason'],
    ['{"credits": 0, "expires_at": "2030-01-01T00:00:00Z", "reason": "r"}', 'invalid_request: /credits'],
    ['{"credits": 1.5, "expires_at": "2030-01-01T00:00:00Z", "reason": "r"}', 'invalid_request: /credits'],
    [
      '{"credits": 9007199254740992, "expires_at": "2030-01-01T00:00:00Z", "reason": "r"}',
      'invalid_request: /credits',
    ],
    [
      '{"credits": 1, "expires_at": "2026-01-31T00:00:00.000Z", "reason": "r"}',
      'invalid_request: /expires_at',
    ],
    ['{"credits": 1, "expires_at": "2020-01-01T00:00:00Z", "reason": "r"}', 'invalid_request: /expires_at'],
    ['{"credits": 1, "expires_at": "2030-02-30T00:00:00Z", "reason": "r"}', 'invalid_request: /expires_at'],
    ['{"credits": 1, "expires_at": "2030-01-01", "reason": "r"}', 'invalid_request: /expires_at'],
    ['{"credits": 1, "expires_at": "2030-01-01T00:00:00", "reason": "r"}', 'invalid_request: /expires_at'],
    ['{"credits": 1, "expires_at": 1893456000000, "reason": "r"}', 'invalid_request: /expires_at'],
    ['{"credits": 1, "expires_at": "9999-01-01T00:00:00Z", "reason": "r"}', 'invalid_request: /expires_at'],
    [
      '{"credits": 1, "expires_at": "2030-01-01T00:00:00Z", "reason": "a\\u0000"}',
      'invalid_request: /reason',
    ],
    [
      '{"credits": 1, "expires_at": "2030-01-01T00:00:00Z", "reason": "r", "kind": "pack"}',
      'invalid_request: /kind',
    ],
  ],
  'PUT allowance': [
    ['{"credits": -1}', 'invalid_request: /credits'],
    ['{"credits": 1.5}', 'invalid_request: /credits'],
  ],
  'POST advance': [
    ['{}', 'invalid_request: /to'],
    ['{"to": "tomorrow"}', 'invalid_request: /to'],
    ['{"to": "2026-01-30T23:59:59.999Z"}', 'invalid_request: /to'],
    ['{"to": "2200-01-01T00:00:00Z"}', 'invalid_request: /to'],
  ],
  'POST quote': [
    ['{"items": []}', 'invalid_request: /items'],
    ['{"items": [{"feature": "generate_look", "quantity": 1}], "via": "zapier"}', 'invalid_request: /via'],
  ],
};

function send(on: Driver, name: string, body: string): Promise<Answer> {
  const [method, below] = name.split(' ') as [string, string];
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() };
  return raw(stack, on.path(below), { method, body, headers });
}

describe.each(Object.entries(TABLES))('%s', (name, rows) => {
  test.each(rows)('%s', async (body, faults) => {
    const before = await seen(driver);
    const answer = await send(driver, name, body);
    expect(faultsOf(answer)).toBe(faults);
    expectProblem(answer, 'invalid_request');
    expect(await seen(driver)).toEqual(before);
  });
});

describe('POST /v1/subscriptions', () => {
  test.each([
    [{ customer_id: '' }, '/customer_id'],
    [{ customer_id: 7 }, '/customer_id'],
    [{ customer_id: 'a\u0000b' }, '/customer_id'],
    [{ customer_id: 'x'.repeat(256) }, '/customer_id'],
    [{ plan: 'free' }, '/plan'],
    [{ plan: 'toString' }, '/plan'],
    [{ interval: 'fortnight' }, '/interval'],
    [{ time_zone: 'Mars/Olympus' }, '/time_zone'],
    [{ time_zone: '+02:00' }, '/time_zone'],
    [{ payment_method: 'card' }, '/payment_method'],
    [{ allowance: 5 }, '/allowance'],
    [{ plan: 'enterprise' }, '/allowance'],
    [{ plan: 'enterprise', allowance: 0 }, '/allowance'],
    [{ anchor_at: '2026-01-31T00:00:00.000Z' }, '/anchor_at'],
    [{ anchor_at: '2026-02-01T00:00:00Z' }, '/anchor_at'],
    [{ anchor_at: '1969-12-31T23:59:59Z' }, '/anchor_at'],
    [{ test_clock: {} }, '/test_clock/now'],
    [{ test_clock: { now: '2026-01-31T00:00:00Z', speed: 2 } }, '/test_clock/speed'],
    [{ test_clock: true }, '/test_clock'],
    [{ metadata: { a: { b: 1 } } }, '/metadata/a'],
    [{ metadata: { a: 'x'.repeat(501) } }, '/metadata/a'],
    [{ metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, 'v'])) }, '/metadata'],
    [{ status: 'active' }, '/status'],
    [{ plan: 'free!', interval: 'fortnight', id: 'sub_mine' }, '/plan, /interval, /id'],
  ])('%j', async (wanted, pointers) => {
    const before = bodyOf(await stack.request('GET', '/v1/subscriptions?limit=100'));
    const answer = await start(stack, wanted as Json);
    expectProblem(answer, 'invalid_request');
    expect(faultsOf(answer)).toBe(`invalid_request: ${pointers}`);
    expect(bodyOf(await stack.request('GET', '/v1/subscriptions?limit=100'))).toEqual(before);
  });

  test('R-65: a refused request leaves its key free', async () => {
    const headers = { 'Idempotency-Key': 'one-start' };
    expectProblem(await start(stack, { plan: 'free' }, headers), 'invalid_request');
    expect((await start(stack, {}, headers)).status).toBe(201);
  });
});

describe('R-05: quantities', () => {
  const fault = 'invalid_request: /items/0/quantity';
  test.each<[unknown, string, number | string]>([
    [60, 'avatar_iv', 20],
    [62.5, 'avatar_iv', 21],
    [61, 'video_translation', 6],
    [12.48, 'avatar_iv', 5],
    [0.001, 'avatar_iv', 1],
    [12.4801, 'avatar_iv', fault],
    [0.0001, 'avatar_iv', fault],
    [1e-7, 'avatar_iv', fault],
    [0, 'avatar_iv', fault],
    [-1, 'avatar_iv', fault],
    [-0.5, 'avatar_iv', fault],
    [1e9, 'video_translation_audio', 0],
    [1e9, 'avatar_iv', 333_333_334],
    [1e9 + 1, 'avatar_iv', fault],
    [1e21, 'avatar_iv', fault],
    [Number.MAX_SAFE_INTEGER, 'avatar_iv', fault],
    ['60', 'avatar_iv', fault],
    [null, 'avatar_iv', fault],
    [true, 'avatar_iv', fault],
    [[60], 'avatar_iv', fault],
    [1, 'add_motion', 10],
    [1.5, 'add_motion', fault],
    [0, 'add_motion', fault],
    [1e9, 'video_asset', 15_000_000_000],
    [1e9 + 1, 'video_asset', fault],
  ])('%j of %s: %s', async (quantity, feature, wanted) => {
    const before = await seen(driver);
    const quoted = await driver.post('quote', usage(line(quantity, feature)));
    if (typeof wanted === 'string') {
      expect(faultsOf(quoted)).toBe(wanted);
      expect(faultsOf(await driver.post('usage', usage(line(quantity, feature))))).toBe(wanted);
    } else expect(bodyOf(quoted)).toMatchObject({ credits: wanted, lines: [{ credits: wanted, quantity }] });
    expect(await seen(driver)).toEqual(before);
  });

  test.each(['1e400', '-1e400', 'NaN', 'Infinity', '0x10', '1_000', '01'])(
    'the number %s',
    async (number) => {
      const answer = await send(
        driver,
        'POST usage',
        `{"items":[{"feature":"avatar_iv","quantity":${number}}]}`,
      );
      expect(answer.status).toBe(400);
    },
  );

  test('each line is named by its own pointer', async () => {
    const answer = await driver.post('usage', usage(look, line('x'), look, line(1, '')));
    expect(faultsOf(answer)).toBe('invalid_request: /items/1/quantity, /items/3/feature');
  });

  test('100 lines are taken, 101 refused', async () => {
    const before = await seen(driver);
    const lines = (n: number) => Array.from({ length: n }, () => look);
    expect(faultsOf(await driver.post('usage', usage(...lines(101))))).toBe('invalid_request: /items');
    expect(await seen(driver)).toEqual(before);
    expect(bodyOf(await driver.post('usage', usage(...lines(100))), 201)['credits']).toBe(100);
  });
});

describe('a body', () => {
  const json = { 'Content-Type': 'application/json', 'Idempotency-Key': 'k' };
  const commands = ROUTES.filter(({ method }) => method !== 'GET');
  const at = (route: Route) => filled(route.path, driver.id, 'chg_0');

  test.each(commands.map((route): [string, Route] => [nameOf(route), route]))(
    '%s: malformed, of another type, or too large',
    async (_, route) => {
      const before = await seen(driver);
      const { method } = route;
      const ask = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
        raw(stack, at(route), { method, body, headers: { ...json, ...headers } });
      for (const body of ['{', '{"a":1,}', "{'a':1}", '{}{}', '\ufeff{', 'undefined'])
        expectProblem(await ask(body, {}), 'malformed_json');
      // UTF-8 only.
      expectProblem(
        await ask(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {}),
        'malformed_json',
      );
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'application/jsonp',
        '',
      ])
        expectProblem(
          await ask(JSON.stringify(route.body), { 'Content-Type': type }),
          'unsupported_media_type',
        );
      expectProblem(await ask(`{"x":"${'y'.repeat(64 * 1024)}"}`, {}), 'body_too_large');
      expect(await seen(driver)).toEqual(before);
    },
  );

  test('of exactly 64 KiB is read, one byte more is not', async () => {
    const body = `{"reason":"${'x'.repeat(64 * 1024 - 13)}"}`;
    const ask = (text: string) => raw(stack, driver.path('cancel'), { body: text, headers: json });
    expect(faultsOf(await ask(body))).toBe('invalid_request: /reason');
    expect(faultsOf(await ask(`${body} `))).toBe('body_too_large');
  });

  test('that never ends is cut off', async () => {
    const chunk = new TextEncoder().encode('x'.repeat(16 * 1024));
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 1;
        if (sent > 1_000) controller.error(new Error('the server read 16 MB'));
        else controller.enqueue(chunk);
      },
    });
    expectProblem(
      await raw(stack, driver.path('cancel'), { body: endless, headers: json }),
      'body_too_large',
    );
    expect(sent).toBeLessThan(20);
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON'])(
    'as %s is read',
    async (type) => {
      const body = JSON.stringify(usage(look));
      const answer = await raw(stack, driver.path('quote'), { body, headers: { 'Content-Type': type } });
      expect(answer.status).toBe(200);
    },
  );

  test('nested ten thousand deep is refused', async () => {
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    for (const body of [
      deep,
      `{"items":${deep}}`,
      `{"items":[{"feature":"generate_look","quantity":1}],"metadata":{"a":${deep}}}`,
    ])
      expect((await send(driver, 'POST usage', body)).status).toBe(400);
  });

  test('may be missing where every member is optional', async () => {
    const other = await Driver.open(stack);
    const answer = await raw(stack, other.path('cancel'), { headers: { 'Idempotency-Key': 'k' } });
    expect(bodyOf(answer)).toMatchObject({ scheduled_change: { kind: 'cancel' } });
  });
});

describe('a query', () => {
  test.each([
    ['subscriptions?limit=0', '?limit'],
    ['subscriptions?limit=101', '?limit'],
    ['subscriptions?limit=-1', '?limit'],
    ['subscriptions?limit=1.5', '?limit'],
    ['subscriptions?limit=many', '?limit'],
    ['subscriptions?limit=', '?limit'],
    ['subscriptions?order=up', '?order'],
    ['subscriptions?status=free', '?status'],
    ['subscriptions?customer=x', '?customer'],
    ['subscriptions?customer_id=a%00b', '?customer_id'],
    ['subscriptions/{id}/grants?open=yes', '?open'],
    ['subscriptions/{id}/holds?limit=0', '?limit'],
    ['subscriptions/{id}/holds?status=held', '?status'],
    ['subscriptions/{id}/schedule?limit=0', '?limit'],
    ['subscriptions/{id}/schedule?limit=101', '?limit'],
    ['subscriptions/{id}/balance?at=now', '?at'],
    ['subscriptions/{id}/balance?at=2026-02-30T00:00:00Z', '?at'],
    ['subscriptions/{id}/balance?at=2200-01-01T00:00:00Z', '?at'],
    ['subscriptions/{id}/balance?when=now', '?when'],
    ['subscriptions/{id}/entries?__proto__=1', '?__proto__'],
    ['catalog?versions=1', '?versions'],
  ])('%s', async (path, pointer) => {
    const answer = await stack.request('GET', `/v1/${path.replace('{id}', driver.id)}`);
    expectProblem(answer, 'invalid_request');
    expect(faultsOf(answer)).toBe(`invalid_request: ${pointer}`);
  });

  test('filters compare, and never run', async () => {
    for (const text of ["' or '1'='1", '%', '_', '\\', '"', 'sub_*', '$1', '🦊']) {
      const list = await stack.request('GET', `/v1/subscriptions?customer_id=${encodeURIComponent(text)}`);
      expect(bodyOf(list)['data']).toEqual([]);
    }
  });

  test.each(['%00', 'sub_%00', 'x'.repeat(65), '%E0%A4%A'])('an id that can be none: %s', async (id) => {
    const answer = await stack.request('GET', `/v1/subscriptions/${id}`);
    expect([400, 404]).toContain(answer.status);
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
  });
});

test('metadata comes back as it went in, under any name', async () => {
  const metadata = { constructor: 'a', toString: 'b', '<script>': '"\'&', ключ: '🦊' };
  const other = await Driver.open(stack, { metadata });
  expect(bodyOf(await other.get())['metadata']).toEqual(metadata);
  const spent = bodyOf(await other.post('usage', { ...usage(look), metadata, reference: '🦊' }), 201);
  expect(bodyOf(await other.get(`usage/${spent['id']}`))).toMatchObject({
    metadata,
    reference: '🦊',
    via: null,
  });
});
