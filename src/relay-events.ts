import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Database } from './db/client.ts';
import {
  type ClaimedDelivery,
  claimDeliveries,
  markStarted,
  spread,
  unclaimDelivery,
} from './db/deliveries.ts';
import type { Caller } from './temporal.ts';
import { WEBHOOK_TYPE, type WebhookInput, webhookId } from './workflows/messages.ts';

/** Read in one statement: thousands of subscriptions may renew in one minute. */
const EVENTS_A_TICK = 500;
/** Never more at once: a small server that is asked for more has no time for anything else. */
export const MOST_STARTS_A_TICK = 10;
/** As long as it takes Temporal to start a tick's workflows, in milliseconds: below it has time for one more, above for half. */
const QUICK_MS = 30;
const SLOW_MS = 80;

interface Deps {
  db: Database;
  temporal: Caller;
  taskQueue: string;
}

/**
 * The relay's part in events, once a tick: what happened becomes deliveries, each of them a workflow. Nobody waits for these as
 * callers wait for their answers, so they take what Temporal has left: fewer while it is slow, more while it is quick.
 */
export function createEventRelay(deps: Deps): () => Promise<void> {
  let starts = 1;
  return async () => {
    await spread(deps.db, EVENTS_A_TICK);
    const claimed = await claimDeliveries(deps.db, starts);
    const startedAt = performance.now();
    await Promise.all(claimed.map((delivery) => start(deps, delivery)));
    starts = paced(starts, claimed.length, performance.now() - startedAt);
  };
}

/** How many to start in the next tick, after so many were started within so many milliseconds. */
export function paced(starts: number, started: number, tookMs: number): number {
  if (tookMs > SLOW_MS) return Math.max(1, Math.floor(starts / 2));
  // What was not asked for tells nothing.
  if (started < starts || tookMs > QUICK_MS) return starts;
  return Math.min(MOST_STARTS_A_TICK, starts + 1);
}

async function start({ db, temporal, taskQueue }: Deps, delivery: ClaimedDelivery): Promise<void> {
  const { type, eventId, endpointId } = delivery;
  try {
    await temporal.call((client) =>
      client.workflow.start(WEBHOOK_TYPE, {
        workflowId: webhookId(delivery),
        // A run is one workflow, also when it is long over.
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        taskQueue,
        args: [delivery satisfies WebhookInput],
        staticSummary: `${type} to ${endpointId}`,
        staticDetails: `Event ${eventId}`,
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
      await unclaimDelivery(db, delivery);
      throw error;
    }
  }
  await markStarted(db, delivery);
}
