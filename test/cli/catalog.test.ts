import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalogText } from '../../src/catalog/read.ts';
import { catalogSchemaText } from '../../src/catalog/schema.ts';
import { publishCatalog } from '../../src/db/catalogs.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { drawdown } from '../support/cli.ts';
import { type Stack, startStack } from '../support/stack.ts';

// `drawdown catalog` as an operator runs it.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawdown-catalog-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function edited(version: string, edit: (catalog: Catalog) => void): Catalog {
  const catalog = { ...structuredClone(DEFAULT_CATALOG), version };
  edit(catalog);
  return catalog;
}
const planOf = ({ plans }: Catalog, id: string) => plans.find((plan) => plan.id === id)!;

describe('check', () => {
  test('sums a valid file up', async () => {
    const path = file('valid.json', `// Ours.\n${JSON.stringify(DEFAULT_CATALOG)}`);
    const { code, out, err } = await drawdown(['catalog', 'check', path]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(
      `${path} is valid.\nversion   2026-12-01, in USD\nplans     4 (creator, pro, business, enterprise)\n`,
    );
  });

  test('prints every fault with line and column; exit code 2', async () => {
    const path = file('wrong.json', '{\n  "version": "",\n  "currency": "EUR"\n}');
    expect(await drawdown(['catalog', 'check', path])).toEqual({
      code: 2,
      out: '',
      err: [
        `${path}:1:1  /brand is required`,
        `${path}:1:1  /plans is required`,
        `${path}:1:1  /features is required`,
        `${path}:2:14  /version must be a text of 1 to 64 visible characters without a space\n`,
      ].join('\n'),
    });
    const { code, out } = await drawdown(['catalog', 'check', '--json', path]);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      valid: false,
      faults: [{ pointer: '/brand', line: 1, column: 1 }, {}, {}, {}],
    });
  });

  test.each([
    ['a file that is not there', 'none.json', undefined, /none\.json can't be read: ENOENT/],
    ['bytes that are no text', 'bytes.json', '\xff\xfe', /bytes\.json can't be read: it is not UTF-8/],
    ['no JSON', 'text.json', 'plans: creator', /text\.json:1:1 {2}The file has a word here that is no JSON/],
  ])('%s: exit code 2', async (_, name, content, sentence) => {
    const path = join(folder, name);
    if (content !== undefined) writeFileSync(path, content, 'latin1');
    const { code, out, err } = await drawdown(['catalog', 'check', path]);
    expect(err).toMatch(sentence);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
});

test('schema prints catalog.schema.json', async () => {
  expect(await drawdown(['catalog', 'schema'])).toEqual({ code: 0, out: catalogSchemaText(), err: '' });
});

describe('init', () => {
  test.each(['page', 'chat', 'images'])('writes %s, whose schema is found from there', async (name) => {
    const path = join(folder, `${name}.json`);
    const { code, out } = await drawdown(['catalog', 'init', name, '--out', path]);
    expect({ code, first: out.split('\n')[0] }).toEqual({ code: 0, first: `Wrote ${path}. Edit it, then:` });
    const text = readFileSync(path, 'utf8');
    expect(readCatalogText(text)).toHaveProperty('catalog');
    const [, schema] = /"\$schema": "(.*)"/.exec(text)!;
    expect(readFileSync(join(folder, schema!), 'utf8')).toBe(catalogSchemaText());
  });

  test('leaves a file as it is', async () => {
    const path = file('mine.json', '{}');
    const { code, err } = await drawdown(['catalog', 'init', '--out', path]);
    expect(err).toContain(`${path} is there already, and was left as it is.`);
    expect({ code, text: readFileSync(path, 'utf8') }).toEqual({ code: 2, text: '{}' });
  });

  test('knows no other product', async () => {
    expect(await drawdown(['catalog', 'init', 'bank'])).toMatchObject({ code: 2, err: /page, chat, images/ });
  });
});

describe('diff of two files', () => {
  test('names every change and whom it reaches', async () => {
    const to = edited('v2', (catalog) => {
      planOf(catalog, 'creator').prices = { month: 3_100, quarter: 9_000, year: 28_800 };
      planOf(catalog, 'business').credits = 1_200;
      catalog.plans = catalog.plans.filter(({ id }) => id !== 'pro');
      catalog.plans.unshift({
        ...planOf(catalog, 'creator'),
        id: 'plus',
        prices: { week: 900 },
        trial: { days: 3, credits: 5 },
      });
      catalog.packs[0]!.term = 'subscription';
      catalog.features[0]!.credits = 2;
      catalog.policies.dunning_days = [2];
      catalog.brand.credit = ['point', 'points'];
    });
    const { code, out } = await drawdown([
      'catalog',
      'diff',
      file('v1.json', DEFAULT_CATALOG),
      file('v2.json', to),
    ]);
    expect(out).toBe(`2026-12-01 → v2: 9 changes
brand credit Premium Credit, Premium Credits → point, points
    pages, at once
plan plus is new: USD 9.00 a week, 200 credits a cycle
    new subscriptions and changes of plan
plan creator: price of a month USD 29.00 → USD 31.00
    running subscriptions from the next renewal on (R-08), and new ones
plan creator: price of a quarter none → USD 90.00
    new subscriptions and changes of plan
plan business: credits a cycle 1000 → 1200
    running subscriptions from the next boundary on (R-08), and new ones
plan pro is gone
    a start is refused while a live subscription is on it or will change to it (R-08)
pack pack_300: term 90 days after the next renewal → the end of the subscription
    purchases from now on, and add-ons from the next renewal on; delivered packs keep their dates (R-31)
feature avatar_iv: 1 credit for 3 seconds → 2 credits for 3 seconds
    every use from now on (R-08)
policy dunning_days: 1, 3, 5, 7 → 2
    renewals that are declined from now on
`);
    expect(code).toBe(0);
  });

  test('an edit under the same version would be refused; exit code 1', async () => {
    const to = edited(DEFAULT_CATALOG.version, (catalog) => catalog.policies.dunning_days.pop());
    const [a, b] = [file('a.json', DEFAULT_CATALOG), file('b.json', to)];
    const { code, out } = await drawdown(['catalog', 'diff', a, b]);
    expect(out).toContain(
      'A start with it would be refused:\n  Both are version 2026-12-01: each edit needs a new version (R-07).',
    );
    expect(code).toBe(1);
    expect(await drawdown(['catalog', 'diff', a, a])).toEqual({
      code: 0,
      out: '2026-12-01 → 2026-12-01: no change\n',
      err: '',
    });
  });

  test('a wrong file: every fault, and exit code 2', async () => {
    const { code, out, err } = await drawdown([
      'catalog',
      'diff',
      file('a.json', DEFAULT_CATALOG),
      file('c.json', '{}'),
    ]);
    expect(err).toMatch(/c\.json is not valid:\n {2}.*c\.json:1:1 {2}\/version is required\n/);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
});

describe('diff with a ledger', () => {
  const V2 = edited('v2', (catalog) => {
    planOf(catalog, 'creator').prices['month'] = 3_000;
    catalog.policies.existing_prices = 'keep';
  });
  const V3 = edited('v3', (catalog) => {
    planOf(catalog, 'creator').prices['month'] = 3_300;
    planOf(catalog, 'business').prices['month'] = 8_900;
    planOf(catalog, 'business').credits = 900;
    catalog.packs[0]!.price = 1_800;
  });

  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());

  async function ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const {
      status,
      body: answer,
      text,
    } = await stack.request(method, path, body === undefined ? {} : { body });
    if (status >= 300) throw new Error(`${method} ${path}: ${text}`);
    return answer as Record<string, unknown>;
  }

  const FROM = '2026-01-17T00:00:00Z';
  async function subscribe(customer: string, plan: string, interval: string): Promise<string> {
    const start = { customer_id: customer, plan, interval, test_clock: { now: FROM } };
    return `/v1/subscriptions/${(await ask('POST', '/v1/subscriptions', start))['id']}`;
  }

  /** Lives of the first version. */
  async function older(name: string): Promise<string[]> {
    const packs = await subscribe(`${name}-packs`, 'creator', 'month');
    await ask('POST', `${packs}/purchases`, { packs: 2 });
    const yearly = await subscribe(`${name}-yearly`, 'pro', 'year');
    const changes = await subscribe(`${name}-changes`, 'business', 'month');
    await ask('POST', `${changes}/change`, { plan: 'creator', interval: 'month' });
    const ends = await subscribe(`${name}-ends`, 'creator', 'month');
    await ask('POST', `${ends}/cancel`, { at: 'renewal' });
    const ended = await subscribe(`${name}-ended`, 'creator', 'month');
    await ask('POST', `${ended}/cancel`, { at: 'now' });
    return [packs, yearly, changes, ends];
  }

  /** Advances each over its next renewal, and adds the charges of these. */
  async function renew(paths: string[]): Promise<number> {
    let sum = 0;
    for (const path of paths) {
      await ask('POST', `${path}/advance`, { to: '2027-01-17T00:00:00Z' });
      const { data } = (await ask('GET', `${path}/charges?order=asc&limit=100`)) as {
        data: { kind: string; amount: { amount_minor: number } }[];
      };
      sum += data.find(({ kind }) => kind === 'renewal')?.amount.amount_minor ?? 0;
    }
    return sum;
  }

  test('the money of each change is that of the renewals that follow, under both catalogues', async () => {
    const [first, second] = [await older('first'), await older('second')];
    await publishCatalog(stack.db, V2);
    first.push(await subscribe('first-newer', 'creator', 'month'));
    second.push(await subscribe('second-newer', 'creator', 'month'));

    const words = ['catalog', 'diff', '--json', file('2.json', V2), file('3.json', V3)];
    const { code, out } = await drawdown(words, { DATABASE_URL: stack.databaseUrl });
    expect(code).toBe(0);
    const said = JSON.parse(out);
    expect(said).toMatchObject({ from: 'v2', to: 'v3', in_force: 'v2', refused: [], unpriced: 0 });
    const live = (member: string) =>
      said.changes.find((change: { member: string }) => change.member === member).live;
    // Each of these twice: two packs with the older price of the plan, the change to creator, and the newer one.
    expect(live('plans.creator.prices.month')).toEqual({
      subscriptions: 8,
      renewals: 6,
      old_minor: 2 * (2_900 + 3_000 + 3_000),
      new_minor: 2 * (3_300 + 3_300 + 3_300),
    });
    expect(live('packs.pack_300.price')).toEqual({
      subscriptions: 2,
      renewals: 2,
      old_minor: 2 * 3_000,
      new_minor: 2 * 3_600,
    });
    expect(live('plans.business.prices.month')).toMatchObject({
      subscriptions: 2,
      old_minor: 0,
      new_minor: 0,
    });
    expect(live('policies.existing_prices')).toMatchObject({ subscriptions: 10, renewals: 8 });

    // The first half renews under the old catalogue, the second under the new one.
    const before = await renew(first);
    await publishCatalog(stack.db, V3);
    const after = await renew(second);
    expect(said.live).toEqual({
      subscriptions: 10,
      renewals: 8,
      old_minor: 2 * before,
      new_minor: 2 * after,
    });
    expect([before, after]).toEqual([110_900, 112_500]);
  });

  test('it says so in words, with the total', async () => {
    const lives = await startStack({ catalog: V2 });
    const start = { customer_id: 'one', plan: 'creator', interval: 'month', test_clock: { now: FROM } };
    await lives.request('POST', '/v1/subscriptions', { body: start });
    const words = [
      'catalog',
      'diff',
      '--database',
      lives.databaseUrl,
      file('1.json', DEFAULT_CATALOG),
      file('3.json', V3),
    ];
    const { out } = await drawdown(words);
    await lives.stop();
    expect(out).toContain(`plan creator: price of a month USD 29.00 → USD 33.00
    running subscriptions from the next renewal on (R-08), and new ones
    1 live subscription; 1 next renewal: USD 29.00 → USD 33.00 (+USD 4.00)
`);
    expect(out).toContain(`
In all: 1 live subscription; 1 next renewal: USD 29.00 → USD 33.00 (+USD 4.00).
In force is v2, not 2026-12-01.
`);
  });

  test('it names those that the new catalogue would strand, as a start does; exit code 1', async () => {
    const lacking = edited('lacking', (catalog) => {
      catalog.currency = 'EUR';
      catalog.plans = catalog.plans.filter(({ id }) => id !== 'pro');
    });
    const words = ['catalog', 'diff', file('2.json', V2), file('lacking.json', lacking)];
    const { code, out } = await drawdown(words, { DATABASE_URL: stack.databaseUrl });
    const refused = await publishCatalog(stack.db, lacking).then(
      () => '',
      (error: Error) => error.message,
    );
    expect(refused).toContain('no plan pro by the year: 2 subscriptions have it');
    expect(out).toContain(`A start with it would be refused:\n${refused.slice(refused.indexOf('\n') + 1)}\n`);
    expect(out).toContain('Not in these sums: 2 live subscriptions on a plan that one of the two lacks.');
    expect(code).toBe(1);
  });

  test.each([
    [
      'that was in force with other content',
      'v2',
      1,
      /v2 was in force with other content: give the edited catalogue a new version/,
    ],
    [
      'that was in force before',
      '2026-12-01',
      0,
      /2026-12-01 was in force before: a start with it changes nothing/,
    ],
  ])('it knows a version %s', async (_, version, exit, sentence) => {
    const words = [
      'catalog',
      'diff',
      file('3.json', V3),
      file(
        'known.json',
        edited(version, () => {}),
      ),
    ];
    const { code, out } = await drawdown(words, { DATABASE_URL: stack.databaseUrl });
    expect(out).toMatch(sentence);
    expect(code).toBe(exit);
  });

  test('a database that is away: exit code 2', async () => {
    const words = ['catalog', 'diff', file('2.json', V2), file('3.json', V3)];
    const { code, out, err } = await drawdown(words, { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/x' });
    expect(err).toMatch(/^The catalogues could not be compared: .*ECONNREFUSED/);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
});
