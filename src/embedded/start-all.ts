import { extname, join } from 'node:path';
import { type Config, localUrl } from '../config.ts';
import { migrate } from '../db/migrate.ts';
import { forgetAddresses, writeAddresses } from './addresses.ts';
import { type Log, stopOrphans } from './children.ts';
import {
  claimDataFolder,
  emptyDataFolder,
  makeCacheFolder,
  rotateLogs,
  StartRefused,
} from './data-folder.ts';
import { keepAlive } from './keep.ts';
import { freePort, isFree } from './ports.ts';
import { type PostgresService, startPostgres } from './postgres.ts';
import { type ProgramOptions, startProgram } from './program.ts';
import type { Shutdown } from './shutdown.ts';
import { startTemporal, type TemporalService } from './temporal.ts';
import type { FirstRequests, Ready } from './welcome.ts';

// `npm start` without its command line: PostgreSQL, Temporal, API and worker, in the order of their needs.

/** The settings of a start. */
interface StartOptions {
  config: Config;
  /** Empties the data folder first. */
  reset?: boolean;
  say: Log;
  /** The programs to run; tests replace them. */
  entries?: { api: URL; worker: URL };
}

const usualPostgresPort = 54_329;
const usualTemporalPort = 7233;
const usualUiPort = 8233;

/** A start that is ready. */
export interface Started {
  ready: Ready;
  first: FirstRequests | null;
  temporalCli: string | undefined;
}

/** Starts everything and resolves when the API and the worker are ready. Throws StartRefused. */
export async function startAll(options: StartOptions, shutdown: Shutdown): Promise<Started> {
  const { config, say } = options;
  const hold = claimDataFolder(config.dataFolder);
  shutdown.add(2, async () => hold.release());
  makeCacheFolder(config.cacheFolder);
  await stopOrphans(config.dataFolder, say);
  if (options.reset) reset(config, say);
  rotateLogs(config.dataFolder);
  const port = await choosePort(config);
  const [databaseUrl, temporal] = await Promise.all([
    bringUpDatabase(options, shutdown),
    bringUpTemporal(options, shutdown),
  ]);
  shutdown.add(2, async () => forgetAddresses(config.dataFolder));
  writeAddresses(config.dataFolder, { databaseUrl, temporalAddress: temporal.address });
  const env = programEnvironment(config, port, databaseUrl, temporal);
  const info = await bringUpPrograms(options, shutdown, env);
  const ready = {
    api: info.url ?? env.PUBLIC_URL,
    key: info.key ?? null,
    home: info.home ?? null,
    demo: info.demo ?? null,
    console: info.console ?? null,
    temporal_ui: temporal.uiUrl ?? null,
    temporal_address: temporal.address,
    database_url: databaseUrl,
  };
  return { ready, first: info.first ?? null, temporalCli: temporal.cli };
}

function reset(config: Config, say: Log): void {
  emptyDataFolder(config.dataFolder);
  say(`Dropped everything in ${config.dataFolder}`);
  if (config.databaseUrl) say('The database that DATABASE_URL names is left as it is');
}

/** The port to listen on: a taken port from the configuration is refused, the default gives way to a free one. */
async function choosePort(config: Config): Promise<number> {
  if (await isFree(config.port, config.host)) return config.port;
  if (!config.portIsExplicit) return freePort();
  throw new StartRefused(
    `Port ${config.port} on ${config.host} is taken. Stop the program that listens there, or set PORT to another ` +
      'port; without PORT a free one is found.',
  );
}

async function bringUpDatabase({ config, say }: StartOptions, shutdown: Shutdown): Promise<string> {
  const url = config.databaseUrl ?? (await embeddedPostgres(config, shutdown, say));
  await step('Migrations', say, async () => {
    await migrate(url, { goBack: true }).catch((error: unknown) => {
      throw config.databaseUrl === undefined ? error : unusable(url, error);
    });
    return ['up to date', undefined];
  });
  return url;
}

function embeddedPostgres(config: Config, shutdown: Shutdown, say: Log): Promise<string> {
  const { dataFolder: dataDir, cacheFolder: cacheDir } = config;
  return step('PostgreSQL', say, async () => {
    const start = (port: number) => startPostgres({ dataDir, cacheDir, port, log: indented(say) });
    const kept = await keepAlive<PostgresService>(
      'PostgreSQL',
      (before) => start(before?.port ?? usualPostgresPort),
      say,
    );
    shutdown.add(1, () => kept.stop());
    return [`127.0.0.1:${kept.first.port}`, kept.first.url];
  });
}

interface TemporalPlace {
  address: string;
  uiUrl: string | undefined;
  /** Our server's program; undefined where the server is not ours. */
  cli: string | undefined;
}

async function bringUpTemporal({ config, say }: StartOptions, shutdown: Shutdown): Promise<TemporalPlace> {
  const { temporalAddress, temporalUiUrl, temporalNamespace: namespace } = config;
  if (temporalAddress) return { address: temporalAddress, uiUrl: temporalUiUrl, cli: undefined };
  const { dataFolder: dataDir, cacheFolder: cacheDir } = config;
  return step('Temporal', say, async () => {
    const start = (port: number, uiPort: number) =>
      startTemporal({ dataDir, cacheDir, namespace, port, uiPort, log: indented(say) });
    const kept = await keepAlive<TemporalService>(
      'Temporal',
      (before) => start(before?.port ?? usualTemporalPort, before?.uiPort ?? usualUiPort),
      say,
    );
    shutdown.add(1, () => kept.stop());
    const { address, uiUrl, cli } = kept.first;
    return [`${address}, UI ${uiUrl}`, { address, uiUrl, cli }];
  });
}

function programEnvironment(config: Config, port: number, databaseUrl: string, temporal: TemporalPlace) {
  const publicUrlIsMade = config.publicUrl === localUrl(config.host, config.port);
  return {
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_UI_URL: temporal.uiUrl,
    // Our own server has neither; the environment may set them for another server.
    ...(temporal.cli ? { TEMPORAL_API_KEY: undefined, TEMPORAL_TLS: 'off' } : {}),
    PORT: String(port),
    PUBLIC_URL: publicUrlIsMade ? localUrl(config.host, port) : config.publicUrl,
    // A receiver for a first try runs on the same machine.
    WEBHOOK_PRIVATE_ADDRESSES: config.webhookPrivateAddresses ?? 'allow',
    DRAWDOWN_API_KEY_FILE: config.apiKeyFile ?? join(config.dataFolder, 'api-key'),
    // People read these files, and the last lines of one where a program does not start.
    LOG_FORMAT: config.logFormat ?? 'text',
  };
}

async function bringUpPrograms(options: StartOptions, shutdown: Shutdown, env: ProgramOptions['env']) {
  const { config, say } = options;
  const entries = options.entries ?? { api: ownFile('api'), worker: ownFile('worker') };
  const bringUp = (name: 'api' | 'worker', label: string) =>
    step(label, say, async () => {
      const own = { ...env, ...metricsPort(config, name) };
      const start = () => startProgram({ name, entry: entries[name], dataDir: config.dataFolder, env: own });
      const kept = await keepAlive(label, start, say);
      shutdown.add(0, () => kept.stop());
      return [kept.first.info.url ?? 'ready', kept.first.info];
    });
  const [info] = await Promise.all([bringUp('api', 'API'), bringUp('worker', 'Worker')]);
  return info;
}

/** Both programs run on this machine: the worker's port is the next one. */
function metricsPort({ metrics }: Config, name: 'api' | 'worker'): ProgramOptions['env'] {
  if (metrics === undefined || name === 'api') return {};
  return { METRICS_PORT: String(metrics.port + 1) };
}

/** A source beside sources, compiled beside compiled code. */
function ownFile(name: string): URL {
  return new URL(`../${name}${extname(import.meta.url)}`, import.meta.url);
}

/** Prints one line when the work is done: its result, and its time. */
async function step<T>(
  name: string,
  say: Log,
  work: () => Promise<[outcome: string, result: T]>,
): Promise<T> {
  const startedAt = performance.now();
  const [outcome, result] = await work();
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(`${name.padEnd(12)} ${outcome.padEnd(52)} ${seconds.padStart(5)} s`);
  return result;
}

function indented(say: Log): Log {
  return (line) => say(`  ${line}`);
}

// The URL holds a password: the message has only its host and the reason.
function unusable(url: string, error: unknown): StartRefused {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = (cause as { code?: string }).code ?? (cause as Error).message;
  return new StartRefused(
    `The database on ${new URL(url).host} (DATABASE_URL) could not be migrated: ${reason}. ` +
      'Check that it runs and that the user may create tables, or leave DATABASE_URL out.',
  );
}
