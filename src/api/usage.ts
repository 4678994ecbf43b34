import type { Context } from 'hono';
import { z } from 'zod';
import { balanceAt, type Short, type Spent, spend } from '../db/ledger.ts';
import { listUsages, readUsage, type SubscriptionRow } from '../db/reads.ts';
import { iso } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog.ts';
import { NOT_ACTIVE } from '../domain/eligibility.ts';
import { Refusal } from '../domain/errors.ts';
import { nextRefresh, offerFor } from '../domain/offers.ts';
import { type Item, price } from '../domain/rates.ts';
import { newId } from '../ids.ts';
import { type Deps, listBody, pageOf, reply, subscriptionOr404 } from './context.ts';
import { notFound } from './problems.ts';
import { type App, type Env, type Input, route } from './route.ts';
import * as s from './schemas.ts';
import { endsAt, nowOf } from './views.ts';

// Spending needs the ledger alone: none of this waits for Temporal.

export function usageRoutes(app: App, deps: Deps): void {
  quoteRoute(app, deps);
  spendRoute(app, deps);
  readRoutes(app, deps);
}

/** zod gives `credits?: number | undefined`; the domain knows only present or absent. */
const itemsOf = (items: z.output<typeof s.items>): Item[] =>
  items.map(({ feature, quantity, credits }) => ({
    feature,
    quantity,
    ...(credits === undefined ? {} : { credits }),
  }));

function quoteRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/quote',
      summary: 'What a use would cost, and whether it would succeed',
      scope: 'spend',
      params: s.byId,
      body: z.strictObject({ items: s.items }),
      answers: { 200: { description: 'The quote', schema: s.quote } },
    },
    async (c, { params, body }) => {
      const row = await subscriptionOr404(deps, params.id);
      const catalog = await deps.catalogs.current();
      const { lines, credits } = price(catalog, itemsOf(body.items));
      const found = await balanceAt(deps.db, params.id, null);
      const available = (found?.grants ?? []).reduce((sum, grant) => sum + grant.remaining, 0);
      const shortfall = Math.max(0, credits - available);
      const way = shortfall > 0 ? offerFor(row.state, catalog, shortfall, nowOf(row)) : { offer: null };
      return c.json({
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
}

/** whether this subscription may spend at all now. */
function canSpend(row: SubscriptionRow, catalog: Catalog): boolean {
  const ends = endsAt(row);
  if (ends !== null && ends <= nowOf(row)) return false;
  if (row.state.status === 'past_due') return catalog.policies.pastDueSpending === 'allow';
  return row.state.status === 'active';
}

function spendRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/usage',
      summary: 'Spend credits: all lines or nothing',
      scope: 'spend',
      params: s.byId,
      body: s.usageRequest,
      idempotent: true,
      answers: { 201: { description: 'Spent', schema: s.usage } },
    },
    async (c, input) => {
      for (;;) {
        const catalog = await deps.catalogs.current();
        const spent = await spendPriced(deps, input, catalog);
        if (spent.kind !== 'stale') return answerSpent(deps, c, input.params.id, spent, catalog);
        // another catalogue came into force meanwhile: priced again with that one.
        deps.catalogs.forget();
      }
    },
  );
}

type UsageInput = Input<{ id: string }, unknown, z.output<typeof s.usageRequest>>;

/** a key whose use succeeded is answered for ever, also where the rate card of today refuses its lines. */
async function replayed(deps: Deps, { params, key, bodyHash }: UsageInput): Promise<Spent | null> {
  const stored = await readUsage(deps.db, params.id, { key });
  if (!stored) return null;
  if (stored.bodyHash !== bodyHash) return { kind: 'reused' };
  return { kind: 'replay', answer: JSON.stringify(stored.answer) };
}

async function spendPriced(deps: Deps, input: UsageInput, catalog: Catalog): Promise<Spent> {
  const { params, body, key, bodyHash } = input;
  let priced: ReturnType<typeof price>;
  try {
    priced = price(catalog, itemsOf(body.items));
  } catch (refusal) {
    const before = await replayed(deps, input);
    if (before) return before;
    throw refusal;
  }
  const { lines, credits } = priced;
  return spend(deps.db, params.id, {
    id: newId('use'),
    key,
    bodyHash,
    credits,
    lines,
    via: body.via ?? null,
    reference: body.reference ?? null,
    metadata: body.metadata,
    catalogVersion: catalog.version,
  });
}

async function answerSpent(
  deps: Deps,
  c: Context<Env>,
  id: string,
  spent: Exclude<Spent, { kind: 'stale' }>,
  catalog: Catalog,
): Promise<Response> {
  switch (spent.kind) {
    case 'ok':
    case 'replay':
      return reply(c, { text: compact(spent.answer), status: 201, replayed: spent.kind === 'replay' });
    case 'not_found':
      throw notFound();
    case 'reused':
      throw new Refusal('idempotency_key_reused', 'The key was used for a request with another body.');
    case 'refused':
      throw await refusalOf(deps, id, spent, catalog);
    default:
      return spent satisfies never;
  }
}

/** PostgreSQL writes JSON with spaces; parsing keeps the order of members, so every replay has the same bytes. */
const compact = (json: string): string => JSON.stringify(JSON.parse(json));

async function refusalOf(
  deps: Deps,
  id: string,
  spent: Extract<Spent, { kind: 'refused' }>,
  catalog: Catalog,
): Promise<Refusal> {
  switch (spent.code) {
    case 'subscription_not_active':
      return NOT_ACTIVE();
    case 'payment_past_due':
      return new Refusal('payment_past_due', 'The last renewal is unpaid: spending goes on once it is paid.');
    case 'insufficient_credits':
      return insufficient(await subscriptionOr404(deps, id), spent, catalog);
    default:
      return spent satisfies never;
  }
}

/** the refusal that helps. */
function insufficient({ state }: SubscriptionRow, short: Short, catalog: Catalog): Refusal {
  const { at, needed, available, held } = short;
  const refresh = nextRefresh(state, catalog);
  const shortfall = needed - available;
  return new Refusal('insufficient_credits', `This needs ${needed} credits and ${available} are available.`, {
    subscription_id: state.id,
    needed,
    available,
    held,
    shortfall,
    next_refresh: refresh && { at: iso(refresh.at), credits: refresh.credits },
    ...offerFor(state, catalog, shortfall, at),
    // The wallet page comes with a later change; a member that does not exist yet is null.
    wallet_url: null,
  });
}

function readRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/usage',
      summary: 'List usage',
      scope: 'read',
      params: s.byId,
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(usageRecord) } },
    },
    async (c, { params, query }) => {
      await subscriptionOr404(deps, params.id);
      const page = pageOf(query, 'text');
      const rows = await listUsages(deps.db, params.id, page);
      return c.json(listBody(rows, page, (row) => [row.at, row.id], recordView));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/usage/{usage_id}',
      summary: 'Read a usage',
      scope: 'read',
      params: s.byUsage,
      answers: { 200: { description: 'The usage', schema: usageRecord } },
    },
    async (c, { params }) => {
      const row = await readUsage(deps.db, params.id, { id: params.usage_id });
      if (!row) throw notFound();
      return c.json(recordView(row));
    },
  );
}

const usageRecord = s.usage.extend({
  via: z.string().nullable(),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
});

/** What was answered then, and what the caller had said with it. */
function recordView(row: NonNullable<Awaited<ReturnType<typeof readUsage>>>) {
  return { ...(row.answer as object), via: row.via, reference: row.reference, metadata: row.metadata };
}
