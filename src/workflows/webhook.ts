import { proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { Delivered, DeliveryActivities } from '../activities/deliver.ts';
import { deliveryQueue, type WebhookInput } from './messages.ts';

// One event to one endpoint. The Temporal server keeps the attempts: it waits as long as each failed one asks, and records no
// event for it, so a receiver that is away for days costs nothing. The row in `deliveries` records the end.

/** Sends an event to an endpoint until an attempt succeeds or the last one fails. */
export async function webhook({ type, ...ref }: WebhookInput): Promise<Delivered> {
  const { deliver } = proxyActivities<DeliveryActivities>({
    // Receivers are slow, so their attempts stay off the queue of the subscriptions' activities.
    taskQueue: deliveryQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '30s',
    // For an attempt that names no pause: the database was away, or the worker was lost.
    retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '5m' },
  });
  const summary = `${type} to ${ref.endpointId}`;
  setCurrentDetails(`${summary}: attempts and their failures under Pending Activities`);
  const delivered = await deliver.executeWithOptions({ summary }, [ref]);
  setCurrentDetails(`${summary}: ${outcomeText(delivered)}`);
  return delivered;
}

function outcomeText({ outcome, attempts, status }: Delivered): string {
  switch (outcome) {
    case 'delivered':
      return `taken at attempt ${attempts} (${status})`;
    case 'endpoint_gone':
      return `the endpoint wanted no more of it at attempt ${attempts}`;
    case 'ended_before':
      return 'it had ended before';
  }
}
