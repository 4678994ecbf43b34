import { z } from 'zod';
import { type HoldRow, listHolds, readHold } from '../../db/reads.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { subscriptionOr404 } from './found.ts';

const at = '/v1/subscriptions/{id}/holds';

// GET /v1/subscriptions/{id}/holds and …/holds/{hold_id}: read holds. spend-routes.ts makes, captures and releases them.

/** Registers the reads of holds. */
export function holdRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: at,
      summary: 'List holds',
      scope: 'read',
      params: s.byId,
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(s.holdRecord) } },
    },
    async (c, { params, query }) => {
      await subscriptionOr404(deps, params.id);
      const page = pageOf(query, `holds/${params.id}`, 'id');
      const rows = await listHolds(deps.db, params.id, page);
      return c.json(listBody(rows, page, ({ id }) => [id], holdView));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: `${at}/{hold_id}`,
      summary: 'Read a hold',
      scope: 'read',
      params: s.byHold,
      answers: { 200: { description: 'The hold', schema: s.holdRecord } },
    },
    async (c, { params }) => {
      await subscriptionOr404(deps, params.id);
      const row = await readHold(deps.db, params.id, params.hold_id);
      if (!row) throw notFound();
      return c.json(holdView(row));
    },
  );
}

/** The hold's first answer, its present state, and the caller's own members. */
function holdView(row: HoldRow) {
  const { answer, status, captured, usageId, settledAt, via, reference, metadata } = row;
  return {
    ...answer,
    status,
    captured,
    released: status === 'held' ? 0 : row.credits - captured,
    usage_id: usageId,
    settled_at: settledAt?.toISOString() ?? null,
    via,
    reference,
    metadata,
  };
}
