import { describe, test } from 'vitest';
import { drawdown } from '../support/cli.ts';

const simulate = (...words: string[]) => drawdown(['simulate', ...words]);

describe.concurrent('drawdown simulate', { timeout: 30_000 }, () => {
  test('prints the facts of a life and a line that sums them up', async ({ expect }) => {
    const { out } = await simulate('creator', 'month', '1', '1', '--from', '2026-01-31');
    expect(out).toBe(
      [
        '2026-01-31T00:00:00.000Z  charge start            USD 29.00  paid',
        '2026-01-31T00:00:00.000Z  charge purchase         USD 15.00  paid',
        '2026-01-31T00:00:00.000Z  grant allowance              +200  until 2026-03-02T00:00:00.000Z',
        '2026-01-31T00:00:00.000Z  grant pack                   +300  until 2026-05-29T00:00:00.000Z',
        '2026-02-28T00:00:00.000Z  charge renewal          USD 44.00  paid',
        '2026-02-28T00:00:00.000Z  grant allowance              +200  until 2026-03-30T00:00:00.000Z',
        '2026-02-28T00:00:00.000Z  grant pack                   +300  until 2026-06-29T00:00:00.000Z',
        '= 2026-02-28T00:00:00.000Z  creator month, active: 4 grants; 3 charges paid, USD 88.00; 1000 credits available (allowance 400, pack 600, adjustment 0)',
        '',
      ].join('\n'),
    );
  });

  test('tells a scenario table by words of its title', async ({ expect }) => {
    const { out } = await simulate('a late signal for the old');
    expect(out).toContain('(subscription 2)');
    expect(out).toContain('charge renewal          USD 29.00  given_up');
  });

  test('prints one JSON document', async ({ expect }) => {
    const { out } = await simulate('creator', 'year', '26', '1', '--from', '2026-01-17', '--json');
    expect(JSON.parse(out).summary).toMatchObject({ grants: 30, charged_minor: 131_400, available: 7_600 });
  });

  test('lives by another catalogue: a trial, packs by name, weeks and quarters', async ({ expect }) => {
    const own = ['--catalog', 'examples/catalogues/chat.json', '--from', '2026-01-31'];
    const { out } = await simulate('plus', 'month', '1', '2', ...own, '--trial', '--pack', 'boost_500');
    expect(out).toBe(
      [
        '2026-01-31T00:00:00.000Z  grant allowance              +200  until 2026-02-07T00:00:00.000Z',
        '2026-02-07T00:00:00.000Z  expiry allowance             -200',
        '2026-02-07T00:00:00.000Z  charge renewal          USD 20.00  paid',
        '2026-02-07T00:00:00.000Z  charge purchase         USD 10.00  paid',
        '2026-02-07T00:00:00.000Z  grant allowance             +3000  until 2026-03-07T00:00:00.000Z',
        '2026-02-07T00:00:00.000Z  grant pack                  +1000  until 2026-03-09T00:00:00.000Z',
        '= 2026-02-28T00:00:00.000Z  plus month, active: 3 grants; 2 charges paid, USD 30.00; 4000 credits available (allowance 3000, pack 1000, adjustment 0)',
        '',
      ].join('\n'),
    );
    const weeks = await simulate('free', 'week', '1', '0', ...own, '--json');
    expect(JSON.parse(weeks.out).summary).toMatchObject({ grants: 5, charges_paid: 0, available: 50 });
    const images = ['--catalog', 'examples/catalogues/images.json', '--from', '2026-01-31', '--json'];
    const quarters = await simulate('studio', 'quarter', '7', '0', ...images);
    expect(JSON.parse(quarters.out).summary).toMatchObject({
      grants: 8,
      charged_minor: 15_300,
      currency: 'EUR',
    });
  });

  test.for<[string[], string]>([
    [['pro', 'week'], 'The catalogue has no pro plan paid by the week.'],
    [['pro', 'day'], 'The interval must be one of week, month, quarter, year.'],
    [['pro', 'month', '1', '--trial'], 'The plan pro has no trial.'],
    [['pro', 'month', '1', '101'], 'packs must be a whole number from 1 to 100'],
    [['pro', '--catalog', 'none.json'], "The catalogue none.json can't be read: ENOENT"],
    [
      ['pro', '--catalog', 'examples/catalogues/chat.json'],
      'examples/catalogues/chat.json has no plan pro: it has free, plus, team.',
    ],
    [
      ['plus', 'month', '1', '1', '--catalog', 'examples/catalogues/chat.json'],
      '--pack is required where several packs are sold: one of boost_500, boost_2500',
    ],
  ])('%j is refused in a sentence', async ([words, sentence], { expect }) => {
    const { code, out, err } = await simulate(...words);
    expect(err.slice(0, sentence.length)).toBe(sentence);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  test('names in a sentence the word that it does not understand', async ({ expect }) => {
    expect(await simulate('no such life')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('no such life'),
    });
    expect((await simulate('creator', 'week')).code).toBe(2);
    expect((await simulate('creator', 'month', '1.5')).code).toBe(2);
    expect((await simulate('--help')).out).toContain('npx drawdown simulate creator month 26 1');
  });
});
