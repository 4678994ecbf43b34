import { and, eq, isNull } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { grants, inbox } from '../../src/db/schema.ts';
import { workflowId } from '../../src/workflows/messages.ts';
import { all, bodyOf, Driver, type Json } from '../api/driver.ts';
import { deliver, eventId, SECRETS } from '../support/external-events.ts';
import { expectSound } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { runsOf } from '../workflows/histories.ts';

// Lives whose billing another system owns, on the real stack: every charge is pending until it says how it went, and it may
// say so early, late, twice, and in any order.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ external: { webhookSecrets: [SECRETS.new] } });
});
afterAll(() => stack?.stop());
afterEach(() => expectSound(stack.db));

type Outcome = 'paid' | 'declined';

const SOON = { timeout: 15_000 };
const stem = (driver: Driver): string => driver.id.slice('sub_'.length);
const startOf = (driver: Driver): string => `chg_${stem(driver)}_s`;
const renewalOf = (driver: Driver, n: number): string => `chg_${stem(driver)}_r0_${n}`;
const statusOf = async (driver: Driver): Promise<string> => (await driver.subscription()).status;
const charge = async (driver: Driver, id: string): Promise<Json> => bodyOf(await driver.get(`charges/${id}`));
const chargeStatus = async (driver: Driver, id: string): Promise<unknown> =>
  (await charge(driver, id))['status'];
const nowOf = async (driver: Driver): Promise<string> => (await driver.subscription()).test_clock!.now;

/** The outcome of each event of a subscription, once none of them waits for the relay. */
async function outcomes(driver: Driver): Promise<(string | null)[]> {
  const mine = eq(inbox.subscriptionId, driver.id);
  const waiting = () => stack.db.$count(inbox, and(mine, isNull(inbox.outcome)));
  await expect.poll(waiting, SOON).toBe(0);
  const rows = await stack.db.select().from(inbox).where(mine).orderBy(inbox.id);
  return rows.map(({ outcome }) => outcome);
}

/** The amount that a payment of a charge to come must state. */
const amounting = (amount_minor: number) => ({ amount: { amount_minor, currency: 'USD' } });

/** Says how a charge went, now by the subscription's clock unless `more` says otherwise. */
async function settle(driver: Driver, id: string, outcome: Outcome, more: object = {}): Promise<void> {
  const data = { subscription: driver.id, charge: id, outcome, at: await nowOf(driver), ...more };
  bodyOf(await deliver(stack, 'payment.settled', data));
}

/** The first outcome takes effect before the others are sent: the relay keeps no order between settlements. */
async function settleInOrder(driver: Driver, id: string, [first, ...others]: Outcome[]): Promise<void> {
  await settle(driver, id, first!);
  await expect.poll(() => chargeStatus(driver, id), SOON).toBe(first);
  for (const outcome of others) await settle(driver, id, outcome);
}

async function say(driver: Driver, type: string, data: object, id = eventId()): Promise<void> {
  bodyOf(await deliver(stack, type, { subscription: driver.id, ...data }, id));
}

/** The subscription's own transitions, by its events, in order. */
async function turns(driver: Driver): Promise<string[]> {
  const events = await all(stack, `/v1/events?subscription_id=${driver.id}&order=asc`, 100);
  const types = events.map(({ type }) => String(type));
  return types.filter((type) => type.startsWith('subscription.')).map((type) => type.split('.')[1]!);
}

/** The row says so a moment before the workflow is over; messages in between still reach it. */
async function ended(driver: Driver): Promise<void> {
  await stack.client.workflow.getHandle(workflowId(driver.id)).result();
  expect(await statusOf(driver)).toBe('ended');
}

/** A subscription whose first payment is paid: 200 credits. */
async function paid(): Promise<Driver> {
  const driver = await Driver.open(stack);
  await settle(driver, startOf(driver), 'paid');
  await expect.poll(() => statusOf(driver), SOON).toBe('active');
  return driver;
}

async function buy(driver: Driver): Promise<string> {
  const bought = await driver.post('purchases', { packs: 1 });
  return bodyOf<{ charge: { id: string } }>(bought, 202).charge.id;
}

describe('the first payment (R-43)', () => {
  test('fifty settlements at once, and fifty copies of another: one effect', async () => {
    const driver = await Driver.open(stack);
    expect(await statusOf(driver)).toBe('incomplete');
    const data = {
      subscription: driver.id,
      charge: startOf(driver),
      outcome: 'paid',
      at: await nowOf(driver),
    };
    const same = eventId();
    const ids = Array.from({ length: 100 }, (_, i) => (i % 2 ? same : eventId()));
    const answers = await Promise.all(ids.map((id) => deliver(stack, 'payment.settled', data, id)));
    const duplicates = answers.filter((answer) => bodyOf(answer)['duplicate']);
    expect(duplicates).toHaveLength(49);
    expect(new Set(await outcomes(driver))).toEqual(new Set(['signalled']));
    await expect.poll(() => statusOf(driver), SOON).toBe('active');
    // The advance comes after all of them.
    await driver.advance('2026-02-01T00:00:00Z');
    expect(await driver.available()).toBe(200);
    expect(await stack.db.$count(grants, eq(grants.subscriptionId, driver.id))).toBe(1);
  });

  test('declined: it ends, and a late payment changes nothing and stays on record', async () => {
    const driver = await Driver.open(stack);
    await settle(driver, startOf(driver), 'declined');
    await ended(driver);
    await settle(driver, startOf(driver), 'paid');
    expect((await outcomes(driver)).at(-1)).toBe('ended');
    expect(await chargeStatus(driver, startOf(driver))).toBe('declined');
  });

  test('never settled: given up after 24 hours', async () => {
    const driver = await Driver.open(stack);
    await driver.advance('2026-01-31T23:59:59Z');
    expect(await statusOf(driver)).toBe('incomplete');
    await driver.advance('2026-02-01T00:00:00Z');
    await ended(driver);
    await settle(driver, startOf(driver), 'paid');
    expect(await outcomes(driver)).toEqual(['ended']);
    expect(await chargeStatus(driver, startOf(driver))).toBe('given_up');
  });
});

describe('a purchase (R-42)', () => {
  test.each<[Outcome[], string, number]>([
    [['paid', 'paid'], 'paid', 500],
    [['paid', 'declined'], 'paid', 500],
    [['declined', 'declined'], 'declined', 200],
  ])('%j: %s', async (said, status, credits) => {
    const driver = await paid();
    const id = await buy(driver);
    expect(await driver.available()).toBe(200);
    await settleInOrder(driver, id, said);
    await expect.poll(() => chargeStatus(driver, id), SOON).toBe(status);
    expect(await outcomes(driver)).toEqual(['signalled', 'signalled', 'signalled']);
    await driver.advance('2026-02-01T00:00:00Z');
    expect(await driver.available()).toBe(credits);
    expect(await chargeStatus(driver, id)).toBe(status);
  });

  test('given up after 24 hours; paid after that it must be refunded, once', async () => {
    const driver = await paid();
    const id = await buy(driver);
    await driver.advance('2026-02-01T00:00:00Z');
    expect(await charge(driver, id)).toMatchObject({ status: 'given_up', refunded: { amount_minor: 0 } });
    await settle(driver, id, 'paid');
    await settle(driver, id, 'paid');
    const refunded = async () => (await charge(driver, id))['refunded'];
    await expect.poll(refunded, SOON).toMatchObject({ amount_minor: 1500 });
    await driver.advance('2026-02-02T00:00:00Z');
    expect(await charge(driver, id)).toMatchObject({
      status: 'refunded',
      refunded: { amount_minor: 1500 },
      attempts: [{ outcome: 'paid' }],
    });
    expect(await driver.available()).toBe(200);
  });
});

/** The rows of a subscription without a reason; nothing of it is on its way. */
async function unexplained(driver: Driver): Promise<string[]> {
  const found = await reconcile(stack.db, { subscriptionIds: [driver.id], patienceMs: 0 });
  return found.unexplained.map(({ table, rule, problem }) => `${table} ${rule} ${problem}`);
}

const refunded = (driver: Driver, id: string, refunded_minor: number) =>
  say(driver, 'payment.refunded', { charge: id, refunded_minor });

describe('money that was taken for nothing', () => {
  test('while it lives: a purchase that was declined and is paid after all must be refunded, once', async () => {
    const driver = await paid();
    const id = await buy(driver);
    await settleInOrder(driver, id, ['declined', 'paid', 'paid', 'declined']);
    await expect
      .poll(async () => charge(driver, id), SOON)
      .toMatchObject({ status: 'refunded', refunded: { amount_minor: 1500 } });
    await outcomes(driver);
    await driver.advance('2026-02-01T00:00:00Z');
    expect(await driver.available()).toBe(200);
    expect(await unexplained(driver)).toEqual([]);
  });

  test.each<[string, 'renewal' | 'start' | 'purchase', string]>([
    [
      'a renewal, once the last retry is over',
      'renewal',
      'The renewal of USD 29.00 of 2026-02-28T00:00:00.000Z',
    ],
    ['a first payment, once it was given up', 'start', 'The start of USD 29.00 of 2026-01-31T00:00:00.000Z'],
    ['a purchase that was given up', 'purchase', 'The purchase of USD 15.00 of 2026-01-31T00:00:00.000Z'],
  ])('after the end: %s, is named until it is refunded', async (_, kind, reported) => {
    const driver = kind === 'start' ? await Driver.open(stack) : await paid();
    const id =
      kind === 'purchase' ? await buy(driver) : kind === 'start' ? startOf(driver) : renewalOf(driver, 1);
    await driver.advance('2026-03-07T00:00:00Z');
    await ended(driver);
    expect(await unexplained(driver)).toEqual([]);
    await settle(driver, id, 'paid', { at: '2026-03-06T12:00:00Z' });
    await settle(driver, id, 'paid', { at: '2026-03-06T12:00:00Z' });
    expect((await outcomes(driver)).slice(-2)).toEqual(['ended', 'ended']);
    expect(await charge(driver, id)).toMatchObject({ status: 'given_up', refunded: { amount_minor: 0 } });
    const amount = /USD [0-9.]+/.exec(reported)![0];
    expect(await unexplained(driver)).toEqual([
      `charges R-52 ${reported} is given up here, and billing says that it was paid at 2026-03-06T12:00:00.000Z: ${amount} was taken for nothing and is to be given back.`,
    ]);
    await refunded(driver, id, 9900);
    expect((await outcomes(driver)).at(-1)).toBe('booked');
    expect(await unexplained(driver)).toEqual([]);
    expect(await driver.available()).toBe(0);
  });

  test('a renewal that was collected ahead and never came, as it was cancelled', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    await settle(driver, id, 'paid', amounting(2900));
    await say(driver, 'subscription.cancelled', { at: 'renewal' });
    await outcomes(driver);
    await driver.advance('2026-02-28T00:00:00Z');
    expect(await unexplained(driver)).toEqual([
      expect.stringMatching(`^inbox R-52 .* says that ${id} is paid, and there is no such charge.$`),
    ]);
    await refunded(driver, id, 2900);
    expect((await outcomes(driver)).at(-1)).toBe('unknown');
    expect(await unexplained(driver)).toEqual([]);
  });
});

describe('refunds and disputes (R-81)', () => {
  test('told before the purchase is paid they wait for it; the sum so far counts, and a dispute is undone when it is won', async () => {
    const driver = await paid();
    const id = await buy(driver);
    const dispute = (status: string) =>
      say(driver, 'payment.disputed', { charge: id, dispute: 'd1', amount_minor: 600, status });
    await refunded(driver, id, 500);
    await refunded(driver, id, 300);
    await dispute('open');
    await settle(driver, id, 'paid');
    await outcomes(driver);
    expect(await charge(driver, id)).toMatchObject({ status: 'paid', refunded: { amount_minor: 1100 } });
    expect(await driver.available()).toBe(200 + 80);
    await dispute('won');
    await dispute('open');
    await outcomes(driver);
    expect(await charge(driver, id)).toMatchObject({ refunded: { amount_minor: 500 } });
    expect(await driver.available()).toBe(200 + 200);
  });

  test('of a charge that is not here: kept, and nothing more', async () => {
    const driver = await paid();
    await refunded(driver, 'chg_nobody', 500);
    await say(driver, 'payment.disputed', {
      charge: 'chg_nobody',
      dispute: 'd',
      amount_minor: 1,
      status: 'lost',
    });
    expect((await outcomes(driver)).slice(-2)).toEqual(['unknown', 'unknown']);
  });
});

describe('a renewal that is settled before it is asked for waits (R-42)', () => {
  test.each<[Outcome[], string]>([
    [['paid'], 'paid'],
    [['paid', 'paid'], 'paid'],
    [['paid', 'declined'], 'paid'],
    [['declined', 'paid'], 'paid'],
    [['declined'], 'declined'],
  ])('%j: %s', async (said, status) => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    for (const outcome of said) await settle(driver, id, outcome, amounting(2900));
    expect(await outcomes(driver)).toEqual(['signalled', ...said.map(() => 'signalled')]);
    expect(await driver.available()).toBe(200);
    await driver.advance('2026-02-28T00:00:00Z');
    await expect.poll(() => chargeStatus(driver, id), SOON).toBe(status);
    expect(await statusOf(driver)).toBe(status === 'paid' ? 'active' : 'past_due');
    expect(await driver.available()).toBe(status === 'paid' ? 400 : 200);
  });

  test('also when a year of them is settled ahead, over a hand-over to the next run', async () => {
    const driver = await paid();
    for (let n = 1; n <= 14; n += 1) await settle(driver, renewalOf(driver, n), 'paid', amounting(2900));
    expect(await outcomes(driver)).toHaveLength(15);
    await driver.advance('2027-03-31T00:00:00Z');
    expect(await statusOf(driver)).toBe('active');
    expect((await runsOf(stack.client, driver.id)).length).toBeGreaterThan(1);
    expect(await stack.db.$count(grants, eq(grants.subscriptionId, driver.id))).toBe(15);
    await driver.advance('2027-04-30T00:00:00Z');
    expect(await statusOf(driver)).toBe('past_due');
  });
});

describe('money of another amount than the charge (R-42)', () => {
  const boundary = '2026-02-28T00:00:00Z';

  /** The events of payments with another amount than the bill's: type, and the amount owed back. */
  async function eventsOf(driver: Driver): Promise<[string, number][]> {
    const { data } = bodyOf<{ data: { type: string; data: { owed_back?: { amount_minor: number } } }[] }>(
      await stack.request('GET', `/v1/events?subscription_id=${driver.id}&order=asc&limit=100`),
    );
    return data
      .filter(({ type }) => type.startsWith('payment.'))
      .map(({ type, data: { owed_back } }) => [type, owed_back?.amount_minor ?? 0]);
  }

  test('29.00 collected ahead, then 100 packs bought: the renewal of 1,529.00 is open, and 29.00 are owed back', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    await settle(driver, id, 'paid', amounting(2_900));
    const bought = await driver.post('purchases', { packs: 100 });
    await settle(driver, bodyOf<{ charge: { id: string } }>(bought, 202).charge.id, 'paid');
    await outcomes(driver);
    await driver.advance(boundary);
    expect(await charge(driver, id)).toMatchObject({ status: 'pending', amount: { amount_minor: 152_900 } });
    expect(await statusOf(driver)).toBe('past_due');
    // The bought credits, and no allowance or packs of the renewal beside those of the first month.
    expect(await driver.available()).toBe(200 + 30_000);
    expect(await eventsOf(driver)).toEqual([['payment.underpaid', 2_900]]);
    expect(await unexplained(driver)).toEqual([
      'charges R-42 The renewal of USD 1529.00 of 2026-02-28T00:00:00.000Z is pending; USD 29.00 more came for it, is owed back, and billing has not said that it was given back.',
    ]);
    await refunded(driver, id, 2_900);
    expect((await outcomes(driver)).at(-1)).toBe('booked');
    expect(await unexplained(driver)).toEqual([]);
    await settle(driver, id, 'paid', amounting(152_900));
    await expect.poll(() => statusOf(driver), SOON).toBe('active');
    expect(await driver.available()).toBe(200 + 200 + 30_000 + 30_000);
    expect(await charge(driver, id)).toMatchObject({ status: 'paid', refunded: { amount_minor: 0 } });
  });

  test('59.00 collected ahead, then the packs removed: paid, and 30.00 are owed back', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    const bought = await driver.post('purchases', { packs: 2 });
    await settle(driver, bodyOf<{ charge: { id: string } }>(bought, 202).charge.id, 'paid');
    await outcomes(driver);
    await settle(driver, id, 'paid', amounting(5_900));
    await outcomes(driver);
    bodyOf(await driver.put('add_on', { packs: 0 }));
    await driver.advance(boundary);
    await expect.poll(() => chargeStatus(driver, id), SOON).toBe('paid');
    expect(await eventsOf(driver)).toEqual([['payment.overpaid', 3_000]]);
    // The same payment again under another id is known; another amount is refused.
    await settle(driver, id, 'paid', amounting(5_900));
    await outcomes(driver);
    const owed = await unexplained(driver);
    expect(owed).toEqual([expect.stringContaining('is paid; USD 30.00 more came for it, is owed back')]);
    await refunded(driver, id, 3_000);
    await outcomes(driver);
    expect(await unexplained(driver)).toEqual([]);
    expect(await charge(driver, id)).toMatchObject({ status: 'paid', refunded: { amount_minor: 0 } });
    // A refund beyond the owed amount is of the charge itself.
    await refunded(driver, id, 3_500);
    await outcomes(driver);
    expect(await charge(driver, id)).toMatchObject({ refunded: { amount_minor: 500 } });
  });

  test('of a charge that does not exist yet: without an amount, or in another currency, it is refused and not kept', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    const pay = (more: object) =>
      deliver(stack, 'payment.settled', {
        ...{ subscription: driver.id, charge: id, outcome: 'paid', at: '2026-01-31T00:00:00Z' },
        ...more,
      });
    const pointerOf = async (more: object) => {
      const { status, body } = await pay(more);
      return [status, (body as { errors?: { pointer: string }[] }).errors?.map(({ pointer }) => pointer)];
    };
    expect(await pointerOf({})).toEqual([400, ['/data/amount']]);
    const yen = { amount: { amount_minor: 2_900, currency: 'JPY' } };
    expect(await pointerOf(yen)).toEqual([400, ['/data/amount/currency']]);
    expect(await outcomes(driver)).toEqual(['signalled']);
    expect(await pay({ outcome: 'declined' })).toMatchObject({ status: 200 });
  });

  test('past the webhook, without an amount: refused, told, and the renewal is asked for as ever', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    const workflow = stack.client.workflow.getHandle(workflowId(driver.id));
    await workflow.signal('paymentSettled', {
      chargeId: id,
      outcome: 'paid',
      at: Date.parse(await nowOf(driver)),
    });
    await driver.advance(boundary);
    expect(await chargeStatus(driver, id)).toBe('pending');
    expect(await eventsOf(driver)).toEqual([['payment.refused', 0]]);
  });

  test('of a charge that exists: another amount is refused and told until the right one comes', async () => {
    const driver = await paid();
    const id = await buy(driver);
    const data = { subscription: driver.id, charge: id, outcome: 'paid', at: await nowOf(driver) };
    const same = eventId();
    for (const _ of [1, 2]) {
      const { status, body } = await deliver(
        stack,
        'payment.settled',
        { ...data, ...amounting(1_400) },
        same,
      );
      expect([status, body]).toMatchObject([400, { errors: [{ pointer: '/data/amount' }] }]);
    }
    expect((await outcomes(driver)).at(-1)).toBe('mismatched');
    expect(await chargeStatus(driver, id)).toBe('pending');
    expect(await unexplained(driver)).toEqual([
      expect.stringMatching(`^inbox R-42 .* names another amount than ${id} asks for: nothing was booked.$`),
    ]);
    await settle(driver, id, 'paid', amounting(1_500));
    await expect.poll(() => chargeStatus(driver, id), SOON).toBe('paid');
    await outcomes(driver);
    expect(await unexplained(driver)).toEqual([]);
  });
});

describe('a new payment method while an attempt is pending (R-45)', () => {
  test('the other system is told, and its own attempt stays the one that is settled', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    await driver.advance('2026-02-28T00:00:00Z');
    bodyOf(await driver.put('payment_method', { payment_method: 'another card' }), 202);
    expect((await charge(driver, id))['attempts']).toMatchObject([{ outcome: 'pending' }]);
    const { data } = bodyOf<{ data: { type: string; data: Json }[] }>(
      await stack.request('GET', `/v1/events?subscription_id=${driver.id}&limit=100`),
    );
    const reported = data.find(({ type }) => type === 'subscription.payment_method_changed');
    expect(reported?.data).toMatchObject({ payment_method: 'another card', charge_id: id });
    // Declined after all: tried with the new one at once, not at the date of the next retry.
    await settle(driver, id, 'declined');
    const attempts = async () => (await charge(driver, id))['attempts'];
    await expect
      .poll(attempts, SOON)
      .toMatchObject([{ outcome: 'declined' }, { outcome: 'pending', payment_method: 'another card' }]);
    await settle(driver, id, 'paid');
    await expect.poll(() => statusOf(driver), SOON).toBe('active');
    expect(await attempts()).toMatchObject([{ outcome: 'declined' }, { outcome: 'paid' }]);
  });
});

describe('dunning (R-41)', () => {
  test('each attempt waits for its own settlement; a report on an earlier one changes nothing', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    await driver.advance('2026-02-28T00:00:00Z');
    expect(await statusOf(driver)).toBe('past_due');
    const at = await nowOf(driver);
    await settle(driver, id, 'declined', { at });
    await expect.poll(() => chargeStatus(driver, id), SOON).toBe('declined');
    await driver.advance('2026-03-01T00:00:00Z');
    expect(await chargeStatus(driver, id)).toBe('pending');
    // The same fact under other ids, counted and not.
    await settle(driver, id, 'declined', { at });
    await settle(driver, id, 'declined', { at, attempt: 1 });
    expect((await outcomes(driver)).slice(-2)).toEqual(['signalled', 'superseded']);
    await driver.advance('2026-03-02T00:00:00Z');
    expect(await chargeStatus(driver, id)).toBe('pending');
    await settle(driver, id, 'paid', { attempt: 2 });
    await expect.poll(() => statusOf(driver), SOON).toBe('active');
    const made = (await charge(driver, id))['attempts'];
    expect(made).toHaveLength(2);
    // dated at the boundary; the first allowance ended on 2 March.
    expect(await driver.available()).toBe(200);
  });

  test('paid between two attempts: paid at once, and not asked for again', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    await driver.advance('2026-02-28T00:00:00Z');
    for (const outcome of ['declined', 'paid', 'declined'] as const) await settle(driver, id, outcome);
    await expect.poll(() => statusOf(driver), SOON).toBe('active');
    await driver.advance('2026-03-01T00:00:00Z');
    expect(await chargeStatus(driver, id)).toBe('paid');
    expect((await charge(driver, id))['attempts']).toHaveLength(1);
    // dated at the boundary, though the first allowance lives until 2 March.
    expect(await driver.available()).toBe(400);
  });

  test('a new payment method asks for the open charge at once, pending again (R-45)', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    await driver.advance('2026-02-28T00:00:00Z');
    await settle(driver, id, 'declined');
    await expect.poll(() => chargeStatus(driver, id), SOON).toBe('declined');
    bodyOf(await driver.put('payment_method', { payment_method: 'another card' }), 202);
    await settle(driver, id, 'paid');
    await expect.poll(() => statusOf(driver), SOON).toBe('active');
  });

  test('still pending at the date of the last retry: it ends, and a late payment is on record', async () => {
    const driver = await paid();
    const id = renewalOf(driver, 1);
    await driver.advance('2026-03-06T23:59:59Z');
    expect(await statusOf(driver)).toBe('past_due');
    await driver.advance('2026-03-07T00:00:00Z');
    await ended(driver);
    await settle(driver, id, 'paid');
    expect((await outcomes(driver)).at(-1)).toBe('ended');
    expect(await chargeStatus(driver, id)).toBe('given_up');
    expect(await driver.available()).toBe(0);
  });
});

describe('cancelled and changed elsewhere (R-51)', () => {
  test('a cancel at the renewal, twice under two ids; after the end nothing changes', async () => {
    const driver = await paid();
    const scheduled = async () => (await driver.subscription()).scheduled_change;
    for (const _ of [1, 2]) await say(driver, 'subscription.cancelled', { at: 'renewal', reason: 'moved' });
    await expect.poll(scheduled, SOON).toMatchObject({ kind: 'cancel', at: '2026-02-28T00:00:00.000Z' });
    await outcomes(driver);
    await driver.advance('2026-02-28T00:00:00Z');
    expect(await driver.subscription()).toMatchObject({
      status: 'ended',
      ended_at: '2026-02-28T00:00:00.000Z',
    });
    await ended(driver);
    await say(driver, 'plan.changed', { plan: 'pro', interval: 'month' });
    await say(driver, 'subscription.cancelled', { at: 'now' });
    await settle(driver, startOf(driver), 'paid');
    expect((await outcomes(driver)).slice(-3)).toEqual(['ended', 'ended', 'ended']);
    expect(await driver.subscription()).toMatchObject({
      status: 'ended',
      plan: 'creator',
      ended_at: '2026-02-28T00:00:00.000Z',
    });
    expect(await turns(driver)).toEqual(['started', 'cancel_scheduled', 'ended']);
  });

  test('at once, each delivered twice', async () => {
    const driver = await paid();
    const id = eventId();
    for (const _ of [1, 2]) await say(driver, 'subscription.cancelled', { at: 'now' }, id);
    await expect.poll(() => statusOf(driver), SOON).toBe('ended');
    expect(await outcomes(driver)).toEqual(['signalled', 'signalled']);
    expect(await driver.available()).toBe(0);
  });

  test('an upgrade is one pending charge, however often it is told, and takes effect when it is paid', async () => {
    const driver = await paid();
    for (const _ of [1, 2]) await say(driver, 'plan.changed', { plan: 'pro', interval: 'month' });
    await outcomes(driver);
    const upgrades = async () => {
      const { data } = bodyOf<{ data: { id: string; kind: string; status: string }[] }>(
        await driver.get('charges'),
      );
      return data.filter(({ kind }) => kind === 'upgrade');
    };
    await expect.poll(upgrades, SOON).toMatchObject([{ status: 'pending' }]);
    expect((await driver.subscription()).plan).toBe('creator');
    await settle(driver, (await upgrades())[0]!.id, 'paid');
    await expect.poll(async () => (await driver.subscription()).plan, SOON).toBe('pro');
    await say(driver, 'plan.changed', { plan: 'pro', interval: 'month' });
    await outcomes(driver);
    await driver.advance('2026-02-01T00:00:00Z');
    expect(await upgrades()).toHaveLength(1);
    expect(await driver.available()).toBe(2200);
  });

  test('a downgrade waits for the renewal, and that charges it', async () => {
    const driver = await Driver.open(stack, { plan: 'pro' });
    await settle(driver, startOf(driver), 'paid');
    await expect.poll(() => statusOf(driver), SOON).toBe('active');
    for (const _ of [1, 2]) await say(driver, 'plan.changed', { plan: 'creator', interval: 'month' });
    const scheduled = async () => (await driver.subscription()).scheduled_change;
    await expect.poll(scheduled, SOON).toMatchObject({ kind: 'plan', plan: 'creator' });
    await settle(driver, renewalOf(driver, 1), 'paid', amounting(2900));
    await outcomes(driver);
    await driver.advance('2026-02-28T00:00:00Z');
    await expect.poll(async () => (await driver.subscription()).plan, SOON).toBe('creator');
    expect(await charge(driver, renewalOf(driver, 1))).toMatchObject({
      status: 'paid',
      amount: { amount_minor: 2900 },
    });
    expect(await turns(driver)).toEqual(['started', 'change_scheduled', 'past_due', 'renewed', 'changed']);
  });
});
