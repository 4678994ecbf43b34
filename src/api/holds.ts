import { z } from 'zod';
import { type HoldRow, listHolds, readHold } from '../db/reads.ts';
import { DEFAULT_TERM } from '../domain/holds.ts';
import { type Deps, listBody, pageOf, reply, subscriptionOr404 } from './context.ts';
import { notFound } from './problems.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';
import { giveBack, spendItems } from './spending.ts';

const at = '/v1/subscriptions/{id}/holds';

export function holdRoutes(app: App, deps: Deps): void {
  readRoutes(app, deps);
  route(
    app,
    {
      method: 'post',
      path: at,
      summary: 'Set credits aside for a job: all lines or nothing (R-70)',
      scope: 'spend',
      params: s.byId,
      body: s.holdRequest,
      idempotent: true,
      answers: { 201: { description: 'Held', schema: s.hold } },
      refusals: s.shortOfCredits,
    },
    async (c, input) => {
      const seconds = input.body.expires_in_seconds ?? DEFAULT_TERM;
      return reply(c, await spendItems(deps, input, 'hold', seconds, c.get('scopes')));
    },
  );
  settlementRoutes(app, deps);
}

function settlementRoutes(app: App, deps: Deps): void {
  const answers = { 200: { description: 'Settled', schema: s.settlement } };
  route(
    app,
    {
      method: 'post',
      path: `${at}/{hold_id}/capture`,
      summary: 'Spend what was held, or less of it (R-71)',
      scope: 'spend',
      params: s.byHold,
      body: s.captureRequest,
      idempotent: true,
      answers,
    },
    async (c, input) => {
      const { params, body } = input;
      const wanted = { op: 'capture', object: params.hold_id, credits: body.credits ?? null } as const;
      return reply(c, await giveBack(deps, input, wanted));
    },
  );
  route(
    app,
    {
      method: 'post',
      path: `${at}/{hold_id}/release`,
      summary: 'Give back all that was held',
      scope: 'spend',
      params: s.byHold,
      idempotent: true,
      answers,
    },
    async (c, input) =>
      reply(c, await giveBack(deps, input, { op: 'release', object: input.params.hold_id, credits: null })),
  );
}

function readRoutes(app: App, deps: Deps): void {
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
      const page = pageOf(query, 'text');
      const rows = await listHolds(deps.db, params.id, page);
      return c.json(listBody(rows, page, (row) => [row.at, row.id], holdView));
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

/** What was answered then, what became of it, and what the caller had said with it. */
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
