import { releaseOverdue } from '../../db/ledger.ts';
import { readSubscription, type SubscriptionRow } from '../../db/reads.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import type { SubscriptionView } from '../schemas.ts';
import { nowOf, subscriptionView } from '../views.ts';

/** whether an open hold may be past its deadline. */
export const isOverdue = (row: SubscriptionRow): boolean =>
  row.nextDeadline !== null && row.nextDeadline <= nowOf(row);

/** A subscription's row; holds past their deadline are released first, under the ledger's lock. Throws `not_found`. */
export async function subscriptionOr404(deps: Deps, id: string): Promise<SubscriptionRow> {
  const row = await readSubscription(deps.db, id);
  if (!row) throw notFound();
  if (!isOverdue(row)) return row;
  // the first reader after the deadline releases the hold.
  await releaseOverdue(deps.db, id);
  return (await readSubscription(deps.db, id)) ?? row;
}

/** A subscription's JSON under the catalogue in force. */
export async function shown(deps: Deps, row: SubscriptionRow): Promise<SubscriptionView> {
  return subscriptionView(row, await deps.catalogs.current());
}
