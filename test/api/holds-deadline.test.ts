import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectInvariants } from '../support/invariants.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { all, bodyOf, codeOf, Driver, type Json, type Page } from './driver.ts';
import { looks } from './holding.ts';
import { expectProblem } from './problem.ts';

// past its deadline the first reader or writer releases a hold, dated there.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

const hold = async (driver: Driver, credits: number): Promise<unknown> =>
  bodyOf(await driver.hold(credits), 201)['id'];

/** An open hold of 30 whose hour is over, and nobody has come by: the clock stands later than anything knows. */
async function overdue(): Promise<{ driver: Driver; held: unknown }> {
  const driver = await Driver.open(stack);
  const held = await hold(driver, 30);
  await stack.db.execute(sql`
    update ledgers set test_clock = test_clock + interval '90 minutes' where subscription_id = ${driver.id}`);
  return { driver, held };
}

const DEADLINE = '2026-01-31T01:00:00.000Z';
const free = { available: 200, held: 0 };
type Look = [what: string, ask: (driver: Driver, held: unknown) => Promise<unknown>, wanted: unknown];

/** Each is the first to come by. */
const FIRST: Look[] = [
  ['balance', async (driver) => bodyOf(await driver.get('balance')), free],
  ['a past balance', async (driver) => bodyOf(await driver.get(`balance?at=${DEADLINE}`)), free],
  [
    'a balance before the deadline',
    async (driver) => bodyOf(await driver.get('balance?at=2026-01-31T00:59:59.999Z')),
    { available: 170, held: 30 },
  ],
  ['a forecast', async (driver) => bodyOf(await driver.get('balance?at=2026-02-01T00:00:00Z')), free],
  ['the subscription', async (driver) => bodyOf(await driver.get()), { ledger_version: 3 }],
  ['grants', async (driver) => bodyOf<Page>(await driver.get('grants')).data, [{ remaining: 200, held: 0 }]],
  ['open grants', async (driver) => bodyOf<Page>(await driver.get('grants?open=true')).data, [{ held: 0 }]],
  ['holds', async (driver) => bodyOf<Page>(await driver.get('holds')).data, [{ status: 'released' }]],
  [
    'the hold',
    async (driver, held) => bodyOf(await driver.get(`holds/${held}`)),
    { status: 'released', captured: 0, released: 30, settled_at: DEADLINE },
  ],
  [
    'entries',
    async (driver) => bodyOf<Page>(await driver.get('entries')).data[0],
    { kind: 'release', credits: 30, effective_at: DEADLINE, balance_after: 200 },
  ],
  [
    'entries as CSV',
    async (driver) => (await driver.get('entries', { Accept: 'text/csv' })).text,
    expect.stringContaining(',release,30,'),
  ],
  ['the workflow', async (driver) => bodyOf(await driver.get('workflow'))['balance'], free],
  [
    'the schedule',
    async (driver) => bodyOf<Page>(await driver.get('schedule')).data[0],
    { kind: 'renewal', at: '2026-02-28T00:00:00.000Z' },
  ],
  ['a quote', async (driver) => bodyOf(await driver.post('quote', looks(200))), { sufficient: true }],
  [
    'a use of all',
    async (driver) => bodyOf(await driver.spend(200), 201)['balance'],
    { available: 0, held: 0 },
  ],
  [
    'a use of more',
    async (driver) => (await driver.spend(201)).body,
    { ...free, code: 'insufficient_credits' },
  ],
  ['a hold of all', async (driver) => bodyOf(await driver.hold(200), 201), { credits: 200 }],
  [
    'a capture',
    async (driver, held) => codeOf(await driver.post(`holds/${held}/capture`, {})),
    expect.stringMatching('hold_expired'),
  ],
  [
    'a release',
    async (driver, held) => bodyOf(await driver.post(`holds/${held}/release`, {})),
    { status: 'released', captured: 0, released: 30, usage_id: null, balance: free },
  ],
];

describe('R-72: after its deadline a hold is released, seen first by', () => {
  test.each(FIRST)('%s', async (_, ask, wanted) => {
    const { driver, held } = await overdue();
    const seen = await ask(driver, held);
    if (typeof seen === 'string') expect(seen).toEqual(wanted);
    else expect(seen).toMatchObject(wanted as Json);
    const [release] = (await all(stack, driver.path('entries'), 100)).filter(
      ({ kind }) => kind === 'release',
    );
    expect(release).toMatchObject({ credits: 30, effective_at: DEADLINE, hold_id: held });
  });

  test('its capture in time, whose answer was lost, is still answered', async () => {
    const driver = await Driver.open(stack);
    const held = await hold(driver, 30);
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await driver.post(`holds/${held}/capture`, {}, headers);
    await driver.advance('2026-02-01T00:00:00Z');
    expect((await driver.post(`holds/${held}/capture`, {}, headers)).text).toBe(first.text);
    expect((await driver.post(`holds/${held}/capture`, {})).text).toBe(first.text);
  });

  test('hold_expired says so, at the very deadline too, and not before', async () => {
    const driver = await Driver.open(stack);
    const [early, late] = [await hold(driver, 1), await hold(driver, 2)];
    await driver.advance('2026-01-31T00:59:59.999Z');
    bodyOf(await driver.post(`holds/${early}/capture`, {}));
    await driver.advance(DEADLINE);
    expectProblem(await driver.post(`holds/${late}/capture`, {}), 'hold_expired');
    expect(bodyOf(await driver.get('balance'))).toMatchObject({ available: 199, held: 0 });
    expect((await driver.subscription()).test_clock).toEqual({ now: DEADLINE });
  });
});
