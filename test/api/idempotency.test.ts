import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { all, bodyOf, codeOf, Driver, type Json, start } from './driver.ts';
import { expectProblem, seen } from './problem.ts';
import { raw } from './raw.ts';
import { filled, nameOf, ROUTES, type Route } from './routes.ts';

// R-65, I10: one key and body, one effect and one answer, for ever.

let stack: Stack;
let driver: Driver;
beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
  await driver.give(1_000_000);
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

const marked = ROUTES.filter(({ idempotent }) => idempotent);
const one = { items: [{ feature: 'generate_look', quantity: 1 }] };

/** Sends bytes with exactly these headers and the key. */
const bytes = (on: Driver, below: string, body: unknown, headers: Record<string, string>): Promise<Answer> =>
  raw(stack, on.path(below), {
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  });

describe.each(marked.map((route): [string, Route] => [nameOf(route), route]))('%s', (_, route) => {
  test('needs a key of 1 to 255 visible ASCII characters', async () => {
    const before = await seen(driver);
    const ask = (headers: Record<string, string>) =>
      raw(stack, filled(route.path, driver.id), {
        method: route.method,
        body: JSON.stringify(route.body),
        headers: { 'Content-Type': 'application/json', ...headers },
      });
    expectProblem(await ask({}), 'idempotency_key_required');
    for (const key of ['x'.repeat(256), 'a b', 'caf\u00e9', 'a\tb', '""', '"a b"', `"${'x'.repeat(256)}"`])
      expectProblem(await ask({ 'Idempotency-Key': key }), 'invalid_request');
    expect(await seen(driver)).toEqual(before);
  });
});

describe('a route that is not marked', () => {
  test.each(
    ROUTES.filter(({ idempotent }) => !idempotent).map((route): [string, Route] => [nameOf(route), route]),
  )('%s needs no key', async (_, route) => {
    const body = route.method === 'GET' ? {} : { body: JSON.stringify(route.body) };
    const headers = { 'Content-Type': 'application/json' };
    const answer = await raw(stack, filled(route.path, driver.id), {
      method: route.method,
      headers,
      ...body,
    });
    expect(codeOf(answer)).not.toBe('idempotency_key_required');
  });
});

describe('a key', () => {
  test('bare or quoted is the same key', async () => {
    const key = randomUUID();
    const bare = await bytes(driver, 'usage', one, { 'Idempotency-Key': key });
    const quoted = await bytes(driver, 'usage', one, { 'Idempotency-Key': `"${key}"` });
    expect([bare.status, quoted.status, quoted.text]).toEqual([201, 201, bare.text]);
    expect(quoted.headers.get('Idempotent-Replayed')).toBe('true');
  });

  test.each([
    '~',
    '!',
    'x'.repeat(255),
    `"${'y'.repeat(255)}"`,
    '%s',
    "';--",
    '__proto__',
    'constructor',
    '$1',
  ])('may be %s', async (key) => {
    const first = await bytes(driver, 'usage', one, { 'Idempotency-Key': key });
    const again = await bytes(driver, 'usage', one, { 'Idempotency-Key': key });
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
  });

  test('is compared to the letter', async () => {
    const key = randomUUID();
    const ids = [];
    for (const each of [`${key}a`, `${key}A`])
      ids.push(bodyOf(await driver.spend(1, { 'Idempotency-Key': each }), 201)['id']);
    expect(ids[0]).not.toBe(ids[1]);
  });

  test('belongs to one subscription', async () => {
    const other = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    const [a, b] = [await driver.spend(1, headers), await other.spend(1, headers)];
    expect([a.status, b.status]).toEqual([201, 201]);
    expect(b.headers.get('Idempotent-Replayed')).toBeNull();
    for (const each of [driver, other])
      expect(
        (await each.post('purchases', { packs: 1 }, headers)).headers.get('Idempotent-Replayed'),
      ).toBeNull();
  });

  test('belongs to one operation', async () => {
    const other = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    const asked: [string, () => Promise<Answer>][] = [
      ['usage', () => other.spend(1, headers)],
      ['purchases', () => other.post('purchases', { packs: 1 }, headers)],
      ['add_on', () => other.put('add_on', { packs: 0 }, headers)],
      [
        'grants',
        () => other.post('grants', { credits: 1, expires_at: '2030-01-01T00:00:00Z', reason: 'r' }, headers),
      ],
      ['cancel', () => other.post('cancel', {}, headers)],
      ['resume', () => other.post('resume', {}, headers)],
      ['change', () => other.post('change', { plan: 'pro', interval: 'month' }, headers)],
      ['advance', () => other.post('advance', { to: '2026-02-01T00:00:00Z' }, headers)],
    ];
    for (const [what, ask] of asked) {
      const answer = await ask();
      expect(codeOf(answer), what).toBe('ok');
      expect(answer.headers.get('Idempotent-Replayed'), what).toBeNull();
      expect((await ask()).headers.get('Idempotent-Replayed'), what).toBe('true');
    }
  });

  test('revoking one grant is another operation than revoking the next', async () => {
    const other = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    const revoked = [];
    for (const credits of [5, 7]) {
      const { id } = await other.give(credits);
      revoked.push(bodyOf(await other.post(`grants/${id}/revoke`, { reason: 'r' }, headers))['revoked']);
    }
    expect(revoked).toEqual([5, 7]);
  });
});

describe('the same body', () => {
  test('is the same as JSON: order of members and spaces do not count', async () => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await bytes(
      driver,
      'usage',
      '{"items":[{"feature":"avatar_iv","quantity":60}],"reference":"r"}',
      headers,
    );
    const again = await bytes(
      driver,
      'usage',
      ' { "reference" : "\\u0072", "items" : [ { "quantity" : 6.0e1, "feature" : "avatar_iv" } ] } ',
      headers,
    );
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
  });

  test.each([
    ['a quantity', { items: [{ feature: 'generate_look', quantity: 2 }] }],
    ['the order of lines', { items: [{ feature: 'add_motion', quantity: 1 }, one.items[0]] }],
    ['a member more', { ...one, reference: 'r' }],
    ['an empty member more', { ...one, metadata: {} }],
  ])('is not: %s', async (_, other) => {
    const headers = { 'Idempotency-Key': randomUUID() };
    await driver.post('usage', one, headers);
    const before = await seen(driver);
    expectProblem(await driver.post('usage', other, headers), 'idempotency_key_reused');
    expect(await seen(driver)).toEqual(before);
  });
});

/** Commands that succeed on a fresh subscription, and keep their answer after later ones. */
const LASTING: [string, (on: Driver, headers: Record<string, string>) => Promise<Answer>][] = [
  ['usage', (on, headers) => on.spend(3, headers)],
  [
    'a usage for nothing',
    (on, headers) =>
      on.post('usage', { items: [{ feature: 'video_translation_audio', quantity: 9 }] }, headers),
  ],
  ['purchase', (on, headers) => on.post('purchases', { packs: 2 }, headers)],
  [
    'grant',
    (on, headers) =>
      on.post('grants', { credits: 9, expires_at: '2026-06-01T00:00:00Z', reason: 'r' }, headers),
  ],
  ['add_on', (on, headers) => on.put('add_on', { packs: 0 }, headers)],
  ['payment method', (on, headers) => on.put('payment_method', { payment_method: 'sandbox_ok' }, headers)],
  ['resume', (on, headers) => on.post('resume', {}, headers)],
  ['change', (on, headers) => on.post('change', { plan: 'pro', interval: 'month' }, headers)],
  ['cancel', (on, headers) => on.post('cancel', {}, headers)],
  ['cancel at once', (on, headers) => on.post('cancel', { at: 'now', reason: 'r' }, headers)],
  ['advance', (on, headers) => on.post('advance', { to: '2026-04-15T00:00:00Z' }, headers)],
];

describe('a success is answered the same, byte for byte, after all that may come', () => {
  test.each(LASTING)('%s', async (_, ask) => {
    const on = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await ask(on, headers);
    expect(codeOf(first)).toBe('ok');
    expect(first.headers.get('Idempotent-Replayed')).toBeNull();
    const repeat = async (when: string) => {
      const before = await seen(on);
      const again = await ask(on, headers);
      expect([again.status, again.text, again.headers.get('Idempotent-Replayed')], when).toEqual([
        first.status,
        first.text,
        'true',
      ]);
      expect(await seen(on), when).toEqual(before);
    };
    await repeat('at once');
    const live = (await on.subscription()).status === 'active';
    if (live) await on.spend(1);
    await on.advance('2026-05-15T00:00:00Z');
    await repeat('after months');
    if ((await on.subscription()).status === 'active') await on.post('cancel', { at: 'now' });
    await repeat('after the end');
    await on.advance('2026-07-15T00:00:00Z');
    await repeat('long after the end');
  });

  test('a start, after the end and after the customer came back', async () => {
    const customer_id = `c-${randomUUID()}`;
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await start(stack, { customer_id }, headers);
    const on = new Driver(stack, String(bodyOf(first, 201)['id']));
    bodyOf(await on.post('cancel', { at: 'now' }));
    const second = bodyOf(await start(stack, { customer_id }), 201);
    expect(second['id']).not.toBe(on.id);
    const again = await start(stack, { customer_id }, headers);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expectProblem(await start(stack, { customer_id, plan: 'pro' }, headers), 'idempotency_key_reused');
    expect(await all(stack, `/v1/subscriptions?customer_id=${customer_id}`, 10)).toHaveLength(2);
  });

  test('a start that is pending stays 202, also once it is paid', async () => {
    const wanted = { customer_id: `c-${randomUUID()}`, payment_method: 'sandbox_pending' };
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await start(stack, wanted, headers);
    const on = new Driver(stack, String(bodyOf(first, 202)['id']));
    await settleFirst(on);
    await expect.poll(async () => (await on.subscription()).status, { timeout: 15_000 }).toBe('active');
    const again = await start(stack, wanted, headers);
    expect([again.status, again.text]).toEqual([202, first.text]);
  });

  test('a purchase that is pending stays 202, also once it is paid', async () => {
    const on = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    const ask = () => on.post('purchases', { packs: 1, payment_method: 'sandbox_pending' }, headers);
    const first = await ask();
    expect(bodyOf(first, 202)).toMatchObject({ status: 'pending', grant: null });
    await settleFirst(on);
    await expect.poll(() => on.available(), { timeout: 15_000 }).toBe(500);
    const again = await ask();
    expect([again.status, again.text]).toEqual([202, first.text]);
  });
});

/** Settles the newest charge, twice: the second delivery is acknowledged and changes nothing. */
async function settleFirst(on: Driver): Promise<void> {
  const [charge] = bodyOf<{ data: Json[] }>(await on.get('charges?limit=1')).data;
  const path = `/v1/sandbox/charges/${charge!['id']}/settle`;
  for (const duplicate of [false, true])
    expect(bodyOf(await stack.request('POST', path, { body: { outcome: 'paid' } }))).toMatchObject({
      duplicate,
    });
}

describe('a refusal leaves the key free (only 2xx is stored)', () => {
  test('short, then a pack, then the same request again', async () => {
    const on = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    for (let i = 0; i < 2; i += 1) expectProblem(await on.spend(300, headers), 'insufficient_credits');
    await on.buy(1);
    const spent = await on.spend(300, headers);
    expect([spent.status, spent.headers.get('Idempotent-Replayed')]).toEqual([201, null]);
    expect((await on.spend(300, headers)).text).toBe(spent.text);
    expect(await on.available()).toBe(200);
  });

  test('after a refusal the key takes another body too', async () => {
    const on = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    expectProblem(await on.spend(300, headers), 'insufficient_credits');
    expect((await on.spend(20, headers)).status).toBe(201);
    expectProblem(await on.spend(300, headers), 'idempotency_key_reused');
  });

  test('declined, then another payment method under the same key', async () => {
    const on = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    const declined = { packs: 1, payment_method: 'sandbox_declined' };
    for (let i = 0; i < 2; i += 1)
      expectProblem(await on.post('purchases', declined, headers), 'payment_declined');
    expect((await on.post('purchases', { packs: 1 }, headers)).status).toBe(201);
    expectProblem(await on.post('purchases', declined, headers), 'idempotency_key_reused');
    const purchases = await all(stack, on.path('purchases'), 10);
    expect(purchases.map(({ status }) => status)).toEqual(['paid', 'declined', 'declined']);
  });

  test('a start that was declined, then paid', async () => {
    const customer_id = `c-${randomUUID()}`;
    const headers = { 'Idempotency-Key': randomUUID() };
    const declined = { customer_id, payment_method: 'sandbox_declined' };
    for (let i = 0; i < 2; i += 1) expectProblem(await start(stack, declined, headers), 'payment_declined');
    const started = await start(stack, { customer_id }, headers);
    expect(started.status).toBe(201);
    expect((await start(stack, { customer_id }, headers)).text).toBe(started.text);
  });

  test('refused while cancelling, done after the resume', async () => {
    const on = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    await on.post('cancel', {});
    expectProblem(await on.post('purchases', { packs: 1 }, headers), 'cancellation_scheduled');
    await on.post('resume', {});
    expect((await on.post('purchases', { packs: 1 }, headers)).status).toBe(201);
  });
});
