import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { ask, did, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';
import { eventOf, signatureOf } from '../support/stripe-events.ts';

// A life billed by Stripe: start, renewal, decline, retries, another card, recovery, and a refund of a payment that came
// too late.

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

const CARD = { good: 'pm_visa_1', bad: 'pm_chargeDeclined_2', better: 'pm_visa_3', slow: 'pm_bankDebit_4' };

test('from the first payment to a refund', async () => {
  const monthly = { plan: 'creator', interval: 'month', from: '2026-01-17T00:00:00.000Z' } as const;
  const id = await subscribe(stack, monthly, { payment_method: CARD.good });
  const statusAt = async (to: string) => {
    await did(stack, id, 'POST advance', { to });
    return ((await did(stack, id, 'GET ')).body as { status: string }).status;
  };
  const pay = (payment_method: string) => did(stack, id, 'PUT payment_method', { payment_method });

  expect(await statusAt('2026-02-17T00:00:00Z')).toBe('active');
  await pay(CARD.bad);
  expect(await statusAt('2026-03-17T00:00:00Z')).toBe('past_due');
  expect(await statusAt('2026-03-20T00:00:00Z')).toBe('past_due');
  await pay(CARD.better);
  expect(await statusAt('2026-03-20T00:00:00Z')).toBe('active');
  // R-42: given up after a day, and paid after all.
  const bought = await ask(stack, id, 'POST purchases', { packs: 1, payment_method: CARD.slow });
  const purchase = bought.body as { id: string; charge: { id: string } };
  expect(await statusAt('2026-03-21T01:00:00Z')).toBe('active');
  const intent = Object.assign(account.intent(purchase.charge.id), { status: 'succeeded' });
  const text = JSON.stringify(eventOf('payment_intent.succeeded', intent));
  const headers = { Authorization: '', 'Stripe-Signature': signatureOf(text, 'whsec_old') };
  expect((await stack.request('POST', '/v1/billing/webhooks/stripe', { text, headers })).status).toBe(200);
  await expect.poll(() => intent.refunded, { timeout: 15_000 }).toBe(true);

  const short = (key: string) =>
    key
      .replaceAll(id, 'SUB')
      .replaceAll(id.slice(4), 'SUB')
      .replaceAll(purchase.charge.id, 'CHG')
      .replace(intent.id, 'PI')
      .replace(/[0-9a-f]{64}$/, 'HASH');
  const keys = account.seen.flatMap(({ key }) =>
    key?.includes('stripe-node') || key === null ? [] : [short(key)],
  );
  console.log(`idempotency keys\n${keys.map((key) => `  ${key}`).join('\n')}`);
  const attempt = (charge: string, n: number) => [`SUB/${charge}/${n}`, `SUB/${charge}/${n}/confirm`];
  expect(keys).toEqual([
    'customer/HASH',
    ...attempt('chg_SUB_s', 1),
    ...attempt('chg_SUB_r0_1', 1),
    ...attempt('chg_SUB_r0_2', 1),
    ...attempt('chg_SUB_r0_2', 2),
    ...attempt('chg_SUB_r0_2', 3),
    ...attempt('chg_SUB_r0_2', 4),
    ...attempt('CHG', 1),
    'SUB/CHG/refund/PI',
  ]);
  const amounts = [...account.intents.values()].filter(({ status }) => status === 'succeeded');
  expect(amounts.map(({ amount, refunded }) => [amount, refunded])).toEqual([
    [2900, false],
    [2900, false],
    [2900, false],
    [1500, true],
  ]);
  await expectSound(stack.db);
});

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-17T00:00:00.000Z' } as const;

/** A life whose renewal is pending with a payment method. */
async function pendingRenewal(method: string) {
  const id = await subscribe(stack, MONTHLY, {
    payment_method: `pm_visa_before_${method.replace(/\D/g, '')}`,
  });
  await did(stack, id, 'PUT payment_method', { payment_method: method });
  await did(stack, id, 'POST advance', { to: '2026-02-17T00:00:00Z' });
  const renewal = `chg_${id.slice('sub_'.length)}_r0_1`;
  const read = async () => {
    const { body } = await did(stack, id, `GET charges/${renewal}`);
    const { status, attempts } = body as { status: string; attempts: { outcome: string }[] };
    return [status, ...attempts.map(({ outcome }) => outcome)];
  };
  expect(await read()).toEqual(['pending', 'pending']);
  return { id, renewal, read };
}

async function send(type: string, intent: object): Promise<void> {
  const text = JSON.stringify(eventOf(type, intent));
  const headers = { Authorization: '', 'Stripe-Signature': signatureOf(text, 'whsec_new') };
  expect((await stack.request('POST', '/v1/billing/webhooks/stripe', { text, headers })).status).toBe(200);
}

// R-45: each with a new card while the first attempt is pending.
test('a pending attempt is cancelled at Stripe, and the new card pays', async () => {
  const { id, renewal, read } = await pendingRenewal('pm_threeDSecure_5');
  await did(stack, id, 'PUT payment_method', { payment_method: 'pm_visa_6' });
  expect(await read()).toEqual(['paid', 'cancelled', 'paid']);
  expect(account.intent(renewal, 1).status).toBe('canceled');
  expect(account.paid(renewal)).toHaveLength(1);
  // Stripe's word of the cancel comes later, and is of an attempt that was followed by another.
  await send('payment_intent.canceled', account.intent(renewal, 1));
  await did(stack, id, 'POST advance', { to: '2026-02-25T00:00:00Z' });
  expect(await read()).toEqual(['paid', 'cancelled', 'paid']);
});

test('an attempt that turned out paid counts, and no other is made', async () => {
  const { id, renewal, read } = await pendingRenewal('pm_threeDSecure_7');
  account.intent(renewal, 1).status = 'succeeded';
  await did(stack, id, 'PUT payment_method', { payment_method: 'pm_visa_8' });
  expect(await read()).toEqual(['paid', 'paid']);
  expect(account.intent(renewal, 2)).toBeUndefined();
  await send('payment_intent.succeeded', account.intent(renewal, 1));
  expect(account.paid(renewal)).toHaveLength(1);
  await expectSound(stack.db);
});

test('one under way at the bank stays; declined, the new card is tried at once', async () => {
  const { id, renewal, read } = await pendingRenewal('pm_bankDebit_9');
  expect((await ask(stack, id, 'PUT payment_method', { payment_method: 'pm_visa_10' })).status).toBe(202);
  expect(await read()).toEqual(['pending', 'pending']);
  const intent = Object.assign(account.intent(renewal, 1), {
    status: 'requires_payment_method',
    last_payment_error: { type: 'card_error', code: 'debit_not_authorized', message: 'no' },
  });
  await send('payment_intent.payment_failed', intent);
  await expect.poll(read, { timeout: 15_000 }).toEqual(['paid', 'declined', 'paid']);
  expect(account.paid(renewal)).toHaveLength(1);
  await expectSound(stack.db);
});

test('a first charge at a Stripe that takes 4 s a call is one attempt', async () => {
  account.seen.length = 0;
  account.slowDown(4_000);
  const started = await stack.request('POST', '/v1/subscriptions', {
    body: {
      ...{ customer_id: 'slow', plan: 'creator', interval: 'month', payment_method: 'pm_visa_11' },
      test_clock: { now: MONTHLY.from },
    },
  });
  account.slowDown(0);
  expect(started.status).toBe(201);
  const calls = account.seen.map(({ method, path }) => `${method} ${path.split('/')[2]}`);
  expect(calls).toEqual([
    'POST customers',
    'GET payment_methods',
    'POST payment_methods',
    'POST payment_intents',
    'POST payment_intents',
  ]);
});
