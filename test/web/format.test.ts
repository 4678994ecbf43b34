import { describe, expect, test } from 'vitest';
import { formatOf, localeOf } from '../../src/web/format.ts';

const at = (text: string) => Date.parse(text);
/** Some locales write with spaces that do not break. */
const plain = (text: string) => text.replaceAll(/[\u00a0\u202f\u2009]/g, ' ');

describe('the locale of an Accept-Language', () => {
  test.each([
    [undefined, 'en-US'],
    ['', 'en-US'],
    ['*', 'en-US'],
    ['de', 'de'],
    ['de-AT,de;q=0.9,en;q=0.8', 'de-AT'],
    ['en;q=0.5, fr-CH;q=0.9', 'fr-CH'],
    ['xx-nonsense, pt-BR', 'pt-BR'],
    ['fr;q=0, en-GB', 'en-GB'],
    ['de-DE-u-ca-buddhist-nu-thai, es', 'es'],
    ['<script>', 'en-US'],
    [`${'a'.repeat(5_000)},de`, 'en-US'],
  ])('%s is %s', (header, locale) => {
    expect(localeOf(header)).toBe(locale);
  });
});

describe('numbers, money and dates', () => {
  test.each([
    ['en-US', '3,600', '$29.00', 'Feb 17', 'Feb 17, 2027'],
    ['de', '3.600', '29,00 $', '17. Feb.', '17. Feb. 2027'],
    ['fr', '3 600', '29,00 $US', '17 févr.', '17 févr. 2027'],
    ['en-GB', '3,600', 'US$29.00', '17 Feb', '17 Feb 2027'],
  ])('%s', (locale, credits, money, near, far) => {
    const format = formatOf(locale, 'UTC');
    const day = at('2027-02-17T00:00:00Z');
    expect([
      plain(format.credits(3_600)),
      plain(format.money(2_900, 'USD')),
      format.date(day, at('2027-01-01T00:00:00Z')),
      format.date(day, at('2026-12-31T23:59:59Z')),
    ]).toEqual([credits, money, near, far]);
  });

  test('a currency without cents is not divided', () => {
    expect(formatOf('en-US', 'UTC').money(2_900, 'JPY')).toBe('¥2,900');
  });

  test('a date is that of the zone', () => {
    const late = at('2027-02-17T23:30:00Z');
    expect(formatOf('en-US', 'Asia/Tokyo').date(late, late)).toBe('Feb 18');
    expect(formatOf('en-US', 'America/New_York').date(late, late)).toBe('Feb 17');
    expect(plain(formatOf('en-US', 'Asia/Tokyo').moment(late))).toBe('Feb 18, 2027, 8:30 AM GMT+9');
  });

  test('days are counted by the calendar of the zone, also over a change of its clocks', () => {
    const format = formatOf('en-US', 'Europe/Berlin');
    const now = at('2027-03-27T22:59:00Z');
    expect(format.daysFrom(at('2027-03-27T00:00:00Z'), now)).toBe('today');
    expect(format.daysFrom(at('2027-03-27T23:00:00Z'), now)).toBe('tomorrow');
    expect(format.daysFrom(at('2027-03-29T22:00:00Z'), now)).toBe('in 3 days');
    expect(format.daysFrom(at('2027-03-20T12:00:00Z'), now)).toBe('7 days ago');
  });

  test('what a balance buys', () => {
    const format = formatOf('en-US', 'UTC');
    expect([30, 59, 60, 600, 3_600, 5_400].map(format.duration)).toEqual([
      '30 sec',
      '59 sec',
      '1 min',
      '10 min',
      '1 hr',
      '1 hr 30 min',
    ]);
  });

  test('one credit is one credit, and a change has its sign', () => {
    const format = formatOf('en-US', 'UTC');
    expect([format.creditsOf(1), format.creditsOf(0), format.creditsOf(1_200)]).toEqual([
      '1 credit',
      '0 credits',
      '1,200 credits',
    ]);
    expect([format.signed(300), format.signed(-30), format.signed(0)]).toEqual(['+300', '-30', '0']);
  });
});
