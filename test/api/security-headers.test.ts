import { request } from 'node:http';
import { connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFastPath } from '../../src/api/fast-path.ts';
import { createApp } from '../../src/app.ts';
import { type Listening, listen } from '../support/listen.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { Driver } from './driver.ts';

// Each answer forbids browsers to sniff, run, frame and keep it, whatever the answer is: of the API, a page or neither.

let stack: Stack;
let driver: Driver;
let overHttps: Listening;

beforeAll(async () => {
  stack = await startStack();
  driver = await Driver.open(stack);
  const deps = { ...stack.deps, publicUrl: 'https://credits.example.com' };
  overHttps = await listen(createFastPath(deps, getRequestListener(createApp(deps).fetch)));
});
afterAll(async () => {
  await overHttps?.close();
  await stack?.stop();
});

const ANSWERS: Record<string, [status: number, path: (id: string) => string, init?: RequestInit]> = {
  'the home page': [200, () => '/', { headers: { Accept: 'text/html' } }],
  'its JSON': [200, () => '/'],
  health: [200, () => '/healthz'],
  readiness: [200, () => '/readyz'],
  'the contract': [200, () => '/openapi.json'],
  'a code': [200, () => '/problems/not_found'],
  'a balance, on the fast path': [200, (id) => `/v1/subscriptions/${id}/balance`],
  'a refusal there': [404, () => '/v1/subscriptions/sub_none/balance'],
  'a list': [200, (id) => `/v1/subscriptions/${id}/entries`],
  'entries as CSV': [200, (id) => `/v1/subscriptions/${id}/entries`, { headers: { Accept: 'text/csv' } }],
  'no key': [401, () => '/v1/api_keys', { headers: { Authorization: '' } }],
  'no route': [404, () => '/v1/nothing'],
  'no route at all': [404, () => '/nothing'],
  'a body that is too large': [413, () => '/v1/api_keys', { method: 'POST', body: ' '.repeat(65_537) }],
  'a body that is no JSON': [415, () => '/v1/api_keys', { method: 'POST', body: 'x' }],
  'a page of the wallet': [200, () => '/wallet/closed'],
  'a wallet without a session': [401, () => '/wallet'],
  'a redirect': [303, () => '/console'],
  'the sign-in page': [200, () => '/console/sign-in'],
  'a form from elsewhere': [
    403,
    () => '/wallet/leave',
    { method: 'POST', body: new URLSearchParams(), headers: { Origin: 'https://evil.example' } },
  ],
  'a style sheet': [200, () => '/assets/style.css'],
};

/** Answers that are the same for everybody. */
const KEPT = ['a style sheet'];

const ask = (url: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}${path}`, {
    redirect: 'manual',
    ...init,
    headers: { Authorization: `Bearer ${stack.key}`, ...(init.headers as Record<string, string>) },
  });

describe('the headers of', () => {
  test.each(Object.entries(ANSWERS))('%s', async (name, [status, path, init]) => {
    const answer = await ask(stack.url, path(driver.id), init);
    await answer.arrayBuffer();
    const { headers } = answer;
    expect(answer.status).toBe(status);
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('Referrer-Policy')).toMatch(/^(no-referrer|same-origin)$/);
    const policy = (headers.get('Content-Security-Policy') ?? '').split('; ');
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]),
    );
    expect(headers.get('Cache-Control') === 'no-store').toBe(!KEPT.includes(name));
    expect([...headers.keys()].filter((header) => header.startsWith('access-control-'))).toEqual([]);
    expect(headers.get('Strict-Transport-Security')).toBeNull();
  });

  test.each(Object.entries(ANSWERS))('%s, where the public address is https', async (_, [, path, init]) => {
    const answer = await ask(overHttps.url, path(driver.id), init);
    await answer.arrayBuffer();
    expect(answer.headers.get('Strict-Transport-Security')).toBe('max-age=31536000; includeSubDomains');
  });
});

test('TRACE repeats no request', async () => {
  const { hostname, port } = new URL(stack.url);
  const answer = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const headers = { Cookie: 'drawdown_wallet=secret' };
    const sending = request({ hostname, port, method: 'TRACE', path: '/', headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode, text: Buffer.concat(chunks).toString() }),
      );
    });
    sending.on('error', reject).end();
  });
  expect(answer.status).toBe(404);
  expect(answer.text).not.toContain('secret');
});

test('a request whose end two headers name is refused, and the bytes behind it are no request', async () => {
  const { hostname, port } = new URL(stack.url);
  const text = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      const first = [
        'POST /v1/api_keys HTTP/1.1',
        'Host: x',
        'Content-Length: 5',
        'Transfer-Encoding: chunked',
      ];
      socket.write([...first, '', '0', '', 'GET /healthz HTTP/1.1', 'Host: x', '', ''].join('\r\n'));
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject).on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
  expect(text.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 400']);
});
