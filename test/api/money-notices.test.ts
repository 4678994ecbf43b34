import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { publishCatalog } from '../../src/db/catalogs.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { CATALOGS } from '../scenarios/catalogs.ts';
import { expectSound } from '../support/invariants.ts';
import { did } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// R-23, R-08a: notices of money to come: the end of a trial, and a renewal at another price. Each is dated when it was due.

const SHOP = CATALOGS['shop']!;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ catalog: SHOP });
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack?.stop());

let versions = 0;
const dearer = (change: (catalog: Catalog) => void): Catalog => {
  versions += 1;
  const catalog = { ...structuredClone(SHOP), version: `shop-${versions}` };
  change(catalog);
  return catalog;
};

async function start(customer: string, body: object): Promise<string> {
  const started = { customer_id: customer, interval: 'month', test_clock: { now: '2026-03-01T00:00:00Z' } };
  const { status, body: made } = await stack.request('POST', '/v1/subscriptions', {
    body: { ...started, ...body },
  });
  expect(status).toBe(201);
  return (made as { id: string }).id;
}

interface Recorded {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** `2026-03-05 trial_ending 3`: the day, the type and the days ahead, with the amounts of a price. */
async function notices(id: string): Promise<string[]> {
  const { body } = await stack.request('GET', `/v1/events?subscription_id=${id}&limit=100&order=asc`);
  const minor = (money: unknown) => (money as { amount_minor: number }).amount_minor;
  return (body as { data: Recorded[] }).data
    .filter(({ type }) => /trial_ending|price_changing|activated/.test(type))
    .map(({ type, timestamp, data }) =>
      [
        timestamp.slice(0, 10),
        type.replace('subscription.', ''),
        ...(data['days'] === undefined ? [] : [data['days']]),
        ...(data['last'] === undefined ? [] : [`${minor(data['last'])} to ${minor(data['next'])}`]),
        ...(data['will_charge'] === false ? ['without a payment method'] : []),
      ].join(' '),
    );
}

const advance = (id: string, to: string) => did(stack, id, 'POST advance', { to: `${to}T00:00:00Z` });

test('a trial is announced three days and one day before its end', async () => {
  const id = await start('tries', { plan: 'plus' });
  await advance(id, '2026-03-06');
  expect(await notices(id)).toEqual(['2026-03-05 trial_ending 3 without a payment method']);
  await did(stack, id, 'PUT payment_method', { payment_method: 'sandbox_ok' });
  await advance(id, '2026-03-20');
  expect(await notices(id)).toEqual([
    '2026-03-05 trial_ending 3 without a payment method',
    '2026-03-07 trial_ending 1',
    '2026-03-08 activated',
  ]);
});

test('none comes for a trial that is cancelled, or activated before', async () => {
  const cancelled = await start('cancels', { plan: 'plus' });
  await did(stack, cancelled, 'POST cancel', {});
  await advance(cancelled, '2026-03-20');
  expect(await notices(cancelled)).toEqual([]);
  const activated = await start('activates', { plan: 'plus', payment_method: 'sandbox_ok' });
  await did(stack, activated, 'POST activate', {});
  await advance(activated, '2026-03-20');
  expect(await notices(activated)).toEqual(['2026-03-01 activated']);
});

test('another price is announced 30 and 7 days before the first renewal that has it, packs included', async () => {
  const id = await start('pays', { plan: 'lite' });
  const cancelled = await start('leaves', { plan: 'lite' });
  const changes = await start('changes', { plan: 'max' });
  await did(stack, id, 'POST purchases', { packs: 2, pack: 'small' });
  await did(stack, cancelled, 'POST cancel', {});
  await did(stack, changes, 'POST change', { plan: 'lite', interval: 'month' });
  await publishCatalog(
    stack.db,
    dearer(({ plans, packs }) => {
      plans.find((plan) => plan.id === 'lite')!.prices.month = 1_000;
      plans.find((plan) => plan.id === 'max')!.prices.month = 5_000;
      packs.find((pack) => pack.id === 'small')!.price = 350;
    }),
  );
  for (const each of [id, cancelled, changes]) await advance(each, '2026-06-01');
  expect(await notices(id)).toEqual([
    '2026-03-02 price_changing 30 1500 to 1700',
    '2026-03-25 price_changing 7 1500 to 1700',
  ]);
  expect(await notices(cancelled)).toEqual([]);
  expect(await notices(changes)).toEqual([]);
});

test('a kept price changes only with its packs', async () => {
  const id = await start('keeps', { plan: 'lite' });
  await publishCatalog(
    stack.db,
    dearer(({ policies, plans }) => {
      policies.existing_prices = 'keep';
      plans.find((plan) => plan.id === 'lite')!.prices.month = 1_900;
    }),
  );
  await advance(id, '2026-04-02');
  expect(await notices(id)).toEqual([]);
  await did(stack, id, 'POST reprice', {});
  await advance(id, '2026-06-01');
  const { body } = await stack.request('GET', `/v1/subscriptions/${id}/charges?order=asc`);
  const amounts = (body as { data: { amount: { amount_minor: number } }[] }).data.map(
    ({ amount }) => amount.amount_minor,
  );
  expect(amounts).toEqual([1_000, 1_000, 1_900, 1_900]);
  expect(await notices(id)).toEqual(['2026-04-24 price_changing 7 1000 to 1900']);
});

test('a free plan that will cost something is announced before its first charge', async () => {
  const id = await start('is free', { plan: 'free', payment_method: 'sandbox_ok' });
  await publishCatalog(
    stack.db,
    dearer(({ policies, plans }) => {
      policies.existing_prices = 'reprice';
      plans.find((plan) => plan.id === 'free')!.prices.month = 500;
    }),
  );
  await advance(id, '2026-04-02');
  expect(await notices(id)).toEqual([
    '2026-03-02 price_changing 30 0 to 500',
    '2026-03-25 price_changing 7 0 to 500',
  ]);
});
