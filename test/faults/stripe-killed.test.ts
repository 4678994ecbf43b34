import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { expectStatus } from '../support/lives.ts';
import { createProcesses, type Killable, type Processes } from '../support/processes.ts';
import { openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';

// The worker dies by signal 9 after Stripe carried out a request and before its answer was booked. Temporal repeats the
// activity elsewhere: the same keys, one payment; also when so much time has passed that Stripe forgot the keys.

let account: StripeAccount;
let stack: Processes;
let worker: Killable;
beforeAll(async () => {
  account = await openStripeAccount();
  stack = await createProcesses(undefined, {
    BILLING: 'stripe',
    STRIPE_SECRET_KEY: account.config.secretKey,
    STRIPE_WEBHOOK_SECRETS: account.config.webhookSecrets.join(','),
    STRIPE_API_URL: account.config.apiUrl!,
  });
  [, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
});
afterAll(async () => {
  await stack?.stop();
  await account?.stop();
});

test.each([
  ['made the payment', 'remembers', /POST .*payment_intents$/],
  ['made the payment', 'has forgotten', /POST .*payment_intents$/],
  ['taken the money', 'remembers', /POST .*confirm$/],
  ['taken the money', 'has forgotten', /POST .*confirm$/],
])('killed when Stripe had %s, and Stripe %s the keys: paid once', async (what, memory, request) => {
  account.seen.length = 0;
  account.fail(request, 'held');
  const label = `${what}-${memory}`.replaceAll(' ', '-');
  const body = {
    customer_id: label,
    plan: 'creator',
    interval: 'month',
    payment_method: `pm_visa_${label}`.replaceAll('-', '_'),
  };
  const start = () =>
    stack.request('POST', '/v1/subscriptions', { body, headers: { 'Idempotency-Key': label } });
  const first = start();
  await account.held();
  await worker.kill();
  account.letGo();
  if (memory === 'has forgotten') account.forgetKeys();
  const before = account.seen.length;
  worker = await stack.startWorker();
  await first;
  const { id } = expectStatus(await start(), 201).body as { id: string };
  const chargeId = `chg_${id.slice(4)}_s`;
  expect(account.paid(chargeId)).toHaveLength(1);
  const keysOf = (seen: typeof account.seen) =>
    seen.flatMap(({ key }) =>
      key?.startsWith(id) ? [key.replaceAll(id, 'SUB').replace(chargeId, 'CHG')] : [],
    );
  const [earlier, later] = [account.seen.slice(0, before), account.seen.slice(before)].map(keysOf);
  console.log(`${label}: before ${earlier!.join(', ')}; after ${later!.join(', ') || 'none: it was found'}`);
  const paysBefore = what === 'taken the money';
  expect(earlier).toEqual(paysBefore ? ['SUB/CHG/1', 'SUB/CHG/1/confirm'] : ['SUB/CHG/1']);
  expect(later).toEqual(paysBefore ? [] : ['SUB/CHG/1', 'SUB/CHG/1/confirm']);
  await expectSound(stack.db);
});
