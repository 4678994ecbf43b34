import { and, eq, isNull } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inbox } from '../../src/db/schema.ts';
import { SIGNAL, workflowId } from '../../src/workflows/messages.ts';
import { bodyOf, Driver, type Json } from '../api/driver.ts';
import { deliver, eventId, SECRETS } from '../support/external-events.ts';
import { expectSound } from '../support/invariants.ts';
import { realFacts } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { runsOf } from '../workflows/histories.ts';

// The same settlement fifty times at once, by webhook under one id and under many and straight by signal: at first, when
// the workflow has continued as new, and when everything but the servers was stopped and started. It has one effect, ever.

const external = { webhookSecrets: [SECRETS.new] };
const SOON = { timeout: 30_000 };

let stack: Stack;
let driver: Driver;
let purchase: string;
/** The event that is delivered again and again, under its own id. */
const same = eventId();

beforeAll(async () => {
  stack = await startStack({ external });
});
afterAll(() => stack?.stop());

const stem = (): string => driver.id.slice('sub_'.length);
const at = '2026-01-31T00:00:00.000Z';
const data = (charge: string): Json => ({ subscription: driver.id, charge, outcome: 'paid', at });
const settle = async (charge: string, more: object = {}): Promise<void> =>
  void bodyOf(await deliver(stack, 'payment.settled', { ...data(charge), ...more }));

/** A third each: one event many times, the same fact as many events, and past the API. */
async function fiftyTimes(bySignal = true): Promise<void> {
  const workflow = stack.client.workflow.getHandle(workflowId(driver.id));
  const ways = [
    () => deliver(stack, 'payment.settled', data(purchase), same).then(bodyOf),
    () => deliver(stack, 'payment.settled', data(purchase)).then(bodyOf),
    () => workflow.signal(SIGNAL.paymentSettled, { chargeId: purchase, outcome: 'paid', at: Date.parse(at) }),
  ].slice(0, bySignal ? 3 : 2);
  await Promise.all(Array.from({ length: 50 }, (_, i) => ways[i % ways.length]!()));
}

/** Nothing waits for the relay, and the workflow has handled all earlier messages. */
async function signalled(): Promise<void> {
  const waiting = and(eq(inbox.subscriptionId, driver.id), isNull(inbox.outcome));
  await expect.poll(() => stack.db.$count(inbox, waiting), SOON).toBe(0);
  bodyOf(await driver.post('resume', {}));
}

/** The one effect: the pack, once, after any other events of the subscription. */
async function expectOnce(packs: number): Promise<void> {
  await signalled();
  const facts = await realFacts(stack.db, driver.id);
  expect(facts.filter((fact) => fact.startsWith(at) && fact.includes('pack'))).toEqual([
    '2026-01-31T00:00:00.000Z  grant pack                   +300  until 2026-05-29T00:00:00.000Z',
  ]);
  expect(bodyOf(await driver.get(`charges/${purchase}`))).toMatchObject({
    status: 'paid',
    refunded: { amount_minor: 0 },
    attempts: [{ outcome: 'paid' }],
  });
  expect((await driver.subscription()).add_on.packs).toBe(packs);
  await expectSound(stack.db);
}

test('at first', async () => {
  driver = await Driver.open(stack);
  await settle(`chg_${stem()}_s`);
  await expect.poll(async () => (await driver.subscription()).status, SOON).toBe('active');
  const bought = async () => {
    const answer = await driver.post('purchases', { packs: 1 });
    if (answer.status === 202) purchase = bodyOf<{ charge: { id: string } }>(answer, 202).charge.id;
    return answer.status;
  };
  await expect.poll(bought, SOON).toBe(202);
  await fiftyTimes();
  await expectOnce(1);
});

test('again, when the workflow has continued as new', async () => {
  // The bill of plan and pack, as the charge does not exist yet.
  const bill = { amount: { amount_minor: 4_400, currency: 'USD' } };
  for (let n = 1; n <= 13; n += 1) await settle(`chg_${stem()}_r0_${n}`, bill);
  await signalled();
  await driver.advance('2027-03-01T00:00:00Z');
  expect((await runsOf(stack.client, driver.id)).length).toBeGreaterThan(1);
  const before = await realFacts(stack.db, driver.id);
  await fiftyTimes();
  await expectOnce(1);
  expect(await realFacts(stack.db, driver.id)).toEqual(before);
});

test('again, while everything is down, and when it is there again', async () => {
  const before = await realFacts(stack.db, driver.id);
  await stack.stop();
  stack = await startStack({ external, after: stack, withWorker: false });
  driver = new Driver(stack, driver.id);
  await fiftyTimes(false);
  expect(await realFacts(stack.db, driver.id)).toEqual(before);
  await stack.stop();
  stack = await startStack({ external, after: stack });
  driver = new Driver(stack, driver.id);
  await fiftyTimes();
  await expectOnce(1);
  expect(await realFacts(stack.db, driver.id)).toEqual(before);
});
