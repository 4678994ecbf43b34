import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Debtor, Gateway } from '../../src/billing/gateway.ts';
import { createStripe, type StripeRecords } from '../../src/billing/stripe.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { createStripeRecords } from '../../src/db/stripe.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { begin } from '../../src/domain/commands.ts';
import type { Charge } from '../../src/domain/state.ts';
import { newId } from '../../src/ids.ts';
import { createDatabase } from '../support/stack.ts';
import { type Fault, openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';

// The gateway against stripe-mock, which checks every request, behind an account that remembers, declines and fails.

let account: StripeAccount;
let db: Database;
let records: StripeRecords;
let gateway: Gateway;
beforeAll(async () => {
  account = await openStripeAccount();
  db = connect(await createDatabase());
  records = createStripeRecords(db);
  gateway = createStripe({ ...account.config, records });
});
afterAll(async () => {
  await account?.stop();
  await db?.$client.end({ timeout: 2 });
});
afterEach(() => {
  account.seen.length = 0;
});

interface Demand {
  charge: Charge;
  debtor: Debtor;
}

/** A first payment of a fresh subscription, as the core asks for it. */
function demand(method: string, customerId = newId('ada')): Demand {
  const id = newId('sub');
  const start = {
    id,
    customerId,
    plan: 'creator',
    interval: 'month',
    timeZone: 'UTC',
    paymentMethod: `${method}_${id}`,
    allowance: null,
    anchorAt: null,
    testClock: true,
  } as const;
  const { charge } = begin(start, Date.parse('2026-01-17T00:00:00Z'), DEFAULT_CATALOG);
  return { charge: charge!, debtor: { subscriptionId: id, customerId } };
}

const asked = ({ charge, debtor }: Demand): Promise<string> => gateway.charge(charge, debtor);
const again = (of: Demand, attempt: number, paymentMethod = of.charge.paymentMethod): Demand => ({
  ...of,
  charge: { ...of.charge, attempt, paymentMethod },
});

/** The requests that change something, with their keys, which hold shortened ids of the demand. */
function keys({ charge, debtor }: Demand): string[] {
  const short = (text: string) =>
    text
      .replaceAll(debtor.subscriptionId, 'SUB')
      .replaceAll(charge.id, 'CHG')
      .replace(/pi_\w+/g, 'PI')
      .replace(/customer\/[0-9a-f]{64}/, 'customer/HASH');
  return account.seen
    .filter(({ method }) => method === 'POST')
    .map(({ path, key }) => `${short(path).replace(/pm_\w+/, 'PM')} ${key && short(key)}`);
}

const MAKE = '/v1/payment_intents SUB/CHG/1';
const CONFIRM = '/v1/payment_intents/PI/confirm SUB/CHG/1/confirm';

describe('the outcome of a payment method', () => {
  test.each([
    ['pm_visa', 'paid'],
    ['pm_chargeDeclined', 'declined'],
    // 3-D Secure: the customer may still come, and the webhook says so.
    ['pm_authenticationRequired', 'pending'],
    ['pm_threeDSecure', 'pending'],
    ['pm_bankDebit', 'pending'],
    ['pm_missing', 'declined'],
    ['pm_strangers', 'declined'],
    ['pm_usedUp', 'declined'],
  ])(
    '%s: %s, and the same when it is asked again, today or after Stripe forgot its keys',
    async (method, outcome) => {
      const wanted = demand(method);
      expect(await asked(wanted)).toBe(outcome);
      expect(await asked(wanted)).toBe(outcome);
      account.forgetKeys();
      expect(await asked(wanted)).toBe(outcome);
      const paid = account.paid(wanted.charge.id);
      expect(paid).toHaveLength(outcome === 'paid' ? 1 : 0);
      expect(keys(wanted).filter((request) => request === CONFIRM).length).toBeLessThanOrEqual(1);
    },
  );
});

test('a request to Stripe: amounts in minor units, off session, with its customer', async () => {
  const wanted = demand('pm_visa', 'Ada Lovelace, 1815 ❤');
  await asked(wanted);
  const { subscriptionId } = wanted.debtor;
  expect(account.paid(wanted.charge.id)).toMatchObject([
    {
      amount: 2900,
      currency: 'usd',
      payment_method: wanted.charge.paymentMethod,
      metadata: { subscription_id: subscriptionId, charge_id: wanted.charge.id, attempt: '1' },
    },
  ]);
  const [customer, , make, confirm] = account.seen.filter(({ method }) => method === 'POST');
  expect(customer!.body).toEqual({ 'metadata[customer_id]': 'Ada Lovelace, 1815 ❤' });
  expect(make!.body['automatic_payment_methods[allow_redirects]']).toBe('never');
  expect(confirm!.body).toEqual({ off_session: 'true' });
  expect(keys(wanted).map((request) => request.split(' ')[1])).toEqual([
    'customer/HASH',
    expect.any(String),
    'SUB/CHG/1',
    'SUB/CHG/1/confirm',
  ]);
});

test('a customer is made once, a payment method attached once, for any number of charges', async () => {
  const first = demand('pm_visa');
  const second = demand('pm_visa', first.debtor.customerId);
  const third = again(second, 2);
  for (const wanted of [first, second, third]) expect(await asked(wanted)).toBe('paid');
  account.forgetKeys();
  expect(await asked(again(first, 2))).toBe('paid');
  const posted = account.seen.filter(({ method }) => method === 'POST').map(({ path }) => path);
  expect(posted.filter((path) => path === '/v1/customers')).toHaveLength(1);
  expect(posted.filter((path) => path.endsWith('/attach'))).toHaveLength(2);
});

test('each attempt is a payment of its own: declined, then paid with another card', async () => {
  const wanted = demand('pm_chargeDeclined');
  expect(await asked(wanted)).toBe('declined');
  const second = again(wanted, 2, `pm_visa_${wanted.debtor.subscriptionId}`);
  expect(await asked(second)).toBe('paid');
  expect(await asked(wanted)).toBe('declined');
  expect(account.paid(wanted.charge.id)).toHaveLength(1);
});

const away: Fault = { status: 500, error: { type: 'api_error', message: 'Something went wrong.' } };
const busy: Fault = {
  status: 429,
  error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Too many requests.' },
};
const wrongKey: Fault = {
  status: 401,
  error: { type: 'invalid_request_error', message: 'Invalid API Key provided.' },
};

describe('a failure is thrown, so that it is asked again with the same keys, and paid once', () => {
  // The library itself repeats once when a connection closes: lost twice is lost.
  const faults: [string, RegExp, Fault, number][] = [
    ['the customer: no answer', /POST .*customers$/, 'lost', 2],
    ['the payment method: 500', /GET .*payment_methods/, away, 1],
    ['attaching: no answer', /POST .*attach$/, 'lost', 2],
    ['the intent: 500', /POST .*payment_intents$/, away, 1],
    ['the intent: 429', /POST .*payment_intents$/, busy, 1],
    ['the intent: a wrong key', /POST .*payment_intents$/, wrongKey, 1],
    ['the intent: made, no answer', /POST .*payment_intents$/, 'lost', 2],
    ['the confirmation: 500', /POST .*confirm$/, away, 1],
    ['the confirmation: paid, no answer', /POST .*confirm$/, 'lost', 2],
  ];
  const rows = faults.flatMap((fault) =>
    ['remembers', 'has forgotten'].map((memory): [...typeof fault, string] => [...fault, memory]),
  );
  test.each(rows)('%s', async (_, request, fault, times, memory) => {
    const wanted = demand('pm_visa');
    account.fail(request, fault, times);
    await expect(asked(wanted)).rejects.toThrow();
    if (memory === 'has forgotten') account.forgetKeys();
    expect(await asked(wanted)).toBe('paid');
    expect(account.paid(wanted.charge.id)).toHaveLength(1);
    const made = keys(wanted).filter((line) => line.startsWith('/v1/payment_intents'));
    expect(new Set(made)).toEqual(new Set([MAKE, CONFIRM]));
  });
});

test.each(['remembers', 'has forgotten'])(
  'a run that died before its intent was on record: the next is paid once, and Stripe %s',
  async (memory) => {
    const wanted = demand('pm_visa');
    const dying = createStripe({
      ...account.config,
      records: { ...records, keepPayment: () => Promise.reject(new Error('killed')) },
    });
    await expect(dying.charge(wanted.charge, wanted.debtor)).rejects.toThrow('killed');
    if (memory === 'has forgotten') account.forgetKeys();
    expect(await asked(wanted)).toBe('paid');
    expect(account.paid(wanted.charge.id)).toHaveLength(1);
  },
);

test('a run that looked before another had paid, and asks after Stripe forgot the keys: paid once', async () => {
  const wanted = demand('pm_visa');
  expect(await asked(wanted)).toBe('paid');
  account.forgetKeys();
  const late = createStripe({ ...account.config, records: { ...records, payment: async () => null } });
  expect(await late.charge(wanted.charge, wanted.debtor)).toBe('paid');
  expect(account.paid(wanted.charge.id)).toHaveLength(1);
});

test('a run that looked before another had attached the payment method is no decline', async () => {
  const wanted = demand('pm_visa');
  account.fail(/GET .*payment_methods/, 'held');
  const slow = asked(wanted);
  await account.held();
  expect(await asked(wanted)).toBe('paid');
  account.letGo();
  expect(await slow).toBe('paid');
  expect(account.paid(wanted.charge.id)).toHaveLength(1);
});

test('ten runs at once, as after a worker that was thought dead: paid once', async () => {
  const wanted = demand('pm_visa');
  // A failed call is repeated, as Temporal does: Stripe refuses a key that is in use.
  const untilAnswered = (): Promise<string> => asked(wanted).catch(() => setTimeout(20).then(untilAnswered));
  const outcomes = await Promise.all(Array.from({ length: 10 }, untilAnswered));
  expect(new Set(outcomes)).toEqual(new Set(['paid']));
  expect(account.paid(wanted.charge.id)).toHaveLength(1);
});

describe('refunds', () => {
  test('once, for any number of repeats', async () => {
    const wanted = demand('pm_visa');
    await asked(wanted);
    await gateway.refund(wanted.charge.id, wanted.debtor);
    await gateway.refund(wanted.charge.id, wanted.debtor);
    account.forgetKeys();
    await gateway.refund(wanted.charge.id, wanted.debtor);
    expect(account.paid(wanted.charge.id)).toMatchObject([{ refunded: true }]);
    const refunds = keys(wanted).filter((line) => line.startsWith('/v1/refunds'));
    expect(refunds).toEqual(Array(3).fill('/v1/refunds SUB/CHG/refund/PI'));
  });

  test('of the attempt that was paid', async () => {
    const wanted = demand('pm_chargeDeclined');
    await asked(wanted);
    await asked(again(wanted, 2, `pm_visa_${wanted.debtor.subscriptionId}`));
    await gateway.refund(wanted.charge.id, wanted.debtor);
    const [paid] = account.paid(wanted.charge.id);
    expect(paid).toMatchObject({ refunded: true, metadata: { attempt: '2' } });
  });

  test('of an unpaid charge is an error', async () => {
    const wanted = demand('pm_bankDebit');
    await asked(wanted);
    await expect(gateway.refund(wanted.charge.id, wanted.debtor)).rejects.toThrow(/no paid payment/);
    expect(keys(wanted).filter((line) => line.startsWith('/v1/refunds'))).toEqual([]);
  });

  test('that fails is thrown, and asked again', async () => {
    const wanted = demand('pm_visa');
    await asked(wanted);
    account.fail(/POST .*refunds$/, away);
    await expect(gateway.refund(wanted.charge.id, wanted.debtor)).rejects.toThrow();
    await gateway.refund(wanted.charge.id, wanted.debtor);
    expect(account.paid(wanted.charge.id)).toMatchObject([{ refunded: true }]);
  });
});

describe('partial refunds', () => {
  const part = ({ charge }: Demand, id: string, amountMinor: number) => ({
    id,
    chargeId: charge.id,
    amountMinor,
  });

  test('each once for its id, also after Stripe forgot its keys', async () => {
    const wanted = demand('pm_visa');
    await asked(wanted);
    for (const id of ['rfd_1', 'rfd_2', 'rfd_1'])
      expect(await gateway.refundPart(part(wanted, id, 1_000), wanted.debtor)).toBe(true);
    account.forgetKeys();
    expect(await gateway.refundPart(part(wanted, 'rfd_2', 1_000), wanted.debtor)).toBe(true);
    expect(account.paid(wanted.charge.id)).toMatchObject([
      { refunds: [{ amount: 1_000 }, { amount: 1_000 }] },
    ]);
    const refunds = keys(wanted).filter((line) => line.startsWith('/v1/refunds'));
    expect(refunds).toEqual(['/v1/refunds SUB/CHG/refund/rfd_1', '/v1/refunds SUB/CHG/refund/rfd_2']);
  });

  test('more than is left: no, and nothing is refunded', async () => {
    const wanted = demand('pm_visa');
    await asked(wanted);
    expect(await gateway.refundPart(part(wanted, 'rfd_1', 2_000), wanted.debtor)).toBe(true);
    expect(await gateway.refundPart(part(wanted, 'rfd_2', 901), wanted.debtor)).toBe(false);
    expect(await gateway.refundPart(part(wanted, 'rfd_3', 900), wanted.debtor)).toBe(true);
    expect(await gateway.refundPart(part(wanted, 'rfd_4', 1), wanted.debtor)).toBe(false);
    expect(account.paid(wanted.charge.id)).toMatchObject([{ refunds: [{ amount: 2_000 }, { amount: 900 }] }]);
  });

  test.each<[string, RegExp, Fault, number]>([
    ['made, no answer', /POST .*refunds$/, 'lost', 2],
    ['500', /POST .*refunds$/, away, 1],
    ['what was refunded before: 500', /GET .*refunds/, away, 1],
  ])('%s: thrown, asked again, refunded once', async (_, request, fault, times) => {
    const wanted = demand('pm_visa');
    await asked(wanted);
    account.fail(request, fault, times);
    await expect(gateway.refundPart(part(wanted, 'rfd_1', 700), wanted.debtor)).rejects.toThrow();
    account.forgetKeys();
    expect(await gateway.refundPart(part(wanted, 'rfd_1', 700), wanted.debtor)).toBe(true);
    expect(account.paid(wanted.charge.id)).toMatchObject([{ refunds: [{ amount: 700 }] }]);
  });

  test('of an unpaid charge is an error', async () => {
    const wanted = demand('pm_bankDebit');
    await asked(wanted);
    await expect(gateway.refundPart(part(wanted, 'rfd_1', 1), wanted.debtor)).rejects.toThrow(
      /no paid payment/,
    );
  });
});
