import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type Connection,
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { createExternal } from './billing/external.ts';
import type { Gateway, ReadEvent } from './billing/gateway.ts';
import { createSandbox } from './billing/sandbox.ts';
import type { Config, ConnectedConfig } from './config.ts';
import { publishCatalog } from './db/catalogs.ts';
import { type Database, isDatabaseAway } from './db/client.ts';
import { migrate } from './db/migrate.ts';
import { lockSecrets } from './db/secrets/at-rest.ts';
import type { Safe } from './db/secrets/safe.ts';
import { createStripeRecords } from './db/stripe.ts';
import type { Catalog } from './domain/catalog/catalog.ts';
import type { Logger } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Traces } from './telemetry/traces.ts';
import { RECONCILE_TYPE, reconcileScheduleId, SEARCH_ATTRIBUTE } from './workflows/messages.ts';

const LOOK_AGAIN_MS = 250;

/**
 * Migrates the ledger's database, which makes the coming months of entries, encrypts its secrets, and publishes the catalogue. Waits for a database that does
 * not answer, with one line in the log; an error that another try would repeat is thrown.
 */
export async function openLedger(
  db: Database,
  { databaseUrl }: Pick<ConnectedConfig, 'databaseUrl'>,
  { catalog, safe }: { catalog: Catalog; safe: Safe },
  log: Logger,
): Promise<void> {
  for (let isSaid = false; ; isSaid = true) {
    try {
      await migrate(databaseUrl);
      await lockSecrets(db, safe);
      return await publishCatalog(db, catalog);
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      const { message, code } = error as Error & { code?: string };
      if (!isSaid)
        log(`waiting for PostgreSQL, which does not answer: ${message || code}`, { level: 'warn' });
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/**
 * Serves the metrics of this process; null where METRICS_PORT is not set, and then prom-client is not loaded. `others` are exporters
 * of the same process. Throws where the port is taken.
 */
export async function openMetrics(
  { metrics: address }: Pick<Config, 'metrics'>,
  connections: number,
  others: string[] = [],
): Promise<Metrics | null> {
  if (address === undefined) return null;
  const { createMetrics } = await import('./telemetry/metrics.ts');
  const { serveMetrics } = await import('./telemetry/serve.ts');
  const metrics = createMetrics({ connections });
  await serveMetrics(metrics.registry, address, others);
  return metrics;
}

/** Starts the traces of this process; null where nothing is traced, and then OpenTelemetry is not loaded. */
export async function openTraces(
  { tracesEndpoint }: Pick<Config, 'tracesEndpoint'>,
  name: 'api' | 'worker',
): Promise<Traces | null> {
  if (tracesEndpoint === undefined) return null;
  const { startTraces } = await import('./telemetry/traces.ts');
  return startTraces(name, tracesEndpoint);
}

/** One of the two is set, or neither: then the sandbox bills. */
type Billing = Pick<Config, 'stripe' | 'external'>;

/** The gateway of the configured billing. Stripe's library is loaded only for Stripe. */
export async function openGateway({ stripe, external }: Billing, db: Database): Promise<Gateway> {
  if (external) return createExternal();
  if (stripe === undefined) return createSandbox();
  const { createStripe } = await import('./billing/stripe.ts');
  return createStripe({ ...stripe, records: createStripeRecords(db) });
}

/** The reader of billing's webhook requests; null with sandbox billing, which sends none. */
export async function openEventReader({ stripe, external }: Billing): Promise<ReadEvent | null> {
  if (external) {
    const { createVerifier } = await import('./billing/standard-webhooks.ts');
    const { createExternalReader } = await import('./api/inbound/external-events.ts');
    return createExternalReader(createVerifier(external.webhookSecrets));
  }
  if (stripe === undefined) return null;
  const { createStripeReader } = await import('./billing/stripe-events.ts');
  return createStripeReader(stripe.webhookSecrets);
}

const KEYWORD = 2;

/**
 * Makes the search attributes before any workflow runs: a namespace without them would stop every workflow. Temporal Cloud makes
 * them another way (docs/operating.md): there this only logs their names.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  log: Logger,
): Promise<void> {
  const names = Object.values(SEARCH_ATTRIBUTE);
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = names.filter((name) => !(name in customAttributes));
    if (missing.length === 0) return;
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    log(
      `search attributes could not be made here, make them yourself: ${names.join(', ')}, all Keyword (${(error as Error).message})`,
      { level: 'warn' },
    );
  }
}

/**
 * Makes the schedule of the nightly reconciliation, 03:00 UTC; the first worker makes it. An operator's changes of it, its hour
 * or a pause, stay. A worker without the right to make it logs that and goes on.
 */
export async function ensureReconciliation(client: Client, taskQueue: string, log: Logger): Promise<void> {
  const scheduleId = reconcileScheduleId(taskQueue);
  try {
    await client.schedule.create({
      scheduleId,
      spec: { calendars: [{ hour: 3, comment: 'daily at 03:00 UTC' }], timezone: 'UTC' },
      action: { type: 'startWorkflow', workflowType: RECONCILE_TYPE, workflowId: scheduleId, taskQueue },
      // One run at a time; after an outage one is enough.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 day' },
    });
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return;
    log(
      `the schedule ${scheduleId} could not be made here: nobody looks at the books at night until it is (${(error as Error).message})`,
      { level: 'warn' },
    );
  }
}
