import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EVENT_TYPES } from '../../src/domain/events.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, faultsOf, type Json, type Page } from './driver.ts';
import { expectProblem } from './problem.ts';

// Endpoints, events and replays over HTTP. Nothing delivers here, so deliveries stay pending.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ withWorker: false, allowsPrivateReceivers: false });
});
afterAll(() => stack.stop());

const AT = '/v1/webhook_endpoints';
const url = 'https://example.com/hooks';
const make = async (wanted: Json = {}): Promise<Json> =>
  bodyOf(await stack.request('POST', AT, { body: { url, ...wanted } }), 201);
const get = async (path: string): Promise<Json> => bodyOf(await stack.request('GET', path));

describe('an endpoint', () => {
  test('is made with a secret that is shown once', async () => {
    const { secret, ...made } = await make({ types: ['credits.low'], description: 'mails' });
    expect(made).toEqual({
      id: expect.stringMatching(/^whe_[0-9a-z]{26}$/),
      url,
      types: ['credits.low'],
      description: 'mails',
      disabled: false,
      disabled_at: null,
      created_at: expect.stringMatching(/Z$/),
    });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const answers = [
      await stack.request('GET', `${AT}/${made['id']}`),
      await stack.request('GET', `${AT}?limit=100`),
      await stack.request('PATCH', `${AT}/${made['id']}`, { body: { description: 'more mails' } }),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).not.toContain('whsec_');
    }
    expect(answers[0]!.body).toEqual(made);
    expect((await make())['secret']).not.toBe(secret);
  });

  test.each([
    ['all types', { types: [...EVENT_TYPES] }, 'ok'],
    ['types null', { types: null }, 'ok'],
    ['no URL', { url: undefined }, 'invalid_request: /url'],
    ['a URL that is none', { url: 'hooks' }, 'invalid_request: /url'],
    ['http', { url: 'http://example.com/' }, 'invalid_request: /url'],
    ['a password in the URL', { url: 'https://a:b@example.com/' }, 'invalid_request: /url'],
    ['a private address', { url: 'https://10.0.0.1/' }, 'invalid_request: /url'],
    ['a URL without end', { url: `https://example.com/${'x'.repeat(2_000)}` }, 'invalid_request: /url'],
    ['a type nobody tells', { types: ['credits.gone'] }, 'invalid_request: /types/0'],
    ['the type of tests', { types: ['webhook.test'] }, 'invalid_request: /types/0'],
    ['no type at all', { types: [] }, 'invalid_request: /types'],
    ['a NUL', { description: '\u0000' }, 'invalid_request: /description'],
    ['its own secret', { secret: 'whsec_x' }, 'invalid_request: /secret'],
    ['disabled', { disabled: true }, 'invalid_request: /disabled'],
  ])('with %s', async (_, wanted, outcome) => {
    const before = (await get(`${AT}?limit=100`))['data'] as Json[];
    expect(faultsOf(await stack.request('POST', AT, { body: { url, ...wanted } }))).toBe(outcome);
    const after = (await get(`${AT}?limit=100`))['data'] as Json[];
    expect(after.length - before.length).toBe(outcome === 'ok' ? 1 : 0);
  });

  test('changes only the named members; disabled twice it is disabled since the first time', async () => {
    const { id, secret: _, ...made } = await make({ types: ['credits.low'], description: 'mails' });
    const patch = async (body: Json) => bodyOf(await stack.request('PATCH', `${AT}/${id}`, { body }));
    expect(await patch({})).toEqual({ id, ...made });
    expect(await patch({ types: null })).toEqual({ id, ...made, types: null });
    expect(await patch({ url: 'https://example.org/' })).toMatchObject({
      url: 'https://example.org/',
      types: null,
      description: 'mails',
      disabled: false,
    });
    const { disabled_at: since } = await patch({ disabled: true });
    expect(since).toMatch(/Z$/);
    expect(await patch({ disabled: true, description: null })).toMatchObject({
      disabled: true,
      disabled_at: since,
      description: null,
    });
    expect(await patch({ description: 'again' })).toMatchObject({ disabled: true, disabled_at: since });
    expect(await patch({ disabled: false })).toMatchObject({ disabled: false, disabled_at: null });
    const refused = await stack.request('PATCH', `${AT}/${id}`, { body: { url: 'https://127.1/' } });
    expect(faultsOf(refused)).toBe('invalid_request: /url');
    expect(await get(`${AT}/${id}`)).toMatchObject({ url: 'https://example.org/' });
  });

  test('is deleted once, and missing from then on', async () => {
    const { id } = await make();
    expect(bodyOf(await stack.request('DELETE', `${AT}/${id}`))).toEqual({ id, deleted: true });
    const body = { since: '2026-01-01T00:00:00Z' };
    for (const answer of [
      await stack.request('DELETE', `${AT}/${id}`),
      await stack.request('GET', `${AT}/${id}`),
      await stack.request('PATCH', `${AT}/${id}`, { body: {} }),
      await stack.request('POST', `${AT}/${id}/rotate_secret`, { body: {} }),
      await stack.request('POST', `${AT}/${id}/test`, { body: {} }),
      await stack.request('POST', `${AT}/${id}/replay`, { body }),
    ])
      expectProblem(answer, 'not_found');
  });

  test('gets another secret, beside which the one before signs for a day', async () => {
    const { id, secret } = await make();
    const rotated = bodyOf(await stack.request('POST', `${AT}/${id}/rotate_secret`, { body: {} }));
    expect(rotated).toMatchObject({ id, secret: expect.stringMatching(/^whsec_/) });
    expect(rotated['secret']).not.toBe(secret);
    const left = Date.parse(String(rotated['previous_secret_until'])) - Date.now();
    expect(Math.abs(left - 86_400_000)).toBeLessThan(60_000);
  });

  test('is listed newest first, page by page', async () => {
    const made = [await make(), await make(), await make()].map(({ id }) => id);
    const first = (await get(`${AT}?limit=2`)) as unknown as Page;
    expect(first.data.map(({ id }) => id)).toEqual([made[2], made[1]]);
    const rest = (await get(`${AT}?limit=1&cursor=${first.next_cursor}`)) as unknown as Page;
    expect(rest.data.map(({ id }) => id)).toEqual([made[0]]);
  });
});

describe('a test event', () => {
  test('is made for one endpoint alone', async () => {
    const { id } = await make();
    await make();
    const { event_id } = bodyOf(await stack.request('POST', `${AT}/${id}/test`, { body: {} }));
    expect(await get(`/v1/events/${event_id}`)).toMatchObject({
      id: event_id,
      type: 'webhook.test',
      data: { endpoint_id: id },
      deliveries: [{ endpoint_id: id, status: 'pending', attempts: 0, response_status: null, failure: null }],
    });
  });

  test('is refused to one that is disabled', async () => {
    const { id } = await make();
    await stack.request('PATCH', `${AT}/${id}`, { body: { disabled: true } });
    const answer = await stack.request('POST', `${AT}/${id}/test`, { body: {} });
    expect(expectProblem(answer, 'invalid_request').detail).toContain('disabled');
  });
});

describe('events', () => {
  beforeAll(() =>
    stack.db.execute(sql`
      select emit_event('sub_' || n % 2, case when n < 4 then 'grant.made' else 'credits.low' end,
        timestamptz '2026-02-17 00:00Z' - n * interval '1 day', jsonb_build_object('n', n, 'nothing', null))
      from generate_series(1, 6) n`),
  );
  const listed = async (query: string) =>
    ((await get(`/v1/events?${query}`)) as unknown as Page).data.map(({ data }) => (data as Json)['n']);

  test('are listed in the order in which they were recorded, whenever they happened', async () => {
    expect(await listed('type=grant.made')).toEqual([3, 2, 1]);
    expect(await listed('type=grant.made&order=asc')).toEqual([1, 2, 3]);
    expect(await listed('subscription_id=sub_0')).toEqual([6, 4, 2]);
    expect(await listed('subscription_id=sub_0&type=credits.low')).toEqual([6, 4]);
    expect(await listed('subscription_id=sub_none')).toEqual([]);
    expect(await listed('type=no.such')).toEqual([]);
  });

  test.each(['asc', 'desc'])('page by page, %s', async (order) => {
    const seen: unknown[] = [];
    let next = '';
    do {
      const page = (await get(
        `/v1/events?subscription_id=sub_1&limit=2&order=${order}${next && `&cursor=${next}`}`,
      )) as unknown as Page;
      seen.push(...page.data.map(({ data }) => (data as Json)['n']));
      next = page.next_cursor ?? '';
    } while (next !== '');
    expect(seen).toEqual(order === 'asc' ? [1, 3, 5] : [5, 3, 1]);
  });

  test('have the same body as for receivers', async () => {
    const { data } = (await get('/v1/events?type=grant.made&order=asc&limit=1')) as unknown as Page;
    expect(data).toEqual([
      {
        id: expect.stringMatching(/^evt_[0-9a-f]{26}$/),
        type: 'grant.made',
        timestamp: '2026-02-16T00:00:00.000Z',
        data: { subscription_id: 'sub_1', customer_id: null, n: 1 },
        recorded_at: expect.stringMatching(/Z$/),
      },
    ]);
    expect(await get(`/v1/events/${data[0]!['id']}`)).toEqual({ ...data[0], deliveries: [] });
  });

  test.each(['?limit=0', '?cursor=x', '?when=now', '?subscription_id='])('%s is refused', async (query) => {
    const answer = await stack.request('GET', `/v1/events${query}`);
    expect(faultsOf(answer)).toBe(`invalid_request: ${query.split('=')[0]}`);
  });
});

describe('a replay', () => {
  const ended = (id: unknown, status: string) =>
    stack.db.execute(sql`
      update deliveries set status = ${status}, started_at = created_at, ended_at = created_at, attempts = 10,
        response_status = 503, failure = 'status'
      where endpoint_id = ${String(id)}`);
  const post = (path: string, body: Json) => stack.request('POST', path, { body });

  test('of an event starts its deliveries again', async () => {
    const { id } = await make();
    const { event_id } = bodyOf(await post(`${AT}/${id}/test`, {}));
    const path = `/v1/events/${event_id}`;
    expect(bodyOf(await post(`${path}/replay`, {}))).toEqual({ replayed: 0 });
    await ended(id, 'failed');
    expect(bodyOf(await post(`${path}/replay`, {}))).toEqual({ replayed: 1 });
    expect((await get(path))['deliveries']).toMatchObject([
      { status: 'pending', attempts: 0, response_status: null, failure: null, ended_at: null },
    ]);
    await ended(id, 'delivered');
    expect(bodyOf(await post(`${path}/replay`, { endpoint_id: id }))).toEqual({ replayed: 1 });
    const { id: other } = await make();
    expect(bodyOf(await post(`${path}/replay`, { endpoint_id: other }))).toEqual({ replayed: 1 });
    expect((await get(path))['deliveries']).toHaveLength(2);
    await stack.request('PATCH', `${AT}/${other}`, { body: { disabled: true } });
    for (const endpoint_id of [other, 'whe_none'])
      expect(faultsOf(await post(`${path}/replay`, { endpoint_id }))).toBe('invalid_request: /endpoint_id');
  });

  test('of an endpoint starts the deliveries that failed', async () => {
    const { id } = await make();
    await post(`${AT}/${id}/test`, {});
    await post(`${AT}/${id}/test`, {});
    const path = `${AT}/${id}/replay`;
    const since = new Date(Date.now() - 60_000).toISOString();
    expect(bodyOf(await post(path, { since }))).toEqual({ replayed: 0 });
    await ended(id, 'failed');
    expect(bodyOf(await post(path, { since: new Date(Date.now() + 60_000).toISOString() }))).toEqual({
      replayed: 0,
    });
    expect(bodyOf(await post(path, { since }))).toEqual({ replayed: 2 });
    await ended(id, 'delivered');
    expect(bodyOf(await post(path, { since }))).toEqual({ replayed: 0 });
    expect(bodyOf(await post(path, { since, which: 'all' }))).toEqual({ replayed: 2 });
    for (const [body, fault] of [
      [{}, '/since'],
      [{ since: 'yesterday' }, '/since'],
      [{ since, which: 'some' }, '/which'],
    ] as const)
      expect(faultsOf(await post(path, body))).toBe(`invalid_request: ${fault}`);
    await stack.request('PATCH', `${AT}/${id}`, { body: { disabled: true } });
    expect(faultsOf(await post(path, { since }))).toBe('invalid_request: ');
  });
});
