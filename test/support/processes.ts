import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { inject } from 'vitest';
import { connect, type Database } from '../../src/db/client.ts';
import { freePort } from '../../src/embedded/ports.ts';
import { type Program, startProgram } from '../../src/embedded/program.ts';
import { type Answer, ask, createDatabase, type RequestInit } from './stack.ts';

// Drawdown as it runs: API and worker as processes of their own, so that a test can kill one with
// signal 9 and start it again. The servers are the global set-up's unless the test brings its own.

export interface Servers {
  databaseUrl: string;
  temporalAddress: string;
}

export interface Killable {
  program: Program;
  /** Signal 9, and waits until it is gone. */
  kill(): Promise<void>;
}

export interface Processes {
  db: Database;
  client: Client;
  databaseUrl: string;
  taskQueue: string;
  url: string;
  /** One request over HTTP with the operator key; a command gets a fresh Idempotency-Key unless it brings one. */
  request(method: string, path: string, init?: RequestInit): Promise<Answer>;
  /** The same of another API process, at its address. */
  at(url: string): Pick<Processes, 'request'>;
  /** At `url`, or on another port: any number may run. The first makes the key. */
  startApi(port?: number, env?: Record<string, string>): Promise<Killable>;
  startWorker(env?: Record<string, string>): Promise<Killable>;
  /** The output of the processes: for the message of a failure. */
  logs(): string;
  /** Ends every process started here. */
  stop(): Promise<void>;
}

/**
 * Nothing runs yet: the test starts the processes that it needs. `servers` defaults to the global set-up's, in a fresh
 * database; `env` is set in each process besides. `code` is the folder that holds the programs: the sources, or their compiled
 * form.
 */
export async function createProcesses(
  servers?: Servers,
  env: Record<string, string> = {},
  code = new URL('../../src/', import.meta.url),
): Promise<Processes> {
  const ending = existsSync(new URL('api.ts', code)) ? 'ts' : 'js';
  const databaseUrl = servers?.databaseUrl ?? (await createDatabase());
  const temporalAddress = servers?.temporalAddress ?? inject('temporalAddress');
  const taskQueue = `processes-${randomBytes(6).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), 'drawdown-processes-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const keyFile = join(folder, 'key');
  let key = '';
  const db = connect(databaseUrl, { max: 4 });
  const connection = Connection.lazy({ address: temporalAddress });
  const client = new Client({ connection });
  const started: Program[] = [];

  const at = (base: string): Pick<Processes, 'request'> => ({
    request: (method, path, init) =>
      ask((below, request) => fetch(`${base}${below}`, request), key, method, path, init),
  });

  async function start(
    name: 'api' | 'worker',
    on = port,
    own: Record<string, string> = {},
  ): Promise<Killable> {
    const program = await startProgram({
      name,
      entry: new URL(`${name}.${ending}`, code),
      dataDir: join(folder, `${name}-${started.length}`),
      env: {
        DATABASE_URL: databaseUrl,
        TEMPORAL_ADDRESS: temporalAddress,
        TEMPORAL_TASK_QUEUE: taskQueue,
        PORT: String(on),
        TEST_MODE: 'on',
        DRAWDOWN_API_KEY_FILE: keyFile,
        ...env,
        ...own,
      },
    });
    started.push(program);
    if (program.info.key) key = program.info.key;
    return {
      program,
      async kill() {
        process.kill(program.pid, 'SIGKILL');
        await program.exited;
      },
    };
  }

  return {
    db,
    client,
    databaseUrl,
    taskQueue,
    url,
    ...at(url),
    at,
    startApi: (on, own) => start('api', on, own),
    startWorker: (own) => start('worker', port, own),
    logs: () => started.map(({ logFile }) => readFileSync(logFile, 'utf8')).join('\n'),
    async stop() {
      await Promise.all(started.map((program) => program.stop()));
      await Promise.all([db.$client.end({ timeout: 1 }), connection.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
