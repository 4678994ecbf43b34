import { ApplicationFailure, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { Activities, Reconciled } from '../activities/index.ts';
import { UNEXPLAINED } from './messages.ts';

// The nightly reconciliation: every charge, grant and message of billing must have its reason. A run that finds a row without
// one fails, so that monitoring of failed workflows reports it. The next night checks everything again.

const books = proxyActivities<Activities>({
  startToCloseTimeout: '15m',
  // A database that is away is waited for, though not until the next night.
  scheduleToCloseTimeout: '12h',
  retry: { initialInterval: '10s', maximumInterval: '5m' },
});

/** Counts the explained rows, and fails with type `unexplained` and the first unexplained rows. Books nothing. */
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
