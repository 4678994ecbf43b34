import { releaseOverdue } from '../../db/ledger.ts';
import type { ReadAnswer } from '../../db/reading/batches.ts';
import type { Listed } from '../../db/reading/lists.ts';
import { readSubscription, type SubscriptionRow } from '../../db/reads.ts';
import type { Deps } from '../deps.ts';
import type { ListPage } from '../paging.ts';
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
  return withoutOverdue(deps, row);
}

/** the first reader after the deadline of a hold releases it, and reads the subscription again. */
export async function withoutOverdue(deps: Deps, row: SubscriptionRow): Promise<SubscriptionRow> {
  if (!isOverdue(row)) return row;
  await releaseOverdue(deps.db, row.state.id);
  return (await readSubscription(deps.db, row.state.id)) ?? row;
}

/**
 * A subscription with its balance now, read among others in one statement; `known` is a version that needs no answer. Holds past
 * their deadline are released first. Throws `not_found`.
 */
export async function balanceOr404(deps: Deps, id: string, known = ''): Promise<ReadAnswer> {
  let answer = await deps.reading.read(id, known);
  if (answer?.isOverdue) {
    await releaseOverdue(deps.db, id);
    answer = await deps.reading.read(id, known);
  }
  if (!answer) throw notFound();
  return answer;
}

/**
 * A page of a list below a subscription; holds past their deadline are released first. Throws `not_found`, also for a
 * cursor that `page` refuses.
 */
export async function pageOr404<Row>(
  deps: Deps,
  id: string,
  page: () => ListPage,
  list: (page: ListPage) => Promise<Listed<Row> | null>,
): Promise<Listed<Row> & { page: ListPage }> {
  let wanted: ListPage;
  try {
    wanted = page();
  } catch (fault) {
    await subscriptionOr404(deps, id);
    throw fault;
  }
  let found = await list(wanted);
  if (found?.isOverdue) {
    await releaseOverdue(deps.db, id);
    found = await list(wanted);
  }
  if (!found) throw notFound();
  return { ...found, page: wanted };
}

/** A subscription's JSON under the catalogue in force. */
export async function shown(deps: Deps, row: SubscriptionRow): Promise<SubscriptionView> {
  return subscriptionView(row, await deps.catalogs.current());
}
