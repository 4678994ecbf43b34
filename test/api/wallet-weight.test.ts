import { performance } from 'node:perf_hooks';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { Driver } from './driver.ts';
import { PageVisitor, textOf } from './pages.ts';

// The weight and time of pages with a ledger that has grown: 5,000 entries, or the most grants and the largest numbers.

const PAGES = [
  '/wallet',
  '/wallet/add-ons',
  '/wallet/activity',
  '/wallet/cancel',
  '/wallet/out-of-credits?needed=99999',
];
const MOST_BYTES = 40 * 1024;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

async function spendMany(driver: Driver, times: number): Promise<void> {
  for (let sent = 0; sent < times; sent += 100) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => driver.spend(1)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  }
}

test('a ledger of 5,000 entries: each page is under 40 KB; its server time is told', async () => {
  const driver = await Driver.open(stack);
  await driver.give(20_000);
  await spendMany(driver, 2_500);
  await driver.advance('2026-02-10T00:00:00Z');
  await spendMany(driver, 2_500);
  const [row] = await stack.db.execute<{ n: string }>(
    sql`select count(*) as n from entries where subscription_id = ${driver.id}`,
  );
  expect(Number(row!.n)).toBeGreaterThanOrEqual(5_000);
  const visitor = await PageVisitor.enter(stack, driver.id);
  for (const path of PAGES) {
    const times: number[] = [];
    let bytes = 0;
    for (let i = 0; i < 40; i += 1) {
      const from = performance.now();
      const { status, html } = await visitor.get(path);
      times.push(performance.now() - from);
      expect(status).toBe(200);
      bytes = Buffer.byteLength(html);
    }
    times.sort((a, b) => a - b);
    process.stdout.write(
      `  ${path}: p50 ${times[20]!.toFixed(1)} ms, p95 ${times[38]!.toFixed(1)} ms, ${(bytes / 1024).toFixed(1)} KB\n`,
    );
    expect(bytes, path).toBeLessThan(MOST_BYTES);
  }
});

test('hundreds of grants and the largest numbers there are stay readable, and light', async () => {
  const driver = await Driver.open(stack, { plan: 'enterprise', allowance: 1_000_000_000_000 });
  for (let i = 0; i < 30; i += 1)
    await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        driver.give(
          1_000_000_000 + i * 5 + n,
          `2026-04-${String((i % 28) + 1).padStart(2, '0')}T0${n}:00:00Z`,
        ),
      ),
    );
  const visitor = await PageVisitor.enter(stack, driver.id);
  const { html } = await visitor.get('/wallet');
  expect(Buffer.byteLength(html)).toBeLessThan(MOST_BYTES);
  const page = textOf(html);
  expect(page).toContain('1,150,000,011,175');
  expect(page).toMatch(/and 139 more with [\d,]+ credits/);
  expect(page).toMatch(/, and [\d,]+ later\./);
});

test('the script is under 8 KB, and linked files never have to be asked for again', async () => {
  const visitor = new PageVisitor(stack);
  const { html } = await visitor.get('/wallet/closed');
  const [script] = /\/assets\/script\.js\?v=[\w-]+/.exec(html)!;
  const answer = await visitor.get(script);
  expect(Buffer.byteLength(answer.html)).toBeLessThan(8 * 1024);
  expect(answer.headers.get('Cache-Control')).toBe('public, max-age=31536000, immutable');
  expect(answer.headers.get('Content-Type')).toBe('text/javascript; charset=utf-8');
  const tag = { 'If-None-Match': answer.headers.get('ETag')! };
  expect((await visitor.get('/assets/script.js', tag)).status).toBe(304);
  // An older address gets the newest file, and no browser keeps it.
  expect((await visitor.get('/assets/script.js?v=before')).headers.get('Cache-Control')).toBe('no-cache');
});

test('pages forbid browsers to frame, sniff or store them', async () => {
  const { headers } = await new PageVisitor(stack).get('/wallet/closed');
  const said = ['Content-Security-Policy', 'X-Content-Type-Options', 'Referrer-Policy', 'Cache-Control'];
  expect(said.map((name) => headers.get(name))).toEqual([
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    'nosniff',
    'same-origin',
    'no-store',
  ]);
});
