import { type SQL, sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeKey } from '../../src/api/auth.ts';
import { DAY, HOUR, RawLedger, T0 } from '../db/raw-ledger.ts';
import { expectInvariants } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { all, bodyOf, Driver, type Json, type Page } from './driver.ts';
import { expectProblem } from './problem.ts';

// Pages, in both orders, by cursors that say nothing to their bearer and do nothing but page.

let stack: Stack;
let driver: Driver;
const LISTS = ['entries', 'grants', 'usage', 'holds', 'charges', 'purchases'] as const;

beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
  // Many rows at one instant, as a test clock stands still, and some at others.
  await driver.buy(2);
  for (let i = 1; i <= 4; i += 1) await driver.spend(i);
  for (let i = 1; i <= 3; i += 1) await driver.hold(i);
  await driver.post('purchases', { packs: 1, payment_method: 'sandbox_declined' });
  await driver.buy(1);
  await driver.advance('2026-03-05T00:00:00Z');
  for (let i = 1; i <= 3; i += 1) await driver.spend(120 * i);
  await driver.buy(1);
  for (let i = 0; i < 3; i += 1) await Driver.open(stack);
  for (let i = 0; i < 3; i += 1)
    await stack.request('POST', '/v1/webhook_endpoints', { body: { url: 'http://127.0.0.1:9/' } });
  for (let i = 0; i < 3; i += 1) await makeKey(stack.db, { mode: 'test', scopes: ['read'] });
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

/** Newest first in the order that docs/api.md promises: that of the ledger, or of the making, which ids sort by. */
async function promised(list: string, rows: Json[]): Promise<Json[]> {
  const { made, steps, nth } = await orders();
  const keyOf = ({ id, seq }: Json): string | number => {
    if (list === 'entries') return Number(seq);
    if (list.startsWith('grants')) return made.get(id)!;
    if (list === 'charges') return steps.get(id)!;
    if (list === 'purchases') return steps.get(String(id).replace('pur_', 'chg_'))!;
    if (list.startsWith('events')) return nth.get(id)!;
    return String(id);
  };
  const isBefore = (a: Json, b: Json) => (keyOf(a) > keyOf(b) ? -1 : 1);
  return [...rows].sort(isBefore);
}

async function orders() {
  const orderOf = async (query: SQL) =>
    new Map(
      (await stack.db.execute<{ id: string; n: string }>(query)).map(({ id, n }) => [
        id as unknown,
        Number(n),
      ]),
    );
  const [made, steps, nth] = await Promise.all([
    orderOf(sql`select id, made as n from grants`),
    orderOf(sql`select id, step as n from charges`),
    orderOf(sql`select id, nth as n from events`),
  ]);
  return { made, steps, nth };
}

const idsOf = (rows: Json[]): unknown[] => rows.map(({ id }) => id);
const encode = (text: string): string => Buffer.from(text).toString('base64url');

describe.each<[string, () => string]>([
  ...LISTS.map((list): [string, () => string] => [list, () => driver.path(list)]),
  ['grants?open=true', () => driver.path('grants?open=true')],
  ['grants?open=false', () => driver.path('grants?open=false')],
  ['api_keys', () => '/v1/api_keys'],
  ['webhook_endpoints', () => '/v1/webhook_endpoints'],
  ['events', () => '/v1/events'],
  ['events?subscription_id', () => `/v1/events?subscription_id=${driver.id}`],
  ['events?type', () => '/v1/events?type=grant.made'],
  ['events?subscription_id&type', () => `/v1/events?subscription_id=${driver.id}&type=grant.made`],
  ['subscriptions', () => '/v1/subscriptions'],
  ['subscriptions?status=active', () => '/v1/subscriptions?status=active'],
])('%s', (name, path) => {
  const ordered = (order: string) => `${path()}${path().includes('?') ? '&' : '?'}order=${order}`;

  test('newest first; ascending is the exact reverse; pages of any size join to the whole', async () => {
    const whole = await all(stack, path(), 100);
    expect(whole.length).toBeGreaterThan(1);
    expect(new Set(idsOf(whole)).size).toBe(whole.length);
    expect(idsOf(whole)).toEqual(idsOf(await promised(name, whole)));
    for (const limit of [1, 2, 3, whole.length]) {
      expect(idsOf(await all(stack, ordered('desc'), limit)), `desc by ${limit}`).toEqual(idsOf(whole));
      expect(idsOf(await all(stack, ordered('asc'), limit)), `asc by ${limit}`).toEqual(
        idsOf(whole).reverse(),
      );
    }
  });

  test('the last page says so', async () => {
    const whole = await all(stack, path(), 100);
    const page = bodyOf<Page>(await stack.request('GET', `${ordered('desc')}&limit=${whole.length}`));
    expect([page.data.length, page.has_more, page.next_cursor]).toEqual([whole.length, false, null]);
  });

  test('a forged cursor is always a fault', async () => {
    const { next_cursor } = bodyOf<Page>(await stack.request('GET', `${ordered('desc')}&limit=1`));
    const [name, ...key] = JSON.parse(Buffer.from(next_cursor!, 'base64url').toString()) as unknown[];
    const bent = [
      ...[null, {}, [1], true, 1.5, -1, 2 ** 53, '1; drop table entries', "x' or '1'='1", '\u0000', '\ud83d'],
      ...['a'.repeat(65), 'A', 'é', ''],
    ].flatMap((value) => key.map((_, i) => [name, ...key.map((part, at) => (at === i ? value : part))]));
    const forged = [
      ...bent.map((values) => encode(JSON.stringify(values))),
      ...[[name], [name, ...key, 1], key, ['entries', ...key], [`${name}`.slice(1), ...key]].map((values) =>
        encode(JSON.stringify(values)),
      ),
      'nonsense',
      '0',
      ' ',
      '%00',
      encode('[]'),
      encode('[1]'),
      encode('{"at":1}'),
      encode('null'),
      encode('[null,null]'),
      encode('["1769817600000",1]'),
      encode('[1769817600000'),
      'x'.repeat(201),
    ];
    for (const cursor of forged) {
      const answer = await stack.request('GET', `${ordered('desc')}&cursor=${encodeURIComponent(cursor)}`);
      const problem = expectProblem(answer, 'invalid_request');
      expect(
        problem.errors?.map(({ pointer }) => pointer),
        cursor,
      ).toEqual(['?cursor']);
    }
  });
});

test.each<[string, string]>([
  ['usage', 'entries'],
  ['entries', 'usage'],
])('a cursor of %s is none of %s', async (from, to) => {
  const { next_cursor } = bodyOf<Page>(await driver.get(`${from}?limit=1`));
  expectProblem(await driver.get(`${to}?limit=1&cursor=${next_cursor}`), 'invalid_request');
});

test.each(LISTS)('a cursor of another subscription’s %s is none of this one’s', async (list) => {
  const other = await Driver.open(stack);
  const { next_cursor } = bodyOf<Page>(await driver.get(`${list}?limit=1`));
  expectProblem(await other.get(`${list}?cursor=${next_cursor}`), 'invalid_request');
});

test.each(['entries', 'grants', 'charges', 'purchases'])(
  'a cursor at the end of all numbers is the end of %s',
  async (list) => {
    const { next_cursor } = bodyOf<Page>(await driver.get(`${list}?limit=1`));
    const [name, , ...rest] = JSON.parse(Buffer.from(next_cursor!, 'base64url').toString()) as unknown[];
    const cursor = encode(JSON.stringify([name, Number.MAX_SAFE_INTEGER, ...rest]));
    expect(bodyOf<Page>(await driver.get(`${list}?order=asc&cursor=${cursor}`)).data).toEqual([]);
  },
);

test('20 rows unless asked; 100 at most', async () => {
  const many = await Driver.open(stack);
  for (let i = 0; i < 21; i += 1) await many.spend(1);
  expect(bodyOf<Page>(await many.get('usage')).data).toHaveLength(20);
  expect(bodyOf<Page>(await many.get('usage?limit=100')).data).toHaveLength(21);
});

describe('a write between two pages neither repeats nor hides an older row', () => {
  // Of each list one more row, and often others.
  const MORE: Record<string, (busy: Driver) => Promise<unknown>> = {
    entries: (busy) => busy.spend(1),
    usage: (busy) => busy.spend(1),
    holds: (busy) => busy.hold(1),
    grants: (busy) => busy.give(1),
    charges: (busy) => busy.buy(1),
    purchases: (busy) => busy.buy(1),
    subscriptions: () => Driver.open(stack),
    'subscriptions?status=active': () => Driver.open(stack),
    api_keys: () => makeKey(stack.db, { mode: 'test', scopes: ['read'] }),
    webhook_endpoints: () =>
      stack.request('POST', '/v1/webhook_endpoints', { body: { url: 'http://127.0.0.1:9/' } }),
    events: (busy) => busy.give(1),
  };

  test.each(Object.keys(MORE))('%s', async (list) => {
    const busy = await Driver.open(stack);
    const path = LISTS.some((own) => own === list) ? busy.path(list) : `/v1/${list}`;
    const join = path.includes('?') ? '&' : '?';
    for (let i = 0; i < 3; i += 1) await MORE[list]!(busy);
    for (const order of ['desc', 'asc']) {
      const before = idsOf(await all(stack, `${path}${join}order=${order}`, 100));
      const seen: unknown[] = [];
      let added = 0;
      for (let cursor: string | null = ''; cursor !== null && seen.length < before.length + 5; ) {
        const limit = Math.max(1 + (seen.length % 3), Math.floor(before.length / 4));
        const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
        const page: Page = bodyOf<Page>(
          await stack.request('GET', `${path}${join}order=${order}&limit=${limit}${at}`),
        );
        seen.push(...idsOf(page.data));
        if (added < 3) await MORE[list]!(busy);
        added += 1;
        cursor = page.next_cursor;
      }
      expect(seen.slice(0, before.length), order).toEqual(before);
      expect(new Set(seen).size, order).toBe(seen.length);
      if (order === 'desc') expect(seen).toEqual(before);
    }
  });
});

test('entries run in seq order with a running sum', async () => {
  const entries = await all(stack, `${driver.path('entries')}?order=asc`, 7);
  const bySeq = [...entries].sort((a, b) => Number(a['seq']) - Number(b['seq']));
  let sum = 0;
  bySeq.forEach((entry, i) => {
    sum += Number(entry['credits']);
    expect([entry['seq'], entry['balance_after']]).toEqual([i + 1, sum]);
  });
});

test('an entry that was booked late stands where it was booked, not where it counts', async () => {
  const ledger = await RawLedger.open(stack.db);
  await ledger.grant({ kind: 'allowance', credits: 30, to: T0 + HOUR });
  await ledger.grant({ kind: 'pack', credits: 50, to: T0 + DAY });
  // No worker runs: the expiry at one o'clock is booked after the spend at two.
  await ledger.drift(T0 + 2 * HOUR);
  await ledger.spend(10);
  await ledger.stand(T0 + 3 * HOUR);
  const hours = (rows: Json[]) =>
    rows.map(({ seq, kind, effective_at }) => [seq, kind, (Date.parse(String(effective_at)) - T0) / HOUR]);
  for (const limit of [1, 3, 100])
    expect(hours(await all(stack, `/v1/subscriptions/${ledger.id}/entries`, limit))).toEqual([
      [4, 'expiry', 1],
      [3, 'debit', 2],
      [2, 'grant', 0],
      [1, 'grant', 0],
    ]);
});

describe('entries as CSV', () => {
  test.each(['desc', 'asc'])('equal to JSON, %s', async (order) => {
    const answer = await driver.get(`entries?order=${order}`, { Accept: 'text/csv' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Content-Type')).toBe('text/csv; charset=utf-8');
    const [head, ...lines] = answer.text.trimEnd().split('\r\n');
    const columns = head!.split(',');
    expect(columns).toEqual([
      'id',
      'seq',
      'kind',
      'credits',
      'grant_id',
      'balance_after',
      'effective_at',
      'recorded_at',
      'usage_id',
      'hold_id',
      'feature',
    ]);
    const json = await all(stack, `${driver.path('entries')}?order=${order}`, 100);
    const cells = json.map((entry) => columns.map((column) => String(entry[column] ?? '')).join(','));
    expect(lines).toEqual(cells);
    expect(Object.keys(json[0]!).sort()).toEqual([...columns].sort());
  });

  test('no cell starts a formula', async () => {
    const { text } = await driver.get('entries', { Accept: 'text/csv' });
    for (const cell of text.split(/[\r\n,]+/)) expect(cell).not.toMatch(/^(?:[=+@\t]|-(?!\d+$))/);
  });

  test('of another subscription is not there', async () => {
    const answer = await stack.request('GET', '/v1/subscriptions/sub_none/entries', {
      headers: { Accept: 'text/csv' },
    });
    expectProblem(answer, 'not_found');
  });
});

describe('subscriptions by customer and status', () => {
  test('one customer’s, ended ones too', async () => {
    const first = await Driver.open(stack);
    const { customer_id } = await first.subscription();
    await first.post('cancel', { at: 'now' });
    const second = await Driver.open(stack, { customer_id, test_clock: { now: '2026-02-01T00:00:00Z' } });
    const list = async (more: string) =>
      idsOf(await all(stack, `/v1/subscriptions?customer_id=${customer_id}${more}`, 1));
    expect(await list('')).toEqual([second.id, first.id]);
    expect(await list('&status=ended')).toEqual([first.id]);
    expect(await list('&status=active')).toEqual([second.id]);
    expect(await list('&status=past_due')).toEqual([]);
  });
});
