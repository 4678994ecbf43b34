import { describe, expect, test } from 'vitest';
import { formatOf } from '../../src/web/shell/format.ts';

const at = (text: string) => Date.parse(text);
/** Some locales write with spaces that do not break. */
const plain = (text: string) => text.replaceAll(/[\u00a0\u202f\u2009]/g, ' ');

describe('numbers, money and dates', () => {
  test('are written in the language of the words beside them', () => {
    const format = formatOf('UTC');
    const day = at('2027-02-17T00:00:00Z');
    expect([
      format.credits(3_600),
      format.money(2_900, 'USD'),
      format.date(day, at('2027-01-01T00:00:00Z')),
      format.date(day, at('2026-12-31T23:59:59Z')),
    ]).toEqual(['3,600', '$29.00', 'Feb 17', 'Feb 17, 2027']);
  });

  test('a currency without cents is not divided', () => {
    expect(formatOf('UTC').money(2_900, 'JPY')).toBe('¥2,900');
  });

  test('a date is that of the zone', () => {
    const late = at('2027-02-17T23:30:00Z');
    expect(formatOf('Asia/Tokyo').date(late, late)).toBe('Feb 18');
    expect(formatOf('America/New_York').date(late, late)).toBe('Feb 17');
    expect(plain(formatOf('Asia/Tokyo').moment(late))).toBe('Feb 18, 2027, 8:30 AM GMT+9');
  });

  test('the year is left out where it is that of the zone', () => {
    const newYear = at('2027-01-01T00:00:00Z');
    const dates = ['Pacific/Kiritimati', 'UTC', 'Pacific/Pago_Pago'].map((zone) =>
      [-15, -1, 0, 10, 11].map((hours) => formatOf(zone).date(newYear + hours * 3_600_000, newYear)),
    );
    expect(dates).toEqual([
      ['Dec 31, 2026', 'Jan 1', 'Jan 1', 'Jan 2', 'Jan 2'],
      ['Dec 31, 2026', 'Dec 31, 2026', 'Jan 1', 'Jan 1', 'Jan 1'],
      ['Dec 30', 'Dec 31', 'Dec 31', 'Dec 31', 'Jan 1, 2027'],
    ]);
  });

  test('days are counted by the calendar of the zone, also over a change of its clocks', () => {
    const format = formatOf('Europe/Berlin');
    const now = at('2027-03-27T22:59:00Z');
    expect(format.daysFrom(at('2027-03-27T00:00:00Z'), now)).toBe('today');
    expect(format.daysFrom(at('2027-03-27T23:00:00Z'), now)).toBe('tomorrow');
    expect(format.daysFrom(at('2027-03-29T22:00:00Z'), now)).toBe('in 3 days');
    expect(format.daysFrom(at('2027-03-20T12:00:00Z'), now)).toBe('7 days ago');
  });

  test('the uses that a balance buys', () => {
    const format = formatOf('UTC');
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
    const format = formatOf('UTC');
    expect([format.creditsOf(1), format.creditsOf(0), format.creditsOf(1_200)]).toEqual([
      '1 credit',
      '0 credits',
      '1,200 credits',
    ]);
    expect([format.signed(300), format.signed(-30), format.signed(0)]).toEqual(['+300', '-30', '0']);
  });
});
