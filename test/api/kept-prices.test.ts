import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { publishCatalog } from '../../src/db/catalogs.ts';
import { CATALOGS } from '../scenarios/catalogs.ts';
import { expectSound } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { all, bodyOf, Driver, type Json } from './driver.ts';
import { PageVisitor, textOf } from './pages.ts';

// R-08a: a price that is kept, through two new versions of the catalogue, in the charges and on the wallet.

const KEPT = CATALOGS['kept']!;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ catalog: KEPT });
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack?.stop());

async function dearer(version: string, month: number): Promise<void> {
  const plans = KEPT.plans.map((plan) =>
    plan.id === 'lite' ? { ...plan, prices: { ...plan.prices, month } } : plan,
  );
  await publishCatalog(stack.db, { ...KEPT, version, plans });
  // The API knows the catalogue for a second.
  stack.deps.catalogs.forget();
}

async function amounts(driver: Driver): Promise<number[]> {
  const charges = (await all(stack, driver.path('charges'), 100)) as { amount: { amount_minor: number } }[];
  return charges.map(({ amount }) => amount.amount_minor).reverse();
}

test('the price of version 1 is paid and shown after two new versions, until the plan changes', async () => {
  const test_clock = { now: '2026-03-01T00:00:00Z' };
  const driver = await Driver.open(stack, { plan: 'lite', test_clock });
  await dearer('kept-2', 1_000);
  await dearer('kept-3', 1_100);
  await driver.advance('2026-05-01T00:00:00Z');
  expect(await amounts(driver)).toEqual([900, 900, 900]);
  expect(await driver.subscription()).toMatchObject({ next_renewal: { charge: { amount_minor: 900 } } });
  const visitor = await PageVisitor.enter(stack, driver.id);
  const wallet = async () => textOf((await visitor.get('/wallet')).html);
  const shown = await wallet();
  expect(shown).toMatch(/Next charge.*\$9\.00/);
  expect(shown).not.toContain('$11.00');

  bodyOf(await driver.post('change', { plan: 'max', interval: 'month' }));
  bodyOf(await driver.post('change', { plan: 'lite', interval: 'month' }));
  expect(await wallet()).toContain('$11.00');
  await driver.advance('2026-06-01T00:00:00Z');
  expect(await amounts(driver)).toEqual([900, 900, 900, 4_900, 1_100]);
  const versions = ((await all(stack, driver.path('charges'), 100)) as Json[]).map(
    (charge) => charge['catalog_version'],
  );
  expect(versions.reverse()).toEqual(['kept', 'kept-3', 'kept-3', 'kept-3', 'kept-3']);
});
