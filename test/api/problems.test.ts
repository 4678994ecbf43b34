import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { Database } from '../../src/db/client.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { PROBLEMS, type ProblemCode } from '../../src/domain/errors.ts';
import type { LogFields } from '../../src/telemetry/log.ts';
import { expectSound } from '../support/invariants.ts';
import { type Answer, ask, type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, type Json, type Page, type Problem, start } from './driver.ts';
import { expectProblem, seen } from './problem.ts';
import { raw } from './raw.ts';

// Every refusal of the contract that can be reached: its exact shape, and that it changed nothing (I7).

/** limits.test.ts reaches it. */
const ELSEWHERE: ProblemCode[] = ['rate_limited'];

let stack: Stack;
/** Without a worker: nothing that needs a workflow is answered. */
let idle: Stack;
/** R-41: with the page's literal reading, past due blocks spending. Test mode is off. */
let strict: Stack;
const reached = new Set<ProblemCode>();

beforeAll(async () => {
  stack = await startStack();
  idle = await startStack({ withWorker: false });
  const policies = { ...DEFAULT_CATALOG.policies, past_due_spending: 'block' as const };
  const [creator] = DEFAULT_CATALOG.plans;
  const plans = [
    ...DEFAULT_CATALOG.plans,
    { ...creator!, id: 'tried', trial: { days: 7, credits: 50 } },
    { ...creator!, id: 'gratis', prices: { month: 0 }, packs: ['pack_300'] },
  ];
  strict = await startStack({ catalog: { ...DEFAULT_CATALOG, version: 'strict', plans, policies } });
});
afterEach(() => expectSound(stack.db));
afterAll(async () => {
  await expectSound(strict.db);
  for (const each of [stack, idle, strict]) await each.stop();
});

const cancelled = async (driver: Driver) => bodyOf(await driver.post('cancel', { at: 'now' }));
const cancelling = async (driver: Driver) => bodyOf(await driver.post('cancel', {}));
const BOUNDARY = '2026-02-28T00:00:00.000Z';
async function pastDue(driver: Driver): Promise<void> {
  bodyOf(await driver.put('payment_method', { payment_method: 'sandbox_declined' }));
  await driver.advance(BOUNDARY);
  expect((await driver.subscription()).status).toBe('past_due');
}
const enterprise = { plan: 'enterprise', allowance: 5_000 };
const pending = { payment_method: 'sandbox_pending' };

interface Row {
  code: ProblemCode;
  when: string;
  /** How the subscription started. */
  started?: Json;
  after?(driver: Driver): Promise<unknown>;
  ask(driver: Driver): Promise<Answer>;
  /** Members beyond the standard ones. */
  members?: Json;
}

const JSON_TYPE = { 'Content-Type': 'application/json', 'Idempotency-Key': 'bytes' };
const items = (...list: Json[]) => ({ items: list });
const video_agent = { feature: 'video_agent', quantity: 1 };
const pro = { plan: 'pro', interval: 'month' };

/** The path of the newest object. */
const newest = async (driver: Driver, list: 'holds' | 'usage'): Promise<string> =>
  `${list}/${bodyOf<Page>(await driver.get(`${list}?limit=1`)).data[0]!['id']}`;

const EVERYTHING: [string, (driver: Driver) => Promise<Answer>][] = [
  ['spend', (driver) => driver.spend(1)],
  [
    'spend nothing',
    (driver) => driver.post('usage', items({ feature: 'video_translation_audio', quantity: 60 })),
  ],
  ['hold', (driver) => driver.hold(1)],
  ['buy', (driver) => driver.post('purchases', { packs: 1 })],
  ['buy another interval', (driver) => driver.post('purchases', { packs: 1, interval: 'year' })],
  ['cancel', (driver) => driver.post('cancel', {})],
  ['cancel now', (driver) => driver.post('cancel', { at: 'now' })],
  ['resume', (driver) => driver.post('resume', {})],
  ['change', (driver) => driver.post('change', pro)],
  ['preview a change', (driver) => driver.post('change', { ...pro, preview: true })],
  ['lower', (driver) => driver.put('add_on', { packs: 0 })],
  ['new payment method', (driver) => driver.put('payment_method', { payment_method: 'sandbox_ok' })],
  [
    'grant',
    (driver) => driver.post('grants', { credits: 1, expires_at: '2030-01-01T00:00:00Z', reason: 'r' }),
  ],
  ['allowance', (driver) => driver.put('allowance', { credits: 1 })],
];

const ROWS: Row[] = [
  {
    code: 'insufficient_credits',
    when: 'one credit is missing',
    ask: (driver) => driver.spend(201),
    members: {
      detail: 'This needs 201 credits and 200 are available.',
      needed: 201,
      available: 200,
      held: 0,
      shortfall: 1,
      next_refresh: { at: BOUNDARY, credits: 200 },
      offer: {
        packs: 1,
        credits: 300,
        price: { amount_minor: 1_500, currency: 'USD' },
        expires_at: '2026-05-29T00:00:00.000Z',
      },
      wallet_url: expect.stringMatching(/^http:\/\/localhost\/wallet\/enter\?ticket=sub_[\w.-]+&needed=201$/),
    },
  },
  {
    code: 'insufficient_credits',
    when: '301 are missing: two packs cover it',
    ask: (driver) => driver.spend(501),
    members: {
      shortfall: 301,
      offer: { packs: 2, credits: 600, price: { amount_minor: 3_000, currency: 'USD' } },
    },
  },
  {
    code: 'insufficient_credits',
    when: '100 packs would not do',
    ask: (driver) => driver.spend(200 + 30_001),
    members: { shortfall: 30_001, offer: null, contact: 'pack_limit' },
  },
  {
    code: 'insufficient_credits',
    when: 'on an annual plan its own pack is offered',
    started: { interval: 'year' },
    ask: (driver) => driver.spend(201),
    members: { offer: { packs: 1, credits: 3_600, expires_at: '2027-05-01T00:00:00.000Z' } },
  },
  {
    code: 'insufficient_credits',
    when: 'on enterprise',
    started: enterprise,
    ask: (driver) => driver.spend(5_001),
    members: {
      offer: null,
      contact: 'contact_account_manager',
      next_refresh: { at: BOUNDARY, credits: 5_000 },
    },
  },
  {
    code: 'insufficient_credits',
    when: 'a cancel is scheduled: nothing comes any more',
    after: cancelling,
    ask: (driver) => driver.spend(201),
    members: { offer: null, contact: 'cancellation_scheduled', next_refresh: null },
  },
  {
    code: 'insufficient_credits',
    when: 'past due',
    after: pastDue,
    ask: (driver) => driver.spend(201),
    members: { offer: null, contact: 'payment_past_due', next_refresh: null, available: 200 },
  },
  {
    code: 'payment_declined',
    when: 'R-35: a purchase with this payment method',
    ask: (driver) => driver.post('purchases', { packs: 1, payment_method: 'sandbox_declined' }),
  },
  {
    code: 'payment_declined',
    when: 'R-35: an upgrade',
    after: (driver) => driver.put('payment_method', { payment_method: 'sandbox_declined' }),
    ask: (driver) => driver.post('change', pro),
  },
  ...EVERYTHING.map(
    ([what, ask]): Row => ({
      code: 'subscription_not_active',
      when: `R-52: ${what} after the end`,
      after: cancelled,
      ask,
    }),
  ),
  ...EVERYTHING.filter(([what]) =>
    ['spend', 'spend nothing', 'hold', 'buy', 'change', 'lower', 'grant'].includes(what),
  ).map(
    ([what, ask]): Row => ({
      code: 'subscription_not_active',
      when: `R-43: ${what} while the first payment is pending`,
      started: pending,
      ask,
    }),
  ),
  ...EVERYTHING.filter(([what]) => ['buy', 'lower', 'change', 'preview a change'].includes(what)).map(
    ([what, ask]): Row => ({
      code: 'payment_past_due',
      when: `R-45: ${what} while past due`,
      after: pastDue,
      ask,
    }),
  ),
  ...EVERYTHING.filter(([what]) => ['buy', 'change', 'preview a change'].includes(what)).map(
    ([what, ask]): Row => ({
      code: 'cancellation_scheduled',
      when: `R-38, R-55: ${what}`,
      after: cancelling,
      ask,
    }),
  ),
  {
    code: 'customer_already_subscribed',
    when: 'the customer has a live one',
    ask: async (driver) => start(stack, { customer_id: (await driver.subscription()).customer_id }),
  },
  {
    code: 'customer_already_subscribed',
    when: 'the customer has an incomplete one',
    started: pending,
    ask: async (driver) => start(stack, { customer_id: (await driver.subscription()).customer_id }),
  },
  {
    code: 'contact_account_manager',
    when: 'R-36: enterprise buys',
    started: enterprise,
    ask: (driver) => driver.post('purchases', { packs: 1 }),
  },
  {
    code: 'pack_not_offered',
    when: 'R-34: an annual pack on a monthly plan',
    ask: (driver) => driver.post('purchases', { packs: 1, interval: 'year' }),
  },
  {
    code: 'pack_not_offered',
    when: 'R-34: a monthly pack on an annual plan',
    started: { interval: 'year' },
    ask: (driver) => driver.post('purchases', { packs: 1, interval: 'month' }),
  },
  {
    code: 'unknown_feature',
    when: 'a line of a usage',
    ask: (driver) =>
      driver.post(
        'usage',
        items({ feature: 'generate_look', quantity: 1 }, { feature: 'teleport', quantity: 1 }),
      ),
    members: { feature: 'teleport', errors: [{ pointer: '/items/1/feature' }] },
  },
  {
    code: 'unknown_feature',
    when: 'a line of a quote',
    ask: (driver) => driver.post('quote', items({ feature: 'teleport', quantity: 1 })),
    members: { errors: [{ pointer: '/items/0/feature' }] },
  },
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty'].map(
    (feature): Row => ({
      code: 'unknown_feature',
      when: `called ${feature}`,
      ask: (driver) => driver.post('usage', items({ feature, quantity: 1 })),
      members: { feature },
    }),
  ),
  {
    code: 'credits_required',
    when: 'video_agent without credits, used',
    ask: (driver) => driver.post('usage', items(video_agent)),
    members: { errors: [{ pointer: '/items/0/credits' }] },
  },
  {
    code: 'credits_required',
    when: 'video_agent without credits, quoted',
    ask: (driver) => driver.post('quote', items(video_agent)),
  },
  ...(
    [
      ['to what one has', { plan: 'creator', interval: 'month' }, {}],
      ['to enterprise', { plan: 'enterprise', interval: 'month' }, {}],
      ['from enterprise', pro, enterprise],
    ] as const
  ).flatMap(([what, wanted, started]): Row[] => [
    {
      code: 'plan_not_eligible',
      when: `R-55: ${what}`,
      started,
      ask: (driver) => driver.post('change', wanted),
    },
    {
      code: 'plan_not_eligible',
      when: `R-55: ${what}, previewed`,
      started,
      ask: (driver) => driver.post('change', { ...wanted, preview: true }),
    },
  ]),
  {
    code: 'plan_not_eligible',
    when: 'R-36: an allowance of one’s own on creator',
    ask: (driver) => driver.put('allowance', { credits: 1 }),
  },
  {
    code: 'plan_not_eligible',
    when: 'R-42: a second upgrade while one is pending',
    after: async (driver) => {
      await driver.put('payment_method', pending);
      expect((await driver.post('change', pro)).status).toBe(202);
    },
    ask: (driver) => driver.post('change', { plan: 'creator', interval: 'year' }),
  },
  {
    code: 'idempotency_in_progress',
    when: 'the first request with the key is still running, and this is another',
    ask: async (driver) => {
      const key = randomUUID();
      await stack.db.execute(sql`insert into commands (scope, operation, key, body_hash, status, attempt, subscription_id, object_id)
        values (${driver.id}, 'cancel', ${key}, 'another', 'taken', 1, ${driver.id}, 'cmd_0')`);
      return driver.post('cancel', {}, { 'Idempotency-Key': key });
    },
  },
  {
    code: 'idempotency_key_reused',
    when: 'a usage',
    after: (driver) => driver.spend(1, { 'Idempotency-Key': 'u' }),
    ask: (driver) => driver.spend(2, { 'Idempotency-Key': 'u' }),
  },
  {
    code: 'idempotency_key_reused',
    when: 'a purchase',
    after: (driver) => driver.post('purchases', { packs: 1 }, { 'Idempotency-Key': 'p' }),
    ask: (driver) => driver.post('purchases', { packs: 2 }, { 'Idempotency-Key': 'p' }),
  },
  {
    code: 'insufficient_credits',
    when: 'R-70: a hold finds what others hold no longer there',
    after: (driver) => driver.hold(30),
    ask: (driver) => driver.hold(171),
    members: { needed: 171, available: 170, held: 30, shortfall: 1, offer: { packs: 1 } },
  },
  {
    code: 'unknown_feature',
    when: 'a line of a hold',
    ask: (driver) => driver.post('holds', items({ feature: 'teleport', quantity: 1 })),
    members: { feature: 'teleport', errors: [{ pointer: '/items/0/feature' }] },
  },
  {
    code: 'credits_required',
    when: 'video_agent without credits, held',
    ask: (driver) => driver.post('holds', items(video_agent)),
    members: { errors: [{ pointer: '/items/0/credits' }] },
  },
  {
    code: 'idempotency_key_reused',
    when: 'a hold',
    after: (driver) => driver.hold(1, { 'Idempotency-Key': 'h' }),
    ask: (driver) => driver.hold(2, { 'Idempotency-Key': 'h' }),
  },
  {
    code: 'hold_expired',
    when: 'R-72: a capture at the deadline',
    after: async (driver) => {
      await driver.hold(30);
      await driver.advance('2026-01-31T01:00:00.000Z');
    },
    ask: async (driver) => driver.post(`${await newest(driver, 'holds')}/capture`, {}),
  },
  {
    code: 'hold_already_settled',
    when: 'R-71: a release after a capture',
    after: async (driver) => {
      await driver.hold(30);
      await driver.post(`${await newest(driver, 'holds')}/capture`, { credits: 12 });
    },
    ask: async (driver) => driver.post(`${await newest(driver, 'holds')}/release`, {}),
  },
  {
    code: 'capture_exceeds_hold',
    when: 'R-71: one credit more than was held',
    after: (driver) => driver.hold(30),
    ask: async (driver) => driver.post(`${await newest(driver, 'holds')}/capture`, { credits: 31 }),
    members: { held: 30, errors: [{ pointer: '/credits', detail: 'must be at most 30' }] },
  },
  {
    code: 'reversal_exceeds_usage',
    when: 'R-80: one credit more than is left of it',
    after: async (driver) => {
      await driver.spend(30);
      await driver.post(`${await newest(driver, 'usage')}/reverse`, { reason: 'r', credits: 10 });
    },
    ask: async (driver) =>
      driver.post(`${await newest(driver, 'usage')}/reverse`, { reason: 'r', credits: 21 }),
    members: { reversible: 20 },
  },
  ...(['holds/hld_0/capture', 'holds/hld_0/release', 'usage/use_0/reverse'] as const).map(
    (below): Row => ({
      code: 'not_found',
      when: `there is none: ${below}`,
      ask: (driver) => driver.post(below, below.endsWith('reverse') ? { reason: 'r' } : {}),
    }),
  ),
  {
    code: 'idempotency_key_required',
    when: 'a usage',
    ask: (driver) =>
      raw(stack, driver.path('usage'), { body: '{}', headers: { 'Content-Type': 'application/json' } }),
  },
  { code: 'not_found', when: 'there is no such charge', ask: (driver) => driver.get('charges/chg_0') },
  {
    code: 'unauthenticated',
    when: 'there is no key',
    ask: (driver) => driver.get('', { Authorization: '' }),
  },
  {
    code: 'malformed_json',
    when: 'a brace is missing',
    ask: (driver) => raw(stack, driver.path('cancel'), { body: '{"at": "now"', headers: JSON_TYPE }),
  },
  {
    code: 'unsupported_media_type',
    when: 'a form',
    ask: (driver) =>
      raw(stack, driver.path('cancel'), {
        body: 'at=now',
        headers: { ...JSON_TYPE, 'Content-Type': 'application/x-www-form-urlencoded' },
      }),
  },
  {
    code: 'body_too_large',
    when: '64 KiB and one byte',
    ask: (driver) =>
      raw(stack, driver.path('cancel'), {
        body: `{"reason":"${'x'.repeat(64 * 1024 - 12)}"}`,
        headers: JSON_TYPE,
      }),
  },
  {
    code: 'invalid_request',
    when: 'a member is unknown',
    ask: (driver) => driver.post('cancel', { when: 'now' }),
  },
];

for (const { code } of ROWS) reached.add(code);
// On every route, in keys.test.ts.
reached.add('forbidden_scope');

describe('I7: a refusal is told in full and changes nothing', () => {
  test.each(ROWS.map((row): [string, Row] => [`${row.code}: ${row.when}`, row]))('%s', async (_, row) => {
    const driver = await Driver.open(stack, row.started);
    await row.after?.(driver);
    const before = await seen(driver);
    const problem = expectProblem(await row.ask(driver), row.code);
    if (row.members) expect(problem).toMatchObject(row.members);
    expect(await seen(driver)).toEqual(before);
  });

  test('insufficient_credits names its subscription', async () => {
    const driver = await Driver.open(stack);
    expect((await driver.spend(201)).body).toMatchObject({ subscription_id: driver.id });
  });

  test('no member of one request leaks into the detail of a 404', async () => {
    const answer = await stack.request('GET', '/v1/subscriptions/sub_secret');
    expect(answer.text).not.toContain('sub_secret');
  });
});

describe('payment_declined', () => {
  test('R-43: a declined first payment starts nothing, and the customer may try again', async () => {
    const customer_id = `c-${randomUUID()}`;
    const declined = await start(stack, { customer_id, payment_method: 'sandbox_declined' });
    expectProblem(declined, 'payment_declined');
    const list = bodyOf(await stack.request('GET', `/v1/subscriptions?customer_id=${customer_id}`));
    expect(list).toEqual({ data: [], has_more: false, next_cursor: null });
    expect((await start(stack, { customer_id })).status).toBe(201);
  });

  test('R-35: a declined purchase is seen in the lists alone', async () => {
    const driver = await Driver.open(stack);
    await driver.post('purchases', { packs: 3, payment_method: 'sandbox_declined' });
    const { data } = bodyOf<{ data: Json[] }>(await driver.get('purchases'));
    expect(data).toMatchObject([{ status: 'declined', packs: 3, credits: 900, grant: null }]);
    expect(data[0]!['charge']).toMatchObject({ status: 'declined', amount: { amount_minor: 4_500 } });
    expect((await driver.subscription()).add_on).toEqual({ packs: 0, items: [] });
  });
});

describe('where past due blocks spending (R-41, past_due_spending: block)', () => {
  test('it is refused as payment_past_due, a quote says so, and nothing changes', async () => {
    const driver = await Driver.open(strict);
    await pastDue(driver);
    const before = await seen(driver);
    expectProblem(await driver.spend(1), 'payment_past_due');
    const look = { items: [{ feature: 'generate_look', quantity: 1 }] };
    expect(bodyOf(await driver.post('quote', look))).toMatchObject({ credits: 1, sufficient: false });
    expect(await seen(driver)).toEqual(before);
  });
});

describe('where a plan has a trial, or asks for no money (R-17, R-23)', () => {
  const refused = async (driver: Driver, answer: () => Promise<Answer>, code: ProblemCode) => {
    const before = await seen(driver);
    expectProblem(await answer(), code);
    reached.add(code);
    expect(await seen(driver)).toEqual(before);
  };

  test('packs wait for the end of the trial: subscription_trialing', async () => {
    const driver = await Driver.open(strict, { plan: 'tried' });
    await refused(driver, () => driver.post('purchases', { packs: 1 }), 'subscription_trialing');
  });

  test('a second trial is trial_used', async () => {
    const customer_id = randomUUID();
    const driver = await Driver.open(strict, { plan: 'tried', customer_id });
    await cancelled(driver);
    const again = () => start(strict, { plan: 'tried', customer_id, trial: true });
    await refused(driver, again, 'trial_used');
  });

  test('money without a payment method is payment_method_required', async () => {
    const driver = await Driver.open(strict, { plan: 'gratis' });
    await refused(driver, () => driver.post('purchases', { packs: 1 }), 'payment_method_required');
    const change = { plan: 'creator', interval: 'month' };
    await refused(driver, () => driver.post('change', change), 'payment_method_required');
  });
});

describe('not_a_test_clock', () => {
  reached.add('not_a_test_clock');
  test('a subscription on real time is not advanced', async () => {
    const driver = await Driver.open(stack, { test_clock: undefined });
    const before = await seen(driver);
    expectProblem(await driver.post('advance', { to: '2030-01-01T00:00:00Z' }), 'not_a_test_clock');
    expect(await seen(driver)).toEqual(before);
  });

  test('where test mode is off no clock is made', async () => {
    const live = await startStack({ withWorker: false, testMode: false });
    const customer_id = `c-${randomUUID()}`;
    expectProblem(await start(live, { customer_id }), 'not_a_test_clock');
    const list = bodyOf(await live.request('GET', `/v1/subscriptions?customer_id=${customer_id}`));
    expect(list['data']).toEqual([]);
    await live.stop();
  });
});

describe('the engine away', () => {
  reached.add('temporal_unavailable');
  reached.add('database_unavailable');
  reached.add('billing_unavailable');
  test('no worker: 503 with Retry-After, and nothing takes effect later', async () => {
    const customer_id = `c-${randomUUID()}`;
    const answer = await start(idle, { customer_id });
    expectProblem(answer, 'temporal_unavailable');
    expect(answer.headers.get('Retry-After')).toBe('1');
    const [row] = await idle.db.execute<{ status: string }>(sql`select status from commands`);
    expect(row).toEqual({ status: 'abandoned' });
  });

  test('billing does not say: 503 with Retry-After, nothing is booked, and no secret is logged', async () => {
    const driver = await Driver.open(stack);
    const { id } = await driver.buy(1);
    const before = await seen(driver);
    const lines: string[] = [];
    const gateway = { refundPart: () => Promise.reject(new Error('sk_live_secret')) };
    const log = (line: string, fields?: LogFields) => lines.push(`${line} ${JSON.stringify(fields)}`);
    const app = createApp({ ...stack.deps, gateway, log });
    const path = driver.path(`purchases/${String(id)}/refund`);
    const answer = await ask((at, init) => app.request(at, init), stack.key, 'POST', path, {
      body: { reason: 'r' },
    });
    expectProblem(answer, 'billing_unavailable');
    expect(answer.headers.get('Retry-After')).toBe('1');
    expect(await seen(driver)).toEqual(before);
    expect(lines).toEqual([
      expect.stringMatching(/^refund rfd_\w+: Error /),
      expect.stringMatching(/^POST \/v1\/.*: billing_unavailable .*"status":503/),
    ]);
    expect(lines.join()).not.toContain('sk_live');
  });

  test('no database: 503 with Retry-After, and no word of SQL', async () => {
    await idle.db.$client.end();
    for (const path of ['/readyz', '/v1/catalog', '/v1/subscriptions/sub_0/balance']) {
      const answer = await idle.request('GET', path);
      expectProblem(answer, 'database_unavailable');
      expect(answer.headers.get('Retry-After')).toBe('1');
    }
  });

  test('anything else: 500, which says nothing but its request id; the log has the rest', async () => {
    const lines: string[] = [];
    const db = {
      execute: () => Promise.reject(new Error('select secret from passwords')),
    } as unknown as Database;
    const log = (line: string, fields?: LogFields) => lines.push(`${line} ${fields?.request_id}`);
    const app = createApp({ db, log } as never);
    const response = await app.request('/readyz');
    const problem = (await response.json()) as Problem;
    expect(response.status).toBe(500);
    expect(Object.keys(problem).sort()).toEqual(['code', 'detail', 'request_id', 'status', 'title', 'type']);
    expect(JSON.stringify(problem)).not.toContain('secret');
    expect(lines.join()).toContain(problem.request_id);
  });
});

test('every code of the contract is reached, except those of later versions', () => {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  const missing = codes.filter((code) => !reached.has(code) && code !== 'internal_error');
  expect(missing.sort()).toEqual([...ELSEWHERE].sort());
});

test.each(Object.entries(PROBLEMS))(
  'the type of %s leads to a page that explains it',
  async (code, known) => {
    const page = bodyOf(await stack.request('GET', `/problems/${code}`));
    expect(page).toMatchObject({ code, ...known });
  },
);
