import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import { type Stack, type StackOptions, startStack } from '../support/stack.ts';
import { launch } from './chromium.ts';

// A stack that listens on a port of this machine, and people who look at its pages with a real browser.

export interface Bench {
  stack: Stack;
  url: string;
  browser: Browser;
  stop(): Promise<void>;
}

export async function openBench(options: StackOptions = {}): Promise<Bench> {
  const browser = await launch();
  const stack = await startStack(options);
  return {
    stack,
    url: stack.url,
    browser,
    async stop() {
      await browser.close();
      await stack.stop();
    },
  };
}

export interface Visitor {
  context: BrowserContext;
  page: Page;
  /** The complaints of the browser's console and of the network. */
  complaints: string[];
  leave(): Promise<void>;
}

export interface VisitorOptions {
  width?: number;
  dark?: boolean;
  script?: boolean;
  locale?: string;
}

/** Someone with a browser of their own. Motion is reduced, so that nothing has to be waited for. */
export async function visit(bench: Bench, options: VisitorOptions = {}): Promise<Visitor> {
  const { width = 1100, dark = false, script = true, locale = 'en-US' } = options;
  const context = await bench.browser.newContext({
    baseURL: bench.url,
    viewport: { width, height: width < 600 ? 800 : 900 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    javaScriptEnabled: script,
    locale,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { context, page, complaints, leave: () => context.close() };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** WCAG 2.2 A and AA, and axe's own best practices: each violation with where it is. */
export async function axeFaults(page: Page): Promise<string[]> {
  // Through the debugger, which the page's policy does not bind.
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<AxeResults> } };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
  });
}

interface AxeResults {
  violations: { id: string; nodes: { html: string }[] }[];
}

/** How a page is looked at: both schemes, wide and narrow. */
export const LOOKS = [
  { width: 1100, dark: false },
  { width: 1100, dark: true },
  { width: 360, dark: false },
  { width: 360, dark: true },
];

/** Nothing for axe to name, nothing wider than the window. */
export async function expectSound(page: Page): Promise<void> {
  expect(await axeFaults(page)).toEqual([]);
  // In the page, where `document` is known.
  const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
  expect(overflow).toBeLessThanOrEqual(0);
}
