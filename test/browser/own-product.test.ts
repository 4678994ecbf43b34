import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shadesOf } from '../../src/web/shell/look.ts';
import { Driver, type Json } from '../api/driver.ts';
import { CHAT_CATALOG } from '../support/chat-catalog.ts';
import {
  type Bench,
  expectSound,
  LOOKS,
  openBench,
  type Visitor,
  type VisitorOptions,
  visit,
} from './bench.ts';
import { PROVISION_MS } from './chromium.ts';
import { textOf } from './hands.ts';
import { enter, use } from './lives.ts';
import { picture } from './pictures.ts';

// The pages of a product with another catalogue: its words, its logo, its colour, and none of the built-in ones.

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ catalog: CHAT_CATALOG });
}, PROVISION_MS);
afterAll(() => bench?.stop());

const LOGO = CHAT_CATALOG.brand.logo_url!;
const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="32"><rect width="96" height="32" rx="8" fill="#6d28d9"/></svg>';

/** Someone whose browser gets the logo from the product's own server. */
async function guest(options: VisitorOptions = {}): Promise<Visitor> {
  const visitor = await visit(bench, options);
  await visitor.context.route('https://cdn.parlo.example/**', (route) =>
    route.fulfill({ contentType: 'image/svg+xml', body: SVG }),
  );
  return visitor;
}

const plus = (wanted: Json = {}): Promise<Driver> =>
  Driver.open(bench.stack, { plan: 'plus', trial: false, ...wanted });

const buy = (driver: Driver, pack: string, packs = 1) => driver.post('purchases', { packs, pack });

/** Words of the built-in catalogue, of its page, and of this software. */
const FOREIGN =
  /premium|heygen|creator|\bpro\b|business|enterprise|avatar|video|look|motion|drawdown|free plan|seconds|items/gi;

/** All that a person or a screen reader gets of a page: title, text, and the attributes that are read out. */
const readable = (page: Page) =>
  page.evaluate<string>(`[
    document.title,
    document.body.textContent,
    ...[...document.querySelectorAll('*')].flatMap((element) =>
      ['alt', 'title', 'aria-label', 'placeholder'].map((name) => element.getAttribute(name) ?? '')),
  ].join('\\n')`);

async function expectOwn(page: Page): Promise<void> {
  expect((await readable(page)).match(FOREIGN)).toBeNull();
  expect(await page.title()).toContain('Parlo');
  const logo = page.locator('.brand img');
  expect(await logo.getAttribute('alt')).toBe('Parlo');
  expect(await page.evaluate('document.querySelector(".brand img").naturalWidth')).toBe(96);
  expect(await page.getAttribute('.brand a', 'href')).toBe('https://parlo.example/app');
}

const PAGES = {
  wallet: '/wallet',
  'add-ons': '/wallet/add-ons',
  activity: '/wallet/activity',
  cancel: '/wallet/cancel',
  prompt: '/wallet/out-of-credits?needed=9000',
  refusal: '/wallet/nowhere',
};

/** The pages of which pictures can be made. */
const PICTURES = ['wallet', 'add-ons', 'prompt'];

describe.each(LOOKS)('at $width px, dark: $dark', (look) => {
  test('every page has the product’s words, logo and colour, and is sound', async () => {
    const driver = await plus();
    await use(driver, 'chat_reply', 150_000);
    await buy(driver, 'pack_1000', 2);
    await buy(driver, 'boost_500');
    const visitor = await guest(look);
    await enter(bench, visitor, driver.id);
    const { accent } = shadesOf(CHAT_CATALOG.brand.accent!, look.dark ? 'dark' : 'light');
    for (const [name, path] of Object.entries(PAGES)) {
      await visitor.page.goto(path);
      if (look.width > 600 && !look.dark && PICTURES.includes(name))
        await picture(visitor.page, `own-${name}`);
      await expectOwn(visitor.page);
      await expectSound(visitor.page);
      const shown = 'getComputedStyle(document.documentElement).getPropertyValue("--accent")';
      expect(await visitor.page.evaluate(shown)).toBe(accent);
    }
    expect(visitor.complaints).toEqual([expect.stringContaining('404')]);
    await visitor.leave();
  });

  test('a trial, a free plan, a contract and an unpaid renewal are sound too', async () => {
    const lives = [
      await Driver.open(bench.stack, { plan: 'plus' }),
      await Driver.open(bench.stack, { plan: 'plus', payment_method: 'sandbox_ok' }),
      await Driver.open(bench.stack, { plan: 'free', interval: 'week' }),
      await Driver.open(bench.stack, { plan: 'team', allowance: 700 }),
    ];
    const unpaid = await plus();
    await unpaid.put('payment_method', { payment_method: 'sandbox_declined' });
    await unpaid.advance('2026-03-01T12:00:00Z');
    for (const driver of [...lives, unpaid]) {
      const visitor = await guest(look);
      await enter(bench, visitor, driver.id);
      for (const path of ['/wallet', '/wallet/add-ons', '/wallet/out-of-credits?needed=9000']) {
        await visitor.page.goto(path);
        await expectOwn(visitor.page);
        await expectSound(visitor.page);
      }
      await visitor.leave();
    }
  });
});

async function at(driver: Driver, path = '/wallet'): Promise<{ visitor: Visitor; page: Page }> {
  const visitor = await guest();
  await enter(bench, visitor, driver.id);
  await visitor.page.goto(path);
  return { visitor, page: visitor.page };
}

test('the policy allows the logo’s origin and no other', async () => {
  const { visitor, page } = await at(await plus());
  const answer = await page.goto('/wallet');
  expect(answer!.headers()['content-security-policy']).toContain(
    "img-src 'self' data: https://cdn.parlo.example;",
  );
  await page.evaluate(
    'new Promise((done) => { const image = new Image(); image.onerror = done; image.src = "https://other.example/a.png"; })',
  );
  expect(visitor.complaints).toEqual([expect.stringContaining('Content Security Policy')]);
  await visitor.leave();
});

test('rates and amounts are in the feature’s unit, and credits by their name', async () => {
  const driver = await plus();
  await use(driver, 'chat_reply', 987_500);
  const { visitor, page } = await at(driver);
  expect(await textOf(page, '#available')).toBe('Token credits available');
  expect(await textOf(page, '.number')).toBe('25');
  expect(await textOf(page, '[aria-labelledby=buys]')).toContain('1,000 tokens = 2 credits');
  expect(await textOf(page, '[aria-labelledby=buys]')).toContain('12,500 tokens');
  await visitor.leave();
});

describe('several packs', () => {
  test('each is offered with its term, and whether it renews', async () => {
    const { visitor, page } = await at(await plus(), '/wallet/add-ons');
    const cards = await page.locator('.card:has(form[action="/wallet/purchases"])').allInnerTexts();
    const [boost, small, large] = cards.map((text) => text.replaceAll(/\s+/g, ' '));
    expect(boost).toContain('Boost once 500 credits for $6.00 each');
    expect(boost).toContain('Bought once: it does not renew. What you buy now expires on Apr 1.');
    expect(small).toContain('Token Pack S monthly 1,000 credits for $10.00 each');
    expect(small).toContain('What you buy now expires 90 days after your next renewal: May 29.');
    expect(large).toContain('What you buy now stays as long as your subscription.');
    await visitor.leave();
  });

  test('one is bought, and one of them is removed from the add-on by its name', async () => {
    const driver = await plus();
    const { visitor, page } = await at(driver, '/wallet/add-ons');
    const buyOf = async (id: string) => {
      await page.goto('/wallet/add-ons');
      await page.locator(`form:has([name=pack][value=${id}]) button.primary`).click();
      await page.locator('.note[role=status]', { hasText: 'Thank you.' }).waitFor();
    };
    for (const id of ['boost_500', 'pack_1000', 'pack_5000']) await buyOf(id);
    expect(await driver.available()).toBe(8_500);
    expect(await textOf(page, '[aria-labelledby=charge]')).toContain(
      'Plus $19.00 + 1 × Token Pack S $10.00 + 1 × Token Pack L $40.00 = $69.00',
    );
    await page.goto('/wallet/add-ons');
    const active = await textOf(page, '[aria-labelledby=active]');
    expect(active).toContain('1 × Token Pack S 1,000 credits for $10.00');
    expect(active).not.toContain('Boost');
    await page.locator('form[action="/wallet/add-ons"]:has([value=pack_1000]) button').click();
    await page.locator('.note[role=status]', { hasText: 'The add-on is changed.' }).waitFor();
    expect(await driver.subscription()).toMatchObject({
      add_on: { packs: 1, items: [{ pack: 'pack_5000', quantity: 1 }] },
    });
    expect(await textOf(page, '[aria-labelledby=active]')).toContain('1 × Token Pack L');
    expect(await driver.available()).toBe(8_500);
    await visitor.leave();
  });

  test('a form that names one pack and the price of another buys nothing', async () => {
    const driver = await plus();
    const { visitor, page } = await at(driver, '/wallet/add-ons');
    const form = 'form:has([name=pack][value=pack_5000])';
    await page.evaluate(`document.querySelector('${form} [name=price]').value = '1000'`);
    await page.locator(`${form} button.primary`).click();
    await page.getByText('The price has changed').waitFor();
    expect(await driver.available()).toBe(2_000);
    await visitor.leave();
  });

  test('the prompt sells the cheapest that covers it, or another', async () => {
    const driver = await plus();
    const { visitor, page } = await at(driver, '/wallet/out-of-credits?needed=2900');
    expect(await textOf(page, 'dialog')).toContain(
      '1 × Token Pack S covers it: 1,000 credits, to use until May 29.',
    );
    expect(await textOf(page, '#total')).toBe('$10.00 for 1,000 credits');
    await page.click('dialog summary');
    expect(await page.locator('dialog details button').allInnerTexts()).toEqual([
      'Buy 2 × Boost for $12.00',
      'Buy 1 × Token Pack L for $40.00',
    ]);
    await page.getByRole('button', { name: 'Buy 2 × Boost' }).click();
    await page.getByText('You have enough credits').waitFor();
    expect(await driver.available()).toBe(3_000);
    expect(await driver.subscription()).toMatchObject({ add_on: { packs: 0 } });
    expect(await page.getAttribute('main a.primary', 'href')).toBe('https://parlo.example/app');
    await visitor.leave();
  });
});

test('a trial says its end and price, and begins the plan on a press', async () => {
  const driver = await Driver.open(bench.stack, { plan: 'plus', payment_method: 'sandbox_ok' });
  const { visitor, page } = await at(driver, '/wallet/add-ons');
  expect(await textOf(page, 'main')).toContain('Your trial ends on Feb 7; then $19.00 monthly.');
  expect(await textOf(page, 'main')).toContain('Packs can be bought once your plan has begun.');
  await page.getByRole('button', { name: 'Begin the plan now for $19.00' }).click();
  await page.locator('.note[role=status]', { hasText: 'your trial is over' }).waitFor();
  expect(await driver.subscription()).toMatchObject({ status: 'active' });
  // Credits of the trial keep their date.
  expect(await textOf(page, '.number')).toBe('2,200');
  await visitor.leave();
});

test('a declined start of the plan leads to support', async () => {
  const driver = await Driver.open(bench.stack, { plan: 'plus', payment_method: 'sandbox_declined' });
  const { visitor, page } = await at(driver);
  await page.getByRole('button', { name: 'Begin the plan now' }).click();
  await page.getByRole('heading', { name: 'The payment was declined' }).waitFor();
  expect(await page.getByRole('link', { name: 'Contact support' }).getAttribute('href')).toBe(
    'https://parlo.example/help',
  );
  await visitor.leave();
});

test('a free plan is free, by the week, and sells no packs', async () => {
  const { visitor, page } = await at(await Driver.open(bench.stack, { plan: 'free', interval: 'week' }));
  const charge = await textOf(page, '[aria-labelledby=charge]');
  expect(charge).toContain('Free');
  expect(charge).toContain('Free, weekly');
  expect(charge).not.toContain('$');
  await page.goto('/wallet/add-ons');
  expect(await textOf(page, 'main')).toContain('No packs are offered for your plan at the moment.');
  expect(await page.getByRole('button', { name: 'Buy Now' }).count()).toBe(0);
  await visitor.leave();
});

test('a contract names its people', async () => {
  const driver = await Driver.open(bench.stack, { plan: 'team', allowance: 700 });
  const { visitor, page } = await at(driver, '/wallet/add-ons');
  expect(await textOf(page, 'main')).toContain(
    'Team users currently have to reach out to their account manager to purchase token credits.',
  );
  expect(await page.getByRole('link', { name: 'Ask for credits' }).getAttribute('href')).toBe(
    'mailto:sales@parlo.example',
  );
  await visitor.leave();
});

test('the studio plays this product', async () => {
  const visitor = await guest();
  const { page } = visitor;
  await page.goto('/demo');
  expect(await textOf(page, 'main')).toContain('It starts a Plus plan with 2,000 credits');
  await page.click('form[action="/demo/start"] button');
  await page.locator('.makings').waitFor();
  expect(await textOf(page, '.makings')).toContain('Chat reply 50,000 tokens. Make it 100 credits');
  for (let i = 0; i < 2; i += 1) {
    await page.locator('.makings li button').last().click();
    await page.waitForLoadState();
  }
  await page.waitForURL('**/demo?short=*');
  await page.click('dialog summary');
  expect((await readable(page)).match(FOREIGN)).toBeNull();
  await expectSound(page);
  await page.getByRole('button', { name: 'Buy 1 × Token Pack L' }).click();
  await page.locator('.note', { hasText: 'Thank you. 5,000 credits are yours to use' }).waitFor();
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

describe('<drawdown-paywall> on the product’s page', () => {
  const element = readFileSync(fileURLToPath(import.meta.resolve('drawdown-client/paywall')), 'utf8');
  const APP = `<!doctype html><html lang="en"><head><title>Parlo</title><meta name="color-scheme" content="light dark">
    <link rel="icon" href="data:,">
    <style>drawdown-paywall { --drawdown-accent: #6d28d9; --drawdown-on-accent: #fff }</style></head>
    <body><main><h1><img src="${LOGO}" alt="Parlo" height="32"></h1></main><drawdown-paywall></drawdown-paywall>
    <script type="module" src="/paywall.js"></script></body></html>`;

  /** The product's page with a 402 on it; what is bought goes through this process, as through a back end. */
  async function refused(driver: Driver, tokens: number, options: VisitorOptions = {}): Promise<Visitor> {
    const visitor = await guest(options);
    const { context, page } = visitor;
    await context.route('https://parlo.example/**', (route) =>
      route.request().url().endsWith('paywall.js')
        ? route.fulfill({ contentType: 'text/javascript', body: element })
        : route.fulfill({ contentType: 'text/html', body: APP }),
    );
    await page.exposeFunction('buyPacks', async (packs: number, pack: string) => {
      return (await driver.post('purchases', { packs, pack })).body;
    });
    const { body } = await driver.post('usage', { items: [{ feature: 'chat_reply', quantity: tokens }] });
    await page.goto('https://parlo.example/chat');
    await page.evaluate(`customElements.whenDefined('drawdown-paywall').then(() => {
      window.paywall = document.querySelector('drawdown-paywall');
      paywall.buy = (packs, { pack }) => buyPacks(packs, pack);
      paywall.show(${JSON.stringify(body)});
    })`);
    return visitor;
  }
  const dialog = (page: Page) => page.getByRole('dialog', { name: 'You are out of token credits' });

  test.each(LOOKS)('has its words and colour, and is sound at $width px, dark: $dark', async (look) => {
    const visitor = await refused(await plus(), 1_450_000, look);
    const { page, complaints } = visitor;
    const text = await dialog(page).innerText();
    expect(text).toContain('This needs 2,900 credits and you have 2,000 credits.');
    expect(text.match(FOREIGN)).toBeNull();
    const button = 'paywall.shadowRoot.querySelector("button.main")';
    expect(await page.evaluate(`getComputedStyle(${button}).backgroundColor`)).toBe('rgb(109, 40, 217)');
    await expectSound(page);
    expect(complaints).toEqual([]);
    await visitor.leave();
  });

  test('offers the cheapest pack that covers it, and another by choice', async () => {
    const driver = await plus();
    const visitor = await refused(driver, 1_450_000);
    const { page } = visitor;
    const shown = dialog(page);
    await shown.getByText('1,000 credits for $10.00, yours until').waitFor();
    await shown.getByText('Packs renew with your plan').waitFor();
    const packs = page.getByRole('combobox', { name: 'Packs' });
    expect(await packs.locator('option').allInnerTexts()).toEqual([
      '1 × Token Pack S',
      '2 × Boost',
      '1 × Token Pack L',
    ]);
    await packs.selectOption('1 × Token Pack L');
    await shown.getByText('5,000 credits for $40.00, yours as long as you subscribe.').waitFor();
    await packs.selectOption('2 × Boost');
    await shown.getByText('1,000 credits for $12.00').waitFor();
    expect(await shown.innerText()).not.toContain('renew');
    await page.getByRole('button', { name: 'Buy Now' }).click();
    await page.getByText('1,000 credits were added.').waitFor();
    expect(await driver.available()).toBe(3_000);
    expect(await driver.subscription()).toMatchObject({ add_on: { packs: 0 } });
    await visitor.leave();
  });
});
