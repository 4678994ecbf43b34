import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/embedded/ports.ts';
import { RawLedger } from '../db/raw-ledger.ts';
import { shiftedClock } from '../support/clock.ts';
import { createProcesses, type Processes } from '../support/processes.ts';

// A worker whose clock and PostgreSQL's differ by 40 days: one of them is wrong, so it books no expiry by either.

const DAYS_40 = 40 * 86_400_000;

let processes: Processes;
beforeAll(async () => {
  processes = await createProcesses();
  await processes.startApi();
});
afterAll(() => processes?.stop());

test('PostgreSQL’s clock 40 days ahead expires nothing; the worker says so, and goes on once the clocks agree', async () => {
  const { db } = processes;
  const port = await freePort();
  const wrong = await processes.startWorker({
    NODE_OPTIONS: shiftedClock(-DAYS_40),
    METRICS_PORT: String(port),
  });
  const ledger = await RawLedger.live(db);
  const at = Date.now() + 1_000;
  await ledger.grant({ credits: 50, to: at });
  const entries = async () =>
    (
      await db.execute<{ kind: string }>(
        sql`select kind from entries where subscription_id = ${ledger.id} order by seq`,
      )
    ).map(({ kind }) => kind);
  await sleep(at - Date.now() + 5_000);
  expect(await entries()).toEqual(['grant']);
  expect(processes.logs()).toContain('clock differs from this process’s by more than a minute');
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(Number(/^drawdown_clock_difference_seconds (\S+)$/m.exec(metrics)?.[1])).toBeCloseTo(
    DAYS_40 / 1_000,
    -1,
  );

  await wrong.kill();
  await processes.startWorker();
  await expect.poll(entries, { timeout: 20_000 }).toEqual(['grant', 'expiry']);
});
