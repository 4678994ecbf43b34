import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectInvariants } from '../support/invariants.ts';
import { keyWith } from '../support/keys.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, faultsOf, type Json, type Subscription } from './driver.ts';
import { expectProblem } from './problem.ts';

// A customer by the caller's own id: the subscription that has not ended, its balance, and the last ended ones.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

interface CustomerBody {
  customer_id: string;
  subscription: Subscription | null;
  balance: (Json & { ledger_version: number; available: number }) | null;
  ended: Subscription[];
}

const at = (customerId: string): string => `/v1/customers/${encodeURIComponent(customerId)}`;
const read = async (customerId: string): Promise<CustomerBody> =>
  bodyOf<CustomerBody>(await stack.request('GET', at(customerId)));
const none = (customer_id: string) => ({ customer_id, subscription: null, balance: null, ended: [] });
const fresh = (): string => `customer-${randomUUID()}`;
const open = (customer_id: string, wanted: Json = {}) => Driver.open(stack, { customer_id, ...wanted });

/** A subscription that began and has ended. */
async function ended(customerId: string): Promise<Driver> {
  const driver = await open(customerId);
  bodyOf(await driver.post('cancel', { at: 'now' }));
  return driver;
}

/** The answers of the routes of one subscription. */
async function shownAlone(driver: Driver): Promise<Pick<CustomerBody, 'subscription' | 'balance'>> {
  const [subscription, balance] = [await driver.get(), await driver.get('balance')];
  return { subscription: bodyOf(subscription), balance: bodyOf(balance) } as never;
}

describe('the answer', () => {
  test('of an unknown customer has nothing, like that of one whose start was declined', async () => {
    const customer = fresh();
    expect(await read(customer)).toEqual(none(customer));
    const body = { customer_id: customer, plan: 'creator', interval: 'month' };
    const declined = { ...body, payment_method: 'sandbox_declined' };
    expect((await stack.request('POST', '/v1/subscriptions', { body: declined })).status).toBe(402);
    expect(await read(customer)).toEqual(none(customer));
  });

  test('has the subscription and the balance as their own routes show them', async () => {
    const customer = fresh();
    const driver = await open(customer, { metadata: { team: 'a' } });
    await driver.buy(1);
    await driver.spend(210);
    const answer = await read(customer);
    expect(answer).toEqual({ customer_id: customer, ...(await shownAlone(driver)), ended: [] });
    expect(answer.balance).toMatchObject({ available: 290, ledger_version: 4 });
  });

  test.each<[string, Json, (driver: Driver) => Promise<unknown>]>([
    ['incomplete', { payment_method: 'sandbox_pending' }, async () => {}],
    [
      'past_due',
      {},
      async (driver) => {
        bodyOf(await driver.put('payment_method', { payment_method: 'sandbox_declined' }));
        await driver.advance('2026-02-28T00:00:00Z');
      },
    ],
  ])('has a subscription that is %s', async (status, wanted, prepare) => {
    const customer = fresh();
    const driver = await open(customer, wanted);
    await prepare(driver);
    const answer = await read(customer);
    expect(answer.subscription).toMatchObject({ id: driver.id, status });
    expect(answer).toEqual({ customer_id: customer, ...(await shownAlone(driver)), ended: [] });
  });

  test('has only ended ones after the end, and the new one after another start', async () => {
    const customer = fresh();
    const first = await ended(customer);
    const old = await first.subscription();
    expect(await read(customer)).toEqual({ ...none(customer), ended: [old] });
    const second = await open(customer);
    expect(await read(customer)).toMatchObject({
      subscription: { id: second.id },
      balance: { available: 200 },
      ended: [old],
    });
  });

  test('has the last ten ended ones, newest first, beside the one that has not', async () => {
    const customer = fresh();
    const gone: string[] = [];
    for (let i = 0; i < 12; i += 1) gone.unshift((await ended(customer)).id);
    const live = await open(customer);
    const answer = await read(customer);
    expect(answer.subscription?.id).toBe(live.id);
    expect(answer.ended.map(({ id }) => id)).toEqual(gone.slice(0, 10));
    expect(new Set(answer.ended.map(({ status }) => status))).toEqual(new Set(['ended']));
  });

  test('R-12: has a subscription whose scheduled end is not booked yet, with nothing to spend', async () => {
    const customer = fresh();
    const driver = await open(customer);
    bodyOf(await driver.post('cancel', {}));
    await stack.db.execute(
      sql`update ledgers set test_clock = '2026-02-28T00:00:00Z' where subscription_id = ${driver.id}`,
    );
    const answer = await read(customer);
    expect(answer).toMatchObject({ subscription: { id: driver.id }, balance: { available: 0 }, ended: [] });
  });

  test('R-72: releases a hold past its deadline, as the first reader after it', async () => {
    const customer = fresh();
    const driver = await open(customer);
    await driver.hold(30);
    expect((await read(customer)).balance).toMatchObject({ available: 170, held: 30 });
    await stack.db.execute(
      sql`update ledgers set test_clock = '2026-01-31T02:00:00Z' where subscription_id = ${driver.id}`,
    );
    expect((await read(customer)).balance).toMatchObject({ available: 200, held: 0, ledger_version: 3 });
  });

  test('is of one instant: the balance belongs to the subscription beside it, while others spend', async () => {
    const customer = fresh();
    const driver = await open(customer);
    let isOver = false;
    const spending = (async () => {
      for (let i = 0; i < 100; i += 1) await driver.spend(1);
      isOver = true;
    })();
    const versions = new Set<number>();
    while (!isOver) {
      const { subscription, balance } = await read(customer);
      expect(balance!.ledger_version).toBe(subscription!.ledger_version);
      expect(balance!.available).toBe(201 - balance!.ledger_version);
      versions.add(balance!.ledger_version);
    }
    await spending;
    expect(versions.size).toBeGreaterThan(10);
  });
});

describe('an id', () => {
  const AWKWARD = ['a/b', 'a%2Fb', '100%', 'a?b#c', 'Ünï cödé', '🦊', ' ', '...', '{customer_id}', "'; --"];

  test.each(AWKWARD)('of any kind is the caller’s to have: %j', async (customer) => {
    const driver = await open(customer);
    const answer = await read(customer);
    expect([answer.customer_id, answer.subscription?.id]).toEqual([customer, driver.id]);
  });

  test('is compared exactly: another customer’s rows are never there', async () => {
    const customer = fresh();
    await ended(customer);
    await open(customer);
    const near = [customer.toUpperCase(), customer.slice(0, -1), `${customer} `, `${customer}0`, '%', '_'];
    for (const other of near) expect(await read(other)).toEqual(none(other));
  });

  test.each([
    ['too long', `/v1/customers/${'x'.repeat(256)}`, ':customer_id'],
    ['no UTF-8', '/v1/customers/J%FCrgen', ':customer_id'],
    ['a broken escape', '/v1/customers/100%', ':customer_id'],
    ['with a NUL', '/v1/customers/a%00b', ':customer_id'],
    ['with an unknown parameter', '/v1/customers/a?limit=1', '?limit'],
  ])('that is %s is refused', async (_, path, pointer) => {
    expect(faultsOf(await stack.request('GET', path))).toBe(`invalid_request: ${pointer}`);
  });

  test.each(['/v1/customers', '/v1/customers/', '/v1/customers/a/b'])(
    'is part of the path: %s',
    async (path) => {
      expectProblem(await stack.request('GET', path), 'not_found');
    },
  );
});

test('a key without the scope read sees no customer', async () => {
  const customer = fresh();
  await open(customer);
  const key = await keyWith(stack.db, ['spend', 'billing', 'operator']);
  const headers = { Authorization: `Bearer ${key}` };
  expectProblem(await stack.request('GET', at(customer), { headers }), 'forbidden_scope');
});
