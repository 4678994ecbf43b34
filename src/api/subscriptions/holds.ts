import { z } from 'zod';
import { type HoldRow, listHolds, readHold } from '../../db/reads.ts';
import { DEFAULT_TERM } from '../../domain/model/holds.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { pageOr404, subscriptionOr404 } from './found.ts';
import { returnCredits, type SpendRoute, spendItems, spendRoute } from './spend.ts';

// GET /v1/subscriptions/{id}/holds and …/holds/{hold_id}: read holds, once those past their deadline are released (found.ts).
// POST …/holds, …/holds/{hold_id}/capture and …/release: one call of spend_batch (spend.ts).

const HOLDS = '/v1/subscriptions/{id}/holds';

/** The routes that make and end a hold, for the application and the fast path. */
export const holdSpends = (deps: Deps): SpendRoute[] => [hold(deps), capture(deps), release(deps)];

const hold = (deps: Deps) =>
  spendRoute(
    {
      path: HOLDS,
      summary: 'Set credits aside for a job: all lines or nothing (R-70)',
      params: s.byId,
      body: s.holdRequest,
      answers: { 201: { description: 'Held', schema: s.hold } },
      refusals: s.shortOfCredits,
    },
    (input, scopes) => spendItems(deps, input, 'hold', input.body.expires_in_seconds ?? DEFAULT_TERM, scopes),
  );

const ENDED = { 200: { description: 'Captured or released', schema: s.settlement } };

const capture = (deps: Deps) =>
  spendRoute(
    {
      path: `${HOLDS}/{hold_id}/capture`,
      summary: 'Spend a hold, or less of it (R-71)',
      params: s.byHold,
      body: s.captureRequest,
      answers: ENDED,
    },
    (input) =>
      returnCredits(deps, input, {
        op: 'capture',
        object: input.params.hold_id,
        credits: input.body.credits ?? null,
      }),
  );

const release = (deps: Deps) =>
  spendRoute(
    {
      path: `${HOLDS}/{hold_id}/release`,
      summary: 'Return all of a hold',
      params: s.byHold,
      answers: ENDED,
    },
    (input) => returnCredits(deps, input, { op: 'release', object: input.params.hold_id, credits: null }),
  );

/** Registers the reads of holds. */
export function holdRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: HOLDS,
      summary: 'List holds',
      scope: 'read',
      params: s.byId,
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(s.holdRecord) } },
    },
    async (c, { params: { id }, query }) => {
      const { rows, page } = await pageOr404(
        deps,
        id,
        () => pageOf(query, `holds/${id}`, 'id'),
        (wanted) => listHolds(deps.db, id, wanted),
      );
      return c.json(listBody(rows, page, ({ id }) => [id], holdView));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: `${HOLDS}/{hold_id}`,
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
