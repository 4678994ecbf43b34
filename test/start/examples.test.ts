import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { SECRETS } from '../support/external-events.ts';
import { type Stack, startStack } from '../support/stack.ts';

// The examples as a reader runs them: programs of their own, against a server that listens.

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
const examples = readdirSync(folder).filter((name) => name.endsWith('.sh') && name !== 'http.sh');

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await stack?.stop();
});

async function run(
  name: string,
  env: Record<string, string>,
  args: string[] = [],
): Promise<{ code: number | null; said: string }> {
  const program = name.endsWith('.mjs') ? process.execPath : 'bash';
  const child = spawn(program, [folder + name, ...args], { env: { ...process.env, ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

describe('the examples', () => {
  it('are there', () => {
    expect(examples.length).toBeGreaterThanOrEqual(4);
  });

  it.each(examples)('%s runs to its end', async (name) => {
    const { code, said } = await run(name, { API: stack.url, KEY: stack.key });
    expect(code, said).toBe(0);
  });

  it.each(examples)('%s ends with a failure, and says why, when it is refused', async (name) => {
    const { code, said } = await run(name, { API: stack.url, KEY: 'dd_test_none_none' });
    expect(code, said).not.toBe(0);
    expect(said).toContain('answered 401 instead of 201');
    expect(said).not.toContain('SyntaxError');
  });
});

describe('spend.mjs, with the client', () => {
  it('runs out, buys, and spends under the same key', async () => {
    const { code, said } = await run('spend.mjs', { API: stack.url, KEY: stack.key });
    expect(code, said).toBe(0);
    expect(said).toContain('This needs 300 credits and 200 are available. 1 pack covers it.');
    expect(said).toContain('Spent 300, left 200.');
  });

  it('ends with a failure, and says why, when it is refused', async () => {
    const { code, said } = await run('spend.mjs', { API: stack.url, KEY: 'dd_test_none_none' });
    expect(code, said).not.toBe(0);
    expect(said).toContain("code: 'unauthenticated'");
  });
});

describe('customer.mjs, with the client', () => {
  it('spends on the subscription of the day', async () => {
    const { code, said } = await run('customer.mjs', { API: stack.url, KEY: stack.key });
    expect(code, said).toBe(0);
    expect(said.trim().split('\n')).toEqual([
      'creator: 170 left.',
      'After the end: subscription_not_active.',
      'pro: 1970 left.',
      'pro with 1970; ended before: creator.',
    ]);
  });
});

describe('settle-by-signal.mjs, where another system owns billing', () => {
  let owned: Stack;
  const env = () => ({ TEMPORAL_ADDRESS: inject('temporalAddress') });
  beforeAll(async () => {
    owned = await startStack({ external: { webhookSecrets: [SECRETS.new] } });
  });
  afterAll(() => owned?.stop());

  async function start(): Promise<string> {
    const body = { customer_id: `signalled-${Date.now()}`, plan: 'creator', interval: 'month' };
    const started = await owned.request('POST', '/v1/subscriptions', { body });
    expect(started.status).toBe(202);
    return (started.body as { id: string }).id;
  }

  it('settles the first payment, and nothing the second time', async () => {
    const id = await start();
    const first = await run('settle-by-signal.mjs', env(), [id]);
    expect(first.code, first.said).toBe(0);
    expect(first.said).toContain('the subscription is active, on creator');
    const { body } = await owned.request('GET', `/v1/subscriptions/${id}/balance`);
    expect(body).toMatchObject({ available: 200 });
    const second = await run('settle-by-signal.mjs', env(), [id]);
    expect(second.said).toContain('pending: nothing');
    expect(second.code, second.said).toBe(0);
  });

  it('or declines it', async () => {
    const { code, said } = await run('settle-by-signal.mjs', env(), [await start(), 'declined']);
    expect(code, said).toBe(0);
    expect(said).toContain('the subscription is ended');
  });

  it('ends with a failure, and says why, where there is no such subscription', async () => {
    const { code, said } = await run('settle-by-signal.mjs', env(), ['sub_nobody']);
    expect(code, said).not.toBe(0);
    expect(said).toContain('WorkflowNotFoundError');
  });
});
