import { ping } from '../db/keys.ts';
import { PROBLEMS, type ProblemCode } from '../domain/errors.ts';
import { catalogRoutes } from './catalog.ts';
import type { Deps } from './deps.ts';
import { endpointRoutes } from './events/endpoints.ts';
import { eventRoutes } from './events/events.ts';
import { grantBatchRoutes } from './grant-batches.ts';
import { webhookRoutes } from './inbound/provider-events.ts';
import { keyRoutes } from './keys.ts';
import { notFound, problem } from './problems.ts';
import type { App } from './route.ts';
import { balanceRoutes } from './subscriptions/balance.ts';
import { billingRoutes } from './subscriptions/charges.ts';
import { customerRoute } from './subscriptions/customers.ts';
import { entryRoutes } from './subscriptions/entries.ts';
import { spendRoutes } from './subscriptions/fast-routes.ts';
import { grantRoutes } from './subscriptions/grants.ts';
import { holdRoutes } from './subscriptions/holds.ts';
import { activateRoute, changeRoute } from './subscriptions/plan-change.ts';
import { purchaseRoutes } from './subscriptions/purchases.ts';
import { refundRoute } from './subscriptions/refunds.ts';
import { startRoute } from './subscriptions/start.ts';
import { subscriptionRoutes } from './subscriptions/subscriptions.ts';
import { advanceRoute } from './subscriptions/test-clock.ts';
import { topUpRoute } from './subscriptions/top-up.ts';
import { usageRoutes } from './subscriptions/usage.ts';
import { workflowRoute } from './subscriptions/workflow.ts';
import { walletSessionRoute } from './wallet-sessions.ts';

// GET /healthz: this process answers. GET /readyz: the database answers too. GET /problems/{code}: one error code.
// GET /openapi.json: the contract. All other routes are in the files that this one imports.

/** Registers every route that answers JSON. */
export function apiRoutes(app: App, deps: Deps): void {
  healthRoutes(app, deps);
  problemRoute(app);
  webhookRoutes(app, deps);
  catalogRoutes(app, deps);
  startRoute(app, deps);
  subscriptionRoutes(app, deps);
  customerRoute(app, deps);
  changeRoute(app, deps);
  activateRoute(app, deps);
  advanceRoute(app, deps);
  purchaseRoutes(app, deps);
  refundRoute(app, deps);
  topUpRoute(app, deps);
  balanceRoutes(app, deps);
  workflowRoute(app, deps);
  grantRoutes(app, deps);
  entryRoutes(app, deps);
  spendRoutes(app, deps);
  usageRoutes(app, deps);
  holdRoutes(app, deps);
  billingRoutes(app, deps);
  grantBatchRoutes(app, deps);
  walletSessionRoute(app, deps);
  eventRoutes(app, deps);
  endpointRoutes(app, deps);
  keyRoutes(app, deps);
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' });
}

function healthRoutes(app: App, deps: Deps): void {
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/readyz', async (c) => {
    await ping(deps.db);
    return c.json({ ok: true });
  });
}

/** The address in the `type` of a problem. */
function problemRoute(app: App): void {
  app.get('/problems/:code', (c) => {
    const code = c.req.param('code');
    if (!Object.hasOwn(PROBLEMS, code)) return problem(c, notFound());
    const { status, title } = PROBLEMS[code as ProblemCode];
    return c.json({ code, status, title, documentation: `docs/errors.md#${code}` });
  });
}

/** GET /openapi.json, built once from all routes registered before it. It needs no key. */
export function documentRoute(app: App): void {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Drawdown', version: '1' },
  });
  const text = JSON.stringify(document);
  app.get('/openapi.json', (c) => c.body(text, 200, { 'Content-Type': 'application/json' }));
}
