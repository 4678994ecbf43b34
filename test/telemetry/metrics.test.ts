import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/embedded/ports.ts';
import { createProcesses, type Processes } from '../support/processes.ts';
import { startReceiver } from '../support/receiver.ts';

// The metrics of a real API and a real worker: they are served, and they count.

let processes: Processes;
let [api, worker] = ['', ''];
beforeAll(async () => {
  const ports = { api: await freePort(), worker: await freePort() };
  [api, worker] = [`http://127.0.0.1:${ports.api}/metrics`, `http://127.0.0.1:${ports.worker}/metrics`];
  processes = await createProcesses(undefined, { WEBHOOK_PRIVATE_ADDRESSES: 'allow' });
  await processes.startApi(undefined, { METRICS_PORT: String(ports.api) });
  await processes.startWorker({ METRICS_PORT: String(ports.worker) });
});
afterAll(() => processes?.stop());

async function scrape(address: string): Promise<string> {
  const answer = await fetch(address);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Content-Type')).toContain('text/plain');
  return answer.text();
}

/** The value of a sample by its name and labels, as the text has them; undefined where there is none. */
function valueIn(text: string, sample: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

/** Drizzle sends a statement when its outcome is asked for. */
const begun = <T>(statement: PromiseLike<T>): Promise<T> => Promise.resolve(statement);

const START = { customer_id: 'c-1', plan: 'creator', interval: 'month', payment_method: 'sandbox_ok' };
const USAGE = { items: [{ feature: 'video_asset', quantity: 2 }] };

describe('the API', () => {
  test('counts a spend over the fast path, a refused one, and the batch', async () => {
    const { body } = await processes.request('POST', '/v1/subscriptions', { body: START });
    const path = `/v1/subscriptions/${(body as { id: string }).id}`;
    expect((await processes.request('POST', `${path}/usage`, { body: USAGE })).status).toBe(201);
    const tooMuch = { items: [{ feature: 'video_asset', quantity: 9_000 }] };
    expect((await processes.request('POST', `${path}/usage`, { body: tooMuch })).status).toBe(402);
    await processes.request('GET', `${path}/balance`);
    await processes.request('GET', '/nothing/here');
    await processes.request('GET', `${path}/entries`, { headers: { Authorization: 'Bearer no key' } });

    const text = await scrape(api);
    const spent = (outcome: string) =>
      `drawdown_http_request_duration_seconds_count{method="POST",route="/v1/subscriptions/:id/usage",outcome="${outcome}"}`;
    expect(valueIn(text, spent('ok'))).toBe(1);
    expect(valueIn(text, spent('refused'))).toBe(1);
    expect(valueIn(text, spent('failed'))).toBe(0);
    expect(
      valueIn(
        text,
        'drawdown_http_request_duration_seconds_count{method="GET",route="/v1/subscriptions/:id/balance",outcome="ok"}',
      ),
    ).toBe(1);
    expect(
      valueIn(
        text,
        'drawdown_http_request_duration_seconds_count{method="GET",route="/v1/subscriptions/:id/entries",outcome="refused"}',
      ),
    ).toBe(1);
    expect(valueIn(text, 'drawdown_spends_total{op="usage",outcome="ok"}')).toBe(1);
    expect(valueIn(text, 'drawdown_spends_total{op="usage",outcome="insufficient_credits"}')).toBe(1);
    expect(valueIn(text, 'drawdown_spend_batch_size_bucket{le="1"}')).toBe(2);
    expect(valueIn(text, 'drawdown_spend_batch_wait_seconds_count')).toBe(2);
    expect(valueIn(text, 'drawdown_statement_duration_seconds_count{function="spend_batch"}')).toBe(2);
    expect(valueIn(text, 'drawdown_statements_in_flight')).toBe(0);
    expect(valueIn(text, 'nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
    // Neither an id nor a path that nobody serves becomes a label.
    expect(text).not.toContain('sub_');
    expect(text).not.toContain('/nothing/here');
  });

  test('has buckets that grow to the count', async () => {
    const text = await scrape(api);
    const counts = [
      ...text.matchAll(/^drawdown_spend_batch_wait_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm),
    ].map(([, , count]) => Number(count));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBe(valueIn(text, 'drawdown_spend_batch_wait_seconds_count'));
  });
});

describe('the worker', () => {
  test('counts deliveries and nudges, and serves the SDK’s metrics', async () => {
    const receiver = await startReceiver();
    await processes.request('POST', '/v1/webhook_endpoints', { body: { url: receiver.url } });
    const { body } = await processes.request('POST', '/v1/subscriptions', {
      body: { ...START, customer_id: 'c-2' },
    });
    const path = `/v1/subscriptions/${(body as { id: string }).id}`;
    await processes.request('POST', `${path}/usage`, { body: USAGE });
    await expect.poll(() => receiver.received.length, { timeout: 30_000 }).toBeGreaterThan(0);
    const counted = async () =>
      valueIn(await scrape(worker), 'drawdown_delivery_attempts_total{outcome="delivered"}');
    await expect.poll(counted, { timeout: 10_000 }).toBeGreaterThan(0);
    const nudged = async () =>
      valueIn(await scrape(worker), 'drawdown_relay_rows_total{kind="nudge",outcome="done"}');
    await expect.poll(nudged, { timeout: 10_000 }).toBeGreaterThan(0);
    const text = await scrape(worker);
    expect(valueIn(text, 'drawdown_statement_duration_seconds_count{function="book_step"}')).toBeGreaterThan(
      0,
    );
    expect(text).toMatch(/^temporal_activity_execution_latency_seconds_count\{/m);
    expect(text).toMatch(/^temporal_workflow_task_schedule_to_start_latency_seconds_count\{/m);
    await receiver.stop();
  });

  test('serves the gauges of the ledger', async () => {
    const { db } = processes;
    await db.execute(sql`insert into inbox (provider, event_id, subscription_id, kind, payload, received_at, claimed_until)
      values ('test', 'e1', 'sub_none', 'cancelled', '{}', clock_timestamp() - interval '1 minute',
        clock_timestamp() + interval '1 minute')`);
    await db.execute(sql`insert into failures (kind, key, subscription_id, attempts, reason, next_at)
      values ('step', 'sub_stuck', 'sub_stuck', 7, 'r', clock_timestamp() + interval '1 minute')`);
    // Longer than the numbers are served again.
    await sleep(5_500);
    const text = await scrape(worker);
    expect(valueIn(text, 'drawdown_ledger_up')).toBe(1);
    expect(valueIn(text, 'drawdown_backlog_rows{kind="message"}')).toBe(1);
    expect(valueIn(text, 'drawdown_backlog_oldest_seconds{kind="message"}')).toBeGreaterThan(59);
    expect(valueIn(text, 'drawdown_failing_rows{kind="step"}')).toBe(1);
    expect(valueIn(text, 'drawdown_failing_rows{kind="nudge"}')).toBe(0);
    expect(valueIn(text, 'drawdown_late_subscriptions')).toBe(0);
    expect(valueIn(text, 'drawdown_held_up_subscriptions')).toBe(0);
  });

  test('sees a session that waits for a lock', async () => {
    const { db } = processes;
    const [first] = await db.execute<{ id: string }>(sql`select subscription_id as id from ledgers limit 1`);
    const locking = begun(
      db.execute(sql`with locked as (
      select 1 from ledgers where subscription_id = ${first!.id} for update) select pg_sleep(8) from locked`),
    );
    await sleep(500);
    const waiting = begun(
      db.execute(sql`select 1 from ledgers where subscription_id = ${first!.id} for update`),
    );
    const waiters = async () => valueIn(await scrape(worker), 'drawdown_lock_waiters');
    await expect.poll(waiters, { timeout: 7_500, interval: 500 }).toBe(1);
    await Promise.all([locking, waiting]);
  });
});

test('a port that is taken ends the process with the variable to set', async () => {
  const port = Number(new URL(api).port);
  await expect(processes.startApi(await freePort(), { METRICS_PORT: String(port) })).rejects.toThrow(
    `127.0.0.1:${port} is taken: set METRICS_PORT to another.`,
  );
});

test('nothing is served where METRICS_PORT is not set', async () => {
  const { program } = await processes.startApi(await freePort(), { METRICS_PORT: '' });
  expect(program.info.ready).toBe(true);
});
