import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import {
  findRegularTemporal,
  type RegularTemporal,
  startRegularTemporal,
} from '../../bench/temporal-regular.ts';
import { workflowBundle } from '../../src/bundle.ts';
import { loadConfig } from '../../src/config.ts';
import { migrate } from '../../src/db/migrate.ts';
import { stopOrphans } from '../../src/embedded/children.ts';
import type { PostgresService } from '../../src/embedded/postgres.ts';
import { ownServers, type RunningServers, runningServers } from './servers.ts';

// vitest's global set-up: one PostgreSQL and one Temporal for all test files of a room. A test file makes its own
// database with `create database x template drawdown_template` and its own task queue.

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server's URL, ending in the name of a database that no test uses. */
    databaseUrl: string;
    temporalAddress: string;
    /** A file with the bundled workflow code, made once for its sources. */
    workflowBundle: string;
  }
}

export const templateDatabase = 'drawdown_template';

/** The room of vitest.config.ts that runs on Temporal's regular server, not on its development server. */
const REGULAR = 'regular';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = runningServers();
  if (running) return useRunning(project, running);
  const kept = process.env['DRAWDOWN_TEST_DATA'];
  const log = (line: string) => process.stderr.write(`  ${line}\n`);
  const servers = ownServers({ ...(kept ? { dataDir: resolve(kept) } : {}), durable: false, log });
  mkdirSync(servers.dataDir, { recursive: true });
  await stopOrphans(servers.dataDir, log);
  const starting = servers.startDatabase().then(withTemplate);
  const [database, temporal, bundlePath] = await allOrStop(
    starting,
    project.name === REGULAR ? startRegular(servers.dataDir, starting) : servers.startTemporal(),
    workflowBundle(loadConfig().cacheFolder),
  );
  project.provide('databaseUrl', database.url);
  project.provide('temporalAddress', temporal.address);
  project.provide('workflowBundle', bundlePath);
  return async () => {
    await Promise.all([database.stop(), temporal.stop()]);
    if (!kept) servers.remove();
  };
}

/** On servers that run already only the template is made anew: the sources may be others than those of the run before. */
async function useRunning(
  project: TestProject,
  { databaseUrl, temporalAddress, bundles }: RunningServers,
): Promise<() => Promise<void>> {
  const [bundlePath] = await Promise.all([workflowBundle(bundles), makeTemplate(databaseUrl)]);
  project.provide('databaseUrl', databaseUrl);
  project.provide('temporalAddress', temporalAddress);
  project.provide('workflowBundle', bundlePath);
  return async () => {};
}

/** The regular server keeps its state on the tests' PostgreSQL. */
async function startRegular(dataDir: string, database: Promise<PostgresService>): Promise<RegularTemporal> {
  findRegularTemporal();
  return startRegularTemporal({ dataDir, databaseUrl: (await database).url });
}

async function withTemplate(service: PostgresService): Promise<PostgresService> {
  await makeTemplate(service.url);
  return service;
}

/** Migrates once; a clone of the template takes a test file 20 to 115 ms. */
async function makeTemplate(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`drop database if exists ${templateDatabase}`);
  await sql.unsafe(`create database ${templateDatabase}`);
  await sql.end();
  await migrate(databaseUrl.replace(/[^/]*$/, templateDatabase));
}

/** Like Promise.all, but stops the services that did come up when one did not. */
async function allOrStop<T extends unknown[]>(...work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return Promise.all(work) as Promise<T>;
  for (const result of results) {
    if (result.status === 'fulfilled') await (result.value as { stop?(): Promise<void> }).stop?.();
  }
  throw failed.reason;
}
