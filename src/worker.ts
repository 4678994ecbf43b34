import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { workflowBundle } from './bundle.ts';
import { loadCatalog } from './catalog/load.ts';
import { loadConnectedConfig } from './config.ts';
import { BOOKS_TIMEOUT_MS } from './db/audit/reconcile.ts';
import { connect } from './db/client.ts';
import { createSafe } from './db/secrets/safe.ts';
import { freePort } from './embedded/ports.ts';
import { createDeliverer, createEngine } from './engine.ts';
import { startRelay } from './relay/loop.ts';
import {
  ensureReconciliation,
  ensureSearchAttributes,
  openGateway,
  openLedger,
  openMetrics,
  openTraces,
} from './startup.ts';
import { namesStep } from './telemetry/activity-log.ts';
import { countsDeliveries } from './telemetry/activity-metrics.ts';
import { ledgerGauges } from './telemetry/backlog.ts';
import { createLogger, startLogger } from './telemetry/log.ts';
import { sdkLines } from './telemetry/temporal-log.ts';
import { bothStatements } from './telemetry/watches.ts';
import { connectTemporal, createTimedCaller, reach } from './temporal.ts';

// The worker process: Temporal worker and relay. Any number may run.

let log = startLogger('worker');

const CONNECTIONS = 10;
/** Names and units as Prometheus has them. */
const SDK_METRICS = { countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true };

async function main(): Promise<void> {
  const config = loadConnectedConfig();
  log = createLogger({ process: 'worker', level: config.logLevel, format: config.logFormat });
  // A wrong file ends the process before it listens or connects.
  const catalog = loadCatalog(config.catalogFile);
  const level = config.logLevel.toUpperCase() as Uppercase<typeof config.logLevel>;
  const sdkMetrics = config.metrics && `127.0.0.1:${await freePort()}`;
  Runtime.install({
    logger: new DefaultLogger(level, sdkLines(log)),
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
      ...(sdkMetrics ? { metrics: { prometheus: { ...SDK_METRICS, bindAddress: sdkMetrics } } } : {}),
    },
    shutdownSignals: [],
  });
  const safe = createSafe(config.secretsKeys);
  const metrics = await openMetrics(config, CONNECTIONS, sdkMetrics ? [`http://${sdkMetrics}/metrics`] : []);
  const traces = await openTraces(config, 'worker');
  const watch = bothStatements(metrics?.statements, traces?.statements);
  const db = connect(config.databaseUrl, { max: CONNECTIONS, watch });
  const books = connect(config.databaseUrl, { max: 1, statementTimeoutMs: BOOKS_TIMEOUT_MS });
  if (metrics) ledgerGauges(metrics.registry, db);
  await openLedger(db, config, { catalog, safe }, log);
  const { client, connection } = connectTemporal(config, traces?.client);
  await reach(connection, config);
  await ensureSearchAttributes(connection, config.temporalNamespace, log);
  const native = await NativeConnection.connect({
    address: config.temporalAddress,
    ...(config.temporalTls ? { tls: true } : {}),
    ...(config.temporalApiKey ? { apiKey: config.temporalApiKey } : {}),
  });
  const { temporalNamespace: namespace, temporalTaskQueue: taskQueue } = config;
  const bundlePath = await workflowBundle(config.cacheFolder);
  const gateway = await openGateway(config, db);
  const seenBy = [
    namesStep,
    ...(metrics ? [countsDeliveries(metrics.delivered)] : []),
    ...(traces ? [traces.engine.activities] : []),
  ];
  const place = { db, connection: native, namespace, taskQueue, seenBy, traces: traces?.engine };
  const allowsPrivate = config.webhookPrivateAddresses === 'allow';
  const workers = await Promise.all([
    createEngine({ ...place, books, gateway, bundlePath }),
    createDeliverer({ ...place, allowsPrivate, safe }),
  ]);
  await ensureReconciliation(client, taskQueue, log);
  const relay = startRelay({
    db,
    temporal: createTimedCaller(client),
    taskQueue,
    nudgeAfterSeconds: config.nudgeAfterSeconds,
    sealEverySeconds: config.sealEverySeconds,
    log,
    watch: metrics?.relay,
    within: traces?.within,
  });
  const shutdown = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, shutdown);
  // A worker that ends by itself ends the other.
  const running = Promise.all(workers.map((worker) => worker.run().finally(shutdown)));
  process.send?.({ ready: true });
  log('ready');
  await running;
  await relay.stop();
  await native.close();
  await connection.close();
  await Promise.all([db, books].map((pool) => pool.$client.end({ timeout: 2 })));
  await traces?.stop();
}

function stop(message: string, error?: unknown): never {
  log(message, { level: 'error', error });
  process.exit(1);
}

process.on('uncaughtException', (error) => stop('an error that nothing handles ends this process', error));
main().then(
  () => process.exit(0),
  (error: unknown) => stop(error instanceof Error ? error.message : String(error)),
);
