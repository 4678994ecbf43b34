import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database, isDatabaseAway } from '../../src/db/client.ts';
import type { PostgresService } from '../../src/embedded/postgres.ts';
import { sized } from '../support/campaign.ts';
import { ownServers } from '../support/servers.ts';

// I5 rests on every statement being answered: a pool of plain postgres.js forgets some when all its connections are lost at
// once, and goes on with connections that never work again (about one statement a round here).

const ROUNDS = sized(4, 8);
const CALLERS = 12;
const ANSWER_WITHIN_MS = 8_000;

const servers = ownServers();
const { startDatabase: start } = servers;

let database: PostgresService;
let db: Database;
beforeAll(async () => {
  database = await start();
  db = connect(database.url, { max: 20 });
});
afterAll(async () => {
  await db.$client.end({ timeout: 1 });
  await database.stop();
  servers.remove();
});

test('every statement is answered while PostgreSQL goes and comes, and the next ones find it', async () => {
  const seen = { isOver: false, answered: 0, away: 0, unexpected: [] as unknown[] };
  const callers = Array.from({ length: CALLERS }, (_, n) => caller(n, seen));
  for (let round = 0; round < ROUNDS; round += 1) {
    await answeredMore(seen, 100);
    await database.stop();
    await sleep(30);
    database = await start(database.port);
  }
  await answeredMore(seen, 100);
  seen.isOver = true;
  await Promise.all(callers);
  expect(seen.unexpected).toEqual([]);
  expect(seen.away).toBeGreaterThan(0);
});

interface Seen {
  isOver: boolean;
  answered: number;
  away: number;
  /** Errors of another kind, and `no answer`. */
  unexpected: unknown[];
}

/** Short and long statements, some of them tried again at once: that is how they meet a connection that is going. */
async function caller(n: number, seen: Seen): Promise<void> {
  while (!seen.isOver) {
    const statement =
      n % 2 ? db.$client`select pg_sleep(0.001), ${'x'.repeat(n * 100)}::text` : db.$client`select 1`;
    const late = sleep(ANSWER_WITHIN_MS, 'no answer', { ref: false });
    const answer = await Promise.race([statement, late]).catch((error: unknown) => error);
    if (Array.isArray(answer)) seen.answered += 1;
    else if (isDatabaseAway(answer)) seen.away += 1;
    else seen.unexpected.push(answer);
    await (n % 3 === 0 ? sleep(20) : new Promise(setImmediate));
  }
}

async function answeredMore(seen: Seen, more: number): Promise<void> {
  const wanted = seen.answered + more;
  await expect.poll(() => seen.answered, { timeout: 30_000 }).toBeGreaterThan(wanted);
}
