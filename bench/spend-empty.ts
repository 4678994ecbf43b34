import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Client, WithStartWorkflowOperation, type WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { workflowId } from '../src/workflows/messages.ts';
import type { Running } from './command.ts';
import type { emptyWorkflow } from './empty-workflow.ts';
import { inParallel } from './fleet-load.ts';
import type { Beside } from './spend-beside.ts';
import { closeAll, openWires } from './spend-http.ts';
import type { Api } from './spend-stack.ts';
import { buy, idIn, start, type Visits } from './spend-visits.ts';

// The yardstick for starts and purchases: as many updates, activities and events at the same Temporal, with no work in them.
// Its worker and its client are in the benchmark's process.

const TASK_QUEUE = 'bench-empty';
const TYPE = 'emptyWorkflow';
/** As many as subscriptions that buy. */
const WORKFLOWS = 200;
const STARTS_AT_ONCE = 16;
/** A task that timed out on a busy machine adds events. */
const TRIES = 3;

/** The empty workflows at the measured Temporal. */
export interface Empty {
  /** Events of a start, and of an update or a purchase. */
  events: { start: number; update: number };
  /** Starts a workflow and waits for its first activity. */
  starts(): Visits;
  /** Has a workflow run an activity, and waits for it. */
  updates(): Visits;
}

/** Starts the worker and the workflows. Throws where their events are not those of a subscription. */
export async function startEmpty({ client, place }: Beside, api: Api, running: Running): Promise<Empty> {
  const { shutdown } = running;
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const workflowsPath = fileURLToPath(new URL('empty-workflow.ts', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: place.temporalAddress });
  const worker = await Worker.create({
    ...{ connection, taskQueue: TASK_QUEUE, workflowBundle },
    activities: { nothing: async () => {} },
    maxCachedWorkflows: 2_000,
  });
  const working = worker.run();
  shutdown.add(0, async () => {
    worker.shutdown();
    await working;
    await connection.close();
  });

  const handles: WorkflowHandle[] = [];
  const events = await equalEvents(client, api);
  await inParallel(WORKFLOWS, STARTS_AT_ONCE, async () => void handles.push(await startOne(client)));
  const visits = (once: () => Promise<unknown>): Visits => ({
    once: async () => {
      await once();
      return 'spent';
    },
    touched: new Set(),
    close: () => {},
  });
  return {
    events,
    starts: () => visits(() => startOne(client)),
    updates: () => visits(() => handles[Math.floor(Math.random() * handles.length)]!.executeUpdate('worked')),
  };
}

async function startOne(client: Client): Promise<WorkflowHandle> {
  const startWorkflowOperation = new WithStartWorkflowOperation<typeof emptyWorkflow>(TYPE, {
    ...{ workflowId: `empty-${randomUUID()}`, taskQueue: TASK_QUEUE, args: [] },
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  await client.workflow.executeUpdateWithStart('started', { startWorkflowOperation });
  return startWorkflowOperation.workflowHandle();
}

/** Starts and buys once, has an empty workflow do the same, and compares their events. */
async function equalEvents(client: Client, api: Api): Promise<Empty['events']> {
  for (let tried = 1; ; tried += 1) {
    const [real, empty] = [await eventsOfReal(client, api), await eventsOfEmpty(client)];
    const isEqual =
      String(real.start) === String(empty.start) && String(real.update) === String(empty.update);
    if (isEqual) return { start: empty.start.length, update: empty.update.length };
    if (tried === TRIES)
      throw new Error(
        `The empty workflow is no yardstick any more: a start has ${real.start}, its own ${empty.start}; ` +
          `a purchase has ${real.update}, its update ${empty.update}`,
      );
  }
}

interface Types {
  start: string[];
  update: string[];
}

async function eventsOfReal(client: Client, api: Api): Promise<Types> {
  const [wire] = await openWires(api, 1);
  try {
    const id = idIn(await start(wire!, api, {}));
    const handle = client.workflow.getHandle(workflowId(id));
    return await eventsOf(handle, async () => void (await buy(wire!, api, id)));
  } finally {
    closeAll([wire!]);
  }
}

async function eventsOfEmpty(client: Client): Promise<Types> {
  const handle = await startOne(client);
  return eventsOf(handle, () => handle.executeUpdate('worked'));
}

/** The sorted types of the events until now, and of those of an update. */
async function eventsOf(handle: WorkflowHandle, update: () => Promise<void>): Promise<Types> {
  const first = await typesOf(handle);
  await update();
  const all = await typesOf(handle);
  return { start: first.toSorted(), update: all.slice(first.length).toSorted() };
}

async function typesOf(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  const names = proto.temporal.api.enums.v1.EventType;
  return (events ?? []).map(({ eventType }) => names[eventType!].replace('EVENT_TYPE_', '').toLowerCase());
}
