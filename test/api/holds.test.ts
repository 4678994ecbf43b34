import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { all, bodyOf, Driver, type Json, type Page, T0 } from './driver.ts';
import { balance, entriesOf, hold, IN_AN_HOUR, looks, use } from './holding.ts';
import { expectProblem } from './problem.ts';

// Holds and reversals over HTTP: the exact answers, pages of them, and the refusals.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

const said = { via: 'zapier', reference: 'job-81', metadata: { clip: 'a' } };
const nothing = { via: null, reference: null, metadata: {} };

describe('a hold', () => {
  test('answers the credits set aside and the deadline, and is read back with its request', async () => {
    const driver = await Driver.open(stack);
    const [{ id: grant_id }] = (await all(stack, driver.path('grants'), 100)) as [Json];
    const { catalog_version } = bodyOf(await driver.post('quote', looks(1)));
    const held = await hold(driver, 30, said);
    expect(held).toEqual({
      id: expect.stringMatching(/^hld_[0-9a-z]{26}$/),
      status: 'held',
      credits: 30,
      lines: [{ feature: 'generate_look', quantity: 30, credits: 30 }],
      debits: [{ grant_id, kind: 'allowance', credits: 30 }],
      balance: { available: 170, held: 30 },
      catalog_version,
      at: T0,
      deadline: IN_AN_HOUR,
    });
    const open = { ...held, ...said, captured: 0, released: 0, usage_id: null, settled_at: null };
    expect(bodyOf(await driver.get(`holds/${held['id']}`))).toEqual(open);
    const settled = bodyOf(await driver.post(`holds/${held['id']}/capture`, { credits: 12 }));
    const { usage_id } = settled;
    const after = { status: 'captured', captured: 12, released: 18, usage_id };
    expect(settled).toEqual({ id: held['id'], ...after, balance: { available: 188, held: 0 } });
    const record = { ...open, ...after, settled_at: T0 };
    expect(bodyOf(await driver.get(`holds/${held['id']}`))).toEqual(record);
    expect(bodyOf<Page>(await driver.get('holds')).data).toEqual([record]);
    const usage = {
      id: usage_id,
      credits: 12,
      lines: held['lines'],
      debits: [{ grant_id, kind: 'allowance', credits: 12 }],
      balance: { available: 188, held: 0 },
      catalog_version,
      at: T0,
      ...said,
      hold_id: held['id'],
      reversed: 0,
    };
    expect(bodyOf(await driver.get(`usage/${usage_id}`))).toEqual(usage);
    expect(bodyOf(await driver.post(`usage/${usage_id}/reverse`, { reason: 'r', credits: 5 }))).toEqual({
      restored: 5,
      expired_at_once: 0,
      forfeited_at_once: 0,
      revoked_at_once: 0,
      balance: { available: 193, held: 0 },
    });
    expect(bodyOf<Page>(await driver.get('usage')).data).toEqual([{ ...usage, reversed: 5 }]);
  });

  test('released gives all back; of a use there is no hold', async () => {
    const driver = await Driver.open(stack);
    const { id } = await hold(driver, 30, { expires_in_seconds: 60 });
    const released = { id, status: 'released', captured: 0, released: 30, usage_id: null };
    const answer = bodyOf(await driver.post(`holds/${id}/release`, {}));
    expect(answer).toEqual({ ...released, balance: { available: 200, held: 0 } });
    const { balance: _, ...record } = bodyOf(await driver.get(`holds/${id}`));
    expect(record).toMatchObject({
      ...released,
      ...nothing,
      deadline: '2026-01-31T00:01:00.000Z',
      settled_at: T0,
    });
    const { id: usage } = await use(driver, 1);
    expect(bodyOf(await driver.get(`usage/${usage}`))).toMatchObject({
      hold_id: null,
      reversed: 0,
      ...nothing,
    });
  });

  test('in entries: hold and usage are named, and the feature where there was one', async () => {
    const driver = await Driver.open(stack);
    const one = await hold(driver, 30);
    const items = [
      { feature: 'generate_look', quantity: 1 },
      { feature: 'add_motion', quantity: 1 },
    ];
    const two = bodyOf(await driver.post('holds', { items }), 201);
    const { usage_id } = bodyOf(await driver.post(`holds/${one['id']}/capture`, { credits: 20 }));
    bodyOf(await driver.post(`holds/${two['id']}/release`, {}));
    bodyOf(await driver.post(`usage/${usage_id}/reverse`, { reason: 'r' }));
    const [first, second, feature] = [one['id'], two['id'], 'generate_look'];
    const rows = (await entriesOf(driver)).map((entry) =>
      ['kind', 'credits', 'hold_id', 'usage_id', 'feature'].map((member) => entry[member]),
    );
    expect(rows).toEqual([
      ['hold', -30, first, null, feature],
      ['hold', -11, second, null, null],
      ['release', 30, first, usage_id, feature],
      ['capture', -20, first, usage_id, feature],
      ['release', 11, second, null, null],
      ['reversal', 20, null, usage_id, feature],
    ]);
  });
});

interface Made {
  driver: Driver;
  held: unknown;
  used: unknown;
}

async function made(): Promise<Made> {
  const driver = await Driver.open(stack);
  return { driver, held: (await hold(driver, 10))['id'], used: (await use(driver, 20))['id'] };
}

describe('refused', () => {
  const reads = (id: unknown): [string, (driver: Driver) => Promise<Answer>][] => [
    ['capture', (driver) => driver.post(`holds/${id}/capture`, {})],
    ['release', (driver) => driver.post(`holds/${id}/release`, {})],
    ['read a hold', (driver) => driver.get(`holds/${id}`)],
    ['reverse', (driver) => driver.post(`usage/${id}/reverse`, { reason: 'r' })],
    ['read a usage', (driver) => driver.get(`usage/${id}`)],
  ];

  test('a hold or usage of another subscription is as unknown as none', async () => {
    const [mine, other] = [await made(), await made()];
    const anonymous = ({ body }: Answer) => ({ ...(body as Json), request_id: '' });
    const missing = anonymous(await mine.driver.get('holds/hld_none'));
    for (const id of ['hld_none', 'use_none', '%27--', 'x'.repeat(64), other.held, other.used])
      for (const [what, ask] of reads(id)) {
        const answer = await ask(mine.driver);
        expectProblem(answer, 'not_found');
        expect(anonymous(answer), `${what} ${id}`).toEqual(missing);
      }
    const nowhere = new Driver(stack, 'sub_none');
    for (const [what, ask] of reads(mine.held))
      expect(anonymous(await ask(nowhere)), what).toMatchObject({ code: 'not_found' });
    expect(await balance(other.driver)).toEqual({ available: 170, held: 10 });
  });

  test('R-71: more than was held names the held credits, and ends nothing', async () => {
    const { driver, held } = await made();
    const problem = expectProblem(
      await driver.post(`holds/${held}/capture`, { credits: 11 }),
      'capture_exceeds_hold',
    );
    const errors = [{ pointer: '/credits', detail: 'must be at most 10' }];
    expect(problem).toMatchObject({ held: 10, errors, detail: 'The hold is of 10 credits.' });
    expect(bodyOf(await driver.get(`holds/${held}`))).toMatchObject({ status: 'held' });
    expect(bodyOf(await driver.post(`holds/${held}/capture`, { credits: 10 }))).toMatchObject({
      released: 0,
    });
  });

  test('R-80: more than is left of a usage names the credits that can be reversed', async () => {
    const { driver, used } = await made();
    const reverse = (credits?: number) =>
      driver.post(
        `usage/${used}/reverse`,
        credits === undefined ? { reason: 'r' } : { reason: 'r', credits },
      );
    expect(expectProblem(await reverse(21), 'reversal_exceeds_usage')).toMatchObject({ reversible: 20 });
    bodyOf(await reverse(15));
    expect(expectProblem(await reverse(6), 'reversal_exceeds_usage')).toMatchObject({ reversible: 5 });
    expect(bodyOf(await reverse())).toMatchObject({ restored: 5 });
    for (const each of [undefined, 1])
      expect(expectProblem(await reverse(each), 'reversal_exceeds_usage')).toMatchObject({ reversible: 0 });
    expect(bodyOf(await driver.get(`usage/${used}`))).toMatchObject({ credits: 20, reversed: 20 });
  });

  test('R-71: a settled hold is not settled in another way', async () => {
    const { driver, held } = await made();
    const other = await hold(driver, 5);
    bodyOf(await driver.post(`holds/${held}/capture`, { credits: 4 }));
    bodyOf(await driver.post(`holds/${other['id']}/release`, {}));
    for (const [path, body] of [
      [`holds/${held}/capture`, {}],
      [`holds/${held}/capture`, { credits: 11 }],
      [`holds/${held}/release`, {}],
      [`holds/${other['id']}/capture`, {}],
    ] as const)
      expectProblem(await driver.post(path, body), 'hold_already_settled');
    expect(await balance(driver)).toEqual({ available: 176, held: 0 });
  });

  test('R-61: a shortfall names the held credits', async () => {
    const { driver } = await made();
    for (const path of ['usage', 'holds'])
      expect(expectProblem(await driver.post(path, looks(171)), 'insufficient_credits')).toMatchObject({
        needed: 171,
        available: 170,
        held: 10,
        shortfall: 1,
      });
  });
});

test('pages of holds join to the whole, newest first and in its exact reverse', async () => {
  const driver = await Driver.open(stack);
  const ids: unknown[] = [];
  /** At one instant ids tell the order, to the millisecond of their making. */
  const more = async () => {
    ids.push((await hold(driver, 1))['id']);
    await sleep(2);
  };
  for (let i = 0; i < 5; i += 1) await more();
  await driver.advance('2026-01-31T00:30:00.000Z');
  for (let i = 0; i < 2; i += 1) await more();
  const listed = async (order: string, limit: number) =>
    (await all(stack, `${driver.path('holds')}?order=${order}`, limit)).map(({ id }) => id);
  for (const limit of [1, 2, 7, 100]) {
    expect(await listed('asc', limit)).toEqual(ids);
    expect(await listed('desc', limit)).toEqual([...ids].reverse());
  }
  const page = bodyOf<Page>(await driver.get('holds?limit=7'));
  expect([page.data.length, page.has_more, page.next_cursor]).toEqual([7, false, null]);
  expectProblem(await driver.get('holds?cursor=nonsense'), 'invalid_request');
  const other = await Driver.open(stack);
  const { next_cursor } = bodyOf<Page>(await driver.get('holds?limit=1'));
  expectProblem(await other.get(`holds?cursor=${next_cursor}`), 'invalid_request');
});
