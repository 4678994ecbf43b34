import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCatalog, readCatalogText } from '../../src/catalog/read.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { pointer } from '../../src/domain/errors.ts';
import { sized } from '../support/campaign.ts';
import { catalogFiles, memberAt, pathsIn, withMember } from './files.ts';

// The reader of catalogue files: every fault has its pointer, its place and a sentence.

const root = new URL('../../', import.meta.url);
const example = (name: string): string =>
  readFileSync(new URL(`examples/catalogues/${name}.json`, root), 'utf8');

/** A small product with a plan of each kind, a pack of each kind and a feature of each kind. */
const SMALL = {
  version: 'small-1',
  currency: 'EUR',
  brand: { product: 'Small', accent: '#1f5f5b', home_url: 'https://small.example.com' },
  plans: [
    { id: 'plus', name: 'Plus', prices: { week: 500, month: 1900 }, credits: 100, trial: { days: 7 } },
    { id: 'free', name: 'Free', prices: { month: 0 }, credits: 5, packs: ['once'] },
    { id: 'large', name: 'Large', contract: true },
  ],
  packs: [
    { id: 'more', name: 'More', on: ['week'], credits: 10, price: 100, term: { days: 3 } },
    { id: 'once', name: 'Once', credits: 10, price: 100, renews: false },
  ],
  features: [
    { id: 'chat', name: 'Chat', unit: { one: 'token', many: 'tokens', natural: 1000 }, credits: 1, per: 50 },
    { id: 'task', name: 'Task', credits: null },
  ],
  policies: { dunning_days: [1, 3] },
};

const path = (text: string) =>
  text
    .split('/')
    .slice(1)
    .map((name) => (/^\d+$/.test(name) ? Number(name) : name.replaceAll('~1', '/').replaceAll('~0', '~')));

function faultsOf(file: unknown): string[] {
  const read = readCatalog(file);
  return 'faults' in read ? read.faults.map((fault) => `${fault.pointer} ${fault.detail}`) : [];
}

describe('a file', () => {
  test('is read with every default filled in', () => {
    expect(readCatalog(SMALL)).toEqual({
      catalog: {
        ...SMALL,
        brand: {
          ...SMALL.brand,
          credit: ['credit', 'credits'],
          pack: ['credit pack', 'credit packs'],
          logo_url: null,
          support_url: null,
        },
        plans: [
          {
            ...SMALL.plans[0],
            contract: false,
            trial: { days: 7, credits: 100 },
            packs: null,
            contact: null,
          },
          { ...SMALL.plans[1], contract: false, trial: null, contact: null },
          { ...SMALL.plans[2], prices: {}, credits: null, trial: null, packs: null, contact: null },
        ],
        packs: [
          { ...SMALL.packs[0], renews: true },
          { ...SMALL.packs[1], on: ['week', 'month', 'quarter', 'year'], term: { days_after_renewal: 90 } },
        ],
        features: [
          { ...SMALL.features[0], unit: { one: 'token', many: 'tokens', natural: 1000, decimals: 0 } },
          { ...SMALL.features[1], unit: { one: 'use', many: 'uses', natural: 1, decimals: 0 }, per: null },
        ],
        policies: {
          allowance_term: { days: 30 },
          dunning_days: [1, 3],
          past_due_spending: 'allow',
          packs_per_purchase: 100,
          existing_prices: 'reprice',
        },
      },
    });
  });

  test.each<[string, unknown]>([
    ['second', { one: 'second', many: 'seconds', natural: 60, decimals: 3 }],
    ['item', { one: 'use', many: 'uses', natural: 1, decimals: 0 }],
    ['page', { one: 'page', many: 'pages', natural: 1, decimals: 0 }],
  ])('the unit %s has its words', (unit, words) => {
    const read = readCatalog(withMember(SMALL, path('/features/0/unit'), unit));
    expect(read).toMatchObject({ catalog: { features: [{ unit: words }, {}] } });
  });

  test('the page’s starting point is the built-in catalogue, value by value', () => {
    expect(readCatalogText(example('page'))).toEqual({ catalog: DEFAULT_CATALOG });
  });

  test.each(['chat', 'images'])('the starting point %s is valid', (name) => {
    expect(readCatalogText(example(name))).toHaveProperty('catalog.version', `${name}-1`);
  });
});

describe('a wrong member has its pointer and a sentence', () => {
  test.each<[member: string, value: unknown, fault: string]>([
    ['/version', undefined, '/version is required'],
    ['/version', 7, '/version must be a text of 1 to 64 visible characters without a space'],
    ['/version', 'with space', '/version must be a text of 1 to 64 visible characters without a space'],
    ['/version', 'x'.repeat(65), '/version must be a text of 1 to 64 visible characters without a space'],
    ['/version', '2026-\ud83d', '/version must hold neither a NUL nor half a surrogate pair'],
    ['/features/0/\ud83d', 1, '/features/0 must hold neither a NUL nor half a surrogate pair'],
    ['/currency', 'usd', '/currency must be an ISO 4217 code such as USD'],
    ['/currency', 'USX', '/currency must be an ISO 4217 code such as USD: there is no USX'],
    ['/curency', 'USD', '/curency is not a member of the catalogue: did you mean currency?'],
    ['/rates', [], '/rates is not a member of the catalogue: did you mean features?'],
    [
      '/a~1b',
      1,
      '/a~1b is not a member of the catalogue; the members are version, currency, brand, plans, packs, features, policies',
    ],
    ['/__proto__', 1, ''],
    ['/brand', undefined, '/brand is required'],
    ['/brand/product', ' ', '/brand/product must be a text of 1 to 80 characters'],
    ['/brand/credit', ['one'], '/brand/credit must be two words: for one, and for several'],
    ['/brand/credit', ['one', ''], '/brand/credit/1 must be a text of 1 to 80 characters'],
    ['/brand/logo', 'x', '/brand/logo is not a member of the brand: did you mean logo_url?'],
    ['/brand/logo_url', 'logo.png', '/brand/logo_url must be an http or https URL of at most 500 characters'],
    [
      '/brand/home_url',
      'javascript:alert(1)',
      '/brand/home_url must be an http or https URL of at most 500 characters',
    ],
    ['/brand/accent', 'teal', '/brand/accent must be a colour such as #1f5f5b'],
    [
      '/brand/accent',
      '#ffee00',
      '/brand/accent must have a contrast of at least 4.5 with light pages: the nearest colour that has it is #776f00',
    ],
    ['/plans', {}, '/plans must be a list'],
    ['/plans', [], '/plans must have at least one plan'],
    ['/plans/0', 'plus', '/plans/0 must be an object'],
    ['/plans/0/id', 'Plus', '/plans/0/id must be a text of 1 to 40 of a-z, 0-9 and _'],
    ['/plans/1/id', 'plus', '/plans/1/id must be an id of its own: /plans/0 is plus too'],
    ['/plans/0/name', undefined, '/plans/0/name is required'],
    ['/plans/0/credit', 3, '/plans/0/credit is not a member of a plan: did you mean credits?'],
    ['/plans/0/allowance', 3, '/plans/0/allowance is not a member of a plan: did you mean credits?'],
    [
      '/plans/0/colour',
      3,
      '/plans/0/colour is not a member of a plan; the members are id, name, contract, prices, credits, trial, packs, contact',
    ],
    ['/plans/0/credits', undefined, '/plans/0/credits is required: the credits of a cycle'],
    ['/plans/0/credits', 0, '/plans/0/credits must be a whole number of credits from 1 to 1000000000000'],
    ['/plans/0/credits', 1.5, '/plans/0/credits must be a whole number of credits from 1 to 1000000000000'],
    [
      '/plans/0/prices',
      undefined,
      '/plans/0/prices is required: a price for an interval, or "contract": true',
    ],
    ['/plans/0/prices', 2900, '/plans/0/prices must be an object'],
    [
      '/plans/0/prices/day',
      1,
      '/plans/0/prices/day is not a member of the prices; the members are week, month, quarter, year',
    ],
    [
      '/plans/0/prices/month',
      29.5,
      '/plans/0/prices/month must be a whole number of cents from 0 to 1000000000000',
    ],
    [
      '/plans/0/prices/month',
      '2900',
      '/plans/0/prices/month must be a whole number of cents from 0 to 1000000000000',
    ],
    ['/plans/0/trial', 7, '/plans/0/trial must be an object'],
    ['/plans/0/trial/days', 0, '/plans/0/trial/days must be a whole number of days from 1 to 365'],
    ['/plans/1/trial', { days: 7 }, '/plans/1/trial must be left out: a plan with a price of 0 has no trial'],
    ['/plans/2/prices', { month: 1 }, '/plans/2/prices must be left out: a contract has no price'],
    ['/plans/2/credits', 5, '/plans/2/credits must be left out: an operator sets those of a contract'],
    ['/plans/2/trial', { days: 7 }, '/plans/2/trial must be left out: a contract has no trial'],
    ['/plans/2/packs', ['once'], '/plans/2/packs must be left out: a contract buys no packs'],
    ['/plans/2/contract', 'yes', '/plans/2/contract must be true or false'],
    ['/plans/1/packs/0', 'twice', '/plans/1/packs/0 must be the id of a pack: there is no twice'],
    ['/plans/1/packs/1', 'once', '/plans/1/packs/1 names once twice'],
    [
      '/plans/1/packs/1',
      'more',
      '/plans/1/packs/1 must fit an interval of the plan: more is sold by week, the plan by month',
    ],
    ['/packs', null, '/packs must be a list'],
    ['/packs/0/on', [], '/packs/0/on must name an interval'],
    ['/packs/0/on/0', 'day', '/packs/0/on/0 must be one of week, month, quarter, year'],
    ['/packs/0/on/1', 'week', '/packs/0/on/1 names week twice'],
    [
      '/packs/0/on',
      ['year'],
      '/packs/0 is sold on no plan: more fits no interval of a plan that sells packs',
    ],
    ['/packs/0/price', 0, '/packs/0/price must be a whole number of cents from 1 to 1000000000000'],
    ['/packs/0/price_minor', 5, '/packs/0/price_minor is not a member of a pack: did you mean price?'],
    [
      '/packs/0/term',
      { hours: 3 },
      '/packs/0/term must be {"days_after_renewal": n}, {"days": n} or "subscription"',
    ],
    ['/packs/0/term', {}, '/packs/0/term must be {"days_after_renewal": n}, {"days": n} or "subscription"'],
    [
      '/packs/0/term',
      'for ever',
      '/packs/0/term must be {"days_after_renewal": n}, {"days": n} or "subscription"',
    ],
    ['/packs/0/term', { days: 0 }, '/packs/0/term/days must be a whole number of days from 1 to 3660'],
    [
      '/packs/0/term',
      { days_after_renewal: -1 },
      '/packs/0/term/days_after_renewal must be a whole number of days from 0 to 3660',
    ],
    ['/features', [], '/features must have at least one feature'],
    ['/features/0/unit', 3, '/features/0/unit must be a word, or an object with the members one and many'],
    ['/features/0/unit/many', undefined, '/features/0/unit/many is required'],
    ['/features/0/unit/decimals', 2, '/features/0/unit/decimals must be 0 or 3'],
    ['/features/0/credits', undefined, '/features/0/credits is required'],
    ['/features/0/credits', -1, '/features/0/credits must be a whole number from 0 to 1000000'],
    ['/features/0/per', null, '/features/0/per must be a number: the credits are not null'],
    ['/features/1/per', 3, '/features/1/per must be left out: the caller states the credits'],
    ['/features/0/id', '=token,iv', '/features/0/id must be a text of 1 to 64 of a-z, 0-9 and _'],
    ['/features/0/id', '', '/features/0/id must be a text of 1 to 64 of a-z, 0-9 and _'],
    ['/features/1/id', 'chat', '/features/1/id must be an id of its own: /features/0 is chat too'],
    ['/features/0/id', 'chat\u0000', '/features/0/id must hold neither a NUL nor half a surrogate pair'],
    ['/features/0/credits', 1e6 + 1, '/features/0/credits must be a whole number from 0 to 1000000'],
    ['/features/0/credits', 0.5, '/features/0/credits must be a whole number from 0 to 1000000'],
    ['/features/0/per', 0, '/features/0/per must be a whole number from 1 to 1000000'],
    ['/features/0', 1, '/features/0 must be an object'],
    ['/features', 'none', '/features must be a list'],
    [
      '/packs/2',
      { id: 'more', name: 'M', credits: 1, price: 1 },
      '/packs/2/id must be an id of its own: /packs/0 is more too',
    ],
    ['/packs/0/credits', 1.5, '/packs/0/credits must be a whole number of credits from 1 to 1000000000000'],
    ['/packs/0', [], '/packs/0 must be an object'],
    [
      '/plans/0/credits',
      2 ** 53,
      '/plans/0/credits must be a whole number of credits from 1 to 1000000000000',
    ],
    ['/plans/0/credits', null, '/plans/0/credits is required: the credits of a cycle'],
    ['/currency', 'DOLLAR', '/currency must be an ISO 4217 code such as USD'],
    ['/currency', undefined, '/currency is required'],
    ['/plans', undefined, '/plans is required'],
    ['/policies', [], '/policies must be an object'],
    [
      '/policies/dunning',
      [1],
      '/policies/dunning is not a member of the policies: did you mean dunning_days?',
    ],
    [
      '/policies/pastDueSpending',
      'block',
      '/policies/pastDueSpending is not a member of the policies: did you mean past_due_spending?',
    ],
    ['/policies/allowance_term', 30, '/policies/allowance_term must be {"days": n} or "until_next_refresh"'],
    [
      '/policies/allowance_term',
      { days: 0 },
      '/policies/allowance_term/days must be a whole number of days from 1 to 3660',
    ],
    [
      '/policies/grace',
      1,
      '/policies/grace is not a member of the policies; the members are allowance_term, dunning_days, past_due_spending, packs_per_purchase, existing_prices',
    ],
    [
      '/policies/allowance_term',
      'for_ever',
      '/policies/allowance_term must be {"days": n} or "until_next_refresh"',
    ],
    [
      '/policies/allowance_term',
      { days: 30, hours: 1 },
      '/policies/allowance_term/hours is not a member of the term; the members are days',
    ],
    ['/policies/dunning_days', [0], '/policies/dunning_days/0 must be a whole number of days from 1 to 27'],
    ['/policies/dunning_days', [1, 1], '/policies/dunning_days must be a rising list of days from 1 to 27'],
    ['/policies/dunning_days', '1,3', '/policies/dunning_days must be a rising list of days from 1 to 27'],
    [
      '/policies/packs_per_purchase',
      1_001,
      '/policies/packs_per_purchase must be a whole number of packs from 1 to 1000',
    ],
    ['/policies/dunning_days', [], '/policies/dunning_days must be a rising list of days from 1 to 27'],
    ['/policies/dunning_days', [3, 1], '/policies/dunning_days must be a rising list of days from 1 to 27'],
    [
      '/policies/dunning_days',
      [1, 28],
      '/policies/dunning_days/1 must be a whole number of days from 1 to 27',
    ],
    [
      '/policies/dunning_days',
      [7, 9],
      '/policies/dunning_days/0 must be below 7: plus is paid by the week, and renews after 7 days',
    ],
    ['/policies/past_due_spending', 'maybe', '/policies/past_due_spending must be allow or block'],
    [
      '/policies/packs_per_purchase',
      0,
      '/policies/packs_per_purchase must be a whole number of packs from 1 to 1000',
    ],
    ['/policies/existing_prices', 'drop', '/policies/existing_prices must be reprice or keep'],
  ])('%s = %j', (member, value, fault) => {
    expect(faultsOf(withMember(SMALL, path(member), value))).toEqual(fault === '' ? [] : [fault]);
  });

  test.each([[null], [[]], ['catalogue'], [1]])('%j is no catalogue', (value) => {
    expect(faultsOf(value)).toEqual([' must be an object']);
  });

  test('a misspelt member is one fault, not two', () => {
    const { name, ...plan } = SMALL.plans[0]!;
    expect(faultsOf(withMember(SMALL, ['plans', 0], { ...plan, nam: name }))).toEqual([
      '/plans/0/nam is not a member of a plan: did you mean name?',
    ]);
  });

  test('all faults at once, whichever section they are in', () => {
    let wrong = withMember(SMALL, path('/version'), '');
    wrong = withMember(wrong, path('/plans/1/id'), 'plus');
    wrong = withMember(wrong, path('/plans/0/credits'), undefined);
    wrong = withMember(wrong, path('/packs/0/credits'), 0);
    wrong = withMember(wrong, path('/features/1/per'), 2);
    expect(faultsOf(wrong).map((fault) => fault.split(' ')[0])).toEqual(
      expect.arrayContaining([
        '/version',
        '/plans/1/id',
        '/plans/0/credits',
        '/packs/0/credits',
        '/features/1/per',
      ]),
    );
    expect(faultsOf(wrong)).toHaveLength(5);
  });
});

test.each([
  ['/policies/allowance_term', 'until_next_refresh'],
  ['/policies/allowance_term', { days: 31 }],
  ['/policies/dunning_days', [2, 27]],
  ['/policies/past_due_spending', 'block'],
  ['/policies/packs_per_purchase', 1_000],
  ['/policies', undefined],
  ['/packs/0/term', { days_after_renewal: 0 }],
  ['/packs/1/term', 'subscription'],
  ['/features/1/per', null],
  ['/plans/2/credits', null],
  ['/plans/0/packs', []],
])('%s = %j is taken', (member, value) => {
  const file = member === '/plans/0/packs' ? { ...SMALL, packs: SMALL.packs.slice(1) } : SMALL;
  expect(faultsOf(withMember(file, path(member), value))).toEqual([]);
});

describe('the place of a fault', () => {
  const said = (text: string): string[] => {
    const read = readCatalogText(text);
    if (!('faults' in read)) return [];
    return read.faults.map((fault) => `${fault.line}:${fault.column} ${fault.pointer} ${fault.detail}`);
  };
  const file = (lines: string) => JSON.stringify(SMALL).replace('"policies":{"dunning_days":[1,3]}', lines);

  test('is that of a wrong value, of the name of an unknown member, of the object that lacks one', () => {
    const text = `// Comments count as lines.
{ "version": 7, /* and as
columns */ "curency": "USD" }`;
    expect(said(text)).toEqual([
      '2:1 /brand is required',
      '2:1 /plans is required',
      '2:1 /features is required',
      '2:14 /version must be a text of 1 to 64 visible characters without a space',
      '3:12 /curency is not a member of the catalogue: did you mean currency?',
    ]);
  });

  test.each<[what: string, text: string, ...faults: string[]]>([
    ['nothing', '', '1:1  must have a value here'],
    ['a comment without its end', '/*', '1:1  has a comment here without its end */'],
    ['a missing comma', '{"a": 1\n "b": 2}', '2:2  must have a comma here'],
    ['single quotes', "{'a': 1}", '1:2  has a word here that is no JSON: a text needs double quotes'],
    ['an open object', '{"a": 1', '1:8  must have a closing brace } here'],
    ['an open text', '{"a": "b\n}', '1:7  has a text here without its closing quote'],
    ['a rest', '{} x', '1:4  has a word here that is no JSON: a text needs double quotes'],
    ['a deep one', `\n${'['.repeat(100_000)}`, '2:101  must not nest more than 100 deep'],
  ])('of %s', (_, text, ...faults) => {
    expect(said(text).slice(0, faults.length)).toEqual(faults);
  });

  test('of a name that stands twice is the second; its value counts, and is checked too', () => {
    const text = file('"x":1,\r\n"version": "a", "version": ""');
    expect(said(text)).toEqual([
      expect.stringMatching(/^1:\d+ \/x is not a member of the catalogue/),
      '2:1 /version stands here twice',
      '2:17 /version stands here twice',
      '2:28 /version must be a text of 1 to 64 visible characters without a space',
    ]);
  });

  test.each([['\uFEFF'], ['// first\n'], ['\n']])(
    '%j before it, and a comma after a list: both are taken',
    (before) => {
      expect(said(`${before}${file('"policies": {"dunning_days": [1, 3,],},')}`)).toEqual([]);
    },
  );

  test('of a name from JavaScript’s own objects is its own', () => {
    for (const name of ['__proto__', 'constructor', 'toString'])
      expect(said(file(`\n"${name}": {}`))).toEqual([
        `2:1 /${name} is not a member of the catalogue; the members are version, currency, brand, plans, packs, features, policies`,
      ]);
  });
});

describe('laws', { timeout: 300_000 }, () => {
  const RUNS = { numRuns: sized(150, 3_000) };

  test('any valid file is read; the catalogue printed and read again is the same', () => {
    fc.assert(
      fc.property(catalogFiles, (file) => {
        const read = readCatalogText(JSON.stringify(file, null, 2));
        if ('faults' in read) throw new Error(JSON.stringify(read.faults));
        expect(readCatalogText(JSON.stringify(read.catalog))).toEqual(read);
        expect(read.catalog.version).toBe(file['version']);
      }),
      RUNS,
    );
  });

  test('an unknown member is one fault, with its pointer, at its name', () => {
    fc.assert(
      fc.property(catalogFiles, fc.nat(), fc.stringMatching(/^[A-Z]\/[~"]?zqx$/), (file, nth, name) => {
        const objects = [[], ...pathsIn(file)].filter((at) => {
          const member = memberAt(file, at);
          return typeof member === 'object' && member !== null && !Array.isArray(member);
        });
        const at = objects[nth % objects.length]!;
        const text = JSON.stringify(withMember(file, [...at, name], 1), null, 2);
        const read = readCatalogText(text);
        if (!('faults' in read)) throw new Error('it is taken');
        // A unit, a term and a life have several forms: a wrong member is named by the form that is meant, or by the whole.
        const [fault] = read.faults;
        expect([pointer([...at, name]), pointer(at)]).toContain(fault!.pointer);
        expect(read.faults).toHaveLength(1);
        if (fault!.pointer !== pointer([...at, name])) return;
        expect(text.split('\n')[fault!.line - 1]!.slice(fault!.column - 1)).toMatch(
          new RegExp(`^${JSON.stringify(name).replaceAll(/[\\"]/g, '\\$&')}: 1`),
        );
      }),
      RUNS,
    );
  });

  test('a wrong value is a fault at its place, with its pointer or that of its object, in a sentence', () => {
    fc.assert(
      fc.property(catalogFiles, fc.nat(), fc.constantFrom([[]], -1, true, 1e300), (file, nth, value) => {
        const paths = pathsIn(file).filter((at) => at[0] !== '$schema');
        const at = paths[nth % paths.length]!;
        // Every member but these refuses all four.
        fc.pre(!(value === true && (at.at(-1) === 'contract' || at.at(-1) === 'renews')));
        const text = JSON.stringify(withMember(file, at, value), null, 2);
        const read = readCatalogText(text);
        if (!('faults' in read)) throw new Error('it is taken');
        const own = read.faults.filter((fault) => fault.pointer.startsWith(pointer(at)));
        expect(own.length).toBeGreaterThan(0);
        for (const { detail } of read.faults) expect(detail).toMatch(/^(must|is|names|has) /);
      }),
      RUNS,
    );
  });
});
