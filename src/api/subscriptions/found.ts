import { releaseOverdue } from '../../db/ledger.ts';
import { readSubscription, type SubscriptionRow } from '../../db/reads.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import type { SubscriptionView } from '../schemas.ts';
import { nowOf, subscriptionView } from '../views.ts';

/** The subscription, or the 404 that foreign and missing ones share. */
export async function subscriptionOr404(deps: Deps, id: string): Promise<SubscriptionRow> {
  const row = await readSubscription(deps.db, id);
  if (!row) throw notFound();
  if (row.nextDeadline === null || row.nextDeadline > nowOf(row)) return row;
  // what is past its deadline is released by whoever comes first.
  await releaseOverdue(deps.db, id);
  return (await readSubscription(deps.db, id)) ?? row;
}

/** A subscription as the contract shows it, under the catalogue in force. */
export async function shown(deps: Deps, row: SubscriptionRow): Promise<SubscriptionView> {
  return subscriptionView(row, await deps.catalogs.current());
}
