import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publishCatalog } from '../../src/db/catalogs.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { EVENT_TYPES } from '../../src/domain/events.ts';
import { SIGNAL, workflowId } from '../../src/workflows/messages.ts';
import { until } from '../support/deliveries.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { all, codeOf, Driver, type Json } from './driver.ts';

// The examples of docs/events.md come from a life on a test clock: one of each type, in the order of the page. After a change
// of the events they are written anew with RECORD_EVENTS=1 npx vitest run --project stack test/api/event-types.test.ts

const page = new URL('../../docs/events.md', import.meta.url);

const [creator] = DEFAULT_CATALOG.plans;
/** The built-in catalogue, and a plan with a trial. */
const CATALOG: Catalog = {
  ...DEFAULT_CATALOG,
  version: '2026-12-01+trial',
  plans: [
    ...DEFAULT_CATALOG.plans,
    { ...creator!, id: 'plus', name: 'Plus', trial: { days: 7, credits: 50 } },
  ],
};

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ catalog: CATALOG });
});
afterAll(() => stack?.stop());

const fine = async (asked: Promise<Answer>): Promise<void> => expect(codeOf(await asked)).toBe('ok');

/** A life in which everything happens. */
async function live(driver: Driver): Promise<void> {
  const bought = await driver.buy(1);
  const declined = await driver.post('purchases', { packs: 1, payment_method: 'sandbox_declined' });
  expect(codeOf(declined)).toBe('payment_declined');
  await fine(driver.post(`purchases/${bought['id']}/refund`, { amount_minor: 500, reason: 'asked for' }));
  await fine(driver.spend(390));
  await fine(driver.spend(10));
  const gift = await driver.give(100, '2026-06-01T00:00:00Z');
  await fine(driver.post(`grants/${gift['id']}/revoke`, { reason: 'a mistake' }));
  await fine(driver.post('change', { plan: 'pro', interval: 'month' }));
  await fine(driver.post('change', { plan: 'creator', interval: 'month' }));
  await fine(driver.post('resume', {}));
  await fine(driver.post('cancel', {}));
  await fine(driver.post('resume', {}));
  await fine(driver.put('top_up', { threshold: 50, packs: 1, monthly_ceiling_minor: 1_500 }));
  await driver.advance('2026-02-17T00:00:00Z');
  await fine(driver.put('payment_method', { payment_method: 'sandbox_declined' }));
  await driver.advance('2026-03-17T12:00:00Z');
  await fine(driver.spend((await driver.available()) - 10));
  await driver.advance('2026-03-18T00:00:00Z');
  await fine(driver.post('cancel', { at: 'now' }));
}

/** Renewals paid before they were asked for, with another amount than their bill's. */
async function payAhead(driver: Driver): Promise<void> {
  const charge = (cycle: number) => `chg_${driver.id.slice('sub_'.length)}_r0_${cycle}`;
  const pay = async (chargeId: string, amountMinor: number, at: string) =>
    stack.client.workflow.getHandle(workflowId(driver.id)).signal(SIGNAL.paymentSettled, {
      chargeId,
      outcome: 'paid',
      at: Date.parse(at),
      amountMinor,
      currency: 'USD',
    });
  await fine(driver.put('payment_method', { payment_method: 'sandbox_pending' }));
  await pay(charge(1), 5_000, '2026-01-18T00:00:00Z');
  await pay(charge(2), 1_000, '2026-01-19T00:00:00Z');
  await driver.advance('2026-03-17T00:00:00Z');
  await pay(charge(2), 1_900, '2026-03-17T00:00:00Z');
  await driver.advance('2026-03-18T00:00:00Z');
}

/** A trial, its activation, and a catalogue with another price (R-23, R-08a). */
async function tryPlus(driver: Driver): Promise<void> {
  await driver.advance('2026-01-25T00:00:00Z');
  const plans = CATALOG.plans.map((plan) => ({ ...plan, prices: { ...plan.prices, month: 3_500 } }));
  const priced = plans.map((plan) => (plan.contract ? { ...plan, prices: {} } : plan));
  await publishCatalog(stack.db, { ...CATALOG, version: '2027-01-01', plans: priced });
  await driver.advance('2026-02-20T00:00:00Z');
}

/** A batch of grants: its event belongs to no subscription, and is dated by the real clock. */
async function finishedBatch(): Promise<unknown> {
  const { id } = await Driver.open(stack);
  const body = { subscription_ids: [id], credits: 25, reason: 'the outage of Tuesday' };
  await fine(stack.request('POST', '/v1/grant_batches', { body }));
  const [event] = await until(
    () => all(stack, '/v1/events?type=grant_batch.finished', 100),
    (events) => events.length > 0,
  );
  const { type, data } = event as { type: string; data: Json };
  return { type, timestamp: '2026-02-17T00:00:00.000Z', data };
}

/** Ids differ from run to run. */
const withoutIds = (event: unknown): unknown =>
  JSON.parse(JSON.stringify(event).replaceAll(/\b(sub|grt|pur|chg|gbt)_[0-9a-z_]+/g, '$1_…'));

/** The first of each type. */
async function examples(): Promise<Map<string, unknown>> {
  const reported = new Map<string, unknown>();
  for (const act of [live, payAhead, tryPlus]) {
    const driver = await Driver.open(stack, {
      ...(act === tryPlus ? { plan: 'plus', payment_method: 'sandbox_ok' } : {}),
      customer_id: 'ada',
      test_clock: { now: '2026-01-17T00:00:00Z' },
    });
    await act(driver);
    for (const event of await all(stack, `/v1/events?subscription_id=${driver.id}&order=asc`, 100)) {
      const { type, timestamp, data } = event as { type: string; timestamp: string; data: Json };
      if (!reported.has(type)) reported.set(type, withoutIds({ type, timestamp, data }));
    }
    await driver.post('cancel', { at: 'now' });
  }
  reported.set('grant_batch.finished', withoutIds(await finishedBatch()));
  return reported;
}

const EXAMPLE = /^### `([\w.]+)`\n\n[\s\S]+?\n\n```json\n([\s\S]*?)\n```$/gm;

test('docs/events.md shows an event of each type', async () => {
  const reported = await examples();
  expect([...reported.keys()].sort()).toEqual([...EVENT_TYPES].sort());
  if (process.env['RECORD_EVENTS']) {
    const text = readFileSync(page, 'utf8').replaceAll(EXAMPLE, (section, type: string, before: string) =>
      section.replace(`\n${before}\n`, `\n${JSON.stringify(reported.get(type), null, 2)}\n`),
    );
    writeFileSync(page, text);
  }
  const shown = [...readFileSync(page, 'utf8').matchAll(EXAMPLE)];
  expect(shown.map(([, type]) => type)).toEqual([...EVENT_TYPES]);
  for (const [, type, example] of shown) expect(JSON.parse(example!), type).toEqual(reported.get(type!));
});
