import { OpenAPIHono } from '@hono/zod-openapi';
import { admission } from './api/admission.ts';
import { type AuthenticatedRequests, createAuthenticator } from './api/auth.ts';
import { createLoopWatch, keptLine, routeOf } from './api/event-loop.ts';
import { notFound, problem, reported, requestFields, statusOf } from './api/problems.ts';
import type { App, Env } from './api/route.ts';
import { apiRoutes, documentRoute } from './api/routes.ts';
import { createTickets } from './api/tickets.ts';
import { createCatalogCache } from './db/catalogs.ts';
import { createReading } from './db/reading/batches.ts';
import { createSpending, type SpendWatch } from './db/spend-batches.ts';
import { consoleRoutes } from './web/console/routes.ts';
import { demoRoutes } from './web/demo/routes.ts';
import type { PageDeps } from './web/shell/deps.ts';
import { homeRoute } from './web/shell/home-route.ts';
import { assetRoutes } from './web/shell/pages.ts';
import { createLiveVersions } from './web/wallet/live.ts';
import { walletRoutes } from './web/wallet/routes.ts';

/** The clients and settings of a root; `createDeps` makes the rest from its ledger pool, with its watch of spends. */
type Settings = Omit<PageDeps, 'spending' | 'reading' | 'tickets' | 'authenticate' | 'catalogs' | 'live'>;

/** Makes the dependencies of routes and pages, once a process. */
export const createDeps = (settings: Settings, spends?: SpendWatch): PageDeps => ({
  ...settings,
  spending: createSpending(settings.db, spends),
  reading: createReading(settings.db),
  tickets: createTickets(settings.db, settings.safe),
  authenticate: createAuthenticator(settings.db),
  catalogs: createCatalogCache(settings.db),
  live: createLiveVersions(settings.db),
});

/** The JSON API and the pages as one application. A refusal is a problem document; a 500 shows its request id alone. */
export function createApp(
  deps: PageDeps,
  loop = createLoopWatch((kept) => deps.log(keptLine(kept), { level: 'warn' })),
): App {
  const app: App = new OpenAPIHono<Env>();
  const authenticated: AuthenticatedRequests = new WeakMap();

  app.use(finishing(deps, loop.watched(admission(deps, authenticated))));
  app.notFound((c) => problem(c, notFound()));
  app.onError((error, c) => problem(c, reported(deps.log, requestFields(c), error)));

  apiRoutes(app, deps);
  homeRoute(app, deps);
  assetRoutes(app);
  walletRoutes(app, deps);
  consoleRoutes(app, deps, authenticated);
  demoRoutes(app, deps);
  documentRoute(app);
  return app;
}

type Middleware = ReturnType<typeof admission>;

/** Wraps the first middleware, and reports each request at its end where somebody watches. */
function finishing({ watch }: PageDeps, first: Middleware): Middleware {
  if (watch === undefined) return first;
  return async (c, next) => {
    const startedAt = performance.now();
    const finished = (status: number) => watch.finished(routeOf(c), status, startedAt, c.get('requestId'));
    try {
      const answer = await first(c, next);
      finished(c.res.status);
      return answer;
    } catch (error) {
      // A refusal of `first` itself has no answer yet.
      finished(statusOf(error));
      throw error;
    }
  };
}
