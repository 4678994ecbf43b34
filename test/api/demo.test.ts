import { afterAll, beforeAll, expect, test } from 'vitest';
import { OWN_CATALOG } from '../support/own-catalog.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { PageVisitor, textOf } from './pages.ts';

// The demo studio with a catalogue of its own: it starts that catalogue's plans and sells its features.
// test/browser/studio.test.ts plays with the built-in one.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ catalog: OWN_CATALOG });
});
afterAll(() => stack?.stop());

test('the studio starts a plan of the catalogue, and every button of it makes something of it', async () => {
  const visitor = new PageVisitor(stack);
  expect(textOf((await visitor.get('/demo')).html)).toContain('It starts a Business plan with 60 credits');
  expect((await visitor.post('/demo/start')).status).toBe(303);
  const studio = await visitor.get('/demo');
  expect(textOf(studio.html)).toMatch(
    /Page 1 use\. Make it 4 credits Minutes 9 min\. Make it 9 credits Page 4 uses\. Make it 16 credits Minutes 45 min\. Make it 45 credits/,
  );
  const makings = [...studio.html.matchAll(/name="making" value="(\w+)"/g)].map(([, making]) => making!);
  expect(makings).toEqual(['small', 'medium', 'large', 'huge']);
  const places = [];
  for (const making of makings)
    places.push((await visitor.post('/demo/make', { making })).headers.get('Location'));
  expect(places).toEqual([...Array(3).fill('/demo'), expect.stringMatching(/^\/demo\?short=huge&/)]);
  const short = await visitor.get(places[3]!);
  expect(textOf(short.html)).toContain('1 pack covers it: 40 credits');
});
