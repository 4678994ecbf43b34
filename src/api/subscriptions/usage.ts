import { z } from 'zod';
import { listUsages, readUsage, type SubscriptionRow, type UsageRow } from '../../db/reads.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import { price } from '../../domain/catalog/rates.ts';
import { isOver, isRunning } from '../../domain/subscription.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { notFound } from '../problems.ts';
import { json } from '../replies.ts';
import { type App, type FastRoute, fastRoute, route, routeOnBoth } from '../route.ts';
import * as s from '../schemas.ts';
import { nowOf } from '../views.ts';
import { balanceOr404, pageOr404 } from './found.ts';
import { offersFor } from './offers.ts';
import { itemsOf, returnCredits, type SpendRoute, spendItems, spendRoute } from './spend.ts';

// POST /v1/subscriptions/{id}/quote: reads the balance and prices the items. GET …/usage and …/usage/{usage_id}: read usages.
// They lock nothing, and Temporal is not asked. POST …/usage and …/usage/{usage_id}/reverse: one call of spend_batch (spend.ts).

const USAGE = '/v1/subscriptions/{id}/usage';

/** The routes that make and reverse a usage, for the application and the fast path. */
export const usageSpends = (deps: Deps): SpendRoute[] => [usage(deps), reversal(deps)];

const usage = (deps: Deps) =>
  spendRoute(
    {
      path: USAGE,
      summary: 'Spend credits: all lines or nothing',
      params: s.byId,
      body: s.usageRequest,
      answers: { 201: { description: 'Spent', schema: s.usage } },
      refusals: s.shortOfCredits,
    },
    (input, scopes) => spendItems(deps, input, 'usage', null, scopes),
  );

const reversal = (deps: Deps) =>
  spendRoute(
    {
      path: `${USAGE}/{usage_id}/reverse`,
      summary: 'Return the credits of a usage, in whole or in part (R-80)',
      params: s.byUsage,
      body: s.reverseRequest,
      answers: { 200: { description: 'The returned credits', schema: s.reversal } },
    },
    (input) =>
      returnCredits(deps, input, {
        op: 'reverse',
        object: input.params.usage_id,
        credits: input.body.credits ?? null,
      }),
  );

/** Registers the quote and the reads of usages. */
export function usageRoutes(app: App, deps: Deps): void {
  routeOnBoth(app, quote(deps));
  readRoutes(app, deps);
}

/** The route of the quote, for the application and the fast path. */
export const quote = (deps: Deps): FastRoute =>
  fastRoute(
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/quote',
      summary: 'Price a use, and say whether it would succeed',
      scope: 'spend',
      params: s.byId,
      body: z.strictObject({ items: s.items }),
      answers: { 200: { description: 'The quote', schema: s.quote } },
    },
    async ({ params, body }) => {
      const { row, balance } = (await balanceOr404(deps, params.id)).found!;
      const catalog = await deps.catalogs.current();
      const { lines, credits } = price(catalog, itemsOf(body.items));
      const available = balance.grants.reduce((sum, grant) => sum + grant.remaining, 0);
      const shortfall = Math.max(0, credits - available);
      const way =
        shortfall > 0
          ? offersFor(row.state, catalog, shortfall, nowOf(row))
          : { offer: null, other_offers: [] };
      return json({
        credits,
        lines,
        available,
        sufficient: shortfall === 0 && canSpend(row, catalog),
        shortfall,
        ...way,
        catalog_version: catalog.version,
      });
    },
  );

/** Whether this subscription may spend now at all. */
function canSpend(row: SubscriptionRow, catalog: Catalog): boolean {
  if (isOver(row.state, nowOf(row))) return false;
  if (row.state.status === 'past_due') return catalog.policies.past_due_spending === 'allow';
  return isRunning(row.state);
}

function readRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: USAGE,
      summary: 'List usage',
      scope: 'read',
      params: s.byId,
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(usageRecord) } },
    },
    async (c, { params: { id }, query }) => {
      const { rows, page } = await pageOr404(
        deps,
        id,
        () => pageOf(query, `usage/${id}`, 'id'),
        (wanted) => listUsages(deps.db, id, wanted),
      );
      return c.json(listBody(rows, page, ({ id }) => [id], recordView));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: `${USAGE}/{usage_id}`,
      summary: 'Read a usage',
      scope: 'read',
      params: s.byUsage,
      answers: { 200: { description: 'The usage', schema: usageRecord } },
    },
    async (c, { params }) => {
      const row = await readUsage(deps.db, params.id, params.usage_id);
      if (!row) throw notFound();
      return c.json(recordView(row));
    },
  );
}

const usageRecord = s.usage
  .extend({ ...s.recorded, reversed: z.int(), hold_id: z.string().nullable() })
  .meta({ id: 'UsageRecord' });

/** The usage's first answer, its reversed credits, and the caller's own members. */
function recordView({ answer, reversed, holdId, via, reference, metadata }: UsageRow) {
  return { ...answer, reversed, hold_id: holdId, via, reference, metadata };
}
