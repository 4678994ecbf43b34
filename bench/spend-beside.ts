import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { inputOf } from '../src/cli/carried.ts';
import { loadConfig } from '../src/config.ts';
import { remainsOf } from '../src/db/audit/rehydrate.ts';
import type { Database } from '../src/db/client.ts';
import { startTemporal } from '../src/embedded/temporal.ts';
import {
  type BalanceAnswer,
  QUERY,
  summaryOf,
  WORKFLOW_TYPE,
  workflowId,
} from '../src/workflows/messages.ts';
import { searchAttributesOf } from '../src/workflows/views.ts';
import type { Running } from './command.ts';
import { inParallel } from './fleet-load.ts';
import { type Place, startOurs, TASK_QUEUE } from './spend-stack.ts';
import { startRegularTemporal } from './temporal-regular.ts';

// Temporal and a worker beside the API, and a workflow for every subscription that is spent from: its nudges are real.

/** Temporal's development server on SQLite, or the regular one on the measured PostgreSQL. */
export type TemporalKind = 'dev' | 'regular';

/** The running servers. */
export interface Beside {
  /** The addresses for the API. */
  place: Place;
  pids: { worker: number; temporal: number };
  client: Client;
  /** Stops both processes where they are (SIGSTOP). They hold no lock then: each of their writes is one statement. */
  pause(): void;
  /** Lets both go on, and waits for Temporal's answer. */
  resume(): Promise<void>;
}

const STARTS_AT_ONCE = 16;
/** Starts are cheaper than first tasks: without this the worker would fall behind. */
const ASKED_EVERY = 5;
/** Milliseconds for tasks that came due during the pause. */
const AFTER_PAUSE_MS = 1_000;

/** Starts Temporal, with no workflow of an earlier run, and a worker. */
export async function startBeside(
  kind: TemporalKind,
  databaseUrl: string,
  folder: string,
  running: Running,
): Promise<Beside> {
  const { shutdown, stopping } = running;
  const dataDir = join(folder, 'temporal');
  rmSync(dataDir, { recursive: true, force: true });
  const starting =
    kind === 'regular'
      ? startRegularTemporal({ dataDir, databaseUrl })
      : startTemporal({ dataDir, cacheDir: loadConfig().cacheFolder, log: () => {} });
  shutdown.add(1, async () => (await starting).stop());
  const temporal = await starting;
  const place: Place = { databaseUrl, temporalAddress: temporal.address, folder };
  const worker = await startOurs('worker', place, {}, running);
  const connection = await Connection.connect({ address: temporal.address });
  shutdown.add(0, () => connection.close());
  const pids = { worker: worker.pid, temporal: temporal.pid };
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => {
    for (const pid of Object.values(pids)) process.kill(pid, name);
  };
  // A paused process ends on no signal but SIGKILL.
  shutdown.add(0, async () => signal('SIGCONT'));

  return {
    ...{ place, pids, client: new Client({ connection }) },
    pause: () => signal('SIGSTOP'),
    async resume() {
      signal('SIGCONT');
      await connection.withDeadline(Date.now() + 10_000, () =>
        connection.workflowService.describeNamespace({ namespace: 'default' }),
      );
      await sleep(AFTER_PAUSE_MS, undefined, { signal: stopping });
    },
  };
}

/** Starts the workflows of these subscriptions, as `drawdown rehydrate` does, and asks some for their balance. */
export async function startWorkflows(
  { client }: Beside,
  db: Database,
  ids: string[],
  { stopping, say }: { stopping: AbortSignal; say(line: string): void },
): Promise<void> {
  const startedAt = performance.now();
  await inParallel(ids.length, STARTS_AT_ONCE, async (i) => {
    stopping.throwIfAborted();
    const handle = await startWorkflow(client, db, ids[i]!);
    if (i % ASKED_EVERY === 0 && (await handle.query<BalanceAnswer | null>(QUERY.balance)) === null)
      throw new Error(`the workflow of ${ids[i]} has no balance`);
  });
  say(`${ids.length} workflows started in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
}

async function startWorkflow(client: Client, db: Database, id: string): Promise<WorkflowHandle> {
  const remains = (await remainsOf(db, id, null))!;
  return client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowId(id),
    taskQueue: TASK_QUEUE,
    args: [inputOf(remains)],
    staticSummary: summaryOf(remains.state),
    typedSearchAttributes: searchAttributesOf(remains.state, null) as SearchAttributePair[],
  });
}
