import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Client, type CustomerClient, createClient, METHODS } from '../../client/src/client.ts';
import { DrawdownNoAnswer, DrawdownProblem } from '../../client/src/problem.ts';
import type { ClientOptions } from '../../client/src/request.ts';
import { expectSound } from '../support/invariants.ts';
import { keyWith } from '../support/keys.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { type Fate, type Proxy as Network, startProxy } from './proxy.ts';

// A customer's subscription by the customer's id: the requests that are sent for it, and the ledger behind them.

let stack: Stack;
let network: Network;
/** Other programs: their requests are not among those of the network. */
let others: Client;
let customer: string;
let ada: CustomerClient;

beforeAll(async () => {
  stack = await startStack();
  network = await startProxy(stack.url);
  others = createClient({ baseUrl: stack.url, key: stack.key });
});
beforeEach(() => {
  customer = `customer-${randomUUID()}`;
  ada = clientOf().customer(customer);
  network.plan();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await expectSound(stack.db);
});
afterAll(async () => {
  await network?.close();
  await stack?.stop();
});

const clientOf = (options: Partial<ClientOptions> = {}): Client =>
  createClient({ baseUrl: network.url, key: stack.key, ...options });

const asset = (quantity = 1) => ({ items: [{ feature: 'video_asset', quantity }] });
const start = async (more: object = {}) =>
  (
    await others.start({
      customer_id: customer,
      plan: 'creator',
      interval: 'month',
      test_clock: { now: '2026-01-17T00:00:00Z' },
      ...more,
    })
  ).id;

/** Ends the subscription and starts another, as another program would. */
async function replace(id: string): Promise<string> {
  await others.cancel(id, { at: 'now' });
  return start();
}

const available = async (id: string) => (await others.balance(id)).available;
const refusalOf = async (call: Promise<unknown>): Promise<DrawdownProblem> => {
  const error = await call.then(
    () => new Error('was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof DrawdownProblem)) throw error;
  return error;
};

/** The requests so far, each as a word: `find`, or the id of its subscription. */
const sent = () =>
  network.passed.map(({ path }) =>
    path.startsWith('/v1/customers/') ? 'find' : path.split('/')[3]!.replace(/\?.*/, ''),
  );
const finds = () => sent().filter((word) => word === 'find').length;

describe('the id is looked up', () => {
  test('once for 50 calls at once, and once for 50 one after the other', async () => {
    const id = await start();
    await Promise.all(Array.from({ length: 50 }, () => ada.balance()));
    expect([finds(), network.passed.length]).toEqual([1, 51]);
    const later = clientOf().customer(customer);
    network.plan();
    for (let i = 0; i < 50; i += 1) await later.spend({ items: [{ feature: 'generate_look', quantity: 1 }] });
    expect(sent()).toEqual(['find', ...Array.from({ length: 50 }, () => id)]);
    expect(await available(id)).toBe(150);
  });

  test('not before the first call', async () => {
    clientOf().customer(customer);
    await start();
    expect(sent()).toEqual([]);
  });

  test('again once another subscription has begun: the call is made there', async () => {
    const first = await start();
    await ada.spend(asset());
    const second = await replace(first);
    network.plan();
    const spent = await ada.spend(asset(2), { idempotencyKey: 'job-1' });
    expect(spent).toMatchObject({ credits: 30, balance: { available: 170 } });
    expect(sent()).toEqual([first, 'find', second]);
    const [refused, , made] = network.passed;
    expect([refused!.key, made!.key, made!.body]).toEqual(['job-1', 'job-1', refused!.body]);
    // A repeat of the caller's finds the effect.
    expect(await ada.spend(asset(2), { idempotencyKey: 'job-1' })).toEqual(spent);
    expect(sent().slice(3)).toEqual([second]);
    expect(await available(second)).toBe(170);
  });

  test('once for all calls that were refused at the same time, each with a key of its own', async () => {
    const first = await start();
    await ada.balance();
    const second = await replace(first);
    network.plan();
    await Promise.all(Array.from({ length: 10 }, () => ada.spend(asset())));
    expect(finds()).toBe(1);
    expect(new Set(network.passed.map(({ key }) => key).filter(Boolean)).size).toBe(20);
    expect(await available(second)).toBe(50);
  });

  test('again where an object is not the subscription’s that was found before', async () => {
    const first = await start();
    await ada.balance();
    const second = await replace(first);
    const hold = await others.hold(second, asset(2));
    network.plan();
    expect(await ada.capture(hold.id, { credits: 20 })).toMatchObject({ captured: 20, released: 10 });
    expect(sent()).toEqual([first, 'find', second]);
  });

  test('again by a read after ten seconds: no refusal would lead to it', async () => {
    const first = await start();
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(now);
    await ada.spend(asset());
    const second = await replace(first);
    clock.mockReturnValue(now + 9_999);
    network.plan();
    expect(await ada.balance()).toMatchObject({ available: 0 });
    clock.mockReturnValue(now + 10_001);
    expect((await Promise.all([ada.balance(), ada.subscription(), ada.quote(asset())]))[1].id).toBe(second);
    expect(sent()).toEqual([first, 'find', second, second, second]);
    // A change is refused if it must be, and trusts a look-up of any age.
    clock.mockReturnValue(now + 100_000);
    await ada.spend(asset());
    expect(sent().slice(5)).toEqual([second]);
  });

  test('again after an answer that shows the end', async () => {
    await start();
    expect(await ada.cancel({ at: 'now' })).toMatchObject({ status: 'ended' });
    const second = await start();
    expect(await ada.subscription()).toMatchObject({ id: second, status: 'active' });
  });
});

describe('a refusal', () => {
  test('stands where there is no other subscription, and nothing is kept', async () => {
    const first = await start();
    await ada.balance();
    await others.cancel(first, { at: 'now' });
    network.plan();
    const refusal = await refusalOf(ada.spend(asset(), { idempotencyKey: 'job-1' }));
    expect(refusal).toMatchObject({ code: 'subscription_not_active', status: 409, idempotencyKey: 'job-1' });
    expect(refusal.request_id).toMatch(/^req_/);
    expect(sent()).toEqual([first, 'find']);
    const second = await start();
    await ada.spend(asset(), { idempotencyKey: 'job-1' });
    expect(sent().slice(2)).toEqual(['find', second]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['was never there', async () => {}],
    ['has ended', async () => others.cancel(await start(), { at: 'now' })],
  ])('is made where the subscription %s, for each call, as the API would', async (_, prepare) => {
    await prepare();
    for (const call of [() => ada.spend(asset(), { idempotencyKey: 'job-1' }), () => ada.balance()]) {
      network.plan();
      const refusal = await refusalOf(call());
      expect(refusal.message).toBe('The customer has no subscription that has not ended.');
      const { title, status, code, type } = refusal;
      expect({ title, status, code, type }).toEqual({
        title: 'The subscription is not active',
        status: 409,
        code: 'subscription_not_active',
        type: '/problems/subscription_not_active',
      });
      expect(sent()).toEqual(['find']);
    }
    expect((await refusalOf(ada.spend(asset(), { idempotencyKey: 'job-1' }))).idempotencyKey).toBe('job-1');
  });

  test('stands after one more look-up where the subscription is still the same', async () => {
    const id = await start({ payment_method: 'sandbox_pending' });
    expect((await refusalOf(ada.spend(asset()))).code).toBe('subscription_not_active');
    expect(sent()).toEqual(['find', id, 'find']);
    network.plan();
    expect((await refusalOf(ada.held('hld_none'))).code).toBe('not_found');
    expect(sent()).toEqual([id, 'find']);
  });

  test('of the second subscription stands: there is no third try', async () => {
    const first = await start();
    await ada.balance();
    await others.cancel(first, { at: 'now' });
    const second = await start({ payment_method: 'sandbox_pending' });
    network.plan();
    expect((await refusalOf(ada.spend(asset()))).code).toBe('subscription_not_active');
    expect(sent()).toEqual([first, 'find', second]);
  });

  test.each([
    ['insufficient_credits', () => ada.spend(asset(20))],
    ['invalid_request', () => ada.spend({ items: [] })],
    ['pack_not_offered', () => ada.buy({ packs: 1, interval: 'year' })],
  ])('for a reason that no look-up changes: %s', async (code, call) => {
    const id = await start();
    expect((await refusalOf(call())).code).toBe(code);
    expect(sent()).toEqual(['find', id]);
  });

  test('of the look-up itself: its key must read', async () => {
    await start();
    const spender = clientOf({ key: await keyWith(stack.db, ['spend']) }).customer(customer);
    expect(await refusalOf(spender.spend(asset()))).toMatchObject({ code: 'forbidden_scope', scope: 'read' });
  });
});

describe('on a network that loses answers', () => {
  const json = { 'content-type': 'application/problem+json' };
  const problem = (code: string, status: number) => JSON.stringify({ status, code, detail: code });
  const gateway: Fate = { refuse: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad</h1>' };

  test('a look-up is repeated, and a spend is made once', async () => {
    const id = await start();
    network.plan('drop', gateway, 'pass', 'drop', 'tear');
    await ada.spend(asset());
    expect(sent()).toEqual(['find', 'find', 'find', id, id, id]);
    expect(await available(id)).toBe(185);
  });

  test('a call without an answer stays with its subscription: its repeat finds the effect, though another began', async () => {
    const first = await start();
    const impatient = clientOf({ retries: 0 }).customer(customer);
    network.plan('pass', 'drop');
    const lost = await impatient.spend(asset()).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(DrawdownNoAnswer);
    const second = await replace(first);
    // Another call finds the other subscription meanwhile.
    await impatient.spend(asset(2), { idempotencyKey: 'job-2' });
    const { idempotencyKey } = lost as DrawdownNoAnswer;
    const spent = await impatient.spend(asset(), { idempotencyKey: idempotencyKey! });
    expect((await others.usages(first)).data).toMatchObject([{ id: spent.id }]);
    expect([sent().at(-1), await available(second)]).toEqual([first, 170]);
  });

  test.each<[string, Fate]>([
    ['never came', gateway],
    [
      'was refused as in progress',
      { refuse: 409, headers: json, body: problem('idempotency_in_progress', 409) },
    ],
    ['found the ledger away', { refuse: 503, headers: json, body: problem('database_unavailable', 503) }],
  ])('a call that %s is made once on the other subscription, after the first refused it', async (_, fate) => {
    const first = await start();
    const impatient = clientOf({ retries: 0 }).customer(customer);
    network.plan('pass', fate);
    await expect(impatient.spend(asset(), { idempotencyKey: 'job-1' })).rejects.toThrow();
    const second = await replace(first);
    await impatient.spend(asset(2));
    network.plan();
    await impatient.spend(asset(), { idempotencyKey: 'job-1' });
    await impatient.spend(asset(), { idempotencyKey: 'job-1' });
    expect(sent()).toEqual([first, 'find', second, second]);
    expect(await available(second)).toBe(155);
  });

  test('a look-up that fails fails the calls that wait for it, and the next call looks again', async () => {
    const id = await start();
    const impatient = clientOf({ retries: 0 }).customer(customer);
    network.plan('drop');
    const calls = await Promise.allSettled([impatient.spend(asset()), impatient.balance()]);
    for (const call of calls)
      expect(call).toMatchObject({ status: 'rejected', reason: expect.any(DrawdownNoAnswer) });
    await impatient.spend(asset());
    expect(sent()).toEqual(['find', 'find', id]);
    expect(await available(id)).toBe(185);
  });

  test('a refusal stands where the look-up after it fails, and the next call looks again', async () => {
    const first = await start();
    const impatient = clientOf({ retries: 0 }).customer(customer);
    await impatient.balance();
    const second = await replace(first);
    network.plan('pass', 'drop');
    expect((await refusalOf(impatient.spend(asset()))).code).toBe('subscription_not_active');
    await impatient.spend(asset());
    expect(sent()).toEqual([first, 'find', 'find', second]);
  });

  test('a caller that gives up leaves the look-up to the others', async () => {
    const id = await start();
    const patient = clientOf({ timeoutMs: 1_000 }).customer(customer);
    const stop = new AbortController();
    network.plan('silent');
    const given = patient.spend(asset(), { signal: stop.signal });
    const stays = patient.spend(asset(), { signal: new AbortController().signal });
    await expect.poll(() => network.passed.length).toBe(1);
    stop.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    await stays;
    expect(sent()).toEqual(['find', 'find', id]);
    await expect(patient.balance({}, { signal: stop.signal })).rejects.toThrow('enough');
    expect(network.passed).toHaveLength(3);
    expect(await available(id)).toBe(185);
  });

  test('a caller that gives up while the id is looked up again is not answered with the refusal', async () => {
    const first = await start();
    await ada.balance();
    await replace(first);
    const stop = new AbortController();
    network.plan('pass', 'silent');
    const given = ada.spend(asset(), { signal: stop.signal });
    await expect.poll(() => network.passed.length).toBe(2);
    stop.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
  });
});

describe('the methods', () => {
  test('are all of a subscription, and `get`', () => {
    const ofSubscription = Object.entries(METHODS).filter(([, route]) =>
      route.includes('/subscriptions/{id}'),
    );
    expect(Object.keys(ada).sort()).toEqual([...ofSubscription.map(([name]) => name), 'get'].sort());
  });

  test('take their other ids, their input and their options', async () => {
    const id = await start();
    const hold = await ada.hold(asset(2), { idempotencyKey: 'hold-1' });
    expect(await ada.capture(hold.id, undefined, { idempotencyKey: 'capture-1' })).toMatchObject({
      captured: 30,
    });
    const spent = await ada.spend(asset(), { idempotencyKey: 'spend-1' });
    await ada.reverse(spent.id, { reason: 'failed' }, { idempotencyKey: 'reverse-1' });
    await ada.resume({ idempotencyKey: 'resume-1' });
    expect(network.passed.flatMap(({ key }) => key ?? [])).toEqual([
      'hold-1',
      'capture-1',
      'spend-1',
      'reverse-1',
      'resume-1',
    ]);
    expect(await ada.balance({ at: '2026-02-17T00:00:00Z' })).toMatchObject({ forecast: true });
    expect((await ada.entries({ limit: 2 })).data).toHaveLength(2);
    expect(await ada.usage(spent.id)).toMatchObject({ reversed: 15 });
    expect(await ada.get()).toMatchObject({ subscription: { id }, balance: { available: 170 }, ended: [] });
    expect(finds()).toBe(2);
  });

  test('`get` answers an unknown customer too', async () => {
    expect(await ada.get()).toEqual({ customer_id: customer, subscription: null, balance: null, ended: [] });
  });

  test.each(['', '.', '..'])('an id that no path can hold is a slip of the caller: %j', async (id) => {
    await expect(clientOf().customer(id).spend(asset())).rejects.toBeInstanceOf(TypeError);
    await expect(clientOf().customer(id).get()).rejects.toBeInstanceOf(TypeError);
    expect(sent()).toEqual([]);
  });

  test('any other id keeps to its place in the path', async () => {
    customer = `a/../b?c#d%2F-${randomUUID()}`;
    const id = await start();
    expect(await clientOf().customer(customer).subscription()).toMatchObject({ id, customer_id: customer });
  });
});

test('while subscriptions end and begin, each call has its effect once or is refused', async () => {
  const ids = [await start()];
  let isOver = false;
  const outcomes = new Map<string, 'spent' | 'refused'>();
  const handles = [ada, clientOf().customer(customer)];
  const spending = Array.from({ length: 8 }, async (_, worker) => {
    for (let i = 0; !isOver; i += 1) {
      const reference = `job-${worker}-${i}`;
      const job = { items: [{ feature: 'generate_look', quantity: 1 }], reference };
      const call = handles[worker % 2]!.spend(job, { idempotencyKey: reference });
      const outcome = await call.then(
        () => 'spent' as const,
        async (error: unknown) => {
          if (!(error instanceof DrawdownProblem)) throw error;
          expect(['subscription_not_active', 'insufficient_credits']).toContain(error.code);
          // A refusal that no request was sent for would leave no time to anything else.
          await sleep(5);
          return 'refused' as const;
        },
      );
      outcomes.set(reference, outcome);
    }
  });
  for (let i = 0; i < 6; i += 1) ids.push(await replace(ids.at(-1)!));
  isOver = true;
  await Promise.all(spending);

  const booked: string[] = [];
  for (const id of ids)
    for (let cursor: string | undefined; ; ) {
      const page = await others.usages(id, { limit: 100, cursor });
      booked.push(...page.data.map(({ reference }) => reference!));
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
  const spent = [...outcomes].filter(([, outcome]) => outcome === 'spent').map(([reference]) => reference);
  expect(booked.sort()).toEqual(spent.sort());
  expect(spent.length).toBeGreaterThan(20);
});
