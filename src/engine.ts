import { Context } from '@temporalio/activity';
import { type ActivityInterceptorsFactory, type NativeConnection, Worker } from '@temporalio/worker';
import { createDeliveryActivities } from './activities/deliver.ts';
import { watched } from './activities/failing-steps.ts';
import { createBatchActivities } from './activities/grant-batches.ts';
import { createActivities } from './activities/index.ts';
import type { Gateway } from './billing/gateway.ts';
import type { Database } from './db/client.ts';
import type { Safe } from './db/secrets/safe.ts';
import { type EngineTraces, NO_SINKS } from './telemetry/engine-traces.ts';
import { createPost } from './webhooks/post.ts';
import { deliveryQueue, subscriptionIdOf } from './workflows/messages.ts';

// The Temporal workers of a worker process. Not in `startup.ts`, because the API must not load the library of workers.

/** The clients and settings of the worker. */
interface EngineOptions {
  db: Database;
  /** The same database over a pool whose statements may read all of it. */
  books: Database;
  gateway: Gateway;
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  /** The path of the bundled workflow code (`workflowBundle`). */
  bundlePath: string;
  /** Interceptors of logs, metrics and traces. */
  seenBy?: ActivityInterceptorsFactory[];
  traces?: EngineTraces | undefined;
}

const heartbeat = (): void => Context.current().heartbeat();

/** Records each failed attempt at a subscription's step. */
const watchingSteps =
  (db: Database): ActivityInterceptorsFactory =>
  ({ info: { attempt, workflowExecution } }) => {
    const subscriptionId = subscriptionIdOf(workflowExecution?.workflowId ?? '');
    if (subscriptionId === null) return {};
    return {
      inbound: { execute: (input, next) => watched(db, { subscriptionId, attempt }, () => next(input)) },
    };
  };

/** Makes the Temporal worker of the subscriptions, the batches of grants and the reconciliation. */
export function createEngine({
  db,
  books,
  gateway,
  connection,
  namespace,
  taskQueue,
  bundlePath,
  seenBy = [],
  traces,
}: EngineOptions): Promise<Worker> {
  return Worker.create({
    workflowBundle: { codePath: bundlePath },
    connection,
    namespace,
    taskQueue,
    activities: {
      ...createActivities({ db, books, gateway, heartbeat, trace: traces?.current }),
      ...createBatchActivities({ db, heartbeat }),
    },
    interceptors: { activity: [...seenBy, watchingSteps(db)] },
    sinks: traces?.sinks ?? NO_SINKS,
    maxCachedWorkflows: 2_000,
    // After the death of a worker its cached workflows answer no query for this long.
    stickyQueueScheduleToStartTimeout: '1s',
    shutdownGraceTime: '5s',
  });
}

/** Deliveries at the same time: each may hang for seconds, and the machine is small. */
const DELIVERIES_AT_ONCE = 50;

/** The clients and settings of the deliverer. */
interface DelivererOptions
  extends Pick<EngineOptions, 'db' | 'connection' | 'namespace' | 'taskQueue' | 'seenBy' | 'traces'> {
  /** Whether receivers may have private addresses and use http. */
  allowsPrivate: boolean;
  safe: Safe;
}

/** Makes the Temporal worker that sends events to receivers: activities only, on a queue of their own. */
export function createDeliverer({
  db,
  allowsPrivate,
  safe,
  connection,
  namespace,
  taskQueue,
  seenBy = [],
  traces,
}: DelivererOptions): Promise<Worker> {
  const post = createPost({ allowsPrivate });
  return Worker.create({
    connection,
    namespace,
    taskQueue: deliveryQueue(taskQueue),
    activities: { ...createDeliveryActivities({ db, safe, post: traces?.post(post) ?? post }) },
    interceptors: { activity: seenBy },
    maxConcurrentActivityTaskExecutions: DELIVERIES_AT_ONCE,
    shutdownGraceTime: '5s',
  });
}
