import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { childEnvironment } from '../config.ts';
import { SEARCH_ATTRIBUTE } from '../workflows/messages.ts';
import { type Child, type Log, lastLines, launch } from './children.ts';
import { freePort } from './ports.ts';
import { findTemporalCli } from './temporal-binary.ts';

/** The folder, ports and namespace of a server. */
interface TemporalOptions {
  dataDir: string;
  cacheDir: string;
  /** Made where it is missing; `default` by default. */
  namespace?: string;
  /** Ports, taken where they are free; otherwise others. */
  port?: number;
  uiPort?: number;
  log: Log;
}

/** A running Temporal. */
export interface TemporalService extends Pick<Child, 'pid' | 'exited' | 'stop'> {
  address: string;
  port: number;
  uiUrl: string;
  uiPort: number;
  /** The program's path, for a command that talks to this server. */
  cli: string;
}

const readyWithinMs = 60_000;

/** Starts a Temporal dev server on loopback with its UI; its state is in `<dataDir>/temporal.db`. */
export async function startTemporal(options: TemporalOptions): Promise<TemporalService> {
  const { dataDir, cacheDir, log, namespace = 'default' } = options;
  mkdirSync(dataDir, { recursive: true });
  const cli = await findTemporalCli({ cacheDir, log });
  const port = await freePort(options.port);
  const uiPort = await freePort(options.uiPort);
  const child = await launch({
    name: 'temporal',
    command: cli,
    args: serverArguments(namespace, port, uiPort),
    dataDir,
    // It reads its database's name as a URL, which ends at a # or ?: so the name holds no folder.
    cwd: dataDir,
    env: childEnvironment({}),
    stopSignal: 'SIGINT',
    // Its database survives SIGKILL, and nothing can delay the signal.
    orphanSignal: 'SIGKILL',
  });
  const address = `127.0.0.1:${port}`;
  try {
    await untilItAnswers(address, namespace, child);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const { pid, exited } = child;
  return {
    address,
    port,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    uiPort,
    cli,
    pid,
    exited,
    stop: () => child.stop(),
  };
}

function serverArguments(namespace: string, port: number, uiPort: number): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--namespace', namespace, '--log-level', 'error', '--db-filename', 'temporal.db'],
    // Four to ten times as fast as the default pragmas, and as safe against the end of the process.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    ...Object.values(SEARCH_ATTRIBUTE).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}

async function untilItAnswers(address: string, namespace: string, child: Child): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    try {
      await askForNamespace(address, namespace);
      return;
    } catch (error) {
      if (child.hasExited() || Date.now() > deadline) {
        throw new Error(`Temporal did not come up:\n${lastLines(child.logFile) || String(error)}`);
      }
    }
    await sleep(50);
  }
}

async function askForNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    const ask = () => connection.workflowService.describeNamespace({ namespace });
    await connection.withDeadline(Date.now() + 2_000, ask);
  } finally {
    await connection.close();
  }
}
