import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from './activities/index.ts';
import { createExternal } from './billing/external.ts';
import type { Gateway, ReadEvent } from './billing/gateway.ts';
import { createSandbox } from './billing/sandbox.ts';
import { type Config, ConfigError, type ConnectedConfig } from './config.ts';
import { publishCatalog } from './db/catalogs.ts';
import { type Database, isDatabaseAway } from './db/client.ts';
import { migrate } from './db/migrate.ts';
import { createStripeRecords } from './db/stripe.ts';
import { keepMonths } from './db/upkeep.ts';
import { type Catalog, DEFAULT_CATALOG, readCatalog } from './domain/catalog.ts';
import type { Log } from './services/children.ts';
import { SEARCH_ATTRIBUTE } from './workflows/messages.ts';

/** The catalogue of the configuration: a file, checked member by member, or the page's values. */
export function loadCatalog(file: string | undefined): Catalog {
  if (file === undefined) return DEFAULT_CATALOG;
  const read = readCatalog(parse(file));
  if ('catalog' in read) return read.catalog;
  const faults = read.faults.map(({ pointer, detail }) => `  ${pointer || '/'} ${detail}`);
  throw new ConfigError(`The catalogue ${file} is not valid:\n${faults.join('\n')}`);
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(`The catalogue ${file} can't be read: ${(error as Error).message}`);
  }
}

const LOOK_AGAIN_MS = 250;

/**
 * Brings the ledger's database up to date and the catalogue into force. Waits for a database that does not answer, and
 * says so once; what another start would not mend is thrown.
 */
export async function openLedger(db: Database, config: ConnectedConfig, log: Log): Promise<void> {
  const catalog = loadCatalog(config.catalogFile);
  for (let told = false; ; told = true) {
    try {
      await migrate(config.databaseUrl);
      await publishCatalog(db, catalog);
      return await keepMonths(db);
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      const { message, code } = error as Error & { code?: string };
      if (!told) log(`waiting for PostgreSQL, which does not answer: ${message || code}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/** One of them is set, or neither: then the sandbox bills. */
type Billing = Pick<Config, 'stripe' | 'external'>;

/** Who charges. Stripe's library is loaded only where Stripe does. */
export async function openGateway({ stripe, external }: Billing, db: Database): Promise<Gateway> {
  if (external) return createExternal();
  if (stripe === undefined) return createSandbox();
  const { createStripe } = await import('./billing/stripe.ts');
  return createStripe({ ...stripe, records: createStripeRecords(db) });
}

/** Reads what who bills sends; null where the sandbox does. */
export async function openEventReader({ stripe, external }: Billing): Promise<ReadEvent | null> {
  if (external) {
    const { createVerifier } = await import('./billing/standard-webhooks.ts');
    const { createExternalReader } = await import('./api/external-events.ts');
    return createExternalReader(createVerifier(external.webhookSecrets));
  }
  if (stripe === undefined) return null;
  const { createStripeReader } = await import('./billing/stripe-events.ts');
  return createStripeReader(stripe.webhookSecrets);
}

const KEYWORD = 2;

/**
 * The workflows upsert these; a namespace without them would stop every workflow, so they are made first. Temporal Cloud
 * has its own way to make them (docs/operating.md): there this only says so.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  log: (line: string) => void,
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
    );
  }
}

export interface EngineOptions {
  db: Database;
  gateway: Gateway;
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  /** Where the bundled workflow code lies (`workflowBundle`). */
  bundlePath: string;
}

/** The Temporal worker of the subscriptions. */
export function createEngine({
  db,
  gateway,
  connection,
  namespace,
  taskQueue,
  bundlePath,
}: EngineOptions): Promise<Worker> {
  return Worker.create({
    workflowBundle: { codePath: bundlePath },
    connection,
    namespace,
    taskQueue,
    activities: { ...createActivities({ db, gateway }) },
    maxCachedWorkflows: 2_000,
    // A worker that died keeps its cached workflows silent for this long.
    stickyQueueScheduleToStartTimeout: '1s',
    shutdownGraceTime: '5s',
  });
}
