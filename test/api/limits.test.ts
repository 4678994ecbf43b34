import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLimits } from '../../src/api/admission.ts';
import { makeKey } from '../../src/api/auth.ts';
import { Refusal } from '../../src/domain/errors.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { Visit } from './console-visit.ts';
import { Driver, type Problem } from './driver.ts';
import { PageVisitor } from './pages.ts';

// Limits of requests: of a key, of a subscription, on both paths; and what a stranger may cost before its key is known.

/** Its arguments are requests and pauses before the counted ones. */
const ranFirst = (..._before: unknown[]): undefined => undefined;

describe('a limit on a clock of its own', () => {
  const lived = (perKey: number, perSubscription: number) => {
    let now = 0;
    const limits = createLimits({ perKey, perSubscription }, () => now)!;
    return {
      wait: (ms: number) => {
        now += ms;
      },
      /** The requests of so many that are admitted. */
      admitted: (requests: number, key = 'key_1', subscription?: string) =>
        Array.from({ length: requests }, () => {
          try {
            limits.admit(key, subscription);
            return 1;
          } catch (error) {
            if (error instanceof Refusal && error.code === 'rate_limited') return 0;
            throw error;
          }
        }).reduce<number>((sum, one) => sum + one, 0),
      limits,
    };
  };

  test.each<[string, (life: ReturnType<typeof lived>) => number, number]>([
    ['two seconds’ worth at once', ({ admitted }) => admitted(100), 20],
    [
      'the rate after that',
      (life) => ranFirst(life.admitted(100), life.wait(1_000)) ?? life.admitted(100),
      10,
    ],
    [
      'no more after a long rest',
      (life) => ranFirst(life.admitted(100), life.wait(3_600_000)) ?? life.admitted(100),
      20,
    ],
    [
      'a steady caller at the rate is never refused',
      (life) => {
        let sum = 0;
        for (let nth = 0; nth < 100; nth += 1) {
          sum += life.admitted(1);
          life.wait(100);
        }
        return sum;
      },
      100,
    ],
    ['another key has its own', (life) => ranFirst(life.admitted(100)) ?? life.admitted(100, 'key_2'), 20],
    ['one subscription of a key is limited by itself', ({ admitted }) => admitted(10, 'key_1', 'sub_1'), 6],
    [
      'and leaves the key the rest',
      (life) => ranFirst(life.admitted(6, 'key_1', 'sub_1')) ?? life.admitted(100),
      14,
    ],
  ])('%s', (_, live, admitted) => {
    expect(live(lived(10, 3))).toBe(admitted);
  });

  test('its headers say what is left, and a refusal when to come back', () => {
    const { limits, admitted } = lived(10, 3);
    expect(limits.admit('key_1', 'sub_1')).toEqual({
      'RateLimit-Policy': '"key";q=20;w=2, "subscription";q=6;w=2',
      RateLimit: '"key";r=19, "subscription";r=5',
    });
    admitted(100);
    expect(() => limits.admit('key_1', undefined)).toThrow(
      expect.objectContaining({ code: 'rate_limited', data: { retry_after: 1 } }),
    );
  });

  test('no rate, no limit', () => {
    expect(createLimits({ perKey: 0, perSubscription: 0 })).toBeNull();
  });
});

describe('over HTTP', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ rates: { perKey: 1_000, perSubscription: 2 } });
  });
  afterAll(() => stack.stop());

  test.each(['balance', 'grants'])(
    'GET %s, on its path: four at once, then 429 with Retry-After',
    async (what) => {
      const driver = await Driver.open(stack);
      // The start asked for the subscription too.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const answers = await Promise.all(Array.from({ length: 12 }, () => driver.get(what)));
      const [good, refused] = [200, 429].map((status) =>
        answers.filter((answer) => answer.status === status),
      );
      expect(good!.length).toBeGreaterThanOrEqual(4);
      expect(good!.length + refused!.length).toBe(12);
      expect(refused!.length).toBeGreaterThan(0);
      expect(good![0]!.headers.get('RateLimit-Policy')).toBe('"key";q=2000;w=2, "subscription";q=4;w=2');
      expect(refused![0]!.headers.get('Retry-After')).toBe('1');
      expect(refused![0]!.body as Problem).toMatchObject({
        code: 'rate_limited',
        status: 429,
        retry_after: 1,
      });
    },
  );

  test('a stranger’s body is not read: the answer comes before its end', async () => {
    const known = await makeKey(stack.db, { mode: 'test', scopes: ['read'] });
    const statusOf = (path: string, key: string, length: string | null) =>
      new Promise<number>((resolve, reject) => {
        const headers = {
          Authorization: `Bearer ${key}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': 'stranger',
          ...(length === null ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': length }),
        };
        const request = httpRequest(`${stack.url}${path}`, { method: 'POST', headers }, (response) => {
          resolve(response.statusCode!);
          request.destroy();
        });
        request.on('error', reject);
        // The rest never comes.
        request.write('{"items":');
      });
    const usage = '/v1/subscriptions/sub_1/usage';
    for (const length of ['1000', null]) {
      expect(await statusOf(usage, `${known}x`, length)).toBe(401);
      expect(await statusOf('/v1/subscriptions', `${known}x`, length)).toBe(401);
    }
    expect(await statusOf(usage, known, '1000')).toBe(403);
  });

  test('a session has ten live pages, and another once one is closed', async () => {
    const driver = await Driver.open(stack);
    const { cookie } = await PageVisitor.enter(stack, driver.id);
    const open = () => fetch(`${stack.url}/wallet/live`, { headers: { Cookie: cookie! } });
    const pages = await Promise.all(Array.from({ length: 10 }, open));
    expect(pages.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect((await open()).status).toBe(429);
    await pages[0]!.body!.cancel();
    await expect.poll(async () => (await open()).status, { timeout: 5_000 }).toBe(200);
    expect((await open()).status).toBe(429);
    for (const page of pages.slice(1)) await page.body!.cancel();
  });

  test('a refusal of a spend says what is left, too', async () => {
    const driver = await Driver.open(stack);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const refused = await driver.spend(10_000);
    expect(refused.status).toBe(402);
    expect(refused.headers.get('RateLimit')).toMatch(/^"key";r=\d+, "subscription";r=\d$/);
  });

  test('a wrong key at the sign-in takes its time, and many at once are refused', async () => {
    const tries = await Promise.all(
      Array.from({ length: 30 }, () => new Visit(stack).post('/console/sign-in', { key: 'dd_test_wrong' })),
    );
    expect(tries.filter(({ status }) => status === 401)).toHaveLength(20);
    expect(tries.filter(({ status }) => status === 429)).toHaveLength(10);
  });
});
