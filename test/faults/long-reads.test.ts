import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/db/client.ts';
import { Visit } from '../api/console-visit.ts';
import { Driver } from '../api/driver.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Reads that may take long have connections of their own: however many are under way, a spend gets one at once.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

/** More than the pool of the spends has connections. */
const READS = 40;

test('forty timelines that wait keep no spend and no balance waiting', async () => {
  const driver = await Driver.open(stack);
  const visit = await Visit.begin(stack);
  const page = () => visit.get(`/console/subscriptions/${driver.id}`);
  expect((await page()).status).toBe(200);
  const other = connect(stack.databaseUrl, { max: 1 });
  let reading: Promise<{ status: number }>[] = [];
  await other.transaction(async (tx) => {
    // A timeline reads the table of notes; a spend does not.
    await tx.execute(sql`lock table notes in access exclusive mode`);
    reading = Array.from({ length: READS }, page);
    await expect.poll(() => waitingFor(stack, 'notes'), { timeout: 10_000 }).toBeGreaterThan(0);
    expect((await driver.spend(1)).status).toBe(201);
    expect((await driver.get('balance')).status).toBe(200);
    expect(await waitingFor(stack, 'notes')).toBeGreaterThan(0);
  });
  for (const { status } of await Promise.all(reading)) expect(status).toBe(200);
  await other.$client.end();
});

/** Connections that wait for a lock on a table. */
async function waitingFor({ db }: Stack, table: string): Promise<number> {
  const [row] = await db.execute<{ n: number }>(
    sql`select count(*)::int as n from pg_locks where not granted and relation = ${table}::regclass`,
  );
  return row!.n;
}
