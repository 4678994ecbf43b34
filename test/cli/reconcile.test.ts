import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawdown, type Run } from '../support/cli.ts';
import { did, subscribe } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// `drawdown reconcile` as an operator runs it: its output and its exit code.

const MONTHLY = { plan: 'creator', interval: 'month', from: '2026-01-31T00:00:00.000Z' } as const;

let stack: Stack;
let whole: string;
let bent: string;
beforeAll(async () => {
  stack = await startStack();
  whole = await subscribe(stack, MONTHLY);
  bent = await subscribe(stack, MONTHLY);
  for (const id of [whole, bent]) await did(stack, id, 'POST purchases', { packs: 1 });
});
afterAll(() => stack?.stop());

const command = (words: string[], databaseUrl: string | undefined = stack.databaseUrl): Promise<Run> =>
  drawdown(['reconcile', ...words], { DATABASE_URL: databaseUrl });

const bend = (refunded: number) =>
  stack.db.execute(
    sql`update charges set refunded_minor = ${refunded} where subscription_id = ${bent} and kind = 'purchase'`,
  );

test('all explained: the numbers, and exit code 0', async () => {
  const { code, out, err } = await command([]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.replace(/^at .*/, 'at …')).toBe(
    [
      'at …',
      '          looked at  explained      ratio',
      'charges           4          4     1.0000',
      'grants            4          4     1.0000',
      'inbox             0          0     1.0000',
      'refused           0          0     1.0000',
      'all               8          8     1.0000',
      '',
      'All is explained.',
      '',
    ].join('\n'),
  );
});

test('something is not: each row with its rule and a sentence, and exit code 1', async () => {
  await bend(1_500);
  try {
    const { code, out } = await command([]);
    expect(code).toBe(1);
    const [rule, sentence, ...rest] = out.split('Not explained: 1\n')[1]!.split('\n');
    expect(rule).toMatch(new RegExp(`^R-81 {2}${bent} {2}chg_\\w+$`));
    expect(sentence).toMatch(
      /^ {6}The purchase of USD 15\.00 of 2026-01-31T00:00:00\.000Z counts 15\.00 as given back; refunds and disputes say 0\.00\.$/,
    );
    expect(rest).toEqual(['']);
    expect(out).toContain('all               8          7     0.8750');

    const json = await command(['--json', '--subscription', bent]);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({
      total: 4,
      explained: 3,
      ratio: 0.75,
      charges: { total: 2, explained: 1 },
      unexplained: [{ table: 'charges', subscription_id: bent, rule: 'R-81' }],
    });
    expect(await command(['--subscription', whole])).toMatchObject({ code: 0 });
  } finally {
    await bend(0);
  }
});

test('it says that it is at work when that takes more than a second', async () => {
  let isLocked = () => {};
  const locked = new Promise<void>((resolve) => {
    isLocked = resolve;
  });
  const holding = stack.db.transaction(async (tx) => {
    await tx.execute(sql`lock table inbox in access exclusive mode`);
    isLocked();
    await sleep(6_000);
  });
  await locked;
  const { code, err } = await command([]);
  await holding;
  expect({ code, err }).toEqual({
    code: 0,
    err: 'Reading every charge, grant and message; large books take minutes.\n',
  });
});

test.each<[string, string[], string | undefined, RegExp]>([
  [
    'a subscription that is not here',
    ['--subscription', 'sub_nobody'],
    undefined,
    /^There is no subscription sub_nobody\.\n$/,
  ],
  ['no database', [], '', /^Set DATABASE_URL to the database of the ledger/],
  [
    'a database that is away',
    [],
    'postgres://nobody@127.0.0.1:9/x',
    /^The books could not be read: .*ECONNREFUSED/,
  ],
  ['a word that means nothing', ['--all'], undefined, /unknown option '--all'/],
])(
  'the books could not be read: %s: a sentence, and exit code 2',
  async (_, words, databaseUrl, sentence) => {
    const { code, out, err } = await command(words, databaseUrl ?? stack.databaseUrl);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
    expect(err).not.toContain('select');
  },
);

test('--help shows how it is used', async () => {
  const { code, out } = await command(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('npx drawdown reconcile --subscription sub_1 sub_2');
  expect(out).toContain('The exit code is 0 when all is explained, 1 when something is not');
});
