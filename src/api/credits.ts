import { WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { type CommandRow, readCommand } from '../db/commands.ts';
import { balanceAt, snapshot } from '../db/ledger.ts';
import { listEntries, listGrants, readGrant, revokedSince, type SubscriptionRow } from '../db/reads.ts';
import { balance as balanceOf, openGrants } from '../domain/book.ts';
import { isUsable } from '../domain/burndown.ts';
import { addDays, type Instant, iso } from '../domain/calendar.ts';
import { Refusal } from '../domain/errors.ts';
import { nextRefresh } from '../domain/offers.ts';
import { forecast } from '../domain/timeline.ts';
import { nudge } from '../relay.ts';
import { type BalanceAnswer, QUERY, type SubscriptionAnswer, workflowId } from '../workflows/messages.ts';
import { command, type Deps, listBody, pageOf, subscriptionOr404, tagged } from './context.ts';
import { notFound } from './problems.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';
import { endsAt, entryView, grantView, nowOf } from './views.ts';

/** A forecast beyond this says more about the catalogue of today than about then. */
const FORECAST_DAYS = 3_653;
const CSV_PAGE = 1_000;

export function creditRoutes(app: App, deps: Deps): void {
  balanceRoute(app, deps);
  workflowRoute(app, deps);
  scheduleRoute(app, deps);
  grantRoutes(app, deps);
  entryRoutes(app, deps);
}

function balanceRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/balance',
      summary: 'What can be spent now, at a past instant, or (a forecast) at a future one',
      scope: 'read',
      params: s.byId,
      query: z.strictObject({ at: s.instant.optional() }),
      answers: { 200: { description: 'The balance', schema: s.balance } },
    },
    async (c, { params, query }) => {
      const row = await subscriptionOr404(deps, params.id);
      const now = nowOf(row);
      const at = query.at === undefined ? null : s.toInstant(query.at);
      if (at !== null && at > addDays(now, 'UTC', FORECAST_DAYS))
        throw s.fault('?at', 'must be at most ten years ahead');
      return tagged(
        c,
        at !== null && at > now ? await forecastBalance(deps, row, at) : await ledgerBalance(deps, row, at),
      );
    },
  );
}

type Kinds = { allowance: number; pack: number; adjustment: number };

async function ledgerBalance(deps: Deps, row: SubscriptionRow, at: Instant | null) {
  const found = await balanceAt(deps.db, row.state.id, at);
  if (!found) throw notFound();
  const by_kind: Kinds = { allowance: 0, pack: 0, adjustment: 0 };
  for (const grant of found.grants) by_kind[grant.kind] += grant.remaining;
  const refresh = found.refreshed ?? nextRefresh(row.state, await deps.catalogs.current());
  return {
    available: by_kind.allowance + by_kind.pack + by_kind.adjustment,
    held: found.grants.reduce((sum, grant) => sum + grant.held, 0),
    by_kind,
    expiring: found.grants
      .filter((grant) => grant.remaining > 0)
      .map((grant) => ({ at: iso(grant.expiresAt), credits: grant.remaining, grant_id: grant.id })),
    next_refresh: refresh && { at: iso(refresh.at), credits: refresh.credits },
    as_of: iso(found.at),
    ledger_version: found.version,
  };
}

async function forecastBalance(deps: Deps, row: SubscriptionRow, at: Instant) {
  const now = await snapshot(deps.db, row.state.id);
  const catalog = await deps.catalogs.current();
  const { life } = forecast(row.state, now?.grants ?? [], catalog, { until: at });
  const usable = openGrants(life.book).filter((grant) => isUsable(grant, at));
  const { available, by_kind } = balanceOf(life.book, at);
  const refresh = nextRefresh(life.state, catalog);
  return {
    available,
    held: usable.reduce((sum, grant) => sum + grant.held, 0),
    by_kind,
    expiring: usable
      .sort((a, b) => a.expiresAt - b.expiresAt)
      .map((grant) => ({ at: iso(grant.expiresAt), credits: grant.remaining, grant_id: grant.id })),
    next_refresh: refresh && { at: iso(refresh.at), credits: refresh.credits },
    as_of: iso(at),
    ledger_version: row.version,
    forecast: true,
  };
}

function workflowRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/workflow',
      summary: 'What the workflow itself says',
      scope: 'read',
      params: s.byId,
      answers: {
        200: {
          description: 'Balance, state and next due instant of the workflow',
          schema: z.looseObject({}),
        },
      },
    },
    async (c, { params }) => {
      const row = await subscriptionOr404(deps, params.id);
      let balance = await query<BalanceAnswer>(deps, row, QUERY.balance);
      // Behind the ledger: the subscription is nudged out of turn, and asked again (I8).
      if (balance.ledger_version < row.version) {
        await nudge(deps, row.state.id);
        balance = await query<BalanceAnswer>(deps, row, QUERY.balance);
      }
      const { state, next_due } = await query<SubscriptionAnswer>(deps, row, QUERY.subscription);
      const runId = await runIdOf(deps, row.state.id);
      return c.json({ balance, state, next_due, run_id: runId, ui_url: uiUrl(deps, row.state.id, runId) });
    },
  );
}

/** A query that also a completed workflow answers; null from one that never started. */
async function query<T>(deps: Deps, row: SubscriptionRow, name: string): Promise<T> {
  const answer = await asked(() =>
    deps.temporal.call((client) => client.workflow.getHandle(workflowId(row.state.id)).query<T | null>(name)),
  );
  if (answer === null) throw notFound();
  return answer;
}

async function runIdOf(deps: Deps, id: string): Promise<string> {
  const description = await asked(() =>
    deps.temporal.call((client) => client.workflow.getHandle(workflowId(id)).describe()),
  );
  return description.runId;
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw notFound();
    if (error instanceof Refusal) throw error;
    // A query that a worker could not answer in time is the engine's trouble, whatever its error is called.
    throw new Refusal('temporal_unavailable', 'The workflow does not answer at the moment.');
  }
}

function uiUrl(deps: Deps, id: string, runId: string): string | null {
  if (deps.temporalUiUrl === undefined) return null;
  const workflow = encodeURIComponent(workflowId(id));
  return `${deps.temporalUiUrl}/namespaces/${deps.temporalNamespace}/workflows/${workflow}/${runId}/history`;
}

function scheduleRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/schedule',
      summary: 'The next things that will happen by themselves, with the rule of each',
      scope: 'read',
      params: s.byId,
      query: z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(24) }),
      answers: { 200: { description: 'What comes', schema: z.object({ data: z.array(s.happening) }) } },
    },
    async (c, { params, query: { limit } }) => {
      const row = await subscriptionOr404(deps, params.id);
      const now = await snapshot(deps.db, params.id);
      const { happenings } = forecast(row.state, now?.grants ?? [], await deps.catalogs.current(), { limit });
      return c.json({ data: happenings.map((happening) => ({ ...happening, at: iso(happening.at) })) });
    },
  );
}

function grantRoutes(app: App, deps: Deps): void {
  const at = '/v1/subscriptions/{id}/grants';
  route(
    app,
    {
      method: 'get',
      path: at,
      summary: 'List grants',
      scope: 'read',
      params: s.byId,
      query: z.strictObject({ ...s.paging, open: z.enum(['true', 'false']).optional() }),
      answers: { 200: { description: 'A page', schema: s.list(s.grant) } },
    },
    async (c, { params, query }) => {
      const row = await subscriptionOr404(deps, params.id);
      const page = pageOf(query, 'number');
      const [now, ends] = [nowOf(row), endsAt(row)];
      const open = query.open === undefined ? undefined : query.open === 'true';
      const rows = await listGrants(deps.db, params.id, { open, now, endsAt: ends }, page);
      return c.json(
        listBody(
          rows,
          page,
          (grant) => [grant.effectiveAt, grant.made],
          (grant) => grantView(grant, now, ends),
        ),
      );
    },
  );
  route(
    app,
    {
      method: 'post',
      path: at,
      summary: 'Issue an adjustment grant',
      scope: 'operator',
      params: s.byId,
      body: z
        .strictObject({ credits: s.credits, expires_at: s.instant, reason: s.reason })
        .meta({ id: 'GrantRequest' }),
      idempotent: true,
      answers: { 201: { description: 'Granted', schema: s.grant } },
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'issue_grant',
        id: input.params.id,
        makes: 'grt',
        command: (row) => ({
          type: 'issue_grant',
          grantId: row.objectId,
          credits: input.body.credits,
          expiresAt: s.toInstant(input.body.expires_at),
          reason: input.body.reason,
        }),
        answer: async (row, subscription) => {
          const grant = await readGrant(deps.db, input.params.id, row.objectId);
          if (!grant) throw notFound();
          return { status: 201, body: grantView(grant, nowOf(subscription), endsAt(subscription)) };
        },
      }),
  );
  revokeRoute(app, deps, at);
}

function revokeRoute(app: App, deps: Deps, at: string): void {
  route(
    app,
    {
      method: 'post',
      path: `${at}/{sub_id}/revoke`,
      summary: 'Take back what is unused of an adjustment (R-82)',
      scope: 'operator',
      params: s.bySubId,
      body: z.strictObject({ reason: s.reason }),
      idempotent: true,
      answers: { 200: { description: 'What was taken', schema: z.object({ revoked: z.int() }) } },
    },
    async (c, input) => {
      const { id, sub_id: grantId } = input.params;
      const grant = await readGrant(deps.db, id, grantId);
      if (!grant) throw notFound();
      if (grant.kind !== 'adjustment') throw s.fault('', 'only an adjustment can be revoked (R-82)');
      return command(deps, c, input, {
        operation: `revoke_grant/${grantId}`,
        id,
        command: () => ({ type: 'revoke_grant', grantId, reason: input.body.reason }),
        answer: async (row) => ({
          status: 200,
          body: { revoked: await revokedBy(deps, row, grantId) },
        }),
      });
    },
  );
}

/** What this command took: a second revocation finds nothing left. */
async function revokedBy(deps: Deps, row: CommandRow, grantId: string): Promise<number> {
  const taken = await readCommand(deps.db, row);
  return revokedSince(deps.db, row.subscriptionId, grantId, taken?.fromSeq ?? 0);
}

const CSV_COLUMNS = [
  'id',
  'seq',
  'kind',
  'credits',
  'grant_id',
  'balance_after',
  'effective_at',
  'recorded_at',
  'usage_id',
  'hold_id',
  'feature',
] as const;

function entryRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/entries',
      summary: 'List ledger entries; Accept: text/csv answers all of them as a table',
      scope: 'read',
      params: s.byId,
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(s.entry) } },
    },
    async (c, { params, query }) => {
      await subscriptionOr404(deps, params.id);
      if ((c.req.header('Accept') ?? '').includes('text/csv')) {
        c.header('Content-Type', 'text/csv; charset=utf-8');
        return c.body(await entriesCsv(deps, params.id, query.order));
      }
      const page = pageOf(query, 'number');
      const rows = await listEntries(deps.db, params.id, page);
      return c.json(listBody(rows, page, (row) => [row.effectiveAt, row.seq], entryView));
    },
  );
}

/** All entries as CSV. No cell can start a formula: ids, kinds, numbers, instants and names of the rate card only. */
async function entriesCsv(deps: Deps, id: string, order: 'asc' | 'desc'): Promise<string> {
  const lines = [CSV_COLUMNS.join(',')];
  let after: { at: Instant; tie: number } | null = null;
  for (let more = true; more; ) {
    const rows: Awaited<ReturnType<typeof listEntries>> = await listEntries(deps.db, id, {
      limit: CSV_PAGE,
      order,
      after,
    });
    const page = rows.slice(0, CSV_PAGE);
    for (const row of page) {
      const view = entryView(row);
      lines.push(CSV_COLUMNS.map((column) => view[column] ?? '').join(','));
    }
    const last = page.at(-1);
    more = rows.length > CSV_PAGE;
    if (last) after = { at: last.effectiveAt.getTime(), tie: last.seq };
  }
  return `${lines.join('\r\n')}\r\n`;
}
