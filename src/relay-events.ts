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
const STARTS_A_TICK = 5;

interface Deps {
  db: Database;
  temporal: Caller;
  taskQueue: string;
}

/** The relay's part in events: what happened becomes deliveries, each of them a workflow. */
export async function relayEvents(deps: Deps): Promise<void> {
  await spread(deps.db, EVENTS_A_TICK);
  const claimed = await claimDeliveries(deps.db, STARTS_A_TICK);
  await Promise.all(claimed.map((delivery) => start(deps, delivery)));
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
