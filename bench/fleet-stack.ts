import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import postgres from 'postgres';
import { loadConfig } from '../src/config.ts';
import { lastLines } from '../src/embedded/children.ts';
import { keepAlive, type Running } from '../src/embedded/keep.ts';
import { freePort } from '../src/embedded/ports.ts';
import { startPostgres } from '../src/embedded/postgres.ts';
import { startProgram } from '../src/embedded/program.ts';
import type { Shutdown } from '../src/embedded/shutdown.ts';
import { startTemporal } from '../src/embedded/temporal.ts';

// Drawdown as `npm start` runs it, in a folder of its own: durable PostgreSQL, Temporal's dev server, API and worker, each a
// process; API and worker start again when they end.

/** An API's answer. Status 0 is none; the text says why. */
export interface Answer {
  status: number;
  text: string;
}

/** The running servers. */
export interface Stack {
  sql: postgres.Sql;
  client: Client;
  /** Sends one command with the operator key; never rejects. */
  post(path: string, body: object, key: string): Promise<Answer>;
  /** Ends and new starts of API and worker, a sentence each. */
  restarts: string[];
  /** The last lines of the API's and the worker's logs. */
  logs(): string;
}

const ANSWER_WITHIN_MS = 40_000;

/** Starts the servers in a folder. */
export async function startStack(folder: string, shutdown: Shutdown, stopping: AbortSignal): Promise<Stack> {
  const { cacheFolder: cacheDir } = loadConfig();
  const restarts: string[] = [];
  const servers = { dataDir: join(folder, 'servers'), cacheDir, log: () => {} };

  /** Registers a part for the shutdown, also while it starts. */
  function bring<R extends Pick<Running, 'stop'>>(stage: 0 | 1, starting: Promise<R>): Promise<R> {
    shutdown.add(stage, async () => (await starting).stop());
    return starting;
  }

  const [database, temporal] = await Promise.all([
    bring(1, startPostgres(servers)),
    bring(1, startTemporal(servers)),
  ]);
  stopping.throwIfAborted();
  const port = await freePort();
  const start = (name: 'api' | 'worker') =>
    startProgram({
      name,
      entry: new URL(`../src/${name}.ts`, import.meta.url),
      dataDir: join(folder, 'programs'),
      env: {
        DATABASE_URL: database.url,
        TEMPORAL_ADDRESS: temporal.address,
        // The environment may name other servers.
        ...{ TEMPORAL_NAMESPACE: undefined, TEMPORAL_API_KEY: undefined, TEMPORAL_TLS: undefined },
        ...{ DRAWDOWN_CATALOG: undefined, HOST: undefined, PUBLIC_URL: undefined, PORT: String(port) },
        DRAWDOWN_API_KEY_FILE: join(folder, 'key'),
      },
    });
  const keep = (name: 'api' | 'worker') =>
    bring(
      0,
      keepAlive(
        name,
        () => start(name),
        (line) => restarts.push(line),
      ),
    );
  const [api, worker] = await Promise.all([keep('api'), keep('worker')]);
  stopping.throwIfAborted();

  const connection = await Connection.connect({ address: temporal.address });
  shutdown.add(0, () => connection.close());
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  shutdown.add(0, () => sql.end({ timeout: 1 }));
  const authorization = `Bearer ${api.first.info.key}`;

  return {
    sql,
    client: new Client({ connection }),
    async post(path, body, key) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          method: 'POST',
          headers: {
            Authorization: authorization,
            'Content-Type': 'application/json',
            'Idempotency-Key': key,
          },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        });
        return { status: response.status, text: await response.text() };
      } catch (error) {
        const { cause, message } = error as Error;
        return { status: 0, text: cause instanceof Error ? cause.message : message };
      }
    },
    restarts,
    logs: () => [api, worker].map(({ first }) => lastLines(first.logFile)).join('\n'),
  };
}
