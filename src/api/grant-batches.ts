import type { Context } from 'hono';
import { z } from 'zod';
import type { CommandRow } from '../db/commands.ts';
import {
  type BatchItemRow,
  type BatchRow,
  type BatchTarget,
  countChosen,
  listBatches,
  listBatchItems,
  makeBatch,
  pauseBatch,
  readBatch,
  resumeBatch,
  unknownOf,
} from '../db/grant-batches/requests.ts';
import { goneAt } from '../domain/burndown.ts';
import { isoOrNull } from '../domain/calendar.ts';
import { planOf } from '../domain/catalog/catalog.ts';
import { invalid } from '../domain/errors.ts';
import { newId } from '../ids.ts';
import { runCommand } from './commands.ts';
import type { Deps } from './deps.ts';
import { listBody, pageOf } from './paging.ts';
import { notFound } from './problems.ts';
import { reply } from './replies.ts';
import { type App, type Env, type Input, route } from './route.ts';
import * as s from './schemas.ts';

// POST /v1/grant_batches: makes a batch with its items in one statement; the relay starts its workflow.
// GET /v1/grant_batches, …/{id}, …/{id}/items: read batches and their items. POST …/{id}/pause, …/resume: one statement each.
// No route asks Temporal.

const AT = '/v1/grant_batches';
const one = { path: `${AT}/{id}`, scope: 'operator', params: s.byId } as const;

/** The most subscriptions that a request names. A filter has no such bound. */
const MOST_NAMED = 1_000;

const filter = z.strictObject({
  plan: s.plan.optional(),
  interval: s.interval.optional(),
  status: z.enum(['trialing', 'active', 'past_due']).optional(),
});
const batchRequest = z
  .strictObject({
    filter: filter.optional(),
    subscription_ids: z
      .array(s.text(64))
      .min(1)
      .max(MOST_NAMED)
      .refine((ids) => new Set(ids).size === ids.length, 'must name each subscription once')
      .optional(),
    credits: s.credits,
    expires_at: s.instant.nullish(),
    reason: s.reason,
    dry_run: z.boolean().default(false),
  })
  .refine((wanted) => (wanted.filter === undefined) !== (wanted.subscription_ids === undefined), {
    path: ['filter'],
    message: 'give either a filter, {} for all that are live, or subscription_ids',
  })
  .meta({ id: 'GrantBatchRequest' });
type BatchRequest = z.output<typeof batchRequest>;

const count = z.int();
const batch = z
  .object({
    id: z.string(),
    state: z.enum(['running', 'paused', 'done']),
    filter: filter.nullable(),
    credits: count,
    expires_at: z.string().nullable(),
    reason: z.string(),
    total: count,
    granted: count,
    skipped: count,
    pending: count,
    created_at: z.string(),
    finished_at: z.string().nullable(),
  })
  .meta({ id: 'GrantBatch' });
const dryRun = z.object({ dry_run: z.literal(true), total: count }).meta({ id: 'GrantBatchDryRun' });

const outcome = z.enum(['pending', 'granted', 'skipped']);
const item = z
  .object({
    subscription_id: z.string(),
    outcome,
    code: z
      .enum(['subscription_not_active', 'expires_at_past', 'balance_limit', 'ledger_refused'])
      .nullable(),
    grant_id: z.string().nullable(),
    at: z.string().nullable(),
  })
  .meta({ id: 'GrantBatchItem' });

function batchView(row: BatchRow): z.infer<typeof batch> {
  const { total, granted, skipped } = row;
  return {
    id: row.id,
    state: row.state,
    filter: row.filter as z.infer<typeof filter> | null,
    credits: row.credits,
    expires_at: isoOrNull(goneAt({ expiresAt: row.expiresAt.getTime() }, null)),
    reason: row.reason,
    total,
    granted,
    skipped,
    pending: total - granted - skipped,
    created_at: row.createdAt.toISOString(),
    finished_at: row.finishedAt?.toISOString() ?? null,
  };
}

const itemView = (row: BatchItemRow): z.infer<typeof item> => ({
  subscription_id: row.subscriptionId,
  outcome: row.outcome,
  code: row.code as z.infer<typeof item>['code'],
  grant_id: row.outcome === 'granted' ? row.grantId : null,
  at: row.endedAt?.toISOString() ?? null,
});

async function batchOr404(deps: Deps, id: string): Promise<BatchRow> {
  const row = await readBatch(deps.db, id);
  if (!row) throw notFound();
  return row;
}

/** Registers the routes of batches of grants. */
export function grantBatchRoutes(app: App, deps: Deps): void {
  makeRoute(app, deps);
  readRoutes(app, deps);
  itemsRoute(app, deps);
  stateRoutes(app, deps);
}

function makeRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: AT,
      summary: 'Grant credits to many subscriptions, to each once (R-84)',
      scope: 'operator',
      body: batchRequest,
      idempotent: true,
      answers: {
        200: { description: 'A dry run: the number of subscriptions', schema: dryRun },
        202: { description: 'The batch, which goes on by itself', schema: batch },
      },
    },
    (c, input) => make(deps, c, input),
  );
}

async function make(
  deps: Deps,
  c: Context<Env>,
  input: Input<unknown, unknown, BatchRequest>,
): Promise<Response> {
  const { body, key, bodyHash } = input;
  const target = targetOf(body);
  if (body.dry_run) {
    await requireKnown(deps, target);
    return c.json({ dry_run: true, total: await countChosen(deps.db, target) }, 200);
  }
  const { credits, reason } = body;
  const answered = await runCommand(deps.db, {
    scope: 'grant_batch',
    operation: 'make',
    key,
    bodyHash,
    subscriptionId: '',
    objectId: newId('gbt'),
    isLocal: true,
    send: async (row) => {
      await requireKnown(deps, target);
      const expiresAt = s.termEnd(body.expires_at);
      await makeBatch(deps.db, { id: row.objectId, target, credits, expiresAt, reason }, row);
    },
    answer: async (row: CommandRow) => ({
      status: 202,
      body: batchView(await batchOr404(deps, row.objectId)),
    }),
  });
  return reply(c, answered);
}

const targetOf = ({ filter: by, subscription_ids: subscriptionIds }: BatchRequest): BatchTarget =>
  subscriptionIds === undefined ? { filter: by ?? {} } : { subscriptionIds };

/** Throws `invalid_request` for an unknown plan, and with a fault for each id that belongs to no subscription. */
async function requireKnown(deps: Deps, target: BatchTarget): Promise<void> {
  if (!('subscriptionIds' in target)) {
    const { plan } = target.filter;
    if (plan !== undefined && !planOf(await deps.catalogs.current(), plan))
      throw s.fault('/filter/plan', 'is not in the catalogue');
    return;
  }
  const { subscriptionIds: ids } = target;
  const [first, ...others] = (await unknownOf(deps.db, ids)).slice(0, 100).map((id) => ({
    pointer: `/subscription_ids/${ids.indexOf(id)}`,
    detail: 'there is no such subscription',
  }));
  if (first) throw invalid(first, ...others);
}

function readRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: AT,
      summary: 'List batches of grants',
      scope: 'operator',
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(batch) } },
    },
    async (c, { query }) => {
      const page = pageOf(query, 'grant_batches', 'id');
      const rows = await listBatches(deps.db, page);
      return c.json(listBody(rows, page, ({ id }) => [id], batchView));
    },
  );
  route(
    app,
    {
      ...one,
      method: 'get',
      summary: 'Read a batch of grants and how far it is',
      answers: { 200: { description: 'The batch', schema: batch } },
    },
    async (c, { params: { id } }) => c.json(batchView(await batchOr404(deps, id))),
  );
}

function itemsRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      ...one,
      method: 'get',
      path: `${one.path}/items`,
      summary: 'List the subscriptions of a batch of grants with their outcomes',
      query: z.strictObject({ ...s.paging, outcome: outcome.optional() }),
      answers: { 200: { description: 'A page', schema: s.list(item) } },
    },
    async (c, { params: { id }, query }) => {
      await batchOr404(deps, id);
      const page = pageOf(query, `grant_batches/${id}/${query.outcome ?? 'all'}`, 'id');
      const rows = await listBatchItems(deps.db, id, query.outcome, page);
      return c.json(listBody(rows, page, ({ subscriptionId }) => [subscriptionId], itemView));
    },
  );
}

function stateRoutes(app: App, deps: Deps): void {
  const answers = { 200: { description: 'As it is now', schema: batch } };
  route(
    app,
    {
      ...one,
      method: 'post',
      path: `${one.path}/pause`,
      summary: 'Pause a batch of grants: none is made after the answer',
      answers,
    },
    async (c, { params: { id } }) => {
      await pauseBatch(deps.db, id);
      return c.json(batchView(await batchOr404(deps, id)));
    },
  );
  route(
    app,
    {
      ...one,
      method: 'post',
      path: `${one.path}/resume`,
      summary: 'Let a paused batch of grants go on',
      answers,
    },
    async (c, { params: { id } }) => {
      await resumeBatch(deps.db, id);
      return c.json(batchView(await batchOr404(deps, id)));
    },
  );
}
