import { randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { inbox } from '../../src/db/schema.ts';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { type Intent, openStripeAccount, type StripeAccount } from '../support/stripe-account.ts';
import { eventOf, signatureOf } from '../support/stripe-events.ts';
import { bodyOf, codeOf, Driver, faultsOf, type Json, type Problem } from './driver.ts';

// R-81 on the real stack, billed by Stripe: an operator's refunds, Stripe's reports, and both together.
// test/scenarios/refunds.scenario.ts shows the credits taken back in each case.

let account: StripeAccount;
let stack: Stack;
beforeAll(async () => {
  account = await openStripeAccount();
  stack = await startStack({ stripe: account.config });
});
afterEach(() => expectSound(stack.db));
afterAll(async () => {
  await stack?.stop();
  await account?.stop();
});

let methods = 0;
const method = (does: string): string => {
  methods += 1;
  return `pm_${does}_r${methods}`;
};

interface Bought {
  driver: Driver;
  purchase: string;
  charge: string;
  intent: Intent;
  refund(body: Json, key?: string): Promise<Answer>;
  /** The credits left of the packs, the refunded part of their price, and the packs that renew. */
  stand(): Promise<{ left: number; refunded: number; packs: number }>;
}

/** A monthly creator with two packs of 300 for 3,000. */
async function bought(): Promise<Bought> {
  const driver = await Driver.open(stack, { payment_method: method('visa') });
  const body = await driver.buy(2);
  const purchase = String(body['id']);
  const charge = (body['charge'] as { id: string }).id;
  return {
    driver,
    purchase,
    charge,
    intent: account.intent(charge),
    refund: (wanted, key = randomUUID()) =>
      driver.post(
        `purchases/${purchase}/refund`,
        { reason: 'asked for', ...wanted },
        { 'Idempotency-Key': key },
      ),
    async stand() {
      const { by_kind } = bodyOf<{ by_kind: { pack: number } }>(await driver.get('balance'));
      const { refunded } = bodyOf<{ refunded: { amount_minor: number } }>(
        await driver.get(`charges/${charge}`),
      );
      const { add_on } = await driver.subscription();
      return { left: by_kind.pack, refunded: refunded.amount_minor, packs: add_on.packs };
    },
  };
}

const money = (amount_minor: number) => ({ amount_minor, currency: 'USD' });

describe('an operator’s refund', () => {
  test('a part, then the rest: Stripe refunds each once, the same key answers the same', async () => {
    const { refund, stand, intent } = await bought();
    const key = randomUUID();
    const first = await refund({ amount_minor: 1_000 }, key);
    expect(bodyOf(first)).toEqual({
      refunded: money(1_000),
      revoked: 200,
      unrecoverable: 0,
      add_on: { packs: 2 },
    });
    expect(await stand()).toEqual({ left: 400, refunded: 1_000, packs: 2 });
    const again = await refund({ amount_minor: 1_000 }, key);
    expect([again.status, again.text]).toEqual([200, first.text]);
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    expect(codeOf(await refund({ amount_minor: 999 }, key))).toBe('idempotency_key_reused');
    expect(bodyOf(await refund({}))).toEqual({
      refunded: money(2_000),
      revoked: 400,
      unrecoverable: 0,
      add_on: { packs: 0 },
    });
    expect(await stand()).toEqual({ left: 0, refunded: 3_000, packs: 0 });
    expect(intent.refunds.map(({ amount }) => amount)).toEqual([1_000, 2_000]);
  });

  test('more than is not refunded yet, and an unpaid charge, is refused', async () => {
    const { driver, refund, stand, intent } = await bought();
    expect(faultsOf(await refund({ amount_minor: 3_001 }))).toBe('invalid_request: /amount_minor');
    bodyOf(await refund({}));
    const nothing = await refund({});
    expect(faultsOf(nothing)).toBe('invalid_request: /amount_minor');
    expect((nothing.body as Problem).detail).toBe('nothing is left to refund');
    expect(await stand()).toMatchObject({ refunded: 3_000 });
    expect(intent.refunds).toHaveLength(1);
    bodyOf(await driver.post('purchases', { packs: 1, payment_method: method('bankDebit') }), 202);
    const { data } = bodyOf<{ data: { id: string }[] }>(await driver.get('purchases'));
    expect(faultsOf(await driver.post(`purchases/${data[0]!.id}/refund`, { reason: 'r' }))).toBe(
      'invalid_request: ',
    );
    expect(codeOf(await driver.post('purchases/pur_missing/refund', { reason: 'r' }))).toBe('not_found');
  });

  test('ten at once under one key: one refund. Ten under ten keys: as many as the price allows', async () => {
    const { refund, stand, intent } = await bought();
    const key = randomUUID();
    const copies = await Promise.all(Array.from({ length: 10 }, () => refund({ amount_minor: 500 }, key)));
    // Stripe refuses a key that is in use: such a copy gets an answer to come again.
    const reported = new Set(copies.map(codeOf));
    expect([...reported].filter((code) => code !== 'ok' && code !== 'billing_unavailable')).toEqual([]);
    expect(bodyOf(await refund({ amount_minor: 500 }, key))).toMatchObject({ revoked: 100 });
    expect(intent.refunds).toHaveLength(1);
    const untilReported = async (own: string): Promise<string> => {
      const answer = await refund({ amount_minor: 500 }, own);
      return codeOf(answer) === 'billing_unavailable' ? untilReported(own) : faultsOf(answer);
    };
    const others = await Promise.all(Array.from({ length: 10 }, () => untilReported(randomUUID())));
    expect(others.filter((code) => code === 'ok')).toHaveLength(5);
    expect(new Set(others)).toEqual(new Set(['ok', 'invalid_request: /amount_minor']));
    expect(await stand()).toEqual({ left: 0, refunded: 3_000, packs: 0 });
    expect(intent.refunds).toHaveLength(6);
  });

  test('refunded, and the answer lost: 503, and the same key goes on where it stopped', async () => {
    const { refund, stand, intent } = await bought();
    const key = randomUUID();
    // The library itself repeats once when a connection closes.
    account.fail(/POST .*refunds$/, 'lost', 2);
    expect(codeOf(await refund({ amount_minor: 1_500 }, key))).toBe('billing_unavailable');
    expect(await stand()).toEqual({ left: 600, refunded: 0, packs: 2 });
    expect(codeOf(await refund({ amount_minor: 1_499 }, key))).toBe('idempotency_key_reused');
    account.forgetKeys();
    expect(bodyOf(await refund({ amount_minor: 1_500 }, key))).toMatchObject({ revoked: 300 });
    expect(intent.refunds).toHaveLength(1);
    expect(await stand()).toEqual({ left: 300, refunded: 1_500, packs: 2 });
  });

  test('another refund first ends the open one before it', async () => {
    const { refund, stand, intent } = await bought();
    account.fail(/POST .*refunds$/, 'lost', 2);
    const key = randomUUID();
    expect(codeOf(await refund({ amount_minor: 1_500 }, key))).toBe('billing_unavailable');
    expect(bodyOf(await refund({}))).toMatchObject({ refunded: money(1_500), revoked: 300 });
    expect(await stand()).toEqual({ left: 0, refunded: 3_000, packs: 0 });
    expect(bodyOf(await refund({ amount_minor: 1_500 }, key))).toMatchObject({ revoked: 300 });
    expect(intent.refunds).toHaveLength(2);
  });

  test('refunded at Stripe meanwhile: refused, and Stripe’s report counts', async () => {
    const { refund, stand, intent, charge } = await bought();
    intent.refunds.push({ amount: 3_000, metadata: {} });
    expect(faultsOf(await refund({}))).toBe('invalid_request: /amount_minor');
    expect(await stand()).toEqual({ left: 600, refunded: 0, packs: 2 });
    await say(refundedAt(charge, 3_000));
    await expect.poll(stand, { timeout: 15_000 }).toEqual({ left: 0, refunded: 3_000, packs: 0 });
  });

  test('R-52: after the end, when no workflow runs', async () => {
    const { driver, refund, stand, intent } = await bought();
    bodyOf(await driver.post('cancel', { at: 'now' }));
    expect(bodyOf(await refund({}))).toEqual({
      refunded: money(3_000),
      revoked: 0,
      unrecoverable: 600,
      add_on: { packs: 0 },
    });
    expect(await stand()).toEqual({ left: 0, refunded: 3_000, packs: 0 });
    expect(intent.refunded).toBe(true);
  });
});

async function say(event: ReturnType<typeof eventOf>): Promise<void> {
  const text = JSON.stringify(event);
  const headers = { Authorization: '', 'Stripe-Signature': signatureOf(text, 'whsec_new') };
  bodyOf(await stack.request('POST', '/v1/billing/webhooks/stripe', { text, headers }));
}

const refundedAt = (chargeId: string, amount_refunded: number) =>
  eventOf('charge.refunded', { payment_intent: account.intent(chargeId).id, amount_refunded });

function dispute(chargeId: string, id: string, status: string, amount: number) {
  const type = status.startsWith('needs') ? 'created' : 'closed';
  return eventOf(`charge.dispute.${type}`, {
    id,
    amount,
    status,
    payment_intent: account.intent(chargeId).id,
  });
}

/** The outcome of an event, once it is relayed. */
async function outcomeOf({ id }: { id: string }): Promise<string | null> {
  const outcome = async () =>
    (await stack.db.select().from(inbox).where(eq(inbox.eventId, id)))[0]?.outcome ?? null;
  await expect.poll(outcome, { timeout: 15_000 }).not.toBeNull();
  return outcome();
}

describe('a report of Stripe', () => {
  test('a refund by the API and its event are one effect', async () => {
    const { refund, stand, charge } = await bought();
    bodyOf(await refund({ amount_minor: 1_000 }));
    const event = refundedAt(charge, 1_000);
    await say(event);
    expect(await outcomeOf(event)).toBe('booked');
    expect(await stand()).toEqual({ left: 400, refunded: 1_000, packs: 2 });
  });

  test('sums in any order, each under several ids: the highest counts', async () => {
    const { driver, stand, charge } = await bought();
    const events = [1_500, 500, 3_000, 1_500, 500].map((sum) => refundedAt(charge, sum));
    for (const event of events) await say(event);
    for (const event of events) expect(await outcomeOf(event)).toBe('booked');
    await expect.poll(stand, { timeout: 15_000 }).toEqual({ left: 0, refunded: 3_000, packs: 0 });
    const { data } = bodyOf<{ data: Json[] }>(await driver.get('entries?limit=100'));
    const taken = data.filter(({ kind }) => kind === 'revocation').map(({ credits }) => Number(credits));
    expect(taken.reduce((sum, credits) => sum + credits, 0)).toBe(-600);
  });

  test.each([
    ['opened, won', ['needs_response', 'won'], { left: 600, refunded: 0, packs: 2 }],
    ['won, opened', ['won', 'needs_response'], { left: 600, refunded: 0, packs: 2 }],
    ['opened, lost', ['needs_response', 'lost'], { left: 0, refunded: 3_000, packs: 0 }],
    ['lost, opened', ['lost', 'needs_response'], { left: 0, refunded: 3_000, packs: 0 }],
    ['only asked after', ['warning_needs_response'], { left: 600, refunded: 0, packs: 2 }],
  ])('a dispute of all: %s', async (_, statuses, end) => {
    const { stand, charge } = await bought();
    for (const status of statuses) {
      const event = dispute(charge, 'dp_1', status, 3_000);
      await say(event);
      expect(await outcomeOf(event)).toBe(status.startsWith('warning') ? 'ignored' : 'booked');
    }
    await expect.poll(stand, { timeout: 15_000 }).toEqual(end);
  });

  test('a renewal that is refunded moves no credits', async () => {
    const { driver, stand } = await bought();
    await driver.advance('2026-02-28T00:00:00Z');
    const before = await driver.available();
    const { data } = bodyOf<{ data: { id: string; kind: string }[] }>(await driver.get('charges'));
    const { id } = data.find(({ kind }) => kind === 'renewal')!;
    const event = refundedAt(id, 5_900);
    await say(event);
    expect(await outcomeOf(event)).toBe('booked');
    expect(bodyOf(await driver.get(`charges/${id}`))['refunded']).toEqual(money(5_900));
    expect(await driver.available()).toBe(before);
    expect((await stand()).packs).toBe(2);
  });

  test('of a payment that is none of ours', async () => {
    const event = eventOf('charge.refunded', { payment_intent: 'pi_stranger', amount_refunded: 1 });
    await say(event);
    expect(await outcomeOf(event)).toBe('unknown');
  });
});
