import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { loadConfig } from '../src/config.ts';
import { connect, type Database } from '../src/db/client.ts';
import { functionsScript } from '../src/db/functions.ts';
import * as schema from '../src/db/schema.ts';
import { StartRefused } from '../src/embedded/data-folder.ts';
import { freePort } from '../src/embedded/ports.ts';
import { startPostgres } from '../src/embedded/postgres.ts';
import { type Program, startProgram } from '../src/embedded/program.ts';
import type { Running } from './command.ts';

// The measured servers: a durable PostgreSQL of our own or that of DATABASE_URL, and API and worker as processes of their own.

/** A PostgreSQL. */
export interface Server {
  /** The address of a database on it. */
  url(database: string): string;
  /** Whether it stops with us. */
  isOurs: boolean;
}

/** The task queue of API, worker and workflows. */
export const TASK_QUEUE = 'subscriptions';

/** A quarter of the memory, as PostgreSQL advises, and no more than the busy pages of 10 M entries. */
const BUFFERS_MB = Math.min(Math.floor(totalmem() / 4 / 1_048_576), 2_048);

/** Starts our PostgreSQL, or takes that of DATABASE_URL. */
export async function startServer(folder: string, { shutdown }: Running): Promise<Server> {
  const { databaseUrl, cacheFolder } = loadConfig();
  if (databaseUrl !== undefined) return { url: (name) => named(databaseUrl, name), isOurs: false };
  const starting = startPostgres({
    ...{ dataDir: join(folder, 'server'), cacheDir: cacheFolder, log: () => {} },
    sharedBuffers: `${BUFFERS_MB}MB`,
  });
  shutdown.add(1, async () => (await starting).stop());
  const { url } = await starting;
  return { url: (name) => named(url, name), isOurs: true };
}

function named(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

/** Makes the database anew, and drops the old one. */
export async function freshDatabase(server: Server, name: string): Promise<void> {
  await onServer(server, async (sql) => {
    await sql.unsafe(`drop database if exists ${name} with (force)`);
    await sql.unsafe(`create database ${name}`);
  });
}

/** Whether the server has the database. */
export async function hasDatabase(server: Server, name: string): Promise<boolean> {
  return onServer(
    server,
    async (sql) => (await sql`select from pg_database where datname = ${name}`).length > 0,
  );
}

async function onServer<T>(server: Server, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(server.url('postgres'), { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    return await work(sql);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === '42501') throw new StartRefused(`DATABASE_URL may not make databases: ${message}.`);
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** A pool for the benchmark's own work: its statements may take long. */
export function patient(url: string, max = 1): Database {
  return drizzle(postgres(url, { max, connect_timeout: 5, onnotice: () => {} }), { schema });
}

/** The pool of API and worker, with as many connections as a leg needs. */
export const pool = (url: string, max: number): Database => connect(url, { max });

/** A hash of all migrations and functions: a folder that was seeded under another schema is of no use. */
export function schemaDigest(): string {
  const folder = fileURLToPath(new URL('../src/db/migrations/', import.meta.url));
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  const digest = createHash('sha256');
  for (const name of files.sort()) digest.update(readFileSync(join(folder, name)));
  return digest.update(functionsScript().digest).digest('hex').slice(0, 16);
}

/** The servers that API and worker use, and the folder of their logs. */
export interface Place {
  databaseUrl: string;
  temporalAddress: string;
  folder: string;
}

/** A running API. */
export interface Api {
  port: number;
  pid: number;
  key: string;
  logFile: string;
}

/** Starts the API. No spend waits for Temporal, so it need not run. */
export async function startApi(place: Place, running: Running): Promise<Api> {
  const port = await freePort();
  const { info, pid, logFile } = await startOurs('api', place, { PORT: String(port) }, running);
  return { port, pid, key: info.key!, logFile };
}

/** Starts one of our programs, which the shutdown stops also while it starts. */
export async function startOurs(
  name: 'api' | 'worker',
  { databaseUrl, temporalAddress, folder }: Place,
  env: Record<string, string>,
  { shutdown, stopping }: Running,
): Promise<Program> {
  const starting = startProgram({
    name,
    entry: new URL(`../src/${name}.ts`, import.meta.url),
    dataDir: join(folder, 'programs'),
    env: {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: temporalAddress,
      // The environment may name other servers.
      ...{ TEMPORAL_NAMESPACE: undefined, TEMPORAL_API_KEY: undefined, TEMPORAL_TLS: undefined },
      ...{
        TEMPORAL_TASK_QUEUE: TASK_QUEUE,
        DRAWDOWN_CATALOG: undefined,
        HOST: undefined,
        PUBLIC_URL: undefined,
      },
      DRAWDOWN_API_KEY_FILE: join(folder, 'key'),
      ...env,
    },
  });
  shutdown.add(0, async () => (await starting).stop());
  const program = await starting;
  stopping.throwIfAborted();
  return program;
}
