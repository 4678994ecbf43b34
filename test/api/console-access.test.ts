import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKey, SCOPES } from '../../src/api/auth.ts';
import { createApp } from '../../src/app.ts';
import { connect } from '../../src/db/client.ts';
import { newId } from '../../src/ids.ts';
import type { LogFields } from '../../src/telemetry/log.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { type Seen, textOf, Visit } from './console-visit.ts';
import { Driver } from './driver.ts';

// Who gets into the console and for how long, and the answer to everybody else.

let stack: Stack;
let driver: Driver;
beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
});
afterAll(() => stack.stop());

const PAGES = () => [
  '/console',
  '/console?q=x',
  '/console/fleet',
  `/console/subscriptions/${driver.id}`,
  '/console/subscriptions/sub_none',
  `/console/subscriptions/${driver.id}/do/grant`,
  '/console/nothing',
];

async function keyWith(scopes: readonly string[]): Promise<string> {
  const [id, secret] = [newId('key'), randomBytes(24).toString('base64url')];
  const hash = createHash('sha256').update(secret).digest('hex');
  await stack.db.execute(sql`insert into api_keys (id, secret_hash, scopes)
    values (${id}, ${hash}, ${`{${scopes.join(',')}}`}::text[])`);
  return `dd_test_${id.slice('key_'.length)}_${secret}`;
}

const idOf = (key: string): string => `key_${key.split('_')[2]}`;
const revoke = (key: string) =>
  stack.db.execute(sql`update api_keys set revoked_at = clock_timestamp() where id = ${idOf(key)}`);
const isOut = ({ status, headers }: Seen): boolean =>
  status === 303 && (headers.get('Location') ?? '').startsWith('/console/sign-in');

describe('the sign-in page', () => {
  test('says the same of every key that does not open it, and gives no cookie', async () => {
    const revoked = await createKey(stack.db, 'test');
    await revoke(revoked);
    const others = SCOPES.filter((scope) => scope !== 'operator');
    const wrong: Record<string, string> = {
      nothing: '',
      'no key': 'secret',
      'another secret': `${stack.key.slice(0, -8)}AAAAAAAA`,
      'the secret of another key': `dd_test_${newId('key').slice(4)}_${stack.key.split('_').slice(3).join('_')}`,
      'a revoked key': revoked,
      'a key without the scope': await keyWith(others),
      'a session token': 'drawdown_console=1',
      'an id that means something to objects': `dd_test_constructor_${'x'.repeat(32)}`,
    };
    const pages = new Set<string>();
    for (const [what, key] of Object.entries(wrong)) {
      const visit = new Visit(stack);
      const seen = await visit.post('/console/sign-in', { key });
      expect(seen.status, what).toBe(401);
      expect(seen.headers.get('Set-Cookie'), what).toBeNull();
      expect(isOut(await visit.get('/console')), what).toBe(true);
      pages.add(seen.html);
    }
    expect(pages.size).toBe(1);
    expect(textOf([...pages][0]!)).toContain('This key does not open the console.');
  });

  test('lets an operator in with a cookie that says nothing, is the console’s alone and ends', async () => {
    const key = await keyWith(['operator']);
    const visit = new Visit(stack);
    const seen = await visit.post('/console/sign-in', { key: ` ${key} ` });
    expect(seen.status).toBe(303);
    const cookie = seen.headers.get('Set-Cookie') ?? '';
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/console', `Max-Age=${8 * 3_600}`])
      expect(cookie).toContain(part);
    expect(cookie).not.toContain('Secure');
    expect([...seen.headers.values()].join() + seen.html).not.toContain(key.split('_').slice(3).join('_'));
    expect((await visit.get('/console')).status).toBe(200);
    const [row] = await stack.db.execute<{ hours: string; row: string }>(sql`
      select extract(epoch from expires_at - clock_timestamp()) / 3600 as hours, to_jsonb(s)::text as row
      from console_sessions s where key_id = ${idOf(key)}`);
    expect(Number(row!.hours)).toBeGreaterThan(7.9);
    expect(Number(row!.hours)).toBeLessThanOrEqual(8);
    expect(row!.row).not.toContain(visit.cookie.split('=')[1]);
  });

  test('gives a cookie for secure connections alone where the public address is one', async () => {
    const app = createApp({ ...stack.deps, publicUrl: 'https://credits.example' });
    const visit = new Visit({ fetch: (request) => app.fetch(request) });
    const seen = await visit.post('/console/sign-in', { key: stack.key });
    expect(seen.headers.get('Set-Cookie')).toMatch(/^__Secure-drawdown_console=.*; Secure/);
    expect((await visit.get('/console')).status).toBe(200);
  });

  test('has a line in the log for each key, with its id alone', async () => {
    const lines: [string, LogFields | undefined][] = [];
    const app = createApp({ ...stack.deps, log: (line, fields) => lines.push([line, fields]) });
    const visit = new Visit({ fetch: (request) => app.fetch(request) });
    await visit.post('/console/sign-in', { key: stack.key });
    const wrong = `dd_test_${newId('key').slice('key_'.length)}_${'x'.repeat(32)}`;
    for (const key of [wrong, 'my password']) await visit.post('/console/sign-in', { key });
    const request_id = expect.stringMatching(/^req_/);
    expect(lines).toEqual([
      ['console: signed in', { request_id, key_id: idOf(stack.key) }],
      ['console: a sign-in was refused', { level: 'warn', request_id, key_id: idOf(wrong) }],
      ['console: a sign-in was refused', { level: 'warn', request_id }],
    ]);
  });

  test('goes on to the page that was asked for, and to no other place', async () => {
    const asked = await new Visit(stack).get(`/console/subscriptions/${driver.id}?kind=money`);
    const place = new URL(asked.headers.get('Location')!, 'http://localhost');
    const to = place.searchParams.get('to')!;
    const letIn = async (wanted: string) =>
      (await new Visit(stack).post('/console/sign-in', { key: stack.key, to: wanted })).headers.get(
        'Location',
      );
    expect(await letIn(to)).toBe(`/console/subscriptions/${driver.id}?kind=money`);
    for (const elsewhere of [
      'https://evil.example/console',
      '//evil.example/console',
      '/v1/x',
      '/consoles',
      'javascript:1',
      '\\\\evil',
    ])
      expect(await letIn(elsewhere), elsewhere).toBe('/console');
  });

  test('gets every visitor without a visit, from every page', async () => {
    const visits = [new Visit(stack), new Visit(stack), new Visit(stack)];
    visits[1]!.cookie = `drawdown_console=${randomBytes(32).toString('base64url')}`;
    visits[2]!.cookie = "drawdown_console=' or 1=1 --";
    for (const visit of visits) {
      for (const page of PAGES()) expect(isOut(await visit.get(page)), page).toBe(true);
      const sent = await visit.post(`/console/subscriptions/${driver.id}/do/cancel`, {
        step: 'do',
        reason: 'x',
      });
      expect(isOut(sent)).toBe(true);
    }
    expect((await driver.subscription()).status).toBe('active');
  });
});

describe('a visit', () => {
  test('ends at once when its key is revoked', async () => {
    const key = await createKey(stack.db, 'test');
    const visit = await Visit.begin(stack, key);
    expect((await visit.get('/console/fleet')).status).toBe(200);
    await revoke(key);
    for (const page of PAGES()) expect(isOut(await visit.get(page)), page).toBe(true);
  });

  test('ends when its key loses the scope', async () => {
    const key = await createKey(stack.db, 'test');
    const visit = await Visit.begin(stack, key);
    await stack.db.execute(sql`update api_keys set scopes = '{read}' where id = ${idOf(key)}`);
    expect(isOut(await visit.get('/console'))).toBe(true);
  });

  test('ends when another sign-in takes its place', async () => {
    const visit = await Visit.begin(stack);
    const before = new Visit(stack);
    before.cookie = visit.cookie;
    await visit.post('/console/sign-in', { key: stack.key });
    expect(isOut(await before.get('/console'))).toBe(true);
    expect((await visit.get('/console')).status).toBe(200);
  });

  test('ends by signing out, also for a kept cookie', async () => {
    const visit = await Visit.begin(stack);
    const kept = visit.cookie;
    const seen = await visit.post('/console/sign-out', {});
    expect(seen.headers.get('Set-Cookie')).toContain('Max-Age=0');
    visit.cookie = kept;
    expect(isOut(await visit.get('/console'))).toBe(true);
  });

  test('ends after its hours, and the next sign-in forgets it', async () => {
    const visit = await Visit.begin(stack);
    await stack.db.execute(sql`update console_sessions set expires_at = clock_timestamp()`);
    expect(isOut(await visit.get('/console'))).toBe(true);
    await Visit.begin(stack);
    const [row] = await stack.db.execute<{ n: number }>(
      sql`select count(*)::int as n from console_sessions where expires_at <= clock_timestamp()`,
    );
    expect(row!.n).toBe(0);
  });

  test('is no key for the API, and a key of the API is no visit', async () => {
    const visit = await Visit.begin(stack);
    const request = new Request(`http://localhost/v1/subscriptions/${driver.id}`, {
      headers: { Cookie: visit.cookie },
    });
    expect((await stack.fetch(request)).status).toBe(401);
    const withKey = await stack.request('GET', '/console/fleet');
    expect(withKey.status).toBe(303);
  });
});

describe('a form', () => {
  test.each([
    ['another site’s', { Origin: 'https://evil.example' }],
    ['a sandboxed page’s', { Origin: 'null' }],
    [
      'a page’s of the same site, not ours',
      { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-site' },
    ],
  ])('of %s is refused, with the cookie too', async (_, headers) => {
    const visit = await Visit.begin(stack);
    const form = { step: 'do', reason: 'x', key: newId('console') };
    const seen = await visit.post(`/console/subscriptions/${driver.id}/do/cancel`, form, headers);
    expect(seen.status).toBe(403);
    expect((await driver.subscription()).status).toBe('active');
  });
});

describe('a missing object', () => {
  test('looks the same wherever it is missing', async () => {
    const visit = await Visit.begin(stack);
    const missing = [
      '/console/subscriptions/sub_none',
      `/console/subscriptions/${newId('sub')}`,
      '/console/subscriptions/__proto__',
      '/console/subscriptions/%27%3B%20drop%20table%20entries%3B%20--',
      `/console/subscriptions/${driver.id}/do/nothing`,
      `/console/subscriptions/${driver.id}/do/constructor`,
      '/console/subscriptions/sub_none/do/grant',
      // Nothing is past due, so there is nothing to try again.
      `/console/subscriptions/${driver.id}/do/retry`,
      '/console/nothing',
    ];
    const pages = new Set<string>();
    for (const path of missing) {
      const seen = await visit.get(path);
      expect(seen.status, path).toBe(404);
      pages.add(seen.html);
    }
    expect(pages.size).toBe(1);
  });
});

describe('without the ledger', () => {
  test('every page says that it is away', async () => {
    const away = connect('postgres://nobody@127.0.0.1:1/none', { max: 1 });
    const app = createApp({ ...stack.deps, db: away });
    const visit = new Visit({ fetch: (request) => app.fetch(request) });
    visit.cookie = 'drawdown_console=anything';
    for (const page of PAGES()) {
      const seen = await visit.get(page);
      expect(seen.status, page).toBe(503);
      expect(textOf(seen.html)).toContain('The ledger is not reachable');
    }
    expect((await visit.post('/console/sign-in', { key: stack.key })).status).toBe(503);
    await away.$client.end({ timeout: 1 });
  });
});
