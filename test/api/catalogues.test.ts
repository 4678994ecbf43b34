import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { publishCatalog } from '../../src/db/catalogs.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG, ITEM } from '../../src/domain/catalog/default.ts';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, faultsOf } from './driver.ts';
import { expectProblem } from './problem.ts';

// another catalogue comes into force under running subscriptions.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

/** Every look costs two, an agent has its price, training is gone, five packs are the most. */
const EDITED: Catalog = {
  ...DEFAULT_CATALOG,
  version: 'edited',
  features: DEFAULT_CATALOG.features
    .filter(({ id }) => id !== 'ai_model_training')
    .map((rate) => {
      if (rate.id === 'generate_look') return { ...rate, credits: 2 };
      if (rate.id === 'video_agent') return { ...rate, credits: 30, per: 1 };
      return rate.id === 'avatar_iv' ? { ...rate, unit: ITEM, credits: 9 } : rate;
    }),
  policies: { ...DEFAULT_CATALOG.policies, packs_per_purchase: 5 },
};

test('a use is priced at once with the newest, and earlier answers stay', async () => {
  const driver = await Driver.open(stack);
  await driver.buy(3);
  const key = { 'Idempotency-Key': 'one' };
  const use = (feature: string, quantity: number, more = {}) => ({ items: [{ feature, quantity, ...more }] });
  const asked: [string, () => Promise<Answer>][] = [
    ['a look', () => driver.post('usage', use('generate_look', 5), { 'Idempotency-Key': 'look' })],
    [
      'a feature that goes',
      () => driver.post('usage', use('ai_model_training', 1), { 'Idempotency-Key': 'training' }),
    ],
    [
      'credits no longer stated',
      () => driver.post('usage', use('video_agent', 1, { credits: 7 }), { 'Idempotency-Key': 'agent' }),
    ],
    [
      'a quantity no longer possible',
      () => driver.post('usage', use('avatar_iv', 1.5), { 'Idempotency-Key': 'avatar' }),
    ],
    ['more packs than now', () => driver.post('purchases', { packs: 6 }, key)],
  ];
  const before = [];
  for (const [, ask] of asked) before.push(bodyOf(await ask(), 201));

  await publishCatalog(stack.db, EDITED);
  expect(bodyOf(await driver.spend(5), 201)).toMatchObject({ credits: 10, catalog_version: 'edited' });
  await expect
    .poll(async () => bodyOf(await stack.request('GET', '/v1/catalog'))['version'], { timeout: 10_000 })
    .toBe('edited');

  for (const [i, [what, ask]] of asked.entries()) {
    const again = await ask();
    expect(again.body, what).toEqual(before[i]);
    expect(again.headers.get('Idempotent-Replayed'), what).toBe('true');
  }
  expectProblem(await driver.post('usage', use('ai_model_training', 1)), 'unknown_feature');
  expectProblem(
    await driver.post('usage', use('ai_model_training', 2), { 'Idempotency-Key': 'training' }),
    'idempotency_key_reused',
  );
  expect(faultsOf(await driver.post('usage', use('video_agent', 1, { credits: 7 })))).toBe(
    'invalid_request: /items/0/credits',
  );
  expect(faultsOf(await driver.post('purchases', { packs: 6 }))).toBe('invalid_request: /packs');
  expect(bodyOf(await driver.post('purchases', { packs: 5 }), 201)).toMatchObject({ credits: 1_500 });
});
