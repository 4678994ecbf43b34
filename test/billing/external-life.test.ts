import { and, eq, isNull } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { grants, inbox } from '../../src/db/schema.ts';
import { workflowId } from '../../src/workflows/messages.ts';
import { all, bodyOf, Driver, type Json } from '../api/driver.ts';
import { deliver, eventId, SECRETS } from '../support/external-events.ts';
import { expectPromises } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { runsOf } from '../workflows/histories.ts';

// Lives whose billing another system owns, on the real stack: every charge is pending until it says how it went, and it may
// say so early, late, twice, and in any order.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ external: { webhookSecrets: [SECRETS.new] } });
});
afterAll(() => stack?.stop());
afterEach(() => expectPromises(stack.db));

type Outcome = 'paid' | 'declined';

const SOON = { timeout: 15_000 };
const stem = (door: Driver): string => door.id.slice('sub_'.length);
const startOf = (door: Driver): string => `chg_${stem(door)}_s`;
const renewalOf = (door: Driver, n: number): string => `chg_${stem(door)}_r0_${n}`;
const statusOf = async (door: Driver): Promise<string> => (await door.subscription()).status;
const charge = async (door: Driver, id: string): Promise<Json> => bodyOf(await door.get(`charges/${id}`));
const chargeStatus = async (door: Driver, id: string): Promise<unknown> => (await charge(door, id))['status'];
const nowOf = async (door: Driver): Promise<string> => (await door.subscription()).test_clock!.now;

/** The outcome of each event of a subscription, once none of them waits for the relay. */
async function outcomes(door: Driver): Promise<(string | null)[]> {
  const mine = eq(inbox.subscriptionId, door.id);
  const waiting = () => stack.db.$count(inbox, and(mine, isNull(inbox.outcome)));
  await expect.poll(waiting, SOON).toBe(0);
  const rows = await stack.db.select().from(inbox).where(mine).orderBy(inbox.id);
  return rows.map(({ outcome }) => outcome);
}

/** The amount that a payment of a charge to come must state. */
const amounting = (amount_minor: number) => ({ amount: { amount_minor, currency: 'USD' } });

/** Says how a charge went, now by the subscription's clock unless `more` says otherwise. */
async function settle(door: Driver, id: string, outcome: Outcome, more: object = {}): Promise<void> {
  const data = { subscription: door.id, charge: id, outcome, at: await nowOf(door), ...more };
  bodyOf(await deliver(stack, 'payment.settled', data));
}

async function say(door: Driver, type: string, data: object, id = eventId()): Promise<void> {
  bodyOf(await deliver(stack, type, { subscription: door.id, ...data }, id));
}

/** The subscription's own transitions, by its events, in order. */
async function turns(door: Driver): Promise<string[]> {
  const events = await all(stack, `/v1/events?subscription_id=${door.id}&order=asc`, 100);
  const types = events.map(({ type }) => String(type));
  return types.filter((type) => type.startsWith('subscription.')).map((type) => type.split('.')[1]!);
}

/** The row says so a moment before the workflow is over; messages in between still reach it. */
async function ended(door: Driver): Promise<void> {
  await stack.client.workflow.getHandle(workflowId(door.id)).result();
  expect(await statusOf(door)).toBe('ended');
}

/** A subscription whose first payment is paid: 200 credits. */
async function paid(): Promise<Driver> {
  const door = await Driver.open(stack);
  await settle(door, startOf(door), 'paid');
  await expect.poll(() => statusOf(door), SOON).toBe('active');
  return door;
}

async function buy(door: Driver): Promise<string> {
  const bought = await door.post('purchases', { packs: 1 });
  return bodyOf<{ charge: { id: string } }>(bought, 202).charge.id;
}

describe('the first payment (R-43)', () => {
  test('fifty settlements at once, and fifty copies of another: one effect', async () => {
    const door = await Driver.open(stack);
    expect(await statusOf(door)).toBe('incomplete');
    const data = { subscription: door.id, charge: startOf(door), outcome: 'paid', at: await nowOf(door) };
    const same = eventId();
    const ids = Array.from({ length: 100 }, (_, i) => (i % 2 ? same : eventId()));
    const answers = await Promise.all(ids.map((id) => deliver(stack, 'payment.settled', data, id)));
    const duplicates = answers.filter((answer) => bodyOf(answer)['duplicate']);
    expect(duplicates).toHaveLength(49);
    expect(new Set(await outcomes(door))).toEqual(new Set(['signalled']));
    await expect.poll(() => statusOf(door), SOON).toBe('active');
    // The advance comes after all of them.
    await door.advance('2026-02-01T00:00:00Z');
    expect(await door.available()).toBe(200);
    expect(await stack.db.$count(grants, eq(grants.subscriptionId, door.id))).toBe(1);
  });

  test('declined: it ends, and a late payment changes nothing and stays on record', async () => {
    const door = await Driver.open(stack);
    await settle(door, startOf(door), 'declined');
    await ended(door);
    await settle(door, startOf(door), 'paid');
    expect((await outcomes(door)).at(-1)).toBe('ended');
    expect(await chargeStatus(door, startOf(door))).toBe('declined');
  });

  test('never settled: given up after 24 hours', async () => {
    const door = await Driver.open(stack);
    await door.advance('2026-01-31T23:59:59Z');
    expect(await statusOf(door)).toBe('incomplete');
    await door.advance('2026-02-01T00:00:00Z');
    await ended(door);
    await settle(door, startOf(door), 'paid');
    expect(await outcomes(door)).toEqual(['ended']);
    expect(await chargeStatus(door, startOf(door))).toBe('given_up');
  });
});

describe('a purchase (R-42)', () => {
  test.each<[Outcome[], string, number]>([
    [['paid', 'paid'], 'paid', 500],
    [['paid', 'declined'], 'paid', 500],
    [['declined', 'declined'], 'declined', 200],
  ])('%j: %s', async (said, status, credits) => {
    const door = await paid();
    const id = await buy(door);
    expect(await door.available()).toBe(200);
    for (const outcome of said) await settle(door, id, outcome);
    await expect.poll(() => chargeStatus(door, id), SOON).toBe(status);
    expect(await outcomes(door)).toEqual(['signalled', 'signalled', 'signalled']);
    await door.advance('2026-02-01T00:00:00Z');
    expect(await door.available()).toBe(credits);
    expect(await chargeStatus(door, id)).toBe(status);
  });

  test('given up after 24 hours; paid after that it must be refunded, once', async () => {
    const door = await paid();
    const id = await buy(door);
    await door.advance('2026-02-01T00:00:00Z');
    expect(await charge(door, id)).toMatchObject({ status: 'given_up', refunded: { amount_minor: 0 } });
    await settle(door, id, 'paid');
    await settle(door, id, 'paid');
    const refunded = async () => (await charge(door, id))['refunded'];
    await expect.poll(refunded, SOON).toMatchObject({ amount_minor: 1500 });
    await door.advance('2026-02-02T00:00:00Z');
    expect(await charge(door, id)).toMatchObject({
      status: 'refunded',
      refunded: { amount_minor: 1500 },
      attempts: [{ outcome: 'paid' }],
    });
    expect(await door.available()).toBe(200);
  });
});

/** The rows of a subscription without a reason; nothing of it is on its way. */
async function unexplained(door: Driver): Promise<string[]> {
  const found = await reconcile(stack.db, { subscriptionIds: [door.id], patienceMs: 0 });
  return found.unexplained.map(({ table, rule, problem }) => `${table} ${rule} ${problem}`);
}

const refunded = (door: Driver, id: string, refunded_minor: number) =>
  say(door, 'payment.refunded', { charge: id, refunded_minor });

describe('money that was taken for nothing', () => {
  test('while it lives: a purchase that was declined and is paid after all must be refunded, once', async () => {
    const door = await paid();
    const id = await buy(door);
    for (const outcome of ['declined', 'paid', 'paid', 'declined'] as const) await settle(door, id, outcome);
    await expect
      .poll(async () => charge(door, id), SOON)
      .toMatchObject({ status: 'refunded', refunded: { amount_minor: 1500 } });
    await outcomes(door);
    await door.advance('2026-02-01T00:00:00Z');
    expect(await door.available()).toBe(200);
    expect(await unexplained(door)).toEqual([]);
  });

  test.each<[string, 'renewal' | 'start' | 'purchase', string]>([
    [
      'a renewal, once the last retry is over',
      'renewal',
      'The renewal of USD 29.00 of 2026-02-28T00:00:00.000Z',
    ],
    ['a first payment, once it was given up', 'start', 'The start of USD 29.00 of 2026-01-31T00:00:00.000Z'],
    ['a purchase that was given up', 'purchase', 'The purchase of USD 15.00 of 2026-01-31T00:00:00.000Z'],
  ])('after the end: %s, is named until it is refunded', async (_, kind, told) => {
    const door = kind === 'start' ? await Driver.open(stack) : await paid();
    const id = kind === 'purchase' ? await buy(door) : kind === 'start' ? startOf(door) : renewalOf(door, 1);
    await door.advance('2026-03-07T00:00:00Z');
    await ended(door);
    expect(await unexplained(door)).toEqual([]);
    await settle(door, id, 'paid', { at: '2026-03-06T12:00:00Z' });
    await settle(door, id, 'paid', { at: '2026-03-06T12:00:00Z' });
    expect((await outcomes(door)).slice(-2)).toEqual(['ended', 'ended']);
    expect(await charge(door, id)).toMatchObject({ status: 'given_up', refunded: { amount_minor: 0 } });
    const amount = /USD [0-9.]+/.exec(told)![0];
    expect(await unexplained(door)).toEqual([
      `charges R-52 ${told} is given up here, and billing says that it was paid at 2026-03-06T12:00:00.000Z: ${amount} was taken for nothing and is to be given back.`,
    ]);
    await refunded(door, id, 9900);
    expect((await outcomes(door)).at(-1)).toBe('booked');
    expect(await unexplained(door)).toEqual([]);
    expect(await door.available()).toBe(0);
  });

  test('a renewal that was collected ahead and never came, as it was cancelled', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    await settle(door, id, 'paid', amounting(2900));
    await say(door, 'subscription.cancelled', { at: 'renewal' });
    await outcomes(door);
    await door.advance('2026-02-28T00:00:00Z');
    expect(await unexplained(door)).toEqual([
      expect.stringMatching(`^inbox R-52 .* says that ${id} is paid, and there is no such charge.$`),
    ]);
    await refunded(door, id, 2900);
    expect((await outcomes(door)).at(-1)).toBe('unknown');
    expect(await unexplained(door)).toEqual([]);
  });
});

describe('refunds and disputes (R-81)', () => {
  test('told before the purchase is paid they wait for it; the sum so far counts, and a dispute is undone when it is won', async () => {
    const door = await paid();
    const id = await buy(door);
    const dispute = (status: string) =>
      say(door, 'payment.disputed', { charge: id, dispute: 'd1', amount_minor: 600, status });
    await refunded(door, id, 500);
    await refunded(door, id, 300);
    await dispute('open');
    await settle(door, id, 'paid');
    await outcomes(door);
    expect(await charge(door, id)).toMatchObject({ status: 'paid', refunded: { amount_minor: 1100 } });
    expect(await door.available()).toBe(200 + 80);
    await dispute('won');
    await dispute('open');
    await outcomes(door);
    expect(await charge(door, id)).toMatchObject({ refunded: { amount_minor: 500 } });
    expect(await door.available()).toBe(200 + 200);
  });

  test('of a charge that is not here: kept, and nothing more', async () => {
    const door = await paid();
    await refunded(door, 'chg_nobody', 500);
    await say(door, 'payment.disputed', {
      charge: 'chg_nobody',
      dispute: 'd',
      amount_minor: 1,
      status: 'lost',
    });
    expect((await outcomes(door)).slice(-2)).toEqual(['unknown', 'unknown']);
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
    const door = await paid();
    const id = renewalOf(door, 1);
    for (const outcome of said) await settle(door, id, outcome, amounting(2900));
    expect(await outcomes(door)).toEqual(['signalled', ...said.map(() => 'signalled')]);
    expect(await door.available()).toBe(200);
    await door.advance('2026-02-28T00:00:00Z');
    await expect.poll(() => chargeStatus(door, id), SOON).toBe(status);
    expect(await statusOf(door)).toBe(status === 'paid' ? 'active' : 'past_due');
    expect(await door.available()).toBe(status === 'paid' ? 400 : 200);
  });

  test('also when a year of them is settled ahead, over a hand-over to the next run', async () => {
    const door = await paid();
    for (let n = 1; n <= 14; n += 1) await settle(door, renewalOf(door, n), 'paid', amounting(2900));
    expect(await outcomes(door)).toHaveLength(15);
    await door.advance('2027-03-31T00:00:00Z');
    expect(await statusOf(door)).toBe('active');
    expect((await runsOf(stack.client, door.id)).length).toBeGreaterThan(1);
    expect(await stack.db.$count(grants, eq(grants.subscriptionId, door.id))).toBe(15);
    await door.advance('2027-04-30T00:00:00Z');
    expect(await statusOf(door)).toBe('past_due');
  });
});

describe('money of another amount than the charge (R-42)', () => {
  const boundary = '2026-02-28T00:00:00Z';

  /** The events of payments with another amount than the bill's: type, and the amount owed back. */
  async function toldOf(door: Driver): Promise<[string, number][]> {
    const { data } = bodyOf<{ data: { type: string; data: { owed_back?: { amount_minor: number } } }[] }>(
      await stack.request('GET', `/v1/events?subscription_id=${door.id}&order=asc&limit=100`),
    );
    return data
      .filter(({ type }) => type.startsWith('payment.'))
      .map(({ type, data: { owed_back } }) => [type, owed_back?.amount_minor ?? 0]);
  }

  test('29.00 collected ahead, then 100 packs bought: the renewal of 1,529.00 is open, and 29.00 are owed back', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    await settle(door, id, 'paid', amounting(2_900));
    const bought = await door.post('purchases', { packs: 100 });
    await settle(door, bodyOf<{ charge: { id: string } }>(bought, 202).charge.id, 'paid');
    await outcomes(door);
    await door.advance(boundary);
    expect(await charge(door, id)).toMatchObject({ status: 'pending', amount: { amount_minor: 152_900 } });
    expect(await statusOf(door)).toBe('past_due');
    // The bought credits, and no allowance or packs of the renewal beside those of the first month.
    expect(await door.available()).toBe(200 + 30_000);
    expect(await toldOf(door)).toEqual([['payment.underpaid', 2_900]]);
    expect(await unexplained(door)).toEqual([
      'charges R-42 The renewal of USD 1529.00 of 2026-02-28T00:00:00.000Z is pending; USD 29.00 more came for it, is owed back, and billing has not said that it was given back.',
    ]);
    await refunded(door, id, 2_900);
    expect((await outcomes(door)).at(-1)).toBe('booked');
    expect(await unexplained(door)).toEqual([]);
    await settle(door, id, 'paid', amounting(152_900));
    await expect.poll(() => statusOf(door), SOON).toBe('active');
    expect(await door.available()).toBe(200 + 200 + 30_000 + 30_000);
    expect(await charge(door, id)).toMatchObject({ status: 'paid', refunded: { amount_minor: 0 } });
  });

  test('59.00 collected ahead, then the packs removed: paid, and 30.00 are owed back', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    const bought = await door.post('purchases', { packs: 2 });
    await settle(door, bodyOf<{ charge: { id: string } }>(bought, 202).charge.id, 'paid');
    await outcomes(door);
    await settle(door, id, 'paid', amounting(5_900));
    await outcomes(door);
    bodyOf(await door.put('add_on', { packs: 0 }));
    await door.advance(boundary);
    await expect.poll(() => chargeStatus(door, id), SOON).toBe('paid');
    expect(await toldOf(door)).toEqual([['payment.overpaid', 3_000]]);
    // The same payment again under another id is known; another amount is refused.
    await settle(door, id, 'paid', amounting(5_900));
    await outcomes(door);
    const owed = await unexplained(door);
    expect(owed).toEqual([expect.stringContaining('is paid; USD 30.00 more came for it, is owed back')]);
    await refunded(door, id, 3_000);
    await outcomes(door);
    expect(await unexplained(door)).toEqual([]);
    expect(await charge(door, id)).toMatchObject({ status: 'paid', refunded: { amount_minor: 0 } });
    // A refund beyond the owed amount is of the charge itself.
    await refunded(door, id, 3_500);
    await outcomes(door);
    expect(await charge(door, id)).toMatchObject({ refunded: { amount_minor: 500 } });
  });

  test('of a charge that does not exist yet: without an amount, or in another currency, it is refused and not kept', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    const pay = (more: object) =>
      deliver(stack, 'payment.settled', {
        ...{ subscription: door.id, charge: id, outcome: 'paid', at: '2026-01-31T00:00:00Z' },
        ...more,
      });
    const pointerOf = async (more: object) => {
      const { status, body } = await pay(more);
      return [status, (body as { errors?: { pointer: string }[] }).errors?.map(({ pointer }) => pointer)];
    };
    expect(await pointerOf({})).toEqual([400, ['/data/amount']]);
    const yen = { amount: { amount_minor: 2_900, currency: 'JPY' } };
    expect(await pointerOf(yen)).toEqual([400, ['/data/amount/currency']]);
    expect(await outcomes(door)).toEqual(['signalled']);
    expect(await pay({ outcome: 'declined' })).toMatchObject({ status: 200 });
  });

  test('past the webhook, without an amount: refused, told, and the renewal is asked for as ever', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    const workflow = stack.client.workflow.getHandle(workflowId(door.id));
    await workflow.signal('paymentSettled', {
      chargeId: id,
      outcome: 'paid',
      at: Date.parse(await nowOf(door)),
    });
    await door.advance(boundary);
    expect(await chargeStatus(door, id)).toBe('pending');
    expect(await toldOf(door)).toEqual([['payment.refused', 0]]);
  });

  test('of a charge that exists: another amount is refused and told until the right one comes', async () => {
    const door = await paid();
    const id = await buy(door);
    const data = { subscription: door.id, charge: id, outcome: 'paid', at: await nowOf(door) };
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
    expect((await outcomes(door)).at(-1)).toBe('mismatched');
    expect(await chargeStatus(door, id)).toBe('pending');
    expect(await unexplained(door)).toEqual([
      expect.stringMatching(`^inbox R-42 .* names another amount than ${id} asks for: nothing was booked.$`),
    ]);
    await settle(door, id, 'paid', amounting(1_500));
    await expect.poll(() => chargeStatus(door, id), SOON).toBe('paid');
    await outcomes(door);
    expect(await unexplained(door)).toEqual([]);
  });
});

describe('a new payment method while an attempt is pending (R-45)', () => {
  test('the other system is told, and its own attempt stays the one that is settled', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    await door.advance('2026-02-28T00:00:00Z');
    bodyOf(await door.put('payment_method', { payment_method: 'another card' }), 202);
    expect((await charge(door, id))['attempts']).toMatchObject([{ outcome: 'pending' }]);
    const { data } = bodyOf<{ data: { type: string; data: Json }[] }>(
      await stack.request('GET', `/v1/events?subscription_id=${door.id}&limit=100`),
    );
    const told = data.find(({ type }) => type === 'subscription.payment_method_changed');
    expect(told?.data).toMatchObject({ payment_method: 'another card', charge_id: id });
    // Declined after all: tried with the new one at once, not at the date of the next retry.
    await settle(door, id, 'declined');
    const attempts = async () => (await charge(door, id))['attempts'];
    await expect
      .poll(attempts, SOON)
      .toMatchObject([{ outcome: 'declined' }, { outcome: 'pending', payment_method: 'another card' }]);
    await settle(door, id, 'paid');
    await expect.poll(() => statusOf(door), SOON).toBe('active');
    expect(await attempts()).toMatchObject([{ outcome: 'declined' }, { outcome: 'paid' }]);
  });
});

describe('dunning (R-41)', () => {
  test('each attempt waits for its own settlement; a report on an earlier one changes nothing', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    await door.advance('2026-02-28T00:00:00Z');
    expect(await statusOf(door)).toBe('past_due');
    const at = await nowOf(door);
    await settle(door, id, 'declined', { at });
    await expect.poll(() => chargeStatus(door, id), SOON).toBe('declined');
    await door.advance('2026-03-01T00:00:00Z');
    expect(await chargeStatus(door, id)).toBe('pending');
    // The same fact under other ids, counted and not.
    await settle(door, id, 'declined', { at });
    await settle(door, id, 'declined', { at, attempt: 1 });
    expect((await outcomes(door)).slice(-2)).toEqual(['signalled', 'superseded']);
    await door.advance('2026-03-02T00:00:00Z');
    expect(await chargeStatus(door, id)).toBe('pending');
    await settle(door, id, 'paid', { attempt: 2 });
    await expect.poll(() => statusOf(door), SOON).toBe('active');
    const made = (await charge(door, id))['attempts'];
    expect(made).toHaveLength(2);
    // dated at the boundary; the first allowance ended on 2 March.
    expect(await door.available()).toBe(200);
  });

  test('paid between two attempts: paid at once, and not asked for again', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    await door.advance('2026-02-28T00:00:00Z');
    for (const outcome of ['declined', 'paid', 'declined'] as const) await settle(door, id, outcome);
    await expect.poll(() => statusOf(door), SOON).toBe('active');
    await door.advance('2026-03-01T00:00:00Z');
    expect(await chargeStatus(door, id)).toBe('paid');
    expect((await charge(door, id))['attempts']).toHaveLength(1);
    // dated at the boundary, though the first allowance lives until 2 March.
    expect(await door.available()).toBe(400);
  });

  test('a new payment method asks for the open charge at once, pending again (R-45)', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    await door.advance('2026-02-28T00:00:00Z');
    await settle(door, id, 'declined');
    await expect.poll(() => chargeStatus(door, id), SOON).toBe('declined');
    bodyOf(await door.put('payment_method', { payment_method: 'another card' }), 202);
    await settle(door, id, 'paid');
    await expect.poll(() => statusOf(door), SOON).toBe('active');
  });

  test('still pending at the date of the last retry: it ends, and a late payment is on record', async () => {
    const door = await paid();
    const id = renewalOf(door, 1);
    await door.advance('2026-03-06T23:59:59Z');
    expect(await statusOf(door)).toBe('past_due');
    await door.advance('2026-03-07T00:00:00Z');
    await ended(door);
    await settle(door, id, 'paid');
    expect((await outcomes(door)).at(-1)).toBe('ended');
    expect(await chargeStatus(door, id)).toBe('given_up');
    expect(await door.available()).toBe(0);
  });
});

describe('cancelled and changed elsewhere (R-51)', () => {
  test('a cancel at the renewal, twice under two ids; after the end nothing changes', async () => {
    const door = await paid();
    const scheduled = async () => (await door.subscription()).scheduled_change;
    for (const _ of [1, 2]) await say(door, 'subscription.cancelled', { at: 'renewal', reason: 'moved' });
    await expect.poll(scheduled, SOON).toMatchObject({ kind: 'cancel', at: '2026-02-28T00:00:00.000Z' });
    await outcomes(door);
    await door.advance('2026-02-28T00:00:00Z');
    expect(await door.subscription()).toMatchObject({
      status: 'ended',
      ended_at: '2026-02-28T00:00:00.000Z',
    });
    await ended(door);
    await say(door, 'plan.changed', { plan: 'pro', interval: 'month' });
    await say(door, 'subscription.cancelled', { at: 'now' });
    await settle(door, startOf(door), 'paid');
    expect((await outcomes(door)).slice(-3)).toEqual(['ended', 'ended', 'ended']);
    expect(await door.subscription()).toMatchObject({
      status: 'ended',
      plan: 'creator',
      ended_at: '2026-02-28T00:00:00.000Z',
    });
    expect(await turns(door)).toEqual(['started', 'cancel_scheduled', 'ended']);
  });

  test('at once, each delivered twice', async () => {
    const door = await paid();
    const id = eventId();
    for (const _ of [1, 2]) await say(door, 'subscription.cancelled', { at: 'now' }, id);
    await expect.poll(() => statusOf(door), SOON).toBe('ended');
    expect(await outcomes(door)).toEqual(['signalled', 'signalled']);
    expect(await door.available()).toBe(0);
  });

  test('an upgrade is one pending charge, however often it is told, and takes effect when it is paid', async () => {
    const door = await paid();
    for (const _ of [1, 2]) await say(door, 'plan.changed', { plan: 'pro', interval: 'month' });
    await outcomes(door);
    const upgrades = async () => {
      const { data } = bodyOf<{ data: { id: string; kind: string; status: string }[] }>(
        await door.get('charges'),
      );
      return data.filter(({ kind }) => kind === 'upgrade');
    };
    await expect.poll(upgrades, SOON).toMatchObject([{ status: 'pending' }]);
    expect((await door.subscription()).plan).toBe('creator');
    await settle(door, (await upgrades())[0]!.id, 'paid');
    await expect.poll(async () => (await door.subscription()).plan, SOON).toBe('pro');
    await say(door, 'plan.changed', { plan: 'pro', interval: 'month' });
    await outcomes(door);
    await door.advance('2026-02-01T00:00:00Z');
    expect(await upgrades()).toHaveLength(1);
    expect(await door.available()).toBe(2200);
  });

  test('a downgrade waits for the renewal, and that charges it', async () => {
    const door = await Driver.open(stack, { plan: 'pro' });
    await settle(door, startOf(door), 'paid');
    await expect.poll(() => statusOf(door), SOON).toBe('active');
    for (const _ of [1, 2]) await say(door, 'plan.changed', { plan: 'creator', interval: 'month' });
    const scheduled = async () => (await door.subscription()).scheduled_change;
    await expect.poll(scheduled, SOON).toMatchObject({ kind: 'plan', plan: 'creator' });
    await settle(door, renewalOf(door, 1), 'paid', amounting(2900));
    await outcomes(door);
    await door.advance('2026-02-28T00:00:00Z');
    await expect.poll(async () => (await door.subscription()).plan, SOON).toBe('creator');
    expect(await charge(door, renewalOf(door, 1))).toMatchObject({
      status: 'paid',
      amount: { amount_minor: 2900 },
    });
    expect(await turns(door)).toEqual(['started', 'change_scheduled', 'past_due', 'renewed', 'changed']);
  });
});
