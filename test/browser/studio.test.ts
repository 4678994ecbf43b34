import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Driver } from '../api/driver.ts';
import { type Bench, expectSound, LOOKS, openBench, type VisitorOptions, visit } from './bench.ts';
import { PROVISION_MS } from './chromium.ts';
import { HANDS, textOf } from './hands.ts';
import { enter } from './lives.ts';
import { picture } from './pictures.ts';

// The demo studio: out of credits within a minute, and on from there.

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
}, PROVISION_MS);
afterAll(() => bench?.stop());

const making = (id: string): string => `.makings li:has(input[value="${id}"]) button`;

async function open(options: VisitorOptions = {}) {
  const visitor = await visit(bench, options);
  await visitor.page.goto('/demo');
  return visitor;
}

const SOON = { timeout: 30_000 };
const balanceOf = (page: Page): Promise<string> => textOf(page, '.balance');

describe.each(Object.entries(HANDS))('by %s', (_, hand) => {
  test('credits run out, the prompt sells a pack, and the same request succeeds', async () => {
    const visitor = await open({ script: hand.script });
    const { page } = visitor;
    await hand.press(page, 'form[action="/demo/start"] button');
    await page.locator('.makings').waitFor();
    expect(await balanceOf(page)).toBe('200 credits');
    await hand.press(page, making('film'));
    await page.locator('.note', { hasText: 'Made: ' }).waitFor();
    expect(await balanceOf(page)).toBe('50 credits');

    await hand.press(page, making('film'));
    await page.waitForURL('**/demo?short=film*');
    const refusedKey = new URL(page.url()).searchParams.get('again');
    const prompt = await textOf(page, 'dialog');
    expect(prompt).toContain('This needs 150 credits You have 50 credits Missing 100 credits');
    expect(prompt).toContain('1 pack covers it: 300 credits');
    expect(prompt).toMatch(/Or wait: 200 credits arrive on \w+ \d+/);
    await hand.press(page, 'dialog button.primary');
    await page.locator('.note', { hasText: 'Thank you. 300 credits are yours to use' }).waitFor();
    expect(await balanceOf(page)).toBe('350 credits');

    // It is the refused request that is repeated: under its own key.
    expect(await page.inputValue('.note form input[name=key]')).toBe(refusedKey);
    await hand.press(page, '.note button.primary');
    await page.locator('.note', { hasText: 'Made: ' }).waitFor();
    expect(await balanceOf(page)).toBe('200 credits');
    expect(await textOf(page, '[aria-labelledby=made]')).toContain('Generate Video Assets 150 credits');
    // Back to where it still waited: it was made meanwhile, and waits no more.
    await page.goto(`/demo?making=film&again=${refusedKey}`);
    expect(await textOf(page, 'main')).not.toContain('is still waiting');
    expect(visitor.complaints).toEqual([]);
    await visitor.leave();
  });

  test('a year goes by', async () => {
    const visitor = await open({ script: hand.script });
    const { page } = visitor;
    await hand.press(page, 'form[action="/demo/start"] button');
    await page.locator('.makings').waitFor();
    await hand.press(page, '[name=to][value=year]');
    await page.locator('.fired').waitFor();
    const fired = await page.locator('.fired li').allInnerTexts();
    const count = (text: string) => fired.filter((line) => line.startsWith(text)).length;
    // Twelve months: each renews and refreshes; the allowance of each but the last has expired.
    expect([count('The plan renewed'), count('200 credits arrived'), count('200 credits expired')]).toEqual([
      12, 12, 12,
    ]);
    expect(visitor.complaints).toEqual([]);
    await visitor.leave();
  });
});

test('the clock goes to the next of each kind, and back never', async () => {
  const visitor = await open();
  const { page } = visitor;
  await page.click('form[action="/demo/start"] button');
  const now = async () =>
    Date.parse(
      `${(await page.innerText('[aria-labelledby=machine] header p')).replace(/^Now is |\.$/g, '').replace(' UTC', ' GMT')}`,
    );
  let before = await now();
  for (const [to, text] of [
    ['day', 'Nothing was due until then.'],
    ['expiry', '200 credits expired'],
    ['refresh', '200 credits arrived'],
    ['renewal', 'The plan renewed'],
    // Begun on the 30th, it stands on 28 February now: a month does not reach the next refresh, but an expiry.
    ['month', '200 credits '],
  ]) {
    await page.click(`[name=to][value=${to}]`);
    await expect.poll(() => textOf(page, '[aria-labelledby=machine]'), SOON).toContain(text);
    const after = await now();
    expect(after).toBeGreaterThan(before);
    before = after;
    await page.goto('/demo');
  }
  await visitor.leave();
});

describe.each(LOOKS)('at $width px, dark: $dark', (look) => {
  test('the studio is sound, its prompt too', async () => {
    const visitor = await open(look);
    const { page } = visitor;
    const isPictured = look.width > 600 && !look.dark;
    await expectSound(page);
    await page.click('form[action="/demo/start"] button');
    await page.locator('.makings').waitFor();
    await page.click(making('avatar'));
    await page.locator('.note', { hasText: 'Made: ' }).waitFor();
    await page.click('[name=to][value=month]');
    await page.locator('.fired').waitFor();
    await expectSound(page);
    if (isPictured) await picture(page, 'studio');
    for (let i = 0; i < 2; i += 1) await page.click(making('film'));
    await page.waitForURL('**/demo?short=film*');
    await expectSound(page);
    if (isPictured) await picture(page, 'prompt', { whole: false });
    expect(visitor.complaints).toEqual([]);
    await visitor.leave();
  });
});

test('a wallet’s session, brought there by hand, spends nothing and moves no clock', async () => {
  const driver = await Driver.open(bench.stack);
  const visitor = await visit(bench);
  await enter(bench, visitor, driver.id);
  const [cookie] = await visitor.context.cookies(`${bench.url}/wallet`);
  const before = await driver.subscription();
  for (const [path, fields] of [
    ['make', 'making=looks'],
    ['advance', 'to=year'],
  ]) {
    const answer = await bench.stack.fetch(
      new Request(`http://localhost/demo/${path}`, {
        method: 'POST',
        body: `key=k&${fields}`,
        headers: {
          'Content-Type': 'application/x-www-form-urlencoded',
          Origin: 'http://localhost',
          Cookie: `${cookie!.name}=${cookie!.value}`,
        },
      }),
    );
    expect(answer.status).toBe(401);
  }
  expect(await driver.subscription()).toEqual(before);
  await visitor.leave();
});
