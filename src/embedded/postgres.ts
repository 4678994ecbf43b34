import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { childEnvironment } from '../config.ts';
import { type Child, type Launch, type Log, lastLines, launch } from './children.ts';
import { freePort } from './ports.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';

/** The folder, port and settings of a server. */
interface PostgresOptions {
  dataDir: string;
  cacheDir: string;
  /** Taken where it is free; otherwise another one. */
  port?: number;
  /** False for tests only: a crash of the machine then loses the cluster. */
  durable?: boolean;
  /** In PostgreSQL's unit of sizes. The default fits a laptop. */
  sharedBuffers?: string;
  log: Log;
}

/** A running PostgreSQL. */
export interface PostgresService extends Pick<Child, 'pid' | 'exited' | 'stop'> {
  url: string;
  port: number;
}

const role = 'drawdown';
const database = 'drawdown';
// PostgreSQL refuses to run as root. `nobody` exists everywhere, so no user has to be made.
const nobody = 65_534;
const readyWithinMs = 60_000;

/** Starts a PostgreSQL on loopback with its cluster in `<dataDir>/postgres`; the first start makes an empty database. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresService> {
  const { dataDir, cacheDir, log } = options;
  mkdirSync(dataDir, { recursive: true });
  const binaries = findPostgresBinaries(cacheDir);
  const password = await ensureCluster(dataDir, binaries, options.durable !== false, log);
  const port = await freePort(options.port);
  const child = await launch(serverLaunch(options, binaries, port));
  const url = (name: string) => `postgres://${role}:${password}@127.0.0.1:${port}/${name}`;
  try {
    await createDatabase(url('postgres'), child);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { url: url(database), port, pid: child.pid, exited: child.exited, stop: () => child.stop() };
}

function serverLaunch(
  { dataDir, durable = true, sharedBuffers = '512MB' }: PostgresOptions,
  binaries: PostgresBinaries,
  port: number,
): Launch {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    // A socket file would be in reach of every user of the machine.
    unix_socket_directories: '',
    max_connections: '200',
    log_checkpoints: 'off',
    shared_buffers: sharedBuffers,
    // The first change of a page after a checkpoint writes the whole page to the log: so checkpoints are few.
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return {
    ...programLaunch(dataDir, binaries, 'postgres'),
    args: [
      '-D',
      clusterFolder(dataDir),
      ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
    ],
  };
}

/** The cluster's password, kept beside it; the first start makes the cluster. */
async function ensureCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  durable: boolean,
  log: Log,
): Promise<string> {
  const cluster = clusterFolder(dataDir);
  const passwordFile = join(dataDir, 'postgres-password');
  if (existsSync(join(cluster, 'PG_VERSION'))) return readFileSync(passwordFile, 'utf8').trim();
  log('making a PostgreSQL cluster');
  const password = randomBytes(24).toString('base64url');
  writeSecret(passwordFile, password);
  // Made aside and renamed: an unfinished cluster is never taken for one.
  const making = `${cluster}.new`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { mode: 0o700 });
  if (runsAsRoot()) for (const path of [making, passwordFile]) chownSync(path, nobody, nobody);
  await initdb(making, passwordFile, dataDir, binaries, durable);
  if (runsAsRoot()) chownSync(passwordFile, 0, 0);
  renameSync(making, cluster);
  return password;
}

async function initdb(
  folder: string,
  passwordFile: string,
  dataDir: string,
  binaries: PostgresBinaries,
  durable: boolean,
): Promise<void> {
  const args = ['-D', folder, '-U', role, '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  // PostgreSQL's own collation: no upgrade of the machine's libraries breaks an index.
  args.push(
    '--encoding',
    'UTF8',
    '--locale-provider',
    'builtin',
    '--builtin-locale',
    'C.UTF-8',
    '--locale',
    'C',
  );
  if (!durable) args.push('--no-sync');
  const child = await launch({ ...programLaunch(dataDir, binaries, 'initdb'), args });
  const end = await child.exited;
  if (end !== 'ended with code 0') throw new Error(`initdb ${end}:\n${lastLines(child.logFile)}`);
}

function programLaunch(
  dataDir: string,
  binaries: PostgresBinaries,
  name: 'postgres' | 'initdb',
): Omit<Launch, 'args'> {
  return {
    name,
    command: binaries[name],
    dataDir,
    env: childEnvironment({ ...binaries.env, LC_ALL: 'C', TZ: 'UTC' }),
    // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    orphanSignal: 'SIGINT',
    ...(runsAsRoot() ? { user: nobody } : {}),
  };
}

/** Waits until the server answers, and makes our database where it is missing. */
async function createDatabase(url: string, child: Child): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    await untilItAnswers(() => sql`select 1`, child);
    const found = await sql`select 1 from pg_database where datname = ${database}`;
    if (found.length === 0) await sql.unsafe(`create database ${database}`);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function untilItAnswers(ask: () => Promise<unknown>, child: Child): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (child.hasExited() || Date.now() > deadline) {
        throw new Error(`PostgreSQL did not come up:\n${lastLines(child.logFile) || String(error)}`);
      }
    }
    await sleep(30);
  }
}

function writeSecret(file: string, secret: string): void {
  writeFileSync(file, secret, { mode: 0o600 });
  chmodSync(file, 0o600);
}

function clusterFolder(dataDir: string): string {
  return join(dataDir, 'postgres');
}

function runsAsRoot(): boolean {
  return process.getuid?.() === 0;
}
