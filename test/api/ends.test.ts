import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { Visit } from './console-visit.ts';
import { all, bodyOf, Driver, type Json } from './driver.ts';
import { PageVisitor, textOf } from './pages.ts';

// with a cancel scheduled nothing that names when credits are gone names a day after the end.

let stack: Stack;
let driver: Driver;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  // Its grants last until March 2nd, May 29th and December 1st.
  driver = await Driver.open(stack);
  await driver.buy(1);
  await driver.give(50, '2026-12-01T00:00:00Z');
});

const END = '2026-02-28T00:00:00.000Z';

/** Every instant of an answer that says when credits are gone. */
function goneAt(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(goneAt);
  return Object.entries(value).flatMap(([name, member]) => {
    if (name === 'expires_at') return [String(member)];
    if (name === 'expiring') return (member as { at: string }[]).map(({ at }) => at);
    return goneAt(member);
  });
}

const READS = ['balance', 'balance?at=2026-02-20T00:00:00Z', 'grants', 'purchases', 'workflow'];
const reported = async (path: string) => [...new Set(goneAt(bodyOf(await driver.get(path))))].sort();
const eventsOf = async (types: RegExp) =>
  (
    (await all(stack, `/v1/events?subscription_id=${driver.id}&order=asc`, 100)) as unknown as {
      type: string;
      timestamp: string;
      data: Json;
    }[]
  ).filter(({ type }) => types.test(type));

test('the API, until it is undone', async () => {
  const before = new Map<string, string[]>();
  for (const path of READS) before.set(path, await reported(path));
  expect(before.get('balance')).toEqual([
    '2026-03-02T00:00:00.000Z',
    '2026-05-29T00:00:00.000Z',
    '2026-12-01T00:00:00.000Z',
  ]);
  bodyOf(await driver.post('cancel', {}));
  for (const path of READS) expect([path, ...(await reported(path))]).toEqual([path, END]);
  expect(goneAt(await driver.give(10, '2026-12-01T00:00:00Z'))).toEqual([END]);
  bodyOf(await driver.post('resume', {}));
  for (const path of READS) expect([path, ...(await reported(path))]).toEqual([path, ...before.get(path)!]);
});

test('events, whose notices count from the end', async () => {
  await driver.advance('2026-02-10T00:00:00Z');
  bodyOf(await driver.post('cancel', {}));
  await driver.advance('2026-03-01T00:00:00Z');
  const notices = await eventsOf(/^grant.expiring$/);
  const days = notices.map(
    ({ timestamp, data }) => `${timestamp.slice(0, 10)} ${String(data['kind'])} ${data['days']}`,
  );
  expect(days).toEqual([
    ...['2026-02-21 allowance 7', '2026-02-21 pack 7', '2026-02-21 adjustment 7'],
    ...['2026-02-27 allowance 1', '2026-02-27 pack 1', '2026-02-27 adjustment 1'],
  ]);
  expect(new Set(goneAt(notices))).toEqual(new Set([END]));
  const [scheduled] = await eventsOf(/cancel_scheduled/);
  expect(scheduled).toMatchObject({
    timestamp: '2026-02-10T00:00:00.000Z',
    data: { plan: 'creator', interval: 'month', scheduled_change: { kind: 'cancel', at: END } },
  });
});

test('the wallet’s pages', async () => {
  const visitor = await PageVisitor.enter(stack, driver.id);
  bodyOf(await driver.post('cancel', {}));
  const pages = ['/wallet', '/wallet/add-ons', '/wallet/out-of-credits?needed=900', '/wallet/activity'];
  for (const path of pages) {
    const page = textOf((await visitor.get(path)).html);
    expect([path, /(May|Dec) \d+/.exec(page)?.[0]]).toEqual([path, undefined]);
  }
  expect(textOf((await visitor.get('/wallet')).html)).toContain('550 expire on Feb 28.');
  expect(textOf((await visitor.get('/wallet/add-ons')).html)).toContain(
    'They stay until Feb 28 at the latest',
  );
});

test('R-83: a grant without an end has none in any answer or page until an end is scheduled', async () => {
  const subscription = await Driver.open(stack);
  const issued = [
    bodyOf(await subscription.post('grants', { credits: 40, reason: 'a gift' }), 201),
    bodyOf(await subscription.post('grants', { credits: 2, expires_at: null, reason: 'a gift' }), 201),
  ];
  const ends = async (path: string) => {
    const answer = bodyOf(await subscription.get(path));
    const grants = (answer['data'] ?? (answer['balance'] as Json)?.['by_grant']) as Json[] | undefined;
    const lines = (grants ?? (answer['expiring'] as Json[])).map(
      (line) => line['expires_at'] ?? line['at'] ?? null,
    );
    return lines.map((at) => (at === null ? null : String(at).slice(0, 10))).sort();
  };
  const reads = ['balance', 'balance?at=2026-02-20T00:00:00Z', 'grants', 'workflow'];
  expect(issued.map((grant) => grant['expires_at'])).toEqual([null, null]);
  for (const path of reads) expect([path, await ends(path)]).toEqual([path, ['2026-03-02', null, null]]);
  expect((await ends('balance?at=2026-03-15T00:00:00Z')).filter((at) => at === null)).toHaveLength(2);
  const visitor = await PageVisitor.enter(stack, subscription.id);
  const page = textOf((await visitor.get('/wallet')).html);
  expect(page).toContain('200 expire on Mar 2, 42 when your plan ends.');
  expect(page).toContain('lasts until your plan ends; a gift');
  const visit = await Visit.begin(stack);
  const looked = async () => textOf((await visit.get(`/console/subscriptions/${subscription.id}`)).html);
  expect(await looked()).toContain('until the subscription ends');

  bodyOf(await subscription.post('cancel', {}));
  for (const path of reads)
    expect([path, new Set(await ends(path))]).toEqual([path, new Set(['2026-02-28'])]);
  expect(textOf((await visitor.get('/wallet')).html)).toContain('242 expire on Feb 28.');
  expect(await looked()).not.toContain('until the subscription ends');
});
