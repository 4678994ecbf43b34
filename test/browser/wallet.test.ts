import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Driver } from '../api/driver.ts';
import { type Bench, expectSound, LOOKS, openBench, type Visitor, visit } from './bench.ts';
import { PROVISION_MS } from './chromium.ts';
import { HANDS, textOf } from './hands.ts';
import { creatorInFebruary, enter, linkOf, use } from './lives.ts';
import { picture } from './pictures.ts';

// The wallet as customers use it, with a real browser: by pointer, by keyboard alone, and without script.

let bench: Bench;
let creator: Driver;
beforeAll(async () => {
  bench = await openBench();
  creator = await creatorInFebruary(bench);
}, PROVISION_MS);
afterAll(() => bench?.stop());

const PAGES = {
  wallet: '/wallet',
  'add-ons': '/wallet/add-ons',
  activity: '/wallet/activity',
  cancel: '/wallet/cancel',
  prompt: '/wallet/out-of-credits?needed=900',
};

/** The pages that docs/images shows. */
const PICTURES = ['wallet', 'add-ons'];

describe.each(LOOKS)('at $width px, dark: $dark', (look) => {
  const isWideAndLight = look.width > 600 && !look.dark;
  const isNarrowAndDark = look.width < 600 && look.dark;

  test('every page is sound', async () => {
    const visitor = await visit(bench, look);
    await enter(bench, visitor, creator.id);
    for (const [name, path] of Object.entries(PAGES)) {
      await visitor.page.goto(path);
      await expectSound(visitor.page);
      if (isWideAndLight && PICTURES.includes(name)) await picture(visitor.page, name);
      if (isNarrowAndDark && name === 'wallet') await picture(visitor.page, 'wallet-narrow');
    }
    expect(visitor.complaints).toEqual([]);
    await visitor.leave();
  });
});

describe.each(Object.entries(HANDS))('by %s', (_, hand) => {
  async function open(): Promise<{ driver: Driver; visitor: Visitor; page: Page }> {
    const driver = await Driver.open(bench.stack);
    const visitor = await visit(bench, { script: hand.script });
    await enter(bench, visitor, driver.id);
    return { driver, visitor, page: visitor.page };
  }

  async function done({ complaints, leave }: Visitor): Promise<void> {
    expect(complaints).toEqual([]);
    await leave();
  }

  test('two packs are bought, and removed again', async () => {
    const { driver, visitor, page } = await open();
    await hand.press(page, 'a[href="/wallet/add-ons"]');
    await page.waitForURL('**/add-ons');
    await hand.more(page);
    if (hand.script) expect(await textOf(page, '#total')).toBe('$30.00 for 600 credits');
    await hand.press(page, 'form[action="/wallet/purchases"] button.primary');
    await page
      .locator('.note[role=status]', { hasText: 'Thank you. 600 credits are yours to use: 2 packs, $30.00.' })
      .waitFor();
    expect(new URL(page.url()).search).toBe('');
    expect(await textOf(page, '.number')).toBe('800');
    expect(await textOf(page, '[aria-labelledby=charge]')).toContain(
      'Creator $29.00 + 2 packs $30.00 = $59.00',
    );

    await hand.press(page, '.top a[href="/wallet/add-ons"]');
    await page.waitForURL('**/add-ons');
    await hand.press(page, 'form[action="/wallet/add-ons"] button');
    await page.locator('.note[role=status]', { hasText: 'The add-on is changed.' }).waitFor();
    expect(await textOf(page, '[aria-labelledby=active]')).toContain('No pack renews with your plan.');
    expect(await textOf(page, '[aria-labelledby=active]')).toContain(
      '600 credits of your packs are not used yet',
    );
    expect(await driver.subscription()).toMatchObject({ add_on: { packs: 0 } });
    expect(await driver.available()).toBe(800);
    await done(visitor);
  });

  test('the plan is cancelled, and the cancel undone', async () => {
    const { driver, visitor, page } = await open();
    await hand.press(page, 'a[href="/wallet/cancel"]');
    await page.waitForURL('**/cancel');
    expect(await textOf(page, 'main')).toContain('200 credits will be lost then, unless you use them first.');
    await hand.press(page, 'button.danger');
    await page.locator('.note[role=status]', { hasText: 'Your plan is cancelled.' }).waitFor();
    expect(await driver.subscription()).toMatchObject({ scheduled_change: { kind: 'cancel' } });
    await hand.press(page, 'form[action="/wallet/resume"] button');
    await page.locator('.note[role=status]', { hasText: 'Your plan goes on.' }).waitFor();
    // Back, and on again: the notice does not come a second time, and the plan is not cancelled again.
    await page.goBack();
    await page.goForward();
    await page.locator('[aria-labelledby=charge]').waitFor();
    expect(await textOf(page, 'main')).not.toMatch(/Your plan (goes on\.|is cancelled)/);
    expect(await driver.subscription()).toMatchObject({ scheduled_change: null });
    await done(visitor);
  });

  test('a refusal leads to the prompt, which sells the missing credits', async () => {
    const { driver, visitor, page } = await open();
    const refused = await driver.spend(801);
    const { wallet_url } = refused.body as { wallet_url: string };
    await page.goto(new URL(wallet_url).pathname + new URL(wallet_url).search);
    await page.waitForURL('**/out-of-credits?needed=801');
    expect(await textOf(page, 'dialog')).toContain('3 packs cover it: 900 credits, to use until May 29.');
    // 200 more would not do.
    expect(await textOf(page, 'dialog')).not.toContain('Or wait');
    await hand.press(page, 'dialog button.primary');
    await page.locator('.note[role=status]', { hasText: 'Thank you.' }).waitFor();
    expect(await textOf(page, 'main')).toContain('You have enough credits');
    expect((await driver.spend(801)).status).toBe(201);
    await done(visitor);
  });

  test('the wallet is closed', async () => {
    const { visitor, page } = await open();
    await hand.press(page, 'form[action="/wallet/leave"] button');
    await page.waitForURL('**/wallet/closed');
    await page.goto('/wallet');
    expect(await textOf(page, 'h1')).toBe('This wallet is closed');
    expect(visitor.complaints).toEqual([expect.stringContaining('401')]);
    await visitor.leave();
  });
});

test('a link followed from another site leads in: the cookie is set on the way', async () => {
  const visitor = await visit(bench);
  const link = await linkOf(bench, creator.id);
  // The same server under another name of this machine is another site to the browser.
  const elsewhere = bench.url.replace('127.0.0.1', 'localhost');
  await visitor.page.goto(`${elsewhere}/assets/style.css`);
  await visitor.page.evaluate(`location.assign(${JSON.stringify(bench.url + link)})`);
  await visitor.page.waitForURL('**/wallet');
  expect(await textOf(visitor.page, '.number')).toBe('755');
  await visitor.leave();
});

test('a spend elsewhere shows by itself', async () => {
  const driver = await Driver.open(bench.stack);
  const visitor = await visit(bench);
  await enter(bench, visitor, driver.id);
  expect(await textOf(visitor.page, '.number')).toBe('200');
  await use(driver, 'generate_look', 3);
  await visitor.page.locator('.number', { hasText: /^197$/ }).waitFor();
  expect(await textOf(visitor.page, '#said')).toBe('197 credits available');
  await visitor.leave();
});

test('the gap before the next default credits and their overlap after February are shown as such', async () => {
  const visitor = await visit(bench);
  await enter(bench, visitor, creator.id);
  const outlook = await textOf(visitor.page, '[aria-labelledby=outlook]');
  expect(outlook).toContain(
    'No default credits from Mar 30 to Mar 31: they expire after 30 days, and the month is longer.',
  );
  expect(outlook).toContain('Two sets of default credits from Feb 28 to Mar 2');
  const titles = await visitor.page.locator('rect.gap title, rect.overlap title').allTextContents();
  expect(titles.map((text) => text.slice(0, 12))).toEqual(['No default c', 'Two sets of ', 'No default c']);
  await visitor.page.click('summary');
  expect(await textOf(visitor.page, 'details table')).toContain(
    'Mar 30 200 credits will expire. No default credits',
  );
  await visitor.leave();
});

test('a page is one language, in every browser, in the customer’s zone', async () => {
  const driver = await Driver.open(bench.stack, { interval: 'year', time_zone: 'Europe/Berlin' });
  await driver.buy(1);
  const visitor = await visit(bench, { locale: 'de-DE' });
  await enter(bench, visitor, driver.id);
  expect(await textOf(visitor.page, '.number')).toBe('3,800');
  expect(await textOf(visitor.page, 'main')).toContain('$438.00');
  expect(await visitor.page.locator('time').first().getAttribute('title')).toMatch(
    /^\w+ \d+, 2026, 1:00 AM GMT\+1$/,
  );
  await visitor.page.goto('/wallet/add-ons');
  await visitor.page.locator('.stepper.live').waitFor();
  expect(await textOf(visitor.page, '#total')).toBe('$150.00 for 3,600 credits');
  await visitor.leave();
});
