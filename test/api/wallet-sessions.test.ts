import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyWith } from '../support/keys.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, Driver, type Problem } from './driver.ts';
import { headingOf, linkTo, PageVisitor } from './pages.ts';

// Who gets into a wallet, and into whose (I12).

let stack: Stack;
let mine: Driver;
let foreign: Driver;
beforeAll(async () => {
  stack = await startStack();
  [mine, foreign] = await Promise.all([Driver.open(stack), Driver.open(stack)]);
});
afterAll(() => stack?.stop());

const ask = (id: string) => stack.request('POST', '/v1/wallet_sessions', { body: { subscription_id: id } });

describe('a link', () => {
  test('opens the wallet, once, with a cookie that stays where it belongs', async () => {
    const link = await linkTo(stack, mine.id);
    const visitor = new PageVisitor(stack);
    const opened = await visitor.get(link);
    expect(opened.status).toBe(200);
    const cookie = opened.headers.get('Set-Cookie') ?? '';
    expect(cookie).toMatch(
      /^drawdown_wallet=[\w-]{43}; Max-Age=3600; Path=\/wallet; HttpOnly; SameSite=Strict$/,
    );
    expect((await visitor.get('/wallet')).status).toBe(200);

    const again = await new PageVisitor(stack).get(link);
    expect([again.status, headingOf(again), again.headers.get('Set-Cookie')]).toEqual([
      401,
      'This wallet is closed',
      null,
    ]);
    // A visitor with a session is led in again.
    expect((await visitor.get(link)).status).toBe(200);
  });

  test('that was used opens nothing for a visitor of another wallet', async () => {
    const link = await linkTo(stack, mine.id);
    await new PageVisitor(stack).get(link);
    const other = await PageVisitor.enter(stack, foreign.id);
    const answer = await other.get(link);
    expect([answer.status, headingOf(answer)]).toEqual([401, 'This wallet is closed']);
  });

  test('works for five minutes and says so', async () => {
    const { expires_at } = bodyOf<{ expires_at: string }>(await ask(mine.id), 201);
    const minutes = (Date.parse(expires_at) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(4);
    expect(minutes).toBeLessThanOrEqual(5);
  });

  test.each([
    ['another subscription', (t: string) => t.replace(mine.id, foreign.id)],
    [
      'a later end',
      (t: string) => t.replace(/\.(\w+)\./, (_, at) => `.${(Number.parseInt(at, 36) + 1e9).toString(36)}.`),
    ],
    ['no signature', (t: string) => t.slice(0, t.lastIndexOf('.'))],
    ['another signature', (t: string) => `${t.slice(0, -3)}abc`],
    ['nothing', () => ''],
    ['more than there is', (t: string) => `${t}.${t}`],
  ])('that was changed to name %s opens nothing', async (_, change) => {
    const link = new URL(await linkTo(stack, mine.id), 'http://localhost');
    link.searchParams.set('ticket', change(link.searchParams.get('ticket')!));
    const answer = await new PageVisitor(stack).get(link.pathname + link.search);
    expect([answer.status, answer.headers.get('Set-Cookie')]).toEqual([401, null]);
  });

  test('is not used up by a program that only looks ahead', async () => {
    const link = await linkTo(stack, mine.id);
    const prefetched = await new PageVisitor(stack).get(link, { 'Sec-Purpose': 'prefetch' });
    expect([prefetched.status, prefetched.headers.get('Set-Cookie')]).toEqual([204, null]);
    const head = await stack.fetch(new Request(`http://localhost${link}`, { method: 'HEAD' }));
    expect(head.headers.get('Set-Cookie')).toBeNull();
    expect((await new PageVisitor(stack).get(link)).status).toBe(200);
  });

  test('of many copies at once opens one wallet', async () => {
    const link = await linkTo(stack, mine.id);
    const answers = await Promise.all(Array.from({ length: 10 }, () => new PageVisitor(stack).get(link)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('is for a subscription that is there', async () => {
    for (const id of ['sub_none', '__proto__', "'; drop table entries; --"]) {
      const answer = await ask(id);
      expect([answer.status, (answer.body as Problem).code]).toEqual([404, 'not_found']);
    }
  });
});

test('where the public address is https the cookie travels by https alone', async () => {
  const secure = await startStack({ publicUrl: 'https://credits.example.com' });
  const driver = await Driver.open(secure);
  const visitor = new PageVisitor(secure);
  const opened = await visitor.get(await linkTo(secure, driver.id));
  expect(opened.headers.get('Set-Cookie')).toMatch(/^__Secure-drawdown_wallet=[\w-]{43}; .*; Secure/);
  expect((await visitor.get('/wallet')).status).toBe(200);
  // Anybody between may set a cookie without the prefix.
  const other = new PageVisitor(secure);
  other.cookie = visitor.cookie!.replace('__Secure-', '');
  expect((await other.get('/wallet')).status).toBe(401);
  const closed = await visitor.post('/wallet/leave');
  expect(closed.headers.get('Set-Cookie')).toMatch(/^__Secure-drawdown_wallet=; Max-Age=0; .*; Secure/);
  await secure.stop();
});

describe('a session', () => {
  test('is over when it is closed, and when its hour is over', async () => {
    const visitor = await PageVisitor.enter(stack, mine.id);
    const { cookie } = visitor;
    expect((await visitor.post('/wallet/leave')).status).toBe(303);
    visitor.cookie = cookie;
    expect((await visitor.get('/wallet')).status).toBe(401);

    const late = await PageVisitor.enter(stack, mine.id);
    await stack.db.execute(sql`update wallet_sessions set expires_at = clock_timestamp()`);
    expect((await late.get('/wallet')).status).toBe(401);
  });

  test('is over when another link opens one in its place', async () => {
    const visitor = await PageVisitor.enter(stack, mine.id);
    const before = new PageVisitor(stack);
    before.cookie = visitor.cookie;
    await visitor.get(await linkTo(stack, foreign.id));
    expect((await before.get('/wallet')).status).toBe(401);
    expect((await visitor.get('/wallet')).status).toBe(200);
  });

  test('is stored as hashes', async () => {
    const visitor = await PageVisitor.enter(stack, mine.id);
    const secret = visitor.cookie!.split('=')[1]!;
    const rows = await stack.db.execute<{ row: string }>(
      sql`select row_to_json(s)::text as row from wallet_sessions s`,
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ row }) => row.includes(secret) || row.includes(`${mine.id}.`))).toEqual([]);
  });

  test.each(['', 'drawdown_wallet=', 'drawdown_wallet=x', `drawdown_wallet=${'A'.repeat(43)}`])(
    'is nothing that can be made up: %s',
    async (cookie) => {
      const visitor = new PageVisitor(stack);
      visitor.cookie = cookie;
      for (const path of [
        '/wallet',
        '/wallet/add-ons',
        '/wallet/activity',
        '/wallet/activity.csv',
        '/wallet/live',
      ])
        expect((await visitor.get(path)).status).toBe(401);
      const bought = await visitor.post('/wallet/purchases', { packs: '1', price: '1500' });
      expect(bought.status).toBe(401);
    },
  );
});

describe('another’s object looks missing', () => {
  test('an entry to go on from, a page', async () => {
    await Promise.all([mine.spend(1), foreign.spend(1)]);
    const visitor = await PageVisitor.enter(stack, mine.id);
    const stemOf = ({ id }: Driver) => id.slice('sub_'.length);
    const answers = await Promise.all(
      [
        `/wallet/activity?before=ent_${stemOf(foreign)}_2`,
        `/wallet/activity?before=ent_${stemOf(mine)}_999`,
        '/wallet/activity?before=nonsense',
        '/wallet/nothing',
      ].map((path) => visitor.get(path)),
    );
    const bodies = answers.map(({ html }) => html.replaceAll(/req_\w+/g, 'req'));
    expect(new Set(bodies)).toEqual(new Set([bodies[0]]));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    expect((await visitor.get(`/wallet/activity?before=ent_${stemOf(mine)}_2`)).status).toBe(200);
  });

  test('nothing of it is on any page', async () => {
    const visitor = await PageVisitor.enter(stack, mine.id);
    for (const path of ['/wallet', '/wallet/add-ons', '/wallet/activity', '/wallet/activity.csv'])
      expect((await visitor.get(path)).html).not.toContain(foreign.id.slice('sub_'.length));
  });
});

describe('a refusal for want of credits', () => {
  test('leads who may buy into the wallet at the prompt', async () => {
    const answer = await mine.spend(100_000);
    const { wallet_url } = answer.body as { wallet_url: string };
    expect(answer.headers.get('Link')).toBe(`<${wallet_url}>; rel="payment"`);
    const url = new URL(wallet_url);
    const visitor = new PageVisitor(stack);
    const opened = await visitor.get(url.pathname + url.search);
    expect(opened.html).toContain('url=/wallet/out-of-credits?needed=100000');
    expect((await visitor.get('/wallet/out-of-credits?needed=100000')).html).toContain(
      'out of Premium Credits',
    );
  });

  test('leads who may only spend to the prompt, but into no wallet', async () => {
    const key = await keyWith(stack.db, ['spend']);
    const answer = await mine.spend(100_000, { Authorization: `Bearer ${key}` });
    const { wallet_url } = answer.body as { wallet_url: string };
    expect(new URL(wallet_url).pathname + new URL(wallet_url).search).toBe(
      '/wallet/out-of-credits?needed=100000',
    );
    expect((await new PageVisitor(stack).get('/wallet/out-of-credits?needed=100000')).status).toBe(401);
  });

  test('writes nothing, its link included', async () => {
    const count = async () => {
      const [row] = await stack.db.execute<{ n: string }>(sql`
        select (select count(*) from wallet_sessions) || '/' || (select count(*) from entries) || '/' ||
          (select sum(seq) from ledgers) || '/' || (select string_agg(value, '') from secrets) as n`);
      return row!.n;
    };
    const before = await count();
    for (let i = 0; i < 3; i += 1) expect((await mine.spend(100_000)).status).toBe(402);
    expect(await count()).toBe(before);
  });
});
