import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createProcesses, type Processes } from '../support/processes.ts';
import { startReceiver } from '../support/receiver.ts';

// The logs of a real API and a real worker at their lowest level: secrets pass through both, and none is written (I15).

const SECRET = {
  metadata: `m-${randomBytes(8).toString('hex')}`,
  reason: `r-${randomBytes(8).toString('hex')}`,
  method: `sandbox_ok_${randomBytes(8).toString('hex')}`,
  token: `t-${randomBytes(8).toString('hex')}`,
  wrongKey: `dd_test_abc123_${randomBytes(24).toString('base64url')}`,
};

interface Line {
  level: string;
  time: string;
  process: string;
  msg: string;
  [member: string]: unknown;
}

let processes: Processes;
let id = '';
let endpointSecret = '';
let failedId = '';
beforeAll(async () => {
  processes = await createProcesses(undefined, { LOG_LEVEL: 'debug', WEBHOOK_PRIVATE_ADDRESSES: 'allow' });
  await Promise.all([processes.startApi(), processes.startWorker()]);
  await live();
});
afterAll(() => processes?.stop());

/** Requests that succeed, that are refused and that fail, each with a secret in it. */
async function live(): Promise<void> {
  const receiver = await startReceiver(() => 500);
  const { request } = processes;
  const endpoint = await request('POST', '/v1/webhook_endpoints', {
    body: { url: `${receiver.url}/${SECRET.token}?token=${SECRET.token}` },
  });
  endpointSecret = String((endpoint.body as { secret: string }).secret);
  const metadata = { note: SECRET.metadata };
  const start = { plan: 'creator', interval: 'month', payment_method: 'sandbox_ok', metadata };
  const started = await request('POST', '/v1/subscriptions', { body: { ...start, customer_id: 'c-1' } });
  id = (started.body as { id: string }).id;
  const items = [{ feature: 'video_asset', quantity: 1 }];
  await request('POST', `/v1/subscriptions/${id}/usage`, { body: { items, metadata } });
  await request('POST', `/v1/subscriptions/${id}/usage`, { text: `{"items": "${SECRET.metadata}` });
  await request('GET', `/v1/subscriptions?cursor=${SECRET.token}`);
  await request('GET', '/v1/catalog', { headers: { Authorization: `Bearer ${SECRET.wrongKey}` } });
  await request('POST', '/v1/subscriptions', {
    body: { ...start, customer_id: 'c-2', payment_method: SECRET.method },
  });
  await vi.waitFor(() => expect(receiver.received).not.toEqual([]), { timeout: 30_000 });
  // A statement that fails with the parameters of its request.
  await processes.db.execute(sql`alter table commands rename to away`);
  const failed = await request('POST', `/v1/subscriptions/${id}/grants`, {
    body: { credits: 5, reason: SECRET.reason, expires_at: '2099-01-01T00:00:00Z' },
  });
  await request('POST', `/v1/subscriptions/${id}/purchases`, { body: { packs: 1 } });
  await processes.db.execute(sql`alter table away rename to commands`);
  failedId = (failed.body as { request_id: string }).request_id;
  await receiver.stop();
}

const lines = (): Line[] =>
  processes
    .logs()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

describe('the logs', () => {
  test('are JSON, with time, level, process and message in every line', () => {
    const faults = lines().filter(
      ({ time, level, process, msg }) =>
        !/^\d{4}-.*Z$/.test(time) ||
        !['debug', 'info', 'warn', 'error'].includes(level) ||
        !['api', 'worker'].includes(process) ||
        typeof msg !== 'string',
    );
    expect(faults).toEqual([]);
    expect(new Set(lines().map(({ process }) => process))).toEqual(new Set(['api', 'worker']));
  });

  test('have a line for each request at level debug, by its route', () => {
    const spend = { level: 'debug', route: 'POST /v1/subscriptions/:id/usage' };
    expect(lines()).toContainEqual(expect.objectContaining({ ...spend, status: 201 }));
    expect(lines()).toContainEqual(expect.objectContaining({ ...spend, status: 400 }));
    expect(lines()).toContainEqual(expect.objectContaining({ route: 'GET /v1/catalog', status: 401 }));
  });

  test('have the ids of a failed request, and the frames of its error', () => {
    const failed = lines().filter(({ level }) => level === 'error');
    expect(failed.length).toBeGreaterThan(0);
    for (const line of failed)
      expect(line).toMatchObject({
        process: 'api',
        status: 500,
        request_id: expect.stringMatching(/^req_/),
        key_id: expect.stringMatching(/^key_/),
        subscription_id: id,
        err: { code: '42P01', stack: expect.stringContaining('    at ') },
      });
    expect(failed.map(({ request_id }) => request_id)).toContain(failedId);
  });

  test('have the SDK’s lines of a workflow with its ids', () => {
    expect(lines()).toContainEqual(
      expect.objectContaining({ process: 'worker', workflow_id: `subscription/${id}`, subscription_id: id }),
    );
  });

  test('hold no secret, no body and no parameter', () => {
    const text = processes.logs();
    for (const [name, secret] of Object.entries({ ...SECRET, endpointSecret }))
      expect(text.includes(secret), name).toBe(false);
    expect(text).not.toMatch(/dd_test_[a-z0-9]+_[\w-]{20}/);
    expect(text).not.toContain('Failed query');
  });
});
