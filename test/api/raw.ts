import { createApp } from '../../src/api/app.ts';
import type { App } from '../../src/api/route.ts';
import { createTickets } from '../../src/api/tickets.ts';
import { createWatch } from '../../src/api/watch.ts';
import { createSandbox } from '../../src/billing/sandbox.ts';
import { createCatalogCache } from '../../src/db/catalogs.ts';
import { createSpending } from '../../src/db/spending.ts';
import { createCaller } from '../../src/temporal.ts';
import type { Answer, Stack } from '../support/stack.ts';

// Requests as bytes and headers, with nothing added but the key: what no well-behaved client sends.

const apps = new WeakMap<Stack, App>();

/** A second door to a stack's ledger and workflows. */
export function appOf(stack: Stack): App {
  const known = apps.get(stack);
  if (known) return known;
  const app = openApp(stack, (line) => process.stderr.write(`${line}\n`));
  apps.set(stack, app);
  return app;
}

/** One more API process, as it were: with a cache of its own, and what it logs. */
export function openApp({ db, client, taskQueue }: Stack, log: (line: string) => void): App {
  return createApp({
    db,
    spending: createSpending(db),
    tickets: createTickets(db),
    watch: createWatch(db),
    temporal: createCaller(client),
    catalogs: createCatalogCache(db),
    taskQueue,
    testMode: true,
    keyMode: 'test',
    allowsPrivateReceivers: true,
    billing: 'sandbox',
    gateway: createSandbox(),
    readEvent: null,
    publicUrl: 'http://localhost',
    temporalUiUrl: undefined,
    temporalNamespace: 'default',
    log,
    isOpen: () => true,
  });
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
