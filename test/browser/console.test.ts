import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bodyOf, Driver, type Json } from '../api/driver.ts';
import { hold } from '../api/holding.ts';
import { type Bench, expectSound, LOOKS, openBench, type Visitor, visit } from './bench.ts';
import { PROVISION_MS } from './chromium.ts';
import { tabTo, textOf } from './hands.ts';
import { picture } from './pictures.ts';

// The console as operators use it, with a real browser: by pointer, by keyboard alone, and without script.

let bench: Bench;
let ada: Driver;
beforeAll(async () => {
  bench = await openBench();
  ada = await lead('ada-lovelace', 'render-1815');
}, PROVISION_MS);
afterAll(() => bench?.stop());

/** A customer who bought, used, held, gave back and was refunded, in a zone of their own. */
async function lead(customer_id: string, key: string): Promise<Driver> {
  const driver = await Driver.open(bench.stack, {
    customer_id,
    time_zone: 'Europe/London',
    metadata: { team: 'engines' },
  });
  const bought = await driver.buy(1);
  await driver.advance('2026-02-10T09:30:00.000Z');
  const video = { items: [{ feature: 'avatar_iv', quantity: 630 }], reference: 'launch film', via: 'zapier' };
  bodyOf(await driver.post('usage', video, { 'Idempotency-Key': key }), 201);
  const held = await hold(driver, 40);
  bodyOf(await driver.post(`holds/${held['id']}/capture`, { credits: 25 }));
  await driver.advance('2026-02-20T15:00:00.000Z');
  const look = bodyOf(await driver.post('usage', { items: [{ feature: 'video_asset', quantity: 4 }] }), 201);
  bodyOf(await driver.post(`usage/${look['id']}/reverse`, { credits: 15, reason: 'one asset failed' }));
  await driver.give(50, '2026-06-01T00:00:00Z');
  bodyOf(await driver.post(`purchases/${bought['id']}/refund`, { amount_minor: 300, reason: 'goodwill' }));
  await driver.advance('2026-03-05T00:00:00.000Z');
  return driver;
}

const pathOf = (driver: Driver, below = '') => `/console/subscriptions/${driver.id}${below}`;

/** Lets a visitor in without the sign-in page, which has tests of its own. */
async function enter(visitor: Visitor): Promise<void> {
  await visitor.page.goto('/console/sign-in');
  await visitor.page.fill('#key', bench.stack.key);
  await visitor.page.click('button[type=submit]:has-text("Sign in")');
  await visitor.page.waitForURL('**/console');
}

describe.each(LOOKS)('at $width px, dark: $dark', (look) => {
  test('every page is sound', async () => {
    const visitor = await visit(bench, look);
    const { page } = visitor;
    await page.goto('/console/sign-in');
    await expectSound(page);
    await enter(visitor);
    const [usage] = bodyOf<{ data: Json[] }>(await ada.get('usage')).data;
    const pages: Record<string, string> = {
      search: '/console',
      'nothing-found': '/console?q=nothing-like-this',
      console: pathOf(ada),
      about: pathOf(ada, `?about=${usage!['id']}`),
      fleet: '/console/fleet',
      grant: pathOf(ada, '/do/grant'),
    };
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(path);
      await expectSound(page);
      const isMain = name === 'console' && look.width > 600 && !look.dark;
      if (isMain) {
        await page.setViewportSize({ width: look.width, height: 1500 });
        await picture(page, 'console', { whole: false });
      }
    }
    await page.goto(pathOf(ada, '/do/cancel'));
    await page.fill('#reason', 'asked by mail');
    await page.click('button.primary');
    await page.waitForSelector('button.danger');
    await expectSound(page);
    expect(visitor.complaints).toEqual([]);
    await visitor.leave();
  });
});

interface Hand {
  script: boolean;
  press(page: Page, selector: string): Promise<void>;
  type(page: Page, selector: string, text: string): Promise<void>;
}

const pointer = {
  press: (page: Page, selector: string) => page.click(selector),
  type: (page: Page, selector: string, text: string) => page.fill(selector, text),
};
const HANDS: Record<string, Hand> = {
  pointer: { ...pointer, script: true },
  'pointer without script': { ...pointer, script: false },
  keyboard: {
    script: true,
    async press(page, selector) {
      await tabTo(page, selector);
      await page.keyboard.press('Enter');
    },
    async type(page, selector, text) {
      await tabTo(page, selector);
      await page.keyboard.type(text);
    },
  },
};

describe.each(Object.entries(HANDS))('by %s', (name, hand) => {
  test('an operator signs in, finds a use by its key, reads its outcome, and gives credits for a reason', async () => {
    const key = `render ${name}`.replaceAll(' ', '-');
    const driver = await lead(`customer-${name.replaceAll(' ', '-')}`, key);
    const visitor = await visit(bench, { script: hand.script });
    const { page } = visitor;

    await page.goto('/console/fleet');
    await hand.type(page, '#key', bench.stack.key);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/console/fleet');
    await hand.press(page, '.top a[href="/console"]');
    await page.waitForURL('**/console');

    await hand.type(page, '#q', key);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/console/subscriptions/*?about=use_*');
    expect(await textOf(page, '.timeline')).toContain('Spent 210 credits');
    expect(await textOf(page, '.timeline')).toContain(
      '630 × avatar_iv = 210 · via zapier · reference launch film',
    );
    expect(await textOf(page, '.timeline')).toContain('R-60');
    expect(await textOf(page, '#verdict')).toBe('The three agree.');

    await hand.press(page, `.note a[href="${pathOf(driver)}#timeline"]`);
    await page.waitForURL(`**${pathOf(driver)}#timeline`);
    expect(await page.locator('.line').count()).toBeGreaterThan(12);

    await hand.press(page, `a[href="${pathOf(driver)}/do/grant"]`);
    await page.waitForURL('**/do/grant');
    await hand.type(page, '#credits', '75');
    await hand.type(page, '#reason', 'the render failed twice');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#curl');
    expect(await textOf(page, '#curl')).toContain('"credits":75');
    expect(await textOf(page, '.rehearsal')).toContain('75 credits of adjustment');
    const before = await driver.available();
    await hand.press(page, 'form.row button.primary');
    await page.waitForSelector('h1:has-text("done")');
    expect(await driver.available()).toBe(before + 75);
    await hand.press(page, 'a.button.primary');
    await page.waitForURL(`**${pathOf(driver)}`);
    expect(await textOf(page, '.line:first-child')).toContain('Adjustment of 75 credits');
    expect(await textOf(page, '.line:first-child')).toContain('the render failed twice');

    await hand.press(page, '.top form button');
    await page.waitForURL('**/console/sign-in');
    await page.goto(pathOf(driver));
    expect(await textOf(page, 'h1')).toBe('Sign in');
    expect(visitor.complaints).toEqual([]);
    await visitor.leave();
  });
});

test('the call can be copied where the browser lets it', async () => {
  const visitor = await visit(bench);
  const { page } = visitor;
  await visitor.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await enter(visitor);
  await page.goto(pathOf(ada, '/do/cancel'));
  await page.fill('#reason', 'asked by mail');
  await page.keyboard.press('Enter');
  await page.click('button[data-copy]');
  await page.waitForSelector('#said:has-text("Copied")', { state: 'attached' });
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(await page.textContent('#curl'));
  await visitor.leave();
});
