import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { all, bodyOf, codeOf, Driver } from './driver.ts';

// many requests that end one hold at once end it once; held credits are held once.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack.stop());

const hold = async (driver: Driver, credits: number): Promise<unknown> =>
  bodyOf(await driver.hold(credits), 201)['id'];
const times = <T>(n: number, work: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => work(i)));

/** How often each answer was given, by its code. */
function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[codeOf(answer)] = (counts[codeOf(answer)] ?? 0) + 1;
  return counts;
}

async function with500(): Promise<Driver> {
  const driver = await Driver.open(stack);
  await driver.buy(1);
  return driver;
}
const state = async (driver: Driver): Promise<string> => {
  const { available, held } = bodyOf(await driver.get('balance'));
  return `${available} ${held}`;
};
const kinds = async (driver: Driver, kind: string): Promise<number> =>
  (await all(stack, driver.path('entries'), 100)).filter((entry) => entry['kind'] === kind).length;

test('60 captures of one hold under 60 keys: one effect, one answer', async () => {
  const driver = await with500();
  const held = await hold(driver, 250);
  const answers = await times(60, () => driver.post(`holds/${held}/capture`, { credits: 220 }));
  expect(tally(answers)).toEqual({ ok: 60 });
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect([await state(driver), await kinds(driver, 'capture')]).toEqual(['280 0', 2]);
  expect(await all(stack, driver.path('usage'), 100)).toHaveLength(1);
});

test('captures of different amounts: one of them, and others of the same amount', async () => {
  const driver = await with500();
  const held = await hold(driver, 60);
  const answers = await times(60, (i) => driver.post(`holds/${held}/capture`, { credits: 1 + (i % 3) }));
  expect(tally(answers)).toEqual({ ok: 20, hold_already_settled: 40 });
  const { captured } = bodyOf(answers.find(({ status }) => status === 200)!);
  expect(await state(driver)).toBe(`${500 - Number(captured)} 0`);
});

test('capture beside release: exactly one wins, every time', async () => {
  const driver = await with500();
  let spent = 0;
  for (let round = 0; round < 20; round += 1) {
    const held = await hold(driver, 7);
    const asked = round % 2 === 0 ? ['capture', 'release'] : ['release', 'capture'];
    const answers = await times(2, (i) => driver.post(`holds/${held}/${asked[i]}`, {}));
    expect(tally(answers)).toEqual({ ok: 1, hold_already_settled: 1 });
    if (bodyOf(await driver.get(`holds/${held}`))['status'] === 'captured') spent += 7;
  }
  expect(await state(driver)).toBe(`${500 - spent} 0`);
});

test('100 holds of 7 on 500 credits: 71 are held and 3 remain', async () => {
  const driver = await with500();
  const answers = await times(100, () => driver.hold(7));
  expect(tally(answers)).toEqual({ ok: 71, insufficient_credits: 29 });
  expect([await state(driver), (await all(stack, driver.path('holds'), 100)).length]).toEqual(['3 497', 71]);
});

test('50 copies of one capture: one effect, one answer, 49 marked as replays', async () => {
  const driver = await with500();
  const held = await hold(driver, 40);
  const headers = { 'Idempotency-Key': randomUUID() };
  const answers = await times(50, () => driver.post(`holds/${held}/capture`, { credits: 15 }, headers));
  expect(tally(answers)).toEqual({ ok: 50 });
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  const replays = answers.filter(({ headers: got }) => got.get('Idempotent-Replayed') === 'true');
  expect([replays.length, await state(driver), await kinds(driver, 'capture')]).toEqual([49, '485 0', 1]);
});

test('30 reversals of one usage, a third each: three succeed', async () => {
  const driver = await with500();
  const { id } = bodyOf(await driver.spend(30), 201);
  const answers = await times(30, () => driver.post(`usage/${id}/reverse`, { reason: 'r', credits: 10 }));
  expect(tally(answers)).toEqual({ ok: 3, reversal_exceeds_usage: 27 });
  expect([await state(driver), await kinds(driver, 'reversal')]).toEqual(['500 0', 3]);
});
