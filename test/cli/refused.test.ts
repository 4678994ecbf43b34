import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import { noteFailure } from '../../src/db/failures.ts';
import { drawdown } from '../support/cli.ts';
import { createDatabase } from '../support/stack.ts';

// `drawdown refused` as an operator runs it, on rows that the relay has put on record.

let url: string;
let db: Database;
beforeAll(async () => {
  url = await createDatabase();
  db = connect(url);
});
afterAll(() => db?.$client.end({ timeout: 2 }));

const refused = (...words: string[]) => drawdown(['refused', ...words], { DATABASE_URL: url });

async function message(event: string): Promise<string> {
  const [row] = await db.execute<{ id: string }>(sql`
    insert into inbox (provider, event_id, subscription_id, kind, payload) values ('test', ${event}, 'sub_1', 'cancelled', '{}') returning id`);
  return String(row!.id);
}

test('nothing is refused: exit code 0', async () => {
  expect(await refused('list')).toMatchObject({ code: 0, out: 'Nothing is refused.\n' });
});

test('each is listed with its tries and reason, tried at once, and a message given up', async () => {
  const [first, other] = [await message('evt_1'), await message('evt_2')];
  const note = (kind: 'message' | 'nudge', key: string, reason: string) =>
    noteFailure(db, { kind, key, subscriptionId: 'sub_1' }, reason);
  for (const _ of [1, 2, 3]) await note('message', first, 'too large');
  await note('nudge', 'sub_1', 'no\0answer');

  const listed = await refused('list');
  expect(listed.code).toBe(1);
  expect(listed.out).toMatch(
    new RegExp(
      `^row +subscription +tries +since\nmessage ${first} +sub_1 +3 .*Z\n {2}test evt_1: cancelled\n {2}too large\nnudge sub_1 +sub_1 +1 .*Z\n {2}noanswer\n$`,
    ),
  );
  expect(JSON.parse((await refused('list', '--json')).out)).toMatchObject([
    { row: `message ${first}`, attempts: 3, reason: 'too large', says: 'test evt_1: cancelled' },
    { row: 'nudge sub_1', attempts: 1, says: null },
  ]);

  const due = async () =>
    (await db.execute(sql`select key from failures where next_at <= clock_timestamp() order by key`)).map(
      ({ key }) => key,
    );
  expect(await refused('retry', `message ${first}`)).toMatchObject({
    code: 0,
    out: '1 rows are tried again at once.\n',
  });
  expect(await due()).toContain(first);
  expect(await refused('retry', 'message 999')).toMatchObject({ code: 1 });

  const dropped = await refused('drop', `message ${first}`, `message ${other}`, 'nudge sub_1');
  expect(dropped).toMatchObject({
    code: 1,
    out: `message ${first}  dropped\nmessage ${other}  is no message that is refused\nnudge sub_1  is no message that is refused\n`,
  });
  const outcomes = await db.execute(
    sql`select event_id, outcome, relayed_at is not null as done from inbox order by id`,
  );
  expect([...outcomes]).toEqual([
    { event_id: 'evt_1', outcome: 'dropped', done: true },
    { event_id: 'evt_2', outcome: null, done: false },
  ]);
  expect((await refused('list')).out).not.toContain('message');
});

test('a database that is away: a sentence, exit code 2', async () => {
  const { code, err } = await drawdown(['refused', 'list'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:9/x',
  });
  expect(err).toMatch(/^The refused rows could not be read: .*ECONNREFUSED/);
  expect(code).toBe(2);
});
