import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectSound } from '../support/invariants.ts';
import { type Answer, type Stack, startStack } from '../support/stack.ts';
import { Visit } from './console-visit.ts';
import { bodyOf, Driver, faultsOf, type Json, start } from './driver.ts';
import { use } from './holding.ts';
import { PageVisitor } from './pages.ts';
import { expectProblem, seen } from './problem.ts';
import { filled, nameOf, ROUTES } from './routes.ts';

// Every entrance refuses text that PostgreSQL refuses, with its pointer, and the subscription goes on. Once such a text in a
// reason made an activity fail without end, and its subscription answered 503 for ever.

const BAD = { 'the first half of an emoji': 'ok \ud83d', 'the second half': 'ok \ude00', 'a NUL': 'o\0k' };

interface Schema extends Json {
  type?: string | string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  $ref?: string;
}

interface Operation {
  parameters?: { name: string; in: 'path' | 'query' | 'header' }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

let stack: Stack;
let driver: Driver;
let untouched: Json;
let schemas: Record<string, Schema>;
let operations: Record<string, Operation>;
beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
  untouched = await seen(driver);
  const { paths, components } = bodyOf<{
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Schema> };
  }>(await stack.request('GET', '/openapi.json'));
  schemas = components.schemas;
  operations = Object.fromEntries(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation]),
    ),
  );
});
afterEach(() => expectSound(stack.db));
afterAll(() => stack?.stop());

/** The places of text in a schema, each as the names on the way to it. */
function* textsIn(schema: Schema, way: string[] = []): Generator<string[]> {
  const named = schema.$ref ? schemas[schema.$ref.split('/').at(-1)!]! : schema;
  for (const option of named.anyOf ?? []) yield* textsIn(option, way);
  if ([named.type].flat().includes('string')) yield way;
  for (const [name, member] of Object.entries(named.properties ?? {})) yield* textsIn(member, [...way, name]);
  if (typeof named.additionalProperties === 'object')
    yield* textsIn(named.additionalProperties, [...way, 'any']);
  if (named.items) yield* textsIn(named.items, [...way, '0']);
}

/** A copy of a body with a value at the end of a way. */
function planted(body: unknown, [name, ...way]: string[], value: unknown): unknown {
  if (name === undefined) return value;
  const copy = (Array.isArray(body) ? [...body] : { ...(body as Json) }) as Json;
  const below = copy[name] ?? (way[0] === '0' ? [] : {});
  copy[name] = planted(below, way, value);
  return copy;
}

const send = (method: string, path: string, body?: unknown): Promise<Answer> =>
  stack.request(method, path, body === undefined ? {} : { body });

describe('every text of every operation', () => {
  test.each(ROUTES.map((route) => [nameOf(route), route] as const))('%s', async (name, route) => {
    const { parameters = [], requestBody } = operations[name]!;
    const path = filled(route.path, driver.id).replaceAll(/\{\w+\}/g, 'none_0');
    const refused = async (at: string, body: unknown, pointer: string, what: string) => {
      const answer = await send(route.method, at, body);
      expect(faultsOf(answer), `${pointer}: ${what}`).toBe(`invalid_request: ${pointer}`);
      expectProblem(answer, 'invalid_request');
    };

    // Percent-encoding of half a character is no UTF-8, and stays as it is: only a NUL comes this way.
    for (const { name: parameter, in: where } of parameters) {
      if (where === 'query') await refused(`${path}?${parameter}=a%00b`, route.body, `?${parameter}`, 'NUL');
      if (where !== 'path') continue;
      const at = route.path.replace(`{${parameter}}`, 'a%00b').replaceAll(/\{\w+\}/g, 'none_0');
      await refused(at, route.body, `:${parameter}`, 'a NUL');
      const half = route.path.replace(`{${parameter}}`, '%ED%A0%BD').replaceAll(/\{\w+\}/g, 'none_0');
      expect([400, 404]).toContain((await send(route.method, half, route.body)).status);
    }

    const schema = requestBody?.content['application/json']?.schema;
    // A member that nobody knows is none too: a schema of tomorrow can forget nothing.
    const ways = schema ? [...textsIn(schema), ['tomorrow'], ['tomorrow', '0', 'a/b']] : [];
    for (const way of ways)
      for (const [what, text] of Object.entries(BAD)) {
        const pointer = way.map((part) => `/${part.replaceAll('/', '~1')}`);
        await refused(path, planted(route.body, way, text), pointer.join(''), what);
        // An element has no name.
        if (way.at(-1) === '0') continue;
        const named = planted(route.body, [...way.slice(0, -1), text], 'x');
        await refused(path, named, pointer.slice(0, -1).join(''), `a member named with ${what}`);
      }
  });

  test('are as many as the document has', () => {
    const names = Object.values(operations).flatMap(({ requestBody }) =>
      [...(requestBody ? textsIn(requestBody.content['application/json']!.schema) : [])].map((way) =>
        way.join('/'),
      ),
    );
    expect(names).toEqual(
      expect.arrayContaining(['customer_id', 'metadata/any', 'reason', 'items/0/feature', 'test_clock/now']),
    );
    expect(names.length).toBeGreaterThanOrEqual(45);
  });

  test('and nothing was changed, and the subscription does as it is told', async () => {
    expect(await seen(driver)).toEqual(untouched);
    expect((await driver.spend(1)).status).toBe(201);
    expect(bodyOf(await driver.post('cancel', { at: 'renewal', reason: 'ok 😀' }))).toMatchObject({
      scheduled_change: { kind: 'cancel' },
    });
    expect((await driver.post('resume', {})).status).toBe(200);
  });
});

describe('a text that once broke a subscription: each is a 400 now, and the subscription answers', () => {
  const half = (text: string) => `${text} \ud83d`;
  type Ask = (of: Driver) => Promise<Answer>;
  const grant = { credits: 1, expires_at: '2030-01-01T00:00:00Z' };
  const usage = { items: [{ feature: 'generate_look', quantity: 1 }] };
  const chargeOf = ({ id }: Driver) => `chg_${id.slice('sub_'.length)}_s`;

  test.each<[string, string, Ask]>([
    ['the reason of a cancel', '/reason', (on) => on.post('cancel', { at: 'now', reason: half('ok') })],
    ['the customer of a start', '/customer_id', () => start(stack, { customer_id: half('c') })],
    ['metadata of a start', '/metadata/note', () => start(stack, { metadata: { note: half('n') } })],
    ['the reason of a grant', '/reason', (on) => on.post('grants', { ...grant, reason: half('r') })],
    [
      'the reason of a revocation',
      '/reason',
      async (on) => on.post(`grants/${(await on.give(5))['id']}/revoke`, { reason: half('r') }),
    ],
    ['a reference', '/reference', (on) => on.post('usage', { ...usage, reference: half('job') })],
    [
      'metadata of a usage',
      '/metadata/job',
      (on) => on.post('usage', { ...usage, metadata: { job: half('j') } }),
    ],
    [
      'the reason of a refund',
      '/reason',
      async (on) => on.post(`purchases/${(await on.buy(1))['id']}/refund`, { reason: half('r') }),
    ],
    [
      'a sandbox’s dispute',
      '/dispute',
      (on) =>
        stack.request('POST', `/v1/sandbox/charges/${chargeOf(on)}/dispute`, {
          body: { dispute: half('dp'), amount_minor: 1, status: 'open' },
        }),
    ],
    [
      'the reason of a reversal',
      '/reason',
      async (on) => on.post(`usage/${(await use(on, 2))['id']}/reverse`, { reason: half('r') }),
    ],
  ])('%s', async (_, pointer, ask) => {
    const own = await Driver.open(stack);
    expect(faultsOf(await ask(own))).toBe(`invalid_request: ${pointer}`);
    expect((await own.spend(1)).status).toBe(201);
    expect(bodyOf(await own.post('cancel', { at: 'now', reason: 'ok' }))).toMatchObject({ status: 'ended' });
  });
});

describe('pages', () => {
  const NUL = '%00';
  /** A body as no browser sends it. */
  const post = async (path: string, cookie: string, type: string, body: string) => {
    const headers = { 'Content-Type': type, Origin: 'http://localhost', Cookie: cookie };
    const request = new Request(`http://localhost${path}`, { method: 'POST', headers, body });
    return (await stack.fetch(request)).status;
  };
  const FORM = 'application/x-www-form-urlencoded';
  const PART = 'Content-Disposition: form-data; name=';

  test('of the wallet: in an address and in a form', async () => {
    const own = await Driver.open(stack);
    const visitor = await PageVisitor.enter(stack, own.id);
    const before = await seen(own);
    for (const below of ['', '/add-ons', '/activity', '/activity.csv', '/cancel', '/out-of-credits', '/live'])
      for (const name of ['purchase', 'done', 'before', 'show', 'needed', 'since', NUL])
        expect((await visitor.get(`/wallet${below}?${name}=${NUL}`)).status, below + name).toBe(400);
    expect((await visitor.get(`/wallet/${NUL}`)).status).toBe(400);
    for (const below of ['purchases', 'add-ons', 'cancel', 'resume', 'pay', 'leave']) {
      const path = `/wallet/${below}`;
      for (const body of [`key=a${NUL}`, `key=a&packs=${NUL}`, `key=a&${NUL}=1`])
        expect(await post(path, visitor.cookie!, FORM, body), body).toBe(400);
      expect(await post(path, visitor.cookie!, 'multipart/form-data', 'x'), 'no form').toBe(400);
      const part = `--b\r\n${PART}"packs"\r\n\r\n1\0\r\n--b--\r\n`;
      expect(await post(path, visitor.cookie!, 'multipart/form-data; boundary=b', part)).toBe(400);
    }
    expect(await seen(own)).toEqual(before);
    expect((await visitor.post('/wallet/cancel')).status).toBe(303);
  });

  test('of the console: in an address and in a form', async () => {
    const own = await Driver.open(stack);
    const visit = await Visit.begin(stack);
    const at = `/console/subscriptions/${own.id}`;
    const tie = Buffer.from(JSON.stringify([0, 0, 0, 'a\ud83d'])).toString('base64url');
    for (const path of [
      `/console?q=${NUL}`,
      `/console?q=a&in=${NUL}`,
      `/console/sign-in?to=${NUL}`,
      `/console/subscriptions/${NUL}`,
      `${at}?about=${NUL}`,
      `${at}?kind=${NUL}`,
      `${at}?after=${tie}`,
      `${at}/do/${NUL}`,
    ])
      expect((await visit.get(path)).status, path).toBe(400);
    for (const action of ['grant', 'revoke', 'refund', 'retry', 'settle', 'advance', 'cancel'])
      expect(await post(`${at}/do/${action}`, visit.cookie, FORM, `step=do&reason=a${NUL}`), action).toBe(
        400,
      );
    expect(await post('/console/sign-in', '', FORM, `key=${NUL}`)).toBe(400);
    expect((await own.subscription()).status).toBe('active');
  });

  test('of the console: a reason that is too long is cut between characters', async () => {
    const own = await Driver.open(stack);
    const visit = await Visit.begin(stack);
    const reason = `${'x'.repeat(499)}😀`;
    const path = `/console/subscriptions/${own.id}/do/cancel`;
    expect((await visit.post(path, { step: 'do', reason })).status).toBe(200);
    expect(await own.subscription()).toMatchObject({ status: 'ended' });
  });

  test('of the studio', async () => {
    const studio = new PageVisitor(stack);
    expect((await studio.post('/demo/start')).status).toBe(303);
    for (const name of ['made', 'making', 'short', 'again', 'advanced', 'purchase'])
      expect((await studio.get(`/demo?${name}=${NUL}`)).status, name).toBe(400);
    for (const below of ['make', 'purchases', 'advance', 'start'])
      expect((await studio.post(`/demo/${below}`, { making: '\0' })).status, below).toBe(400);
    expect((await studio.get('/demo')).status).toBe(200);
  });
});

describe('text that PostgreSQL and Temporal do take', () => {
  // It is a search attribute and a part of the summary in Temporal, and a key of two indexes in PostgreSQL.
  test.each(['漢'.repeat(255), '\u0001'.repeat(255), '🦊'.repeat(127), '"\\'.repeat(127)])(
    'a customer’s id of the longest kind: %s',
    async (customer_id) => {
      const own = await Driver.open(stack, { customer_id });
      expect(await own.subscription()).toMatchObject({ customer_id, status: 'active' });
    },
  );
});
