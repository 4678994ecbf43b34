import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { headingOf, PageVisitor } from './pages.ts';

// The address that a start prints: a page for browsers, JSON for programs, without a key.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ withWorker: false });
});
afterAll(() => stack?.stop());

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

test('a browser gets a page whose every link leads somewhere', async () => {
  const visitor = new PageVisitor(stack);
  const home = await visitor.get('/', { Accept: BROWSER });
  expect(home.status).toBe(200);
  expect(headingOf(home)).toBe('Subscription credits are served here');
  expect(home.headers.get('Vary')).toBe('Accept');
  expect(home.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
  const links = [...home.html.matchAll(/<a href="(\/[^"]*)"/g)].map(([, href]) => href!);
  expect(links).toEqual(['/demo', '/console', '/openapi.json']);
  for (const link of links) expect((await visitor.get(link)).status, link).toBeLessThan(400);
});

test.each(['*/*', 'application/json', ''])('Accept: %j gets the same as JSON', async (accept) => {
  const answer = await new PageVisitor(stack).get('/', accept === '' ? {} : { Accept: accept });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Content-Type')).toContain('application/json');
  expect(JSON.parse(answer.html)).toEqual({
    name: 'Drawdown',
    api: 'http://localhost/v1',
    openapi: 'http://localhost/openapi.json',
    console: 'http://localhost/console',
    demo: 'http://localhost/demo',
  });
});
