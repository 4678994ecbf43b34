import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type ServerType, serve } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';

// The examples as a reader runs them: programs of their own, against a server that listens.

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
const examples = readdirSync(folder).filter((name) => name.endsWith('.sh') && name !== 'http.sh');

let stack: Stack;
let server: ServerType;
let api: string;

beforeAll(async () => {
  stack = await startStack();
  server = serve({ fetch: forward, port: 0, hostname: '127.0.0.1' });
  if (!server.listening) await once(server, 'listening');
  api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server?.close();
  await stack?.stop();
});

/** What came over the wire, through the stack's own door: the same app, asked with the caller's own headers. */
async function forward(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const text = await request.text();
  const names = ['Authorization', 'Idempotency-Key', 'Accept'];
  const headers = Object.fromEntries(names.map((name) => [name, request.headers.get(name) ?? '']));
  const answer = await stack.request(request.method, pathname + search, {
    headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== '')),
    ...(text === '' ? {} : { body: JSON.parse(text) }),
  });
  return new Response(answer.text, { status: answer.status, headers: answer.headers });
}

async function run(
  name: string,
  env: Record<string, string>,
): Promise<{ code: number | null; said: string }> {
  const child = spawn('bash', [folder + name], { env: { ...process.env, ...env } });
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
    const { code, said } = await run(name, { API: api, KEY: stack.key });
    expect(code, said).toBe(0);
  });

  it.each(examples)('%s ends with a failure, and says why, when it is refused', async (name) => {
    const { code, said } = await run(name, { API: api, KEY: 'dd_test_none_none' });
    expect(code, said).not.toBe(0);
    expect(said).toContain('answered 401 instead of 201');
    expect(said).not.toContain('SyntaxError');
  });
});
