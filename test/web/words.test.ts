import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contrast } from '../../src/domain/catalog/accent.ts';
import type { Unit } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG, SECOND } from '../../src/domain/catalog/default.ts';
import { formatOf } from '../../src/web/shell/format.ts';
import { accentSheet, shadesOf } from '../../src/web/shell/look.ts';
import { amountText, rateText } from '../../src/web/shell/units.ts';
import { wordsOf } from '../../src/web/shell/words.ts';
import { CHAT_CATALOG } from '../support/chat-catalog.ts';

// The words and colours of pages, from a catalogue.

describe('the words of a catalogue', () => {
  const page = wordsOf(DEFAULT_CATALOG);
  const chat = wordsOf(CHAT_CATALOG);

  test('credits and packs have their names in full, and in short where they are named often', () => {
    const { credit, pack } = wordsOf({
      ...DEFAULT_CATALOG,
      brand: { ...DEFAULT_CATALOG.brand, credit: ['Spark', 'Sparks'], pack: ['Box of Sparks', 'Boxes'] },
    });
    expect([page.credit, page.pack, chat.credit, credit, pack]).toEqual([
      ['credit', 'credits'],
      ['pack', 'packs'],
      ['credit', 'credits'],
      ['spark', 'sparks'],
      ['sparks', 'boxes'],
    ]);
    expect(formatOf('UTC', credit).creditsOf(1)).toBe('1 spark');
    expect(formatOf('UTC', credit).creditsOf(1_200)).toBe('1,200 sparks');
    expect(formatOf('UTC').creditsOf(2)).toBe('2 credits');
    expect([page.packs(1), page.packs(3)]).toEqual(['1 pack', '3 packs']);
    expect(page.grants).toEqual({
      allowance: 'Default credits',
      pack: 'Premium Credit Pack',
      adjustment: 'Adjustment',
    });
  });

  test('a plan, pack or feature that the catalogue no longer has is named by its id', () => {
    expect([chat.plan('plus'), chat.packName('boost_500'), chat.feature('chat_reply')]).toEqual([
      'Plus',
      'Boost',
      'Chat reply',
    ]);
    expect([chat.plan('creator'), chat.packName('pack_300'), chat.feature('avatar_iv')]).toEqual([
      'creator',
      'pack_300',
      'avatar_iv',
    ]);
  });

  test('plans that sell packs, and people to ask', () => {
    expect([page.packPlans.split(/, | or /).toSorted(), chat.packPlans]).toEqual([
      ['Business', 'Creator', 'Pro'],
      'Plus',
    ]);
    expect([chat.contact('team'), chat.contact('plus'), page.contact('enterprise')]).toEqual([
      'sales@parlo.example',
      'https://parlo.example/help',
      null,
    ]);
  });
});

describe('rates and amounts', () => {
  const format = formatOf('UTC');
  const texts = (unit: Unit, credits: number | null, per: number | null, available = 25) => {
    const feature = { id: 'f', name: 'F', unit, credits, per };
    return [rateText(feature, format), amountText(feature, available, format)];
  };
  const token = { one: 'token', many: 'tokens', natural: 1_000, decimals: 0 } as const;
  const page = { one: 'page', many: 'pages', natural: 1, decimals: 0 } as const;

  test.each([
    ['seconds by the minute', texts(SECOND, 1, 3, 100), ['1 minute = 20 credits', '5 min']],
    ['seconds whose minute is no whole credit', texts(SECOND, 1, 7), ['7 sec = 1 credit', '2 min']],
    ['a unit by its natural amount', texts(token, 1, 500), ['1,000 tokens = 2 credits', '12,500 tokens']],
    [
      'a natural amount of less than a credit',
      texts(token, 1, 3_000),
      ['3,000 tokens = 1 credit', '75,000 tokens'],
    ],
    ['one of it', texts(page, 25, 1), ['1 page = 25 credits', '1 page']],
    ['nothing of it', texts(page, 26, 1), ['1 page = 26 credits', '0 pages']],
    ['a free feature', texts(page, 0, 1), ['', 'Unlimited']],
    ['credits that the caller states', texts(page, null, null), ['', null]],
  ])('%s', (_, found, wanted) => expect(found).toEqual(wanted));
});

describe('the colour of a brand', () => {
  const GROUNDS = { light: ['#faf9f7', '#ffffff', '#f2f0ec'], dark: ['#141513', '#1c1e1b', '#262824'] };
  const QUIET = { light: '#615d56', dark: '#a9a69d' };
  const hex = fc.integer({ min: 0, max: 0xffffff }).map((n) => `#${n.toString(16).padStart(6, '0')}`);

  test('is read on every ground of both schemes, whatever it is', () => {
    fc.assert(
      fc.property(hex, fc.constantFrom('light' as const, 'dark' as const), (brand, scheme) => {
        const { accent, strong, soft, on } = shadesOf(brand, scheme);
        for (const shade of [accent, strong])
          for (const ground of [...GROUNDS[scheme], soft, on])
            expect(contrast(shade, ground), `${shade} on ${ground}`).toBeGreaterThanOrEqual(4.5);
        expect(contrast(QUIET[scheme], soft), `quiet on ${soft}`).toBeGreaterThanOrEqual(4.5);
      }),
      {
        numRuns: 2_000,
        examples: [
          ['#000000', 'dark'],
          ['#ffffff', 'light'],
          ['#ffffff', 'dark'],
          ['#000000', 'light'],
        ],
      },
    );
  });

  test('stays as it is where it can be read', () => {
    expect(shadesOf('#6d28d9', 'light').accent).toBe('#6d28d9');
    expect(contrast('#000000', '#ffffff')).toBe(21);
    expect(accentSheet('#6d28d9')).toMatch(
      /^:root\{--accent:#6d28d9;.*\}\n@media \(prefers-color-scheme: dark\)\{:root\{--accent:#[0-9a-f]{6};.*\}\}\n$/,
    );
  });
});
