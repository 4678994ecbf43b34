import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { all, bodyOf, codeOf, Driver, start, T0 } from '../api/driver.ts';
import { expectInvariants } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';

// Many requests at once, over HTTP: the successes are counted exactly, and no answer is a 5xx.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

const times = <T>(n: number, work: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => work(i)));

/** How often each status was answered. */
function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    const key = `${answer.status} ${codeOf(answer)}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** One effect and the same bytes for all: the first answer, and repeats of it that say so. */
function expectOneEffect(answers: Answer[]): void {
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  const replayed = answers.filter(({ headers }) => headers.get('Idempotent-Replayed') === 'true');
  expect(replayed).toHaveLength(answers.length - 1);
}

/** A creator on a test clock with 200 of allowance and 300 more. */
async function with500(): Promise<Driver> {
  const driver = await Driver.open(stack);
  await driver.buy(1);
  expect(await driver.available()).toBe(500);
  return driver;
}

async function rows(driver: Driver, below: string): Promise<number> {
  return (await all(stack, driver.path(below), 100)).length;
}

test('100 spends of 20 on 500 credits: 25 succeed, 75 are short', async () => {
  const driver = await with500();
  const answers = await times(100, () => driver.spend(20));
  expect(tally(answers)).toEqual({ '201 ok': 25, '402 insufficient_credits': 75 });
  expect(await driver.available()).toBe(0);
  expect(await rows(driver, 'usage')).toBe(25);
});

test('100 spends of 7 on 500 credits: 71 succeed and 3 remain', async () => {
  const driver = await with500();
  const answers = await times(100, () => driver.spend(7));
  expect(tally(answers)).toEqual({ '201 ok': 71, '402 insufficient_credits': 29 });
  expect(await driver.available()).toBe(3);
});

test('50 copies of one usage: one effect, one answer', async () => {
  const driver = await with500();
  const key = randomUUID();
  const answers = await times(50, () => driver.spend(20, { 'Idempotency-Key': key }));
  expect(tally(answers)).toEqual({ '201 ok': 50 });
  expectOneEffect(answers);
  expect(await driver.available()).toBe(480);
});

test('50 copies of one usage that is short: nothing, fifty times', async () => {
  const driver = await with500();
  const key = randomUUID();
  const answers = await times(50, () => driver.spend(501, { 'Idempotency-Key': key }));
  expect(tally(answers)).toEqual({ '402 insufficient_credits': 50 });
  expect(await driver.available()).toBe(500);
});

test('one key with two bodies, 20 copies each: one of the two, once', async () => {
  const driver = await with500();
  const key = randomUUID();
  const answers = await times(40, (i) => driver.spend(i % 2 === 0 ? 10 : 20, { 'Idempotency-Key': key }));
  expect(tally(answers)).toEqual({ '201 ok': 20, '422 idempotency_key_reused': 20 });
  expectOneEffect(answers.filter(({ status }) => status === 201));
  expect(await rows(driver, 'usage')).toBe(1);
});

test('50 copies of one purchase: one charge, one grant, one answer', async () => {
  const driver = await Driver.open(stack);
  const key = randomUUID();
  const answers = await times(50, () => driver.post('purchases', { packs: 2 }, { 'Idempotency-Key': key }));
  expect(tally(answers)).toEqual({ '201 ok': 50 });
  expectOneEffect(answers);
  expect([
    await rows(driver, 'purchases'),
    await rows(driver, 'charges'),
    await rows(driver, 'grants'),
  ]).toEqual([1, 2, 2]);
  expect(await driver.available()).toBe(800);
  expect((await driver.subscription()).add_on).toEqual({
    packs: 2,
    items: [{ pack: 'pack_300', quantity: 2 }],
  });
});

/** Repeats a 503 as its caller would: nothing took effect, so the same request goes again with its key. */
async function patiently(ask: (headers: Record<string, string>) => Promise<Answer>): Promise<Answer> {
  const headers = { 'Idempotency-Key': randomUUID() };
  for (;;) {
    const answer = await ask(headers);
    if (answer.status !== 503) return answer;
    expect(codeOf(answer)).toBe('temporal_unavailable');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

test('20 purchases under 20 keys: 20 charges and 20 grants, though some had to wait their turn twice', async () => {
  const driver = await Driver.open(stack);
  const answers = await times(20, () =>
    patiently((headers) => driver.post('purchases', { packs: 1 }, headers)),
  );
  expect(tally(answers)).toEqual({ '201 ok': 20 });
  expect(await driver.available()).toBe(200 + 20 * 300);
  expect((await driver.subscription()).add_on).toEqual({
    packs: 20,
    items: [{ pack: 'pack_300', quantity: 20 }],
  });
});

test('spends beside an advance over an expiry: each is dated while its grants lived, or refused', async () => {
  const driver = await Driver.open(stack);
  await driver.buy(1);
  const spends = times(60, async () => {
    const answer = await driver.spend(10);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return [answer, await driver.spend(10)];
  });
  // 02-28 brings 200 and a pack, 03-02 takes the rest of the first 200.
  const advanced = driver.post('advance', { to: '2026-03-03T00:00:00Z' });
  const answers = (await spends).flat();
  bodyOf(await advanced);
  for (const status of Object.keys(tally(answers)))
    expect(['201 ok', '402 insufficient_credits']).toContain(status);
  const spent = answers.filter(({ status }) => status === 201).length * 10;
  const [sum] = await stack.db.execute<{ expired: number }>(sql`
    select coalesce(-sum(credits), 0)::int as expired from entries where subscription_id = ${driver.id} and kind = 'expiry'`);
  expect(await driver.available()).toBe(200 + 300 + 200 + 300 - spent - sum!.expired);
});

test('spends beside a cancel at once: nothing is spent after the end', async () => {
  const driver = await with500();
  const spends = times(60, async () => [await driver.spend(3), await driver.spend(3)]);
  const cancelled = driver.post('cancel', { at: 'now' });
  const answers = (await spends).flat();
  expect(bodyOf(await cancelled)['status']).toBe('ended');
  for (const status of Object.keys(tally(answers)))
    expect(['201 ok', '409 subscription_not_active']).toContain(status);
  expect(await driver.available()).toBe(0);
  expect(codeOf(await driver.spend(1))).toBe('subscription_not_active');
});

test('two starts for one customer: one begins, one is told', async () => {
  for (let round = 0; round < 5; round += 1) {
    const customer_id = `c-${randomUUID()}`;
    const answers = await times(2, () => start(stack, { customer_id }));
    expect(tally(answers)).toEqual({ '201 ok': 1, '409 customer_already_subscribed': 1 });
    expect(await all(stack, `/v1/subscriptions?customer_id=${customer_id}`, 100)).toHaveLength(1);
  }
});

test('20 copies of one start: one subscription, one charge, one answer', async () => {
  const customer_id = `c-${randomUUID()}`;
  const key = randomUUID();
  const answers = await times(20, () => start(stack, { customer_id }, { 'Idempotency-Key': key }));
  expect(tally(answers)).toEqual({ '201 ok': 20 });
  expectOneEffect(answers);
  const [only, ...others] = await all(stack, `/v1/subscriptions?customer_id=${customer_id}`, 100);
  expect(others).toEqual([]);
  expect(await rows(new Driver(stack, String(only!['id'])), 'charges')).toBe(1);
});

test('R-90: two advances of a day each: the clock stands at the later', async () => {
  const driver = await Driver.open(stack);
  const day = (n: number) => new Date(Date.parse(T0) + n * 86_400_000).toISOString();
  const answers = await times(2, (i) => driver.post('advance', { to: day(30 + i * 30) }));
  for (const status of Object.keys(tally(answers)))
    expect(['200 ok', '400 invalid_request']).toContain(status);
  expect((await driver.subscription()).test_clock).toEqual({ now: day(60) });
});

test('R-90: an advance that waited while another passed its target is refused, and moves nothing', async () => {
  const driver = await Driver.open(stack);
  const at = (day: string) => `${day}T00:00:00.000Z`;
  const long = driver.post('advance', { to: at('2028-03-17') });
  // Long enough to be under way, short enough not to be over.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const [short, first] = [await driver.post('advance', { to: at('2026-03-17') }), await long];
  expect(first).toMatchObject({ status: 200, body: { now: at('2028-03-17') } });
  expect(short).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', errors: [{ pointer: '/to' }] },
  });
  expect((await driver.subscription()).test_clock).toEqual({ now: at('2028-03-17') });
});
