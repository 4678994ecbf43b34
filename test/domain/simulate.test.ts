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
