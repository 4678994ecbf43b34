import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, did, subscribe } from '../support/lives.ts';
import { expectPromises } from '../support/promises.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';
import { eventOf, signatureOf } from '../support/stripe-events.ts';

// A life billed by Stripe: start, renewal, decline, retries, another card, recovery, and a refund of what was paid too late.

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
  await expectPromises(stack.db);
});
