import type { App } from '../../src/api/route.ts';
import { createApp, createDeps } from '../../src/app.ts';
import type { Answer, Stack } from '../support/stack.ts';

// Requests as bytes and headers, with nothing added but the key: no well-behaved client sends them.

const apps = new WeakMap<Stack, App>();

/** A second application on a stack's ledger and workflows. */
export function appOf(stack: Stack): App {
  const known = apps.get(stack);
  if (known) return known;
  const app = openApp(stack, (line) => process.stderr.write(`${line}\n`));
  apps.set(stack, app);
  return app;
}

/** One more API process in this one: with a cache and a log of its own. */
export function openApp({ deps }: Stack, log: (line: string) => void): App {
  return createApp(createDeps({ ...deps, log }));
}

export interface RawRequest {
  method?: string;
  body?: string | Uint8Array<ArrayBuffer> | ReadableStream;
  headers?: Record<string, string>;
}

export async function raw(
  stack: Stack,
  path: string,
  { method = 'POST', body, headers = {} }: RawRequest,
): Promise<Answer> {
  const init = {
    method,
    headers: { Authorization: `Bearer ${stack.key}`, ...headers },
    ...(body === undefined ? {} : { body }),
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  };
  const response = await appOf(stack).request(path, init as RequestInit);
  const text = await response.text();
  const isJson = (response.headers.get('Content-Type') ?? '').includes('json');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}
