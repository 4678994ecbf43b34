import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.ts';
import { type PostgresService, startPostgres } from '../../src/embedded/postgres.ts';
import { startTemporal, type TemporalService } from '../../src/embedded/temporal.ts';

// PostgreSQL and Temporal of a test, on data of their own. The global set-up starts one of each for all files; a test that
// stops servers brings its own. A program with many short runs starts them once for all runs (test/mutants).

/** The variable of servers that run already. */
export const RUNNING_SERVERS = 'DRAWDOWN_TEST_SERVERS';

/** Servers that another program keeps for many runs, one run at a time. */
export interface RunningServers {
  databaseUrl: string;
  temporalAddress: string;
  /** The folder of the workflows' bundles. */
  bundles: string;
}

/** The servers that run already, as JSON in the environment; null without them. */
export function runningServers(): RunningServers | null {
  const text = process.env[RUNNING_SERVERS];
  return text ? (JSON.parse(text) as RunningServers) : null;
}

export interface OwnServers {
  dataDir: string;
  /** On a port that it had before, or on a free one. */
  startDatabase(port?: number): Promise<PostgresService>;
  startTemporal(port?: number): Promise<TemporalService>;
  /** Removes the data, once the servers have stopped. */
  remove(): void;
}

export interface OwnServersOptions {
  dataDir?: string;
  /** Without it a crash of the machine may lose the last commits: faster. */
  durable?: boolean;
  log?: (line: string) => void;
}

export function ownServers({ dataDir, durable = true, log = () => {} }: OwnServersOptions = {}): OwnServers {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'drawdown-test-'));
  const common = { dataDir: folder, cacheDir: loadConfig().cacheFolder, log };
  const at = (port: number | undefined) => (port === undefined ? {} : { port });
  return {
    dataDir: folder,
    startDatabase: (port) => startPostgres({ ...common, durable, ...at(port) }),
    startTemporal: (port) => startTemporal({ ...common, ...at(port) }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
