import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createLimits } from './api/admission.ts';
import { createKey, isInForce, registerKey } from './api/auth.ts';
import { firstUse, startOf, triedPlan } from './api/examples.ts';
import { createFastPath } from './api/fast-path.ts';
import { createApp, createDeps } from './app.ts';
import { loadCatalog } from './catalog/load.ts';
import { ConfigError, type ConnectedConfig, loadConnectedConfig, movesNoMoney } from './config.ts';
import { connect, type Database } from './db/client.ts';
import { hasKey } from './db/keys.ts';
import { createSafe } from './db/secrets/safe.ts';
import type { Catalog } from './domain/catalog/catalog.ts';
import { openEventReader, openGateway, openLedger, openMetrics, openTraces } from './startup.ts';
import { createLogger, startLogger } from './telemetry/log.ts';
import { bothRequests, bothStatements, requestWatch } from './telemetry/watches.ts';
import { connectTemporal, createCaller } from './temporal.ts';
import { placesOf } from './web/shell/home-route.ts';

// The API process: stateless, any number may run. It starts and spends without Temporal; without PostgreSQL it answers 503.

let log = startLogger('api');

const CONNECTIONS = 20;
/** Reads that may take long, at most so many at once; the others wait for them, and nobody else does. */
const LONG_READS = 3;

/** A request that does not arrive in time is given up, so that slow senders keep no place. Milliseconds. */
const PATIENCE = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 };
/** More connections are closed at once. */
const MOST_CONNECTIONS = 4_000;

async function main(): Promise<void> {
  const config = loadConnectedConfig();
  log = createLogger({ process: 'api', level: config.logLevel, format: config.logFormat });
  // A wrong file ends the process before it listens or connects.
  const catalog = loadCatalog(config.catalogFile);
  const safe = createSafe(config.secretsKeys);
  const metrics = await openMetrics(config, CONNECTIONS);
  const traces = await openTraces(config, 'api');
  const watch = bothStatements(metrics?.statements, traces?.statements);
  const db = connect(config.databaseUrl, { max: CONNECTIONS, watch });
  const longReads = connect(config.databaseUrl, { max: LONG_READS, watch });
  let isOpen = false;
  const { client, connection } = connectTemporal(config, traces?.client);
  const settings = {
    db,
    longReads,
    temporal: createCaller(client),
    taskQueue: config.temporalTaskQueue,
    testMode: config.testMode,
    keyMode: config.keyMode,
    allowsPrivateReceivers: config.webhookPrivateAddresses === 'allow',
    billing: config.billing,
    gateway: await openGateway(config, db),
    readEvent: await openEventReader(config),
    safe,
    limits: createLimits(config.rates),
    publicUrl: config.publicUrl,
    temporalUiUrl: config.temporalUiUrl,
    temporalNamespace: config.temporalNamespace,
    log,
    watch: bothRequests(requestWatch(metrics, config.logLevel, log), traces?.requests),
    isOpen: () => isOpen,
  };
  const deps = createDeps(settings, metrics?.spends);
  const app = createApp(deps);
  const fastPath = createFastPath(deps, getRequestListener(app.fetch));
  const server = createServer(PATIENCE, traces?.listener(fastPath) ?? fastPath).listen(
    config.port,
    config.host,
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.on('error', (error: NodeJS.ErrnoException) =>
    stop(
      1,
      error.code === 'EADDRINUSE'
        ? `${config.host}:${config.port} is taken: set PORT to another.`
        : error.message,
    ),
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      server.close(() => void close());
      deps.live.stop();
    });

  await openLedger(db, config, { catalog, safe }, log);
  isOpen = true;
  const key = await firstKey(db, config);
  process.send?.({
    ready: true,
    url: config.publicUrl,
    key,
    ...placesOf(deps),
    first: firstRequests(await deps.catalogs.current(), config),
  });
  log(`listening on ${config.publicUrl}`);

  async function close(): Promise<void> {
    await connection.close();
    await Promise.all([db, longReads].map((pool) => pool.$client.end({ timeout: 2 })));
    await traces?.stop();
    process.exit(0);
  }
}

/** Bodies of requests for a first try; null where a start would charge a real card. */
function firstRequests(catalog: Catalog, { billing, stripe }: ConnectedConfig) {
  if (stripe && !movesNoMoney(stripe)) return null;
  const plan = triedPlan(catalog);
  return {
    start: { ...startOf(plan), ...(stripe ? { payment_method: 'pm_card_visa' } : {}) },
    usage: { items: [firstUse(catalog, plan.allowance)] },
    // The first payment waits for its settlement by another system.
    isPending: billing === 'external' && Boolean(plan.price_minor),
  };
}

function stop(code: number, message: string, error?: unknown): never {
  log(message, { level: 'error', error });
  process.exit(code);
}

/** The operator key: made and printed once at the first start, or kept in a file that every start reads. */
async function firstKey(db: Database, config: ConnectedConfig): Promise<string | null> {
  const file = config.apiKeyFile;
  if (file !== undefined && existsSync(file)) {
    const kept = readFileSync(file, 'utf8').trim();
    if (!(await registerKey(db, kept)))
      throw new ConfigError(`${file} does not hold an API key: delete it, and a new key is made.`);
    if (await isInForce(db, kept)) return kept;
    log(`the key in ${file} is revoked: delete the file, and the next start makes a new one`, {
      level: 'warn',
    });
    return null;
  }
  if (file === undefined && (await hasKey(db))) return null;
  const key = await createKey(db, config.keyMode);
  if (file === undefined) log('first start: the operator key is shown here, once', { operator_key: key });
  else {
    writeFileSync(file, `${key}\n`, { mode: 0o600 });
    chmodSync(file, 0o600);
  }
  return key;
}

process.on('uncaughtException', (error) => stop(1, 'an error that nothing handles ends this process', error));
main().catch((error: unknown) => stop(1, error instanceof Error ? error.message : String(error)));
