import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { all, Driver, type Json } from './driver.ts';
import { balance, entriesOf, hold, IN_AN_HOUR, looks, use } from './holding.ts';
import { expectProblem, seen } from './problem.ts';

// R-65, I10: the keys of holds, captures, releases and reversals.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

interface Made {
  driver: Driver;
  held: unknown;
  used: unknown;
}

/** The four that give or take with the ledger alone, each with another body under the same key. */
const ASKS: [string, (made: Made) => string, status: number, body: Json, other: Json][] = [
  ['a hold', () => 'holds', 201, looks(3), looks(4)],
  ['a capture', ({ held }) => `holds/${held}/capture`, 200, { credits: 4 }, { credits: 5 }],
  ['a capture of all', ({ held }) => `holds/${held}/capture`, 200, {}, { credits: 10 }],
  ['a release', ({ held }) => `holds/${held}/release`, 200, {}, {}],
  ['a reversal', ({ used }) => `usage/${used}/reverse`, 200, { reason: 'r', credits: 3 }, { reason: 's' }],
];

async function made(): Promise<Made> {
  const driver = await Driver.open(stack);
  return { driver, held: (await hold(driver, 10))['id'], used: (await use(driver, 20))['id'] };
}

describe('R-65: a key', () => {
  test.each(ASKS)('of %s: the same bytes, after any later request', async (_, path, status, body, other) => {
    const on = await made();
    const { driver } = on;
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await driver.post(path(on), body, headers);
    expect([first.status, first.headers.get('Idempotent-Replayed')]).toEqual([status, null]);
    const repeat = async (when: string) => {
      const before = [await seen(driver), await all(stack, driver.path('holds'), 100)];
      const again = await driver.post(path(on), body, headers);
      const replayed = again.headers.get('Idempotent-Replayed');
      expect([again.status, again.text, replayed], when).toEqual([status, first.text, 'true']);
      expect(again.headers.get('Content-Type')).toBe(first.headers.get('Content-Type'));
      if (JSON.stringify(other) !== JSON.stringify(body))
        expectProblem(await driver.post(path(on), other, headers), 'idempotency_key_reused');
      expect([await seen(driver), await all(stack, driver.path('holds'), 100)], when).toEqual(before);
    };
    await repeat('at once');
    await use(driver, 1);
    await driver.advance(IN_AN_HOUR);
    await repeat('after the deadline');
    await driver.post('cancel', { at: 'now' });
    await repeat('after the end');
  });

  test('belongs to one operation on one hold or usage', async () => {
    const { driver, held, used } = await made();
    const [second, third] = [await hold(driver, 5), await hold(driver, 6)];
    const headers = { 'Idempotency-Key': randomUUID() };
    const paths: [string, Json][] = [
      ['usage', looks(1)],
      ['holds', looks(1)],
      [`holds/${held}/capture`, {}],
      [`holds/${second['id']}/capture`, {}],
      [`holds/${third['id']}/release`, {}],
      [`usage/${used}/reverse`, { reason: 'r' }],
    ];
    const answers: Answer[] = [];
    for (const [path, body] of paths) answers.push(await driver.post(path, body, headers));
    for (const answer of answers) {
      expect(answer.status, answer.text).toBeLessThan(300);
      expect(answer.headers.get('Idempotent-Replayed')).toBeNull();
    }
    // 35 were there or held; the two new ones took 2, and 6 + 20 came back.
    expect(await balance(driver)).toEqual({ available: 200 - 10 - 5 - 6 - 20 - 2 + 6 + 20, held: 1 });
  });

  test('of a hold that was short is free: a pack, and the same request again', async () => {
    const driver = await Driver.open(stack);
    const headers = { 'Idempotency-Key': randomUUID() };
    for (let i = 0; i < 2; i += 1)
      expectProblem(await driver.post('holds', looks(201), headers), 'insufficient_credits');
    await driver.buy(1);
    expect((await driver.post('holds', looks(201), headers)).status).toBe(201);
    expect(await balance(driver)).toEqual({ available: 299, held: 201 });
  });

  test('R-71: the same settlement under another key answers the same and is no replay', async () => {
    const { driver, held } = await made();
    const first = await driver.post(`holds/${held}/capture`, { credits: 4 });
    const again = await driver.post(`holds/${held}/capture`, { credits: 4 });
    expect([again.status, again.text]).toEqual([200, first.text]);
    expect(again.headers.get('Idempotent-Replayed')).toBeNull();
    expect(await entriesOf(driver)).toHaveLength(4);
  });
});
