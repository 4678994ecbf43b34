import { proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { Delivered, DeliveryActivities } from '../activities/deliver.ts';
import { deliveryQueue, type WebhookInput } from './messages.ts';

// One event to one endpoint. Attempts are the server's: it waits as long as each failed one says, and keeps no event for it,
// so that a receiver that is away for days costs nothing meanwhile. The row in `deliveries` says when it ends.

export async function webhook({ type, ...ref }: WebhookInput): Promise<Delivered> {
  const { deliver } = proxyActivities<DeliveryActivities>({
    // Receivers take their time: not that of the subscriptions' activities.
    taskQueue: deliveryQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '30s',
    // Where an attempt names no pause of its own: the database was away, or the worker was lost.
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
