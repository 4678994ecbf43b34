import { releaseOverdue } from '../../db/ledger.ts';
import { type CustomerRows, readCustomer } from '../../db/reads.ts';
import type { Deps } from '../deps.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { subscriptionView } from '../views.ts';
import { shownBalance } from './balance.ts';
import { isOverdue } from './found.ts';

// GET /v1/customers/{customer_id}: reads a customer's subscriptions and the balance, in one statement. Temporal is not asked.

/** Ended subscriptions that an answer lists at most; GET /v1/subscriptions lists all. */
const MOST_ENDED = 10;

/** Registers the read of a customer. */
export function customerRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/customers/{customer_id}',
      summary: 'Read the subscription of a customer, its balance, and the last ended ones',
      scope: 'read',
      params: s.byCustomer,
      answers: { 200: { description: 'The customer', schema: s.customer } },
    },
    async (c, { params: { customer_id } }) => {
      requireUtf8(c.req.url);
      const { live, ended } = await customerRows(deps, customer_id);
      const catalog = await deps.catalogs.current();
      return c.json({
        customer_id,
        subscription: live && subscriptionView(live.row, catalog),
        balance: live && shownBalance(live.row, live.balance, catalog),
        ended: ended.map((row) => subscriptionView(row, catalog)),
      });
    },
  );
}

/** A malformed escape would be read as another customer's id, and an unknown customer has an answer. Throws `invalid_request`. */
function requireUtf8(url: string): void {
  try {
    decodeURIComponent(new URL(url).pathname);
  } catch {
    throw s.fault(':customer_id', 'must be percent-encoded UTF-8');
  }
}

/** The rows of a customer; holds past their deadline are released first. */
async function customerRows(deps: Deps, customerId: string): Promise<CustomerRows> {
  const rows = await readCustomer(deps.db, customerId, MOST_ENDED);
  if (rows.live === null || !isOverdue(rows.live.row)) return rows;
  await releaseOverdue(deps.db, rows.live.row.state.id);
  return readCustomer(deps.db, customerId, MOST_ENDED);
}
