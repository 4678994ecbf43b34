import { asc, count, eq } from 'drizzle-orm';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { inbox } from '../../src/db/schema.ts';
import { openEventReader } from '../../src/startup.ts';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';
import { eventOf, signatureOf } from '../support/stripe-events.ts';
import { bodyOf, codeOf, Driver, faultsOf, type Json, start } from './driver.ts';
import { expectProblem } from './problem.ts';

// Stripe's webhook, through HTTP on the real stack: a forged event leaves no trace; a signed one is stored once, answered, and
// takes effect once.

const PATH = '/v1/billing/webhooks/stripe';

let account: StripeAccount;
let stack: Stack;
beforeAll(async () => {
  account = await openStripeAccount();
  stack = await startStack({ stripe: account.config });
});
afterAll(async () => {
  await stack?.stop();
  await account?.stop();
});

/** Stripe has no key of ours: its signature must do. */
function send(text: string, signature: string | null): Promise<Answer> {
  const headers = { Authorization: '', ...(signature === null ? {} : { 'Stripe-Signature': signature }) };
  return stack.request('POST', PATH, { text, headers });
}

function deliver(event: Stripe.Event, secret = 'whsec_new'): Promise<Answer> {
  const text = JSON.stringify(event);
  return send(text, signatureOf(text, secret));
}

const storedOf = (event: { id: string }) =>
  stack.db.select().from(inbox).where(eq(inbox.eventId, event.id)).orderBy(asc(inbox.id));

async function stored(): Promise<number> {
  const [row] = await stack.db.select({ n: count() }).from(inbox);
  return row!.n;
}

/** An event about the payment of an attempt at a charge, as Stripe has it. */
function about(chargeId: string, type: string, attempt = 1): Stripe.Event {
  const intent = account.intent(chargeId, attempt);
  if (type.endsWith('succeeded')) Object.assign(intent, { status: 'succeeded', last_payment_error: null });
  return eventOf(type, intent);
}

let methods = 0;
/** A payment method that nobody has yet; its name decides its outcome. */
function method(does: string): string {
  methods += 1;
  return `pm_${does}_${methods}`;
}

/** A subscription whose first payment is made, or is pending. */
const open = (does: string): Promise<Driver> => Driver.open(stack, { payment_method: method(does) });

const chargeOf = async (driver: Driver, kind: string): Promise<Json & { id: string; status: string }> => {
  const { data } = bodyOf<{ data: (Json & { id: string; status: string })[] }>(await driver.get('charges'));
  return data.find((charge) => charge['kind'] === kind)!;
};

describe('a body that Stripe did not sign just now', () => {
  const body = JSON.stringify(eventOf('payment_intent.succeeded', { metadata: {} }));
  const now = Math.floor(Date.now() / 1_000);
  test.each<[string, string, string | null]>([
    ['no signature', body, null],
    ['forged', body, signatureOf(body, 'whsec_forged')],
    ['of another body', body.replace('succeeded', 'canceled'), signatureOf(body, 'whsec_new')],
    ['truncated', body.slice(0, 40), signatureOf(body, 'whsec_new')],
    ['empty', '', signatureOf(body, 'whsec_new')],
    ['replayed after the tolerance', body, signatureOf(body, 'whsec_new', now - 301)],
    ['dated in the future', body, signatureOf(body, 'whsec_new', now + 600)],
  ])('%s: 401, and nothing is stored', async (_, text, signature) => {
    const before = await stored();
    expectProblem(await send(text, signature), 'unauthenticated');
    expect(await stored()).toBe(before);
  });

  test('a key of ours is no signature', async () => {
    const before = await stored();
    expectProblem(await stack.request('POST', PATH, { text: body }), 'unauthenticated');
    expect(await stored()).toBe(before);
  });

  test('signed, and no event: 400, and nothing is stored', async () => {
    const before = await stored();
    expectProblem(await send('{"a":', signatureOf('{"a":', 'whsec_new')), 'malformed_json');
    expect(await stored()).toBe(before);
  });
});

test.each<[object, string]>([
  [{ description: 'ok \ud83d' }, '/data/object/description'],
  [{ metadata: { note: 'a\0' } }, '/data/object/metadata/note'],
  [{ metadata: { 'a\ude00': 'b' } }, '/data/object/metadata'],
])('signed, and nothing that PostgreSQL keeps: %j: 400, and nothing is stored', async (object, pointer) => {
  const before = await stored();
  const answer = await deliver(eventOf('payment_intent.processing', object));
  expectProblem(answer, 'invalid_request');
  expect(faultsOf(answer)).toBe(`invalid_request: ${pointer}`);
  expect(await stored()).toBe(before);
});

test('either secret will do; ten deliveries of one event at once are stored once', async () => {
  const event = eventOf('payment_intent.processing', {});
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => deliver(event, i % 2 ? 'whsec_new' : 'whsec_old')),
  );
  const duplicates = answers.map((answer) => bodyOf(answer)['duplicate']);
  expect(duplicates.filter((duplicate) => duplicate === false)).toHaveLength(1);
  expect(await storedOf(event)).toHaveLength(1);
});

describe('an event that no workflow waits for is kept, acknowledged and marked', () => {
  const stranger = { subscription_id: 'sub_nobody', charge_id: 'chg_nobody', attempt: '1' };
  test.each<[string, object, string, string]>([
    ['payment_intent.processing', {}, '', 'ignored'],
    ['payment_intent.created', {}, '', 'ignored'],
    ['charge.refunded', { amount_refunded: 100 }, '', 'ignored'],
    ['charge.dispute.created', { amount: 100 }, '', 'ignored'],
    ['something.new', {}, '', 'ignored'],
    ['payment_intent.succeeded', { metadata: {} }, '', 'ignored'],
    ['payment_intent.succeeded', { metadata: stranger }, 'sub_nobody', 'unknown'],
    ['payment_intent.payment_failed', { metadata: stranger }, 'sub_nobody', 'unknown'],
  ])('%s %j', async (type, object, subscriptionId, outcome) => {
    const event = eventOf(type, object);
    expect(bodyOf(await deliver(event))).toEqual({ received: true, duplicate: false });
    const [row, ...more] = await storedOf(event);
    expect(more).toEqual([]);
    expect(row).toMatchObject({ provider: 'stripe', subscriptionId, kind: type, outcome, payload: { type } });
    expect(row!.relayedAt).not.toBeNull();
  });
});

describe('3-D Secure and slow banks', () => {
  test('R-43: a first payment waits for its customer, then the subscription starts, once', async () => {
    const driver = await open('authenticationRequired');
    expect((await driver.subscription()).status).toBe('incomplete');
    const { id } = await chargeOf(driver, 'start');
    // Stripe says that it failed, meaning that the bank wants to see the customer.
    const asked = about(id, 'payment_intent.payment_failed');
    bodyOf(await deliver(asked));
    expect(await storedOf(asked)).toMatchObject([{ outcome: 'ignored' }]);
    const event = about(id, 'payment_intent.succeeded');
    expect(bodyOf(await deliver(event))).toMatchObject({ duplicate: false });
    await expect.poll(async () => (await driver.subscription()).status, { timeout: 15_000 }).toBe('active');
    expect(bodyOf(await deliver(event))).toMatchObject({ duplicate: true });
    // The same news under another id.
    bodyOf(await deliver(about(id, 'payment_intent.succeeded')));
    const [row] = await storedOf(event);
    expect(row).toMatchObject({
      kind: 'paymentSettled',
      outcome: 'signalled',
      payload: { chargeId: id, attempt: 1, outcome: 'paid', at: event.created * 1_000 },
    });
    await driver.advance('2026-02-01T00:00:00Z');
    expect(await driver.available()).toBe(200);
    await expectSound(stack.db);
  });

  test.each(['threeDSecure', 'bankDebit'])(
    'R-42: a purchase by %s is pending until Stripe says',
    async (does) => {
      const driver = await open('visa');
      const buy = async () => {
        const bought = await driver.post('purchases', { packs: 1, payment_method: method(does) });
        return bodyOf<Json & { charge: { id: string } }>(bought, 202).charge.id;
      };
      const paid = await buy();
      const declined = await buy();
      bodyOf(await deliver(about(declined, 'payment_intent.payment_failed')));
      bodyOf(await deliver(about(paid, 'payment_intent.succeeded')));
      await expect.poll(() => driver.available(), { timeout: 15_000 }).toBe(500);
      const status = async () => bodyOf(await driver.get(`charges/${declined}`))['status'];
      await expect.poll(status, { timeout: 15_000 }).toBe('declined');
    },
  );

  test('a late decline of the first attempt does not decline the second', async () => {
    const driver = await open('visa');
    bodyOf(await driver.put('payment_method', { payment_method: method('chargeDeclined') }));
    await driver.advance('2026-02-28T00:00:00Z');
    expect((await driver.subscription()).status).toBe('past_due');
    bodyOf(await driver.put('payment_method', { payment_method: method('bankDebit') }), 202);
    const { id } = await chargeOf(driver, 'renewal');
    const late = about(id, 'payment_intent.payment_failed', 1);
    expect(bodyOf(await deliver(late))).toEqual({ received: true, duplicate: false });
    expect(await storedOf(late)).toMatchObject([
      { outcome: 'superseded', subscriptionId: driver.id, kind: 'payment_intent.payment_failed' },
    ]);
    expect((await chargeOf(driver, 'renewal')).status).toBe('pending');
    bodyOf(await deliver(about(id, 'payment_intent.succeeded', 2)));
    await expect.poll(async () => (await driver.subscription()).status, { timeout: 15_000 }).toBe('active');
    expect((await chargeOf(driver, 'renewal')).status).toBe('paid');
    expect(account.paid(id)).toHaveLength(1);
  });
});

test('R-52: an event for an ended subscription is kept and marked, and changes nothing', async () => {
  const driver = await open('visa');
  bodyOf(await driver.post('cancel', { at: 'now' }));
  const { id } = await chargeOf(driver, 'start');
  const event = about(id, 'payment_intent.succeeded');
  bodyOf(await deliver(event));
  await expect.poll(async () => (await storedOf(event))[0]?.outcome, { timeout: 15_000 }).toBe('ended');
  expect((await driver.subscription()).status).toBe('ended');
});

describe('who bills', () => {
  /** An app with nothing but the ledger: a call of anything else would fail. */
  const appWith = async (stripe: StripeAccount['config'] | undefined) => {
    const readEvent = await openEventReader({ stripe, external: undefined });
    const billing = stripe ? 'stripe' : 'sandbox';
    return createApp({ db: stack.db, billing, readEvent, isOpen: () => true, log: () => {} } as never);
  };
  const text = JSON.stringify(eventOf('payment_intent.processing', {}));
  const request = () => ({
    method: 'POST',
    body: text,
    headers: { 'Stripe-Signature': signatureOf(text, 'whsec_new') },
  });

  test('Temporal is not asked', async () => {
    const app = await appWith(account.config);
    expect((await app.request(PATH, request())).status).toBe(200);
  });

  test('without billing by Stripe there is no such route', async () => {
    const app = await appWith(undefined);
    expect((await app.request(PATH, request())).status).toBe(404);
  });

  test('with it the sandbox’s is closed, and its payment methods are refused', async () => {
    const driver = await open('bankDebit');
    const { id } = await chargeOf(driver, 'start');
    const settle = await stack.request('POST', `/v1/sandbox/charges/${id}/settle`, {
      body: { outcome: 'paid' },
    });
    expect(codeOf(settle)).toBe('not_found');
    expect(faultsOf(await start(stack, {}))).toBe('invalid_request: /payment_method');
    expect(faultsOf(await start(stack, { payment_method: 'sandbox_ok' }))).toBe(
      'invalid_request: /payment_method',
    );
    // enterprise is paid by contract.
    expect((await start(stack, { plan: 'enterprise', allowance: 10 })).status).toBe(201);
  });

  test('a first payment that was declined runs again under the same key, with another card', async () => {
    const headers = { 'Idempotency-Key': `again-${method('key')}` };
    const wanted = { customer_id: headers['Idempotency-Key'] };
    const declined = await start(stack, { ...wanted, payment_method: method('chargeDeclined') }, headers);
    expect(codeOf(declined)).toBe('payment_declined');
    expect((await start(stack, { ...wanted, payment_method: method('visa') }, headers)).status).toBe(201);
  });

  test('R-43: a first payment that is declined starts nothing; its event then is of nobody', async () => {
    expect(codeOf(await start(stack, { payment_method: method('chargeDeclined') }))).toBe('payment_declined');
    const declined = [...account.intents.values()].findLast(({ last_payment_error }) => last_payment_error);
    const event = eventOf('payment_intent.payment_failed', declined!);
    bodyOf(await deliver(event));
    expect(await storedOf(event)).toMatchObject([{ outcome: 'unknown' }]);
  });
});
