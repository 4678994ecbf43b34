import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectInvariants } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { all, bodyOf, Driver, type Json, type Subscription, start, T0 } from './driver.ts';

// Reads: exact, at any instant, and the same from every side.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

interface Balance {
  available: number;
  held: number;
  by_kind: { allowance: number; pack: number; adjustment: number };
  expiring: { at: string; credits: number; grant_id: string }[];
  next_refresh: { at: string; credits: number } | null;
  as_of: string;
  ledger_version: number;
  forecast?: true;
}

const balance = async (driver: Driver, at?: string): Promise<Balance> =>
  bodyOf<Balance>(await driver.get(at === undefined ? 'balance' : `balance?at=${encodeURIComponent(at)}`));
const midnight = (day: string): string => `${day}T00:00:00.000Z`;
const usd = (amount_minor: number) => ({ amount_minor, currency: 'USD' });

test('R-01 to R-04: the catalogue answers the page’s values', async () => {
  const catalog = bodyOf(await stack.request('GET', '/v1/catalog'));
  const plan = (id: string) => (catalog['plans'] as Json[]).find((each) => each['id'] === id);
  expect(plan('creator')).toMatchObject({ prices: { month: 2_900 }, credits: 200, contract: false });
  expect(plan('pro')).toMatchObject({ credits: 2_000 });
  expect(plan('business')).toMatchObject({ credits: 1_000 });
  for (const id of ['creator', 'pro', 'business'])
    expect(Object.keys(plan(id)!['prices'] as Json).sort()).toEqual(['month', 'year']);
  expect(plan('enterprise')).toMatchObject({ contract: true, prices: {}, credits: null });
  const pack = { name: 'Premium Credit Pack', renews: true, term: { days_after_renewal: 90 } };
  expect(catalog['packs']).toEqual([
    { id: 'pack_300', ...pack, on: ['month'], credits: 300, price: 1_500 },
    { id: 'pack_3600', ...pack, on: ['year'], credits: 3_600, price: 15_000 },
  ]);
  expect(catalog['currency']).toBe('USD');
  const rates = (catalog['features'] as Json[]).map(({ id, unit, credits, per }) => {
    const { decimals } = unit as { decimals: number };
    return `${id} ${decimals > 0 ? 'second' : 'item'} ${credits}/${per}`;
  });
  expect(rates.sort()).toEqual([
    'add_motion item 10/1',
    'ai_model_training item 20/1',
    'avatar_iv second 1/3',
    'generate_look item 1/1',
    'image_asset item 2/1',
    'motion_designer_asset item 3/1',
    'upscale_video item 10/1',
    'video_agent item null/null',
    'video_asset item 15/1',
    'video_translation second 5/60',
    'video_translation_audio second 0/1',
    'video_translation_precision second 10/60',
  ]);
  expect(catalog['policies']).toEqual({
    allowance_term: { days: 30 },
    dunning_days: [1, 3, 5, 7],
    past_due_spending: 'allow',
    packs_per_purchase: 100,
    existing_prices: 'reprice',
  });
});

describe('a start', () => {
  test('answers the whole subscription, each member there', async () => {
    const customer_id = `c-${randomUUID()}`;
    const answer = await start(stack, { customer_id, metadata: { team: 'a' } });
    const body = bodyOf(answer, 201);
    expect(body).toEqual({
      id: expect.stringMatching(/^sub_[0-9a-z]{26}$/),
      customer_id,
      plan: 'creator',
      interval: 'month',
      status: 'active',
      time_zone: 'UTC',
      anchor_at: T0,
      current_period: { start: T0, end: midnight('2026-02-28') },
      next_refresh_at: midnight('2026-02-28'),
      next_renewal: { at: midnight('2026-02-28'), charge: usd(2_900) },
      add_on: { packs: 0, items: [] },
      trial: null,
      top_up: null,
      scheduled_change: null,
      ended_at: null,
      test_clock: { now: T0 },
      ledger_version: 1,
      metadata: { team: 'a' },
    });
    expect(bodyOf(await stack.request('GET', `/v1/subscriptions/${body['id']}`))).toEqual(body);
  });

  test('R-43: pending answers 202 and no credits, no anchor, no period', async () => {
    const body = bodyOf(await start(stack, { payment_method: 'sandbox_pending' }), 202);
    expect(body).toMatchObject({
      status: 'incomplete',
      anchor_at: null,
      current_period: null,
      next_refresh_at: null,
      next_renewal: null,
    });
    expect(await balance(new Driver(stack, String(body['id'])))).toMatchObject({
      available: 0,
      next_refresh: null,
    });
  });

  test('R-01, R-36: enterprise has its own allowance and pays by contract', async () => {
    const driver = await Driver.open(stack, { plan: 'enterprise', interval: 'year', allowance: 5_000 });
    expect(await driver.subscription()).toMatchObject({
      next_renewal: { at: midnight('2027-01-31'), charge: null },
      next_refresh_at: midnight('2026-02-28'),
    });
    expect(await all(stack, driver.path('charges'), 10)).toEqual([]);
    expect((await balance(driver)).by_kind).toEqual({ allowance: 5_000, pack: 0, adjustment: 0 });
    bodyOf(await driver.put('allowance', { credits: 7_000 }));
    expect((await balance(driver)).available).toBe(5_000);
    await driver.advance(midnight('2026-02-28'));
    expect((await balance(driver)).by_kind.allowance).toBe(12_000); // until 03-02 the first is there too
  });

  test('R-44: moved in, nothing is charged or granted before the next boundary', async () => {
    const anchor_at = midnight('2025-10-31');
    const driver = await Driver.open(stack, { anchor_at, test_clock: { now: midnight('2026-02-10') } });
    expect(await driver.subscription()).toMatchObject({
      status: 'active',
      anchor_at,
      current_period: { start: midnight('2026-01-31'), end: midnight('2026-02-28') },
      next_refresh_at: midnight('2026-02-28'),
      next_renewal: { at: midnight('2026-02-28'), charge: usd(2_900) },
      ledger_version: 0,
    });
    for (const list of ['charges', 'grants', 'entries'])
      expect(await all(stack, driver.path(list), 10)).toEqual([]);
    await driver.give(123);
    expect((await balance(driver)).by_kind).toEqual({ allowance: 0, pack: 0, adjustment: 123 });
    await driver.advance(midnight('2026-02-28'));
    expect(await balance(driver)).toMatchObject({ available: 323, by_kind: { allowance: 200 } });
    expect(await all(stack, driver.path('charges'), 10)).toMatchObject([
      { kind: 'renewal', at: midnight('2026-02-28') },
    ]);
  });

  test('R-44: moved in on an annual plan, the refresh comes and the year was paid elsewhere', async () => {
    const driver = await Driver.open(stack, {
      interval: 'year',
      anchor_at: midnight('2025-06-15'),
      test_clock: { now: midnight('2026-02-10') },
    });
    expect(await driver.subscription()).toMatchObject({
      next_refresh_at: midnight('2026-02-15'),
      next_renewal: { at: midnight('2026-06-15'), charge: usd(28_800) },
    });
    await driver.advance(midnight('2026-02-15'));
    expect((await balance(driver)).available).toBe(200);
    expect(await all(stack, driver.path('charges'), 10)).toEqual([]);
  });

  test('R-10: in a time zone of its own the boundaries keep the wall clock', async () => {
    const driver = await Driver.open(stack, {
      time_zone: 'Europe/Berlin',
      test_clock: { now: '2026-03-01T08:30:00.000Z' },
    });
    expect((await driver.subscription()).next_refresh_at).toBe('2026-04-01T07:30:00.000Z');
  });

  test('R-15: instants are cut down to whole milliseconds', async () => {
    const driver = await Driver.open(stack, { test_clock: { now: '2026-01-31T01:00:00.000999999+01:00' } });
    expect((await driver.subscription()).test_clock).toEqual({ now: T0 });
  });
});

describe('ETag', () => {
  test.each(['', 'balance'])('of /%s: 304 to its holder, until something changes', async (below) => {
    const driver = await Driver.open(stack);
    const first = await driver.get(below);
    const tag = first.headers.get('ETag')!;
    expect(tag).toMatch(/^"[\w-]+"$/);
    const ask = (value: string) => driver.get(below, { 'If-None-Match': value });
    for (const value of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const answer = await ask(value);
      expect([answer.status, answer.text, answer.headers.get('ETag')], value).toEqual([304, '', tag]);
    }
    for (const value of ['"other"', tag.slice(1, -1), `${tag}x`, ''])
      expect((await ask(value)).status, value).toBe(200);
    await driver.spend(1);
    const after = await ask(tag);
    expect(after.status).toBe(200);
    expect(after.headers.get('ETag')).not.toBe(tag);
  });

  test('of a balance on real time does not change by itself', async () => {
    const driver = await Driver.open(stack, { test_clock: undefined });
    const tags = new Set<string | null>();
    for (let i = 0; i < 5; i += 1) tags.add((await driver.get('balance')).headers.get('ETag'));
    expect(tags.size).toBe(1);
  });
});

describe('the balance', () => {
  test('tells kinds, expiries in order, the next refresh and the version', async () => {
    const driver = await Driver.open(stack);
    await driver.buy(1);
    await driver.give(50, midnight('2026-02-10'));
    await driver.spend(210); // the allowance, then 10 of what dies first of the rest
    const grants = await all(stack, driver.path('grants?open=true'), 10);
    const idOf = (kind: string) => grants.find((grant) => grant['kind'] === kind)!['id'];
    expect(await balance(driver)).toEqual({
      available: 340,
      held: 0,
      by_kind: { allowance: 0, pack: 300, adjustment: 40 },
      expiring: [
        { at: midnight('2026-02-10'), credits: 40, grant_id: idOf('adjustment') },
        { at: midnight('2026-05-29'), credits: 300, grant_id: idOf('pack') },
      ],
      next_refresh: { at: midnight('2026-02-28'), credits: 200 },
      as_of: T0,
      ledger_version: 5,
    });
  });

  test('I13: is that of the ledger in the past and now, and that of the forecast in the future', async () => {
    const driver = await Driver.open(stack);
    const seen: [string, number][] = [];
    const note = async (at: string) => seen.push([at, (await balance(driver)).available]);
    await note(T0);
    for (const day of ['2026-02-05', '2026-02-28', '2026-03-02', '2026-03-15', '2026-03-31']) {
      await driver.advance(midnight(day));
      await driver.spend(10);
      await note(midnight(day));
    }
    for (const [at, available] of seen) {
      const then = await balance(driver, at);
      expect([at, then.available, then.as_of]).toEqual([at, available, at]);
      expect(then.forecast).toBeUndefined();
    }
    expect(await balance(driver, '2020-01-01T00:00:00Z')).toMatchObject({
      available: 0,
      by_kind: { allowance: 0 },
    });
    const ahead: [string, number][] = [];
    for (const day of ['2026-04-10', '2026-04-30', '2026-05-30']) {
      const then = await balance(driver, midnight(day));
      expect(then).toMatchObject({ forecast: true, as_of: midnight(day) });
      ahead.push([midnight(day), then.available]);
    }
    for (const [at, available] of ahead) {
      await driver.advance(at);
      expect([at, (await balance(driver)).available]).toEqual([at, available]);
    }
  });

  test('a forecast tells of the end that is scheduled, and books nothing', async () => {
    const driver = await Driver.open(stack);
    await driver.post('cancel', {});
    const before = await all(stack, driver.path('entries'), 100);
    expect((await balance(driver, '2026-02-27T23:59:59.999Z')).available).toBe(200);
    expect(await balance(driver, midnight('2026-02-28'))).toMatchObject({ available: 0, next_refresh: null });
    expect(await all(stack, driver.path('entries'), 100)).toEqual(before);
  });

  test('after the end it is nothing, and the past is still there', async () => {
    const driver = await Driver.open(stack);
    await driver.advance(midnight('2026-02-05'));
    await driver.post('cancel', { at: 'now' });
    expect(await balance(driver)).toMatchObject({ available: 0, expiring: [], next_refresh: null });
    expect((await balance(driver, '2026-02-04T23:59:59.999Z')).available).toBe(200);
    expect((await balance(driver, midnight('2026-02-05'))).available).toBe(0);
    await driver.advance(midnight('2027-01-01'));
    expect((await balance(driver)).as_of).toBe(midnight('2027-01-01'));
  });
});

describe('grants', () => {
  /** Moves the clock of the row alone: as if every worker were down. */
  const stand = (driver: Driver, at: string) =>
    stack.db.execute(
      sql`update ledgers set test_clock = ${at}::timestamptz where subscription_id = ${driver.id}`,
    );

  test('R-12: at its expiry a grant is expired with nothing remaining, though nothing was posted', async () => {
    const driver = await Driver.open(stack);
    const expiry = midnight('2026-03-02');
    const seen: string[] = [];
    for (const at of ['2026-03-01T23:59:59.999Z', expiry]) {
      await stand(driver, at);
      const [grant] = await all(stack, driver.path('grants'), 10);
      const open = await all(stack, driver.path('grants?open=true'), 10);
      const closed = await all(stack, driver.path('grants?open=false'), 10);
      seen.push(`${grant!['status']} ${grant!['remaining']} open ${open.length} closed ${closed.length}`);
      expect((await balance(driver)).available).toBe(Number(grant!['remaining']));
      expect((await driver.spend(1)).status).toBe(at === expiry ? 402 : 201);
    }
    expect(seen).toEqual(['open 200 open 1 closed 0', 'expired 0 open 0 closed 1']);
    expect(await all(stack, driver.path('entries'), 10)).toHaveLength(2);
  });

  test('R-12, R-50: at a scheduled end all are forfeited, though nothing was posted', async () => {
    const driver = await Driver.open(stack);
    await driver.buy(1);
    await driver.post('cancel', {});
    await stand(driver, midnight('2026-02-28'));
    const grants = await all(stack, driver.path('grants'), 10);
    expect(grants.map(({ status, remaining }) => `${status} ${remaining}`)).toEqual([
      'forfeited 0',
      'forfeited 0',
    ]);
    expect(await all(stack, driver.path('grants?open=true'), 10)).toEqual([]);
    expect((await driver.spend(1)).status).toBe(409);
  });

  test('spent, expired, forfeited, revoked and open, each as it became', async () => {
    const driver = await Driver.open(stack);
    const gift = await driver.give(7);
    const short = await driver.give(9, midnight('2026-02-10'));
    await driver.spend(200);
    expect(bodyOf(await driver.post(`grants/${gift['id']}/revoke`, { reason: 'a mistake' }))).toEqual({
      revoked: 7,
    });
    expect(bodyOf(await driver.post(`grants/${gift['id']}/revoke`, { reason: 'again' }))).toEqual({
      revoked: 0,
    });
    await driver.advance(midnight('2026-02-10'));
    const last = await driver.give(5);
    const statusOf = async () => {
      const grants = await all(stack, driver.path('grants?order=asc'), 10);
      return grants.map(
        ({ kind, status, amount, remaining }) => `${kind} ${status} ${remaining} of ${amount}`,
      );
    };
    expect(await statusOf()).toEqual([
      'allowance spent 0 of 200',
      'adjustment revoked 0 of 7',
      'adjustment expired 0 of 9',
      'adjustment open 5 of 5',
    ]);
    await driver.post('cancel', { at: 'now' });
    expect((await statusOf()).at(-1)).toBe('adjustment forfeited 0 of 5');
    for (const grant of [gift, short, last]) expect(grant['id']).toMatch(/^grt_/);
  });

  test('a grant of the calendar has an id that can be told beforehand', async () => {
    const driver = await Driver.open(stack);
    const [grant] = await all(stack, driver.path('grants'), 10);
    expect(grant!['id']).toBe(`grt_${driver.id.slice('sub_'.length)}_a0_0`);
  });
});

test('R-82: revoking takes the unused credits and no more', async () => {
  const driver = await Driver.open(stack);
  const gift = await driver.give(50);
  await driver.spend(220);
  expect(bodyOf(await driver.post(`grants/${gift['id']}/revoke`, { reason: 'r' }))).toEqual({ revoked: 30 });
  expect((await balance(driver)).available).toBe(0);
});

describe('the schedule', () => {
  test('names the coming work, each with its rule, as it then comes', async () => {
    const driver = await Driver.open(stack);
    await driver.buy(1);
    const { data } = bodyOf<{ data: Json[] }>(await driver.get('schedule?limit=6'));
    expect(data).toEqual([
      { at: midnight('2026-02-28'), kind: 'renewal', credits: 300, charge: usd(4_400), rule: 'R-32' },
      { at: midnight('2026-02-28'), kind: 'refresh', credits: 200, rule: 'R-20' },
      { at: midnight('2026-03-02'), kind: 'expiry', credits: -200, rule: 'R-21' },
      { at: midnight('2026-03-30'), kind: 'expiry', credits: -200, rule: 'R-21' },
      { at: midnight('2026-03-31'), kind: 'renewal', credits: 300, charge: usd(4_400), rule: 'R-32' },
      { at: midnight('2026-03-31'), kind: 'refresh', credits: 200, rule: 'R-20' },
    ]);
    const { fired } = bodyOf<{ fired: Json[] }>(await driver.post('advance', { to: midnight('2026-03-31') }));
    expect(fired).toEqual(data.map(({ at, kind, credits }) => ({ at, kind, credits })));
  });

  test('24 unless asked; ends with the end that is scheduled; empty after it', async () => {
    const driver = await Driver.open(stack);
    const rows = async (more = '') => bodyOf<{ data: Json[] }>(await driver.get(`schedule${more}`)).data;
    expect(await rows()).toHaveLength(24);
    await driver.post('cancel', {});
    expect(await rows()).toEqual([{ at: midnight('2026-02-28'), kind: 'end', credits: -200, rule: 'R-50' }]);
    await driver.advance(midnight('2026-02-28'));
    expect(await rows()).toEqual([]);
  });
});

describe('the answer to a change', () => {
  test('a preview tells the same as the change, and does nothing', async () => {
    const driver = await Driver.open(stack);
    const wanted = { plan: 'pro', interval: 'month' };
    const before = await driver.subscription();
    const preview = bodyOf(await driver.post('change', { ...wanted, preview: true }));
    expect(await driver.subscription()).toEqual(before);
    expect(preview).toMatchObject({ effective: 'now', charge: usd(9_900), allowance_granted: 2_000 });
    const done = bodyOf(await driver.post('change', wanted));
    expect(done).toMatchObject({
      effective: 'now',
      charge: usd(9_900),
      allowance_granted: 2_000,
      subscription: { plan: 'pro' },
    });
    expect((await balance(driver)).available).toBe(2_200);
  });

  test('a downgrade is scheduled, seen, and undone', async () => {
    const driver = await Driver.open(stack, { plan: 'pro' });
    const done = bodyOf<{ subscription: Subscription }>(
      await driver.post('change', { plan: 'creator', interval: 'month' }),
    );
    expect(done).toMatchObject({ effective: 'renewal', charge: null, allowance_granted: 0 });
    const scheduled = { kind: 'plan', at: midnight('2026-02-28'), plan: 'creator', interval: 'month' };
    expect(done.subscription).toMatchObject({
      plan: 'pro',
      scheduled_change: scheduled,
      next_renewal: { charge: usd(2_900) },
    });
    expect(bodyOf(await driver.post('resume', {}))).toMatchObject({
      scheduled_change: null,
      next_renewal: { charge: usd(9_900) },
    });
  });

  test('a cancel names the credits forfeited at the end without further spends', async () => {
    const driver = await Driver.open(stack);
    await driver.buy(1);
    await driver.give(50, midnight('2026-02-10')); // expires before the end
    const answer = bodyOf(await driver.post('cancel', {}));
    expect(answer).toMatchObject({
      status: 'active',
      credits_at_risk: 500,
      scheduled_change: { kind: 'cancel', at: midnight('2026-02-28') },
      next_renewal: null,
    });
  });

  test('a cancel at once names the forfeited credits', async () => {
    const driver = await Driver.open(stack);
    await driver.buy(1);
    expect(bodyOf(await driver.post('cancel', { at: 'now' }))).toMatchObject({
      status: 'ended',
      ended_at: T0,
      credits_at_risk: 500,
      current_period: null,
      scheduled_change: null,
    });
  });
});

test('the workflow answers as the ledger', async () => {
  const driver = await Driver.open(stack);
  await driver.buy(1);
  await driver.spend(20);
  const { available, by_kind, held, ledger_version, as_of } = await balance(driver);
  const workflow = bodyOf(await driver.get('workflow'));
  await expect
    .poll(async () => bodyOf(await driver.get('workflow'))['balance'], { timeout: 10_000 })
    .toMatchObject({
      available,
      by_kind,
      held,
      ledger_version,
      as_of,
    });
  expect(workflow).toMatchObject({
    next_due: { at: midnight('2026-02-28'), kind: 'renewal' },
    run_id: expect.any(String),
    ui_url: null,
  });
});

test('a usage answers its cost and its grants, and is read back the same', async () => {
  const driver = await Driver.open(stack);
  await driver.buy(1);
  const items = [
    { feature: 'video_asset', quantity: 14 },
    { feature: 'video_agent', quantity: 3, credits: 7 },
    { feature: 'avatar_iv', quantity: 62.5 },
  ];
  const usage = bodyOf(
    await driver.post('usage', { items, via: 'zapier', reference: 'job-1', metadata: { a: 'b' } }),
    201,
  );
  const debits = usage['debits'] as Json[];
  expect(usage).toEqual({
    id: expect.stringMatching(/^use_/),
    credits: 238,
    lines: [
      { feature: 'video_asset', quantity: 14, credits: 210 },
      { feature: 'video_agent', quantity: 3, credits: 7 },
      { feature: 'avatar_iv', quantity: 62.5, credits: 21 },
    ],
    debits: [
      { grant_id: `grt_${driver.id.slice(4)}_a0_0`, kind: 'allowance', credits: 200 },
      { grant_id: expect.stringMatching(/^grt_/), kind: 'pack', credits: 38 },
    ],
    balance: { available: 262, held: 0 },
    catalog_version: expect.any(String),
    at: T0,
  });
  const read = bodyOf(await driver.get(`usage/${usage['id']}`));
  const said = { via: 'zapier', reference: 'job-1', metadata: { a: 'b' } };
  expect(read).toEqual({ ...usage, reversed: 0, hold_id: null, ...said });
  expect(await all(stack, driver.path('usage'), 10)).toEqual([read]);
  const entries = (await all(stack, driver.path('entries'), 10)).filter(
    (entry) => entry['usage_id'] === usage['id'],
  );
  expect(entries.reverse().map(({ grant_id, credits }) => ({ grant_id, credits }))).toEqual(
    debits.map(({ grant_id, credits }) => ({ grant_id, credits: -Number(credits) })),
  );
});

test('a quote names the cost of a use and the packs that would cover it, and books nothing', async () => {
  const driver = await Driver.open(stack);
  const before = await all(stack, driver.path('entries'), 10);
  expect(
    bodyOf(await driver.post('quote', { items: [{ feature: 'avatar_iv', quantity: 600 }] })),
  ).toMatchObject({
    credits: 200,
    available: 200,
    sufficient: true,
    shortfall: 0,
    offer: null,
  });
  expect(
    bodyOf(await driver.post('quote', { items: [{ feature: 'avatar_iv', quantity: 600.001 }] })),
  ).toMatchObject({
    credits: 201,
    sufficient: false,
    shortfall: 1,
    offer: { packs: 1, credits: 300, price: usd(1_500), expires_at: midnight('2026-05-29') },
  });
  expect(await all(stack, driver.path('entries'), 10)).toEqual(before);
});

describe('charges and purchases', () => {
  test('a purchase, its charge and its grant are told alike from each side', async () => {
    const driver = await Driver.open(stack);
    const bought = await driver.buy(2);
    expect(bought).toMatchObject({
      id: expect.stringMatching(/^pur_/),
      status: 'paid',
      packs: 2,
      credits: 600,
      charge: {
        kind: 'purchase',
        status: 'paid',
        amount: usd(3_000),
        refunded: usd(0),
        lines: [{ quantity: 2, amount: usd(3_000) }],
      },
      grant: {
        kind: 'pack',
        amount: 600,
        remaining: 600,
        status: 'open',
        expires_at: midnight('2026-05-29'),
      },
    });
    expect(bodyOf(await driver.get(`purchases/${bought['id']}`))).toEqual(bought);
    expect(await all(stack, driver.path('purchases'), 10)).toEqual([bought]);
    const { id } = bought['charge'] as { id: string };
    expect(bodyOf(await driver.get(`charges/${id}`))).toEqual(bought['charge']);
  });

  test('R-41: a renewal retried is one charge with its attempts', async () => {
    const driver = await Driver.open(stack);
    await driver.buy(1);
    await driver.put('payment_method', { payment_method: 'sandbox_declined' });
    await driver.advance(midnight('2026-03-01'));
    bodyOf(await driver.put('payment_method', { payment_method: 'sandbox_ok' }));
    const [renewal] = await all(stack, driver.path('charges'), 10);
    expect(renewal).toMatchObject({
      kind: 'renewal',
      at: midnight('2026-02-28'),
      status: 'paid',
      amount: usd(4_400),
      lines: [
        { quantity: 1, amount: usd(2_900) },
        { quantity: 1, amount: usd(1_500) },
      ],
      attempts: [
        { at: midnight('2026-02-28'), payment_method: 'sandbox_declined', outcome: 'declined' },
        { at: midnight('2026-03-01'), payment_method: 'sandbox_declined', outcome: 'declined' },
        { at: midnight('2026-03-01'), payment_method: 'sandbox_ok', outcome: 'paid' },
      ],
    });
    expect((await driver.subscription()).status).toBe('active');
  });

  test('R-42: settled through the inbox; a second delivery, or another outcome later, changes nothing', async () => {
    const driver = await Driver.open(stack);
    const bought = bodyOf(
      await driver.post('purchases', { packs: 1, payment_method: 'sandbox_pending' }),
      202,
    );
    const path = `/v1/sandbox/charges/${(bought['charge'] as { id: string }).id}/settle`;
    const settle = (outcome: string) => stack.request('POST', path, { body: { outcome } });
    expect(bodyOf(await settle('paid'))).toMatchObject({ received: true, duplicate: false });
    await expect.poll(() => driver.available(), { timeout: 15_000 }).toBe(500);
    expect(bodyOf(await settle('paid'))).toMatchObject({ duplicate: true });
    bodyOf(await settle('declined'));
    await driver.advance(midnight('2026-02-02'));
    expect(await driver.available()).toBe(500);
    expect(bodyOf(await driver.get(`purchases/${bought['id']}`))).toMatchObject({
      status: 'paid',
      grant: { amount: 300 },
    });
  });
});
