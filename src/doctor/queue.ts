import type { Instant } from '../domain/calendar.ts';
import { type TemporalCaller, TemporalUnavailable } from '../temporal.ts';
import { subscriptionIdOf, WORKFLOW_TYPE } from '../workflows/messages.ts';

// Temporal's side of an installation: the workers that ask for work, the tasks that wait for one, workflows that fail.

/** A worker's poller of the task queue. */
export interface Poller {
  identity: string;
  kinds: string[];
  lastSeen: Instant | null;
  /** It polled within the last minute or so; Temporal lists a stopped poller for some minutes. */
  isThere: boolean;
}

/** The task queue of an installation as Temporal has it. */
export interface QueueFacts {
  taskQueue: string;
  pollers: Poller[];
  /** Tasks that wait for a worker, about, and the age of the oldest. 0 where the server does not count them. */
  backlog: number;
  backlogMs: number;
  /** Subscriptions whose workflow task fails; null where the server knows no TemporalReportedProblems. */
  halted: string[] | null;
  /** Milliseconds by which Temporal's clock is ahead at least, by its newest poll; 0 where that proves nothing. */
  aheadMs: number;
}

/** The place of an installation in Temporal. */
export interface QueuePlace {
  temporal: TemporalCaller;
  temporalNamespace: string;
  taskQueue: string;
}

/** Temporal's numbers of the task types. */
const KINDS = { 1: 'workflows', 2: 'activities' } as const;
/** A poll lasts up to a minute: a poller silent for longer has stopped, though Temporal lists it for minutes. */
const POLLING_MS = 75_000;
const MOST_HALTED = 20;

/** Reads the queue and the workflows that fail; null when Temporal does not answer. */
export async function queueFacts(place: QueuePlace): Promise<QueueFacts | null> {
  const [queue, halted] = await Promise.all([describeQueue(place), haltedOf(place)]);
  return queue && { ...queue, halted };
}

async function describeQueue({
  temporal,
  temporalNamespace: namespace,
  taskQueue,
}: QueuePlace): Promise<Omit<QueueFacts, 'halted'> | null> {
  const seen = new Map<string, Poller>();
  let [backlog, backlogMs] = [0, 0];
  try {
    for (const [kind, name] of Object.entries(KINDS)) {
      const { pollers, stats } = await temporal.call((client) =>
        client.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: taskQueue },
          taskQueueType: Number(kind),
          reportStats: true,
        }),
      );
      backlog += Number(stats?.approximateBacklogCount ?? 0);
      backlogMs = Math.max(backlogMs, Number(stats?.approximateBacklogAge?.seconds ?? 0) * 1_000);
      for (const { identity, lastAccessTime } of pollers ?? [])
        add(seen, identity ?? '', name, lastAccessTime?.seconds);
    }
  } catch (error) {
    if (error instanceof TemporalUnavailable || isGrpc(error)) return null;
    throw error;
  }
  const pollers = [...seen.values()].sort(
    (a, b) => Number(b.isThere) - Number(a.isThere) || (b.lastSeen ?? 0) - (a.lastSeen ?? 0),
  );
  const newest = Math.max(0, ...pollers.map(({ lastSeen }) => lastSeen ?? 0));
  return { taskQueue, pollers, backlog, backlogMs, aheadMs: Math.max(0, newest - Date.now()) };
}

function add(seen: Map<string, Poller>, identity: string, kind: string, seconds: unknown): void {
  const known = seen.get(identity);
  const at = seconds == null ? 0 : Number(seconds) * 1_000;
  const lastSeen = Math.max(at, known?.lastSeen ?? 0) || null;
  const isThere = lastSeen !== null && Date.now() - lastSeen < POLLING_MS;
  seen.set(identity, { identity, kinds: [...(known?.kinds ?? []), kind], lastSeen, isThere });
}

/** The visibility query for workflows whose task fails; servers know it from version 1.30 on. */
const HALTED = `WorkflowType = '${WORKFLOW_TYPE}' and ExecutionStatus = 'Running' and TemporalReportedProblems in ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')`;

async function haltedOf({ temporal, temporalNamespace, taskQueue }: QueuePlace): Promise<string[] | null> {
  try {
    const { executions } = await temporal.call((client) =>
      client.workflowService.listWorkflowExecutions({
        namespace: temporalNamespace,
        pageSize: MOST_HALTED,
        query: `${HALTED} and TaskQueue = '${taskQueue.replaceAll("'", '')}'`,
      }),
    );
    return (executions ?? []).flatMap(({ execution }) => subscriptionIdOf(execution?.workflowId ?? '') ?? []);
  } catch (error) {
    if (error instanceof TemporalUnavailable || isGrpc(error)) return null;
    throw error;
  }
}

const isGrpc = (error: unknown): boolean => typeof (error as { code?: unknown }).code === 'number';
