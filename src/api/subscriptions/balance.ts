import { z } from 'zod';
import { type BalanceRow, balanceAt, type LedgerBalance, snapshot } from '../../db/ledger.ts';
import { openHolds, type SubscriptionRow } from '../../db/reads.ts';
import { goneAt, isUsable } from '../../domain/burndown.ts';
import { type Instant, iso, isoOrNull } from '../../domain/calendar.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import { nextRefresh } from '../../domain/catalog/offers.ts';
import { openGrants } from '../../domain/model/book.ts';
import { endsAt } from '../../domain/subscription.ts';
import { forecast, horizonOf } from '../../domain/timeline.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import { isNamed, json, notModified, taggedByBody, tagOf, versionIn } from '../replies.ts';
import { type App, type FastRoute, fastRoute, type Rendered, route, routeOnBoth } from '../route.ts';
import * as s from '../schemas.ts';
import { nowOf } from '../views.ts';
import { balanceOr404, subscriptionOr404 } from './found.ts';

// GET /v1/subscriptions/{id}/balance: now, one of many in a call of read_subscriptions, on both paths; in the past, one call of
// balance_at; a forecast from a snapshot for the future. GET /v1/subscriptions/{id}/schedule: the same forecast, as a list. They lock
// nothing, and Temporal is not asked.

/** Registers the balance and the schedule. */
export function balanceRoutes(app: App, deps: Deps): void {
  routeOnBoth(app, balanceRead(deps));
  scheduleRoute(app, deps);
}

/** The route of the balance, for the application and the fast path. */
export const balanceRead = (deps: Deps): FastRoute =>
  fastRoute(
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/balance',
      summary: 'Read the balance now, at a past instant, or (a forecast) at a future one',
      scope: 'read',
      params: s.byId,
      query: z.strictObject({ at: s.instant.optional() }),
      answers: { 200: { description: 'The balance', schema: s.balance } },
    },
    async ({ params: { id }, query: { at } }, { ifNoneMatch }) =>
      at === undefined
        ? balanceNow(deps, id, ifNoneMatch)
        : taggedByBody(await balanceThen(deps, id, s.toInstant(at)), ifNoneMatch),
  );

async function balanceNow(deps: Deps, id: string, ifNoneMatch: string): Promise<Rendered> {
  const catalog = await deps.catalogs.current();
  const { version, found } = await balanceOr404(deps, id, versionIn(ifNoneMatch, catalog));
  const tag = tagOf(version, catalog);
  if (found === null || isNamed(tag, ifNoneMatch)) return notModified(tag);
  return json(shownBalance(found.row, found.balance, catalog), { ETag: tag });
}

async function balanceThen(deps: Deps, id: string, at: Instant) {
  const row = await subscriptionOr404(deps, id);
  const now = nowOf(row);
  if (at > horizonOf(now)) throw s.fault('?at', 'must be at most ten years ahead');
  if (at > now) return forecastBalance(deps, row, at);
  const found = await balanceAt(deps.db, id, at);
  if (!found) throw notFound();
  if (found.archived) throw s.fault('?at', 'lies before the entries that are kept here');
  return shownBalance(row, found, await deps.catalogs.current());
}

/** A balance of the ledger as JSON, under a catalogue. */
export function shownBalance({ state }: SubscriptionRow, found: LedgerBalance, catalog: Catalog) {
  const refresh = found.refreshed ?? nextRefresh(state, catalog);
  return balanceView(found.grants, refresh, { at: found.at, version: found.version, ends: endsAt(state) });
}

async function forecastBalance(deps: Deps, row: SubscriptionRow, at: Instant) {
  const now = await snapshot(deps.db, row.state.id);
  const catalog = await deps.catalogs.current();
  const holds = await openHolds(deps.db, row.state.id);
  // On real time the state's `now` may lie long ago: the forecast starts at the present.
  const state = { ...row.state, now: nowOf(row) };
  const { life } = forecast(state, now?.grants ?? [], catalog, { until: at, holds });
  const usable = openGrants(life.book).filter((grant) => isUsable(grant, at));
  const soonestFirst = usable.sort((a, b) => a.expiresAt - b.expiresAt);
  const asOf = { at, version: row.version, ends: endsAt(life.state) };
  return { ...balanceView(soonestFirst, nextRefresh(life.state, catalog), asOf), forecast: true };
}

/** The balance of grants that are usable at the instant, in order of expiry. */
function balanceView(
  grants: readonly BalanceRow[],
  refresh: { at: Instant; credits: number } | null,
  { at, version, ends }: { at: Instant; version: number; ends: Instant | null },
) {
  const by_kind = { allowance: 0, pack: 0, adjustment: 0 };
  for (const grant of grants) by_kind[grant.kind] += grant.remaining;
  return {
    available: by_kind.allowance + by_kind.pack + by_kind.adjustment,
    held: grants.reduce((sum, grant) => sum + grant.held, 0),
    by_kind,
    expiring: grants
      .filter((grant) => grant.remaining > 0)
      .map((grant) => ({ at: isoOrNull(goneAt(grant, ends)), credits: grant.remaining, grant_id: grant.id })),
    next_refresh: refresh && { at: iso(refresh.at), credits: refresh.credits },
    as_of: iso(at),
    ledger_version: version,
  };
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
      answers: { 200: { description: 'Coming events', schema: z.object({ data: z.array(s.happening) }) } },
    },
    async (c, { params, query: { limit } }) => {
      const row = await subscriptionOr404(deps, params.id);
      const now = await snapshot(deps.db, params.id);
      const holds = await openHolds(deps.db, params.id);
      const catalog = await deps.catalogs.current();
      const { happenings } = forecast(row.state, now?.grants ?? [], catalog, { limit, holds });
      return c.json({ data: happenings.map((happening) => ({ ...happening, at: iso(happening.at) })) });
    },
  );
}
