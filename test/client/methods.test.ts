import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, createClient, every, METHODS } from '../../client/src/client.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Each method once, over a socket, on the whole stack.

let stack: Stack;
let client: Client;
const called = new Set<string>();

beforeAll(async () => {
  stack = await startStack();
  // A path before /v1 and a slash after it are the caller's to have.
  const plain = createClient({ baseUrl: `${stack.url}/`, key: stack.key });
  client = new Proxy(plain, {
    get: (target, name: keyof Client) => {
      called.add(name);
      return target[name];
    },
  });
});
afterAll(async () => {
  await stack?.stop();
});

const asset = (quantity: number) => ({ items: [{ feature: 'video_asset', quantity }] });
const start = (customer_id: string, more: object = {}) =>
  client.start({
    customer_id,
    plan: 'creator',
    interval: 'month',
    test_clock: { now: '2026-01-17T00:00:00Z' },
    ...more,
  });

test('reads and spends', async () => {
  const { id } = await start('ada');
  expect((await client.catalog()).features).toContainEqual({
    id: 'video_asset',
    name: 'Generate Video Assets',
    unit: { one: 'video', many: 'videos', natural: 1, decimals: 0 },
    credits: 15,
    per: 1,
  });
  expect((await client.subscriptions({ customer_id: 'ada', status: 'active' })).data).toMatchObject([{ id }]);
  expect(await client.customer('ada').get()).toMatchObject({
    subscription: { id },
    balance: { available: 200 },
  });
  expect(await client.subscription(id)).toMatchObject({ id, status: 'active', customer_id: 'ada' });

  expect(await client.quote(id, asset(2))).toMatchObject({ credits: 30, sufficient: true });
  const spent = await client.spend(id, { ...asset(2), reference: 'job-1', via: undefined });
  expect(spent).toMatchObject({ credits: 30, balance: { available: 170 } });
  expect((await client.usages(id)).data).toMatchObject([{ id: spent.id, reference: 'job-1' }]);
  expect(await client.reverse(id, spent.id, { credits: 10, reason: 'failed' })).toMatchObject({
    restored: 10,
  });
  expect(await client.usage(id, spent.id)).toMatchObject({ reversed: 10 });

  const [job, other] = [await client.hold(id, asset(4)), await client.hold(id, asset(1))];
  expect((await client.holds(id)).data).toHaveLength(2);
  expect(await client.capture(id, job.id, { credits: 50 })).toMatchObject({ captured: 50, released: 10 });
  expect(await client.release(id, other.id)).toMatchObject({ status: 'released', released: 15 });
  expect(await client.held(id, job.id)).toMatchObject({ status: 'captured', captured: 50 });

  expect(await client.balance(id)).toMatchObject({ available: 130, held: 0 });
  const then = await client.balance(id, { at: '2026-02-17T00:00:00Z' });
  expect(then).toMatchObject({ available: 200, forecast: true });
  expect((await client.grants(id, { open: 'true' })).data).toMatchObject([
    { kind: 'allowance', amount: 200 },
  ]);
  expect((await client.schedule(id, { limit: 1 })).data).toHaveLength(1);
  expect(await client.workflow(id)).toMatchObject({ balance: { available: 130 } });
  const seqs: number[] = [];
  for await (const { seq } of every((cursor) => client.entries(id, { cursor, limit: 3, order: 'asc' })))
    seqs.push(seq);
  expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  expect(seqs.length).toBeGreaterThan(6);
});

test('buys, refunds and changes', async () => {
  const { id } = await start('ben');
  const bought = await client.buy(id, { packs: 2 });
  expect(bought).toMatchObject({ status: 'paid', credits: 600, grant: { kind: 'pack' } });
  expect((await client.purchases(id)).data).toMatchObject([{ id: bought.id }]);
  expect(await client.purchase(id, bought.id)).toMatchObject({ packs: 2 });
  expect(await client.charge(id, bought.charge.id)).toMatchObject({ amount: { amount_minor: 3000 } });
  const back = await client.refund(id, bought.id, { amount_minor: 1500, reason: 'asked for' });
  expect(back).toMatchObject({ refunded: { amount_minor: 1500 }, revoked: 300 });
  expect((await client.charges(id)).data).toHaveLength(2);

  expect(await client.setAddOn(id, { packs: 0 })).toMatchObject({ add_on: { packs: 0 } });
  const wish = { threshold: 50, packs: 1, monthly_ceiling_minor: 6000 };
  expect(await client.setTopUp(id, wish)).toMatchObject({ top_up: { threshold: 50 } });
  expect(await client.cancel(id)).toMatchObject({
    scheduled_change: { kind: 'cancel' },
    credits_at_risk: 300,
  });
  expect(await client.resume(id)).toMatchObject({ scheduled_change: null });
  const preview = await client.change(id, { plan: 'pro', interval: 'month', preview: true });
  expect(preview).toMatchObject({ effective: 'now', subscription: { plan: 'creator' } });
  expect(await client.reprice(id)).toMatchObject({ id });
  await expect(client.activate(id)).rejects.toMatchObject({ code: 'plan_not_eligible' });
  const [version] = (await client.catalogs()).data;
  expect(await client.catalog({ version: version!.version })).toMatchObject({ currency: 'USD' });
  const moved = await client.advance(id, { to: '2026-02-17T00:00:00Z' });
  expect(moved.fired).toContainEqual({ at: '2026-02-17T00:00:00.000Z', kind: 'renewal' });
});

test('settles pending charges, and reports refunds', async () => {
  const { id } = await start('cem');
  await client.setPaymentMethod(id, { payment_method: 'sandbox_pending' });
  const { charge, status } = await client.buy(id, { packs: 1 });
  expect(status).toBe('pending');
  const settled = await client.settleSandboxCharge(charge.id, { outcome: 'paid' });
  expect(settled).toMatchObject({ received: true, duplicate: false });
  await expect.poll(async () => (await client.balance(id)).available, { timeout: 30_000 }).toBe(500);
  await client.refundSandboxCharge(charge.id, { refunded_minor: 500 });
  await expect.poll(async () => (await client.balance(id)).available, { timeout: 30_000 }).toBe(400);
  const dispute = { dispute: 'd1', amount_minor: 500, status: 'open' } as const;
  await client.disputeSandboxCharge(charge.id, dispute);
  await expect.poll(async () => (await client.balance(id)).available, { timeout: 30_000 }).toBe(300);
});

test('does an operator’s work', async () => {
  const { id } = await start('dan', { plan: 'enterprise', allowance: 500 });
  expect(await client.setAllowance(id, { credits: 800 })).toMatchObject({ id });
  const grant = await client.issueGrant(id, {
    credits: 70,
    expires_at: '2027-01-01T00:00:00Z',
    reason: 'goodwill',
  });
  expect(await client.revokeGrant(id, grant.id, { reason: 'a slip' })).toEqual({ revoked: 70 });

  const wanted = { subscription_ids: [id], credits: 25, reason: 'an outage' };
  expect(await client.makeGrantBatch({ ...wanted, dry_run: true })).toEqual({ dry_run: true, total: 1 });
  const made = await client.makeGrantBatch(wanted);
  if (!('id' in made)) throw new Error('it was no dry run');
  await expect.poll(async () => (await client.grantBatch(made.id)).state, { timeout: 30_000 }).toBe('done');
  expect((await client.grantBatches({ limit: 1 })).data).toMatchObject([{ id: made.id, granted: 1 }]);
  expect((await client.grantBatchItems(made.id)).data).toMatchObject([{ subscription_id: id }]);
  expect(await client.pauseGrantBatch(made.id)).toMatchObject({ state: 'done' });
  expect(await client.resumeGrantBatch(made.id)).toMatchObject({ state: 'done' });
});

test('reads events, and has them delivered', async () => {
  const { data } = await client.events({ type: 'subscription.started', order: 'asc', limit: 1 });
  const happened = data[0]!;
  expect(await client.event(happened.id)).toMatchObject({ id: happened.id, deliveries: [] });
  expect(await client.replayEvent(happened.id)).toEqual({ replayed: 0 });
  const made = await client.createEndpoint({ url: `${stack.url}/hears-nothing` });
  expect(made.secret).toMatch(/^whsec_/);
  expect((await client.endpoints()).data).toMatchObject([{ id: made.id }]);
  const rotated = await client.rotateEndpointSecret(made.id);
  expect(rotated.secret).not.toBe(made.secret);
  expect(await client.testEndpoint(made.id)).toEqual({ event_id: expect.stringMatching(/^evt_/) });
  expect(await client.replayEndpoint(made.id, { since: '2900-01-01T00:00:00Z' })).toEqual({ replayed: 0 });
  expect(await client.changeEndpoint(made.id, { disabled: true })).toMatchObject({ disabled: true });
  expect(await client.endpoint(made.id)).toMatchObject({ disabled: true });
  expect(await client.deleteEndpoint(made.id)).toEqual({ id: made.id, deleted: true });
});

test('keys, and the way into a wallet', async () => {
  const made = await client.createKey({ scopes: ['read'], name: 'a reader' });
  expect(made).toMatchObject({ name: 'a reader', scopes: ['read'], key: expect.stringMatching(/^dd_test_/) });
  expect((await client.keys()).data.map(({ id }) => id)).toContain(made.id);
  expect((await client.revokeKey(made.id)).revoked_at).not.toBeNull();
  const { id } = await client.start({ customer_id: 'of the wallet', plan: 'creator', interval: 'month' });
  expect((await client.openWallet({ subscription_id: id })).url).toContain('/wallet/');
});

test('and no method was left out', () => {
  expect([...called].sort()).toEqual(Object.keys(METHODS).sort());
});
