import { randomBytes } from 'node:crypto';
import { getRequestListener } from '@hono/node-server';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import postgres from 'postgres';
import { inject } from 'vitest';
import { createLimits, type Rates } from '../../src/api/admission.ts';
import { createKey } from '../../src/api/auth.ts';
import { createFastPath } from '../../src/api/fast-path.ts';
import { createApp, createDeps } from '../../src/app.ts';
import type { Gateway } from '../../src/billing/gateway.ts';
import type { ExternalConfig, StripeConfig } from '../../src/config.ts';
import { publishCatalog } from '../../src/db/catalogs.ts';
import { connect, type Database } from '../../src/db/client.ts';
import { lockSecrets } from '../../src/db/secrets/at-rest.ts';
import { createSafe } from '../../src/db/secrets/safe.ts';
import type { Catalog } from '../../src/domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import { createDeliverer, createEngine } from '../../src/engine.ts';
import { startRelay } from '../../src/relay/loop.ts';
import { openEventReader, openGateway } from '../../src/startup.ts';
import { createCaller, createTimedCaller } from '../../src/temporal.ts';
import type { PageDeps } from '../../src/web/shell/deps.ts';
import { listen } from './listen.ts';
import { templateDatabase } from './services.ts';
import { tracked } from './tracked.ts';

// The whole of Drawdown in one process on the real servers of the global set-up: a database and a task queue of its
// own, the worker, the relay, and the API asked over a socket.

export interface Answer {
  status: number;
  headers: Headers;
  body: unknown;
  text: string;
}

export interface RequestInit {
  body?: unknown;
  /** Instead of `body`: the body as it is. */
  text?: string;
  headers?: Record<string, string>;
}

export interface Stack {
  /** One request with the operator key; a command gets a fresh Idempotency-Key unless it brings one. */
  request(method: string, path: string, init?: RequestInit): Promise<Answer>;
  /** The dependencies of the API: a test makes another API on the same servers with some of them changed. */
  deps: PageDeps;
  /** Where it listens. */
  url: string;
  /** The application itself, without a socket. */
  fetch: (request: Request) => Response | Promise<Response>;
  db: Database;
  databaseUrl: string;
  client: Client;
  taskQueue: string;
  key: string;
  stop(): Promise<void>;
}

export interface StackOptions {
  catalog?: Catalog;
  testMode?: boolean;
  publicUrl?: string;
  /** Whether webhook endpoints may be at private addresses; they may unless a test says otherwise. */
  allowsPrivateReceivers?: boolean;
  /** Without a worker the API is there, and nothing that needs a workflow. */
  withWorker?: boolean;
  /** Billing by Stripe, or by another system; by the sandbox when both are left out. */
  stripe?: StripeConfig | undefined;
  external?: ExternalConfig | undefined;
  /** The relay seals ledgers; left out: never, so that a test may bend rows. */
  sealEverySeconds?: number;
  /** Keys that encrypt secrets; left out: none. */
  secretsKeys?: Buffer[];
  /** Requests a second of a key and of a subscription; left out: no limit. */
  rates?: Rates;
  /** Started again where this one was stopped: its database and task queue. */
  after?: Pick<Stack, 'databaseUrl' | 'taskQueue'>;
}

let hasRuntime = false;

/** A fresh database, cloned from the migrated template. */
export async function createDatabase(): Promise<string> {
  const server = inject('databaseUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const sql = postgres(server, { max: 1, onnotice: () => {} });
  await sql.unsafe(`create database ${name} template ${templateDatabase}`);
  await sql.end();
  return server.replace(/[^/]*$/, name);
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  if (!hasRuntime) Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  hasRuntime = true;
  const databaseUrl = options.after?.databaseUrl ?? (await createDatabase());
  const taskQueue = options.after?.taskQueue ?? `test-${randomBytes(6).toString('hex')}`;
  const db = connect(databaseUrl, { max: 10 });
  const longReads = connect(databaseUrl, { max: 2 });
  await publishCatalog(db, options.catalog ?? DEFAULT_CATALOG);
  const key = await createKey(db, 'test');
  const address = inject('temporalAddress');
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  const [temporal, timed] = [tracked(createCaller(client)), tracked(createTimedCaller(client))];
  const billing = { stripe: options.stripe, external: options.external };
  const gateway = await openGateway(billing, db);
  const safe = createSafe(options.secretsKeys ?? []);
  await lockSecrets(db, safe);
  const engine =
    options.withWorker === false ? null : await startEngine({ db, gateway, taskQueue, address, safe });
  const relay =
    engine &&
    startRelay({
      db,
      temporal: timed,
      taskQueue,
      nudgeAfterSeconds: 1,
      sealEverySeconds: options.sealEverySeconds ?? 0,
      log: () => {},
    });
  const deps = createDeps({
    db,
    longReads,
    temporal,
    taskQueue,
    testMode: options.testMode ?? true,
    keyMode: 'test',
    allowsPrivateReceivers: options.allowsPrivateReceivers ?? true,
    billing: options.external ? 'external' : options.stripe ? 'stripe' : 'sandbox',
    gateway,
    readEvent: await openEventReader(billing),
    safe,
    limits: options.rates ? createLimits(options.rates) : null,
    publicUrl: options.publicUrl ?? 'http://localhost',
    temporalUiUrl: undefined,
    temporalNamespace: 'default',
    // Lines of the level info, such as a sign-in, are no news in a test.
    log: (line, fields) => void (fields?.level && process.stderr.write(`${line}\n`)),
    isOpen: () => true,
  });
  const app = createApp(deps);
  const { url, close } = await listen(createFastPath(deps, getRequestListener(app.fetch)));

  return {
    db,
    databaseUrl,
    client,
    taskQueue,
    key,
    deps,
    url,
    fetch: (request) => app.fetch(request),
    request: (method, path, init) =>
      ask((at, request) => fetch(url + at, { ...request, redirect: 'manual' }), key, method, path, init),
    async stop() {
      await close();
      deps.live.stop();
      await relay?.stop();
      await engine?.stop();
      await Promise.all([temporal.ended(), timed.ended()]);
      await connection.close();
      await Promise.all([db, longReads].map((pool) => pool.$client.end({ timeout: 2 })));
    },
  };
}

/** One request to an application, with a key; a command gets a fresh Idempotency-Key unless it brings one. */
export async function ask(
  driver: (path: string, init: NonNullable<Parameters<typeof fetch>[1]>) => Response | Promise<Response>,
  key: string,
  method: string,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  const sent = init.text ?? (init.body === undefined ? undefined : JSON.stringify(init.body));
  const response = await driver(path, {
    method,
    headers: {
      Authorization: `Bearer ${key}`,
      ...(method === 'GET' ? {} : { 'Idempotency-Key': randomBytes(12).toString('hex') }),
      ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...init.headers,
    },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  const isJson = (response.headers.get('Content-Type') ?? '').includes('json');
  const { status, headers } = response;
  return { status, headers, text, body: isJson ? JSON.parse(text) : null };
}

async function startEngine({
  db,
  gateway,
  taskQueue,
  address,
  safe,
}: Pick<PageDeps, 'db' | 'taskQueue' | 'safe'> & { gateway: Gateway; address: string }): Promise<{
  stop(): Promise<void>;
}> {
  const connection = await NativeConnection.connect({ address });
  const bundlePath = inject('workflowBundle');
  const namespace = 'default';
  const place = { db, connection, namespace, taskQueue };
  const workers: Worker[] = await Promise.all([
    createEngine({ ...place, books: db, gateway, bundlePath }),
    createDeliverer({ ...place, allowsPrivate: true, safe }),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    async stop() {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await connection.close();
    },
  };
}
