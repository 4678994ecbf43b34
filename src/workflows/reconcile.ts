import { ApplicationFailure, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { Activities, Reconciled } from '../activities/index.ts';
import { UNEXPLAINED } from './messages.ts';

// Once a night: does every charge, grant and message of billing have its reason? A run that finds one without fails, so that
// whoever looks at failed workflows is told; the next night looks again at everything.

const books = proxyActivities<Activities>({
  startToCloseTimeout: '15m',
  // A database that is away is waited for, and not until the night after.
  scheduleToCloseTimeout: '12h',
  retry: { initialInterval: '10s', maximumInterval: '5m' },
});

export async function reconcile(): Promise<Reconciled> {
  const found = await books.reconcile.executeWithOptions({ summary: 'charges, grants, inbox' }, []);
  const summary = summaryOf(found);
  setCurrentDetails(summary);
  if (found.all.explained === found.all.total) return found;
  throw ApplicationFailure.create({
    type: UNEXPLAINED,
    message: summary,
    details: [found],
    nonRetryable: true,
  });
}

function summaryOf({ all, unexplained }: Reconciled): string {
  const [first] = unexplained;
  if (first === undefined) return `All ${all.total} rows are explained.`;
  const { problem, rule, row, subscription_id } = first;
  const of = subscription_id === '' ? row : `${row} of ${subscription_id}`;
  return `${all.total - all.explained} of ${all.total} rows are unexplained, the first: ${problem} (${rule}, ${of})`;
}
