import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listIncidents } from '../../src/db/incidents.ts';
import { bodyOf, codeOf, Driver, type Json } from '../api/driver.ts';
import { expectSound } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';

// A step that the ledger refuses as data (SQLSTATE classes 22 and 23) or as a broken invariant (P0001): no repeat helps, so it is
// not repeated. Its command is refused with a 500, the workflow goes on, an incident says why. The refusals here are real ones of
// PostgreSQL's, made by a trigger that a test takes away again.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

/** From now on the ledger refuses a subscription's rows of a table; the returned function ends that. */
async function refuse(table: string, id: string, sqlstate: string): Promise<() => Promise<unknown>> {
  const name = `refuse_${table}`;
  await stack.db.execute(
    sql.raw(`
    create or replace function ${name}() returns trigger language plpgsql as $$
      begin raise exception 'a value that must not show' using errcode = '${sqlstate}'; end $$;
    create trigger ${name} before insert on ${table} for each row when (new.${table === 'subscriptions' ? 'customer_id' : 'subscription_id'} = '${id}')
      execute function ${name}()`),
  );
  return () => stack.db.execute(sql.raw(`drop trigger ${name} on ${table}`));
}

const incidentsOf = async (id: string) =>
  (await listIncidents(stack.db, 100)).filter(({ subscriptionId }) => subscriptionId === id);

test.each(['22P02', '23514', 'P0001'])(
  'a cancel that can’t be booked (%s) is refused, and the next one works',
  async (code) => {
    const driver = await Driver.open(stack);
    const mend = await refuse('notes', driver.id, code);
    const key = { 'Idempotency-Key': `cancel-${code}` };
    const refused = await driver.post('cancel', { at: 'now', reason: 'because' }, key);
    expect([refused.status, codeOf(refused)]).toEqual([500, 'internal_error']);
    expect(refused.text).not.toContain('must not show');
    expect(await incidentsOf(driver.id)).toMatchObject([{ step: 2, what: 'cancel', code, tries: 1 }]);
    // The same again: refused again, and counted.
    expect((await driver.post('cancel', { at: 'now', reason: 'because' }, key)).status).toBe(500);
    expect(await incidentsOf(driver.id)).toMatchObject([{ step: 2, tries: 2 }]);
    // Nothing of it happened, and all else goes on.
    expect((await driver.subscription()).status).toBe('active');
    bodyOf(await driver.spend(5), 201);
    bodyOf(await driver.put('add_on', { packs: 0 }));
    await mend();
    bodyOf(await driver.post('cancel', { at: 'now', reason: 'because' }, key));
    expect((await driver.subscription()).status).toBe('ended');
    await expectSound(stack.db);
  },
);

test('a purchase that was paid and can’t be booked: its money goes back, and it says so', async () => {
  const driver = await Driver.open(stack);
  const mend = await refuse('grants', driver.id, '23514');
  const answer = await driver.post('purchases', { packs: 1 });
  expect([answer.status, codeOf(answer)]).toEqual([500, 'internal_error']);
  await mend();
  const { data } = bodyOf<{ data: Json[] }>(await driver.get('purchases'));
  expect(data).toMatchObject([
    { status: 'refunded', grant: null, charge: { attempts: [{ outcome: 'paid' }] } },
  ]);
  expect(await incidentsOf(driver.id)).toMatchObject([{ what: 'buy_packs', outcome: 'paid' }]);
  expect(await driver.available()).toBe(200);
  await driver.buy(1);
  expect(await driver.available()).toBe(500);
  await expectSound(stack.db);
});

test('a start that can’t be booked leaves nothing, and its key starts it later', async () => {
  const mend = await refuse('subscriptions', 'customer-of-no-start', '22P05');
  const body = { customer_id: 'customer-of-no-start', plan: 'creator', interval: 'month' };
  const headers = { 'Idempotency-Key': 'start-of-no-start' };
  const refused = await stack.request('POST', '/v1/subscriptions', { body, headers });
  expect([refused.status, codeOf(refused)]).toEqual([500, 'internal_error']);
  await mend();
  bodyOf(await stack.request('POST', '/v1/subscriptions', { body, headers }), 201);
});

describe('due work', () => {
  test('on a test clock: the advance is refused, and its key goes on once it can be booked', async () => {
    const driver = await Driver.open(stack);
    const mend = await refuse('grants', driver.id, '23514');
    const key = { 'Idempotency-Key': 'advance-of-no-grant' };
    const refused = await driver.post('advance', { to: '2026-03-01T00:00:00Z' }, key);
    expect([refused.status, codeOf(refused)]).toEqual([500, 'internal_error']);
    expect(await incidentsOf(driver.id)).toMatchObject([{ what: 'advance', code: '23514' }]);
    expect((await driver.subscription()).test_clock!.now).toBe('2026-01-31T00:00:00.000Z');
    await mend();
    bodyOf(await driver.post('advance', { to: '2026-03-01T00:00:00Z' }, key));
    expect(await driver.available()).toBe(400);
    await expectSound(stack.db);
  });

  test('on real time: commands are refused meanwhile, not kept waiting, and spends go on', async () => {
    const soon = Date.now() + 4_000;
    const [month] = [new Date(soon)];
    month!.setUTCMonth(month!.getUTCMonth() - 1);
    const body = {
      ...{ customer_id: 'held-up', plan: 'enterprise', interval: 'month', allowance: 70 },
      anchor_at: month!.toISOString(),
    };
    const { id } = bodyOf<{ id: string }>(await stack.request('POST', '/v1/subscriptions', { body }), 201);
    const driver = new Driver(stack, id);
    await driver.give(9, new Date(soon + 86_400_000).toISOString());
    const mend = await refuse('grants', id, '23514');
    await expect.poll(() => incidentsOf(id), { timeout: 20_000 }).toMatchObject([{ what: 'due' }]);
    const refused = await driver.put('allowance', { credits: 80 });
    expect([refused.status, codeOf(refused)]).toEqual([500, 'internal_error']);
    bodyOf(await driver.spend(4), 201);
    await mend();
  });
});
