import { OpenAPIHono } from '@hono/zod-openapi';
import { ping } from '../db/keys.ts';
import { PROBLEMS, type ProblemCode } from '../domain/errors.ts';
import type { Vouched } from './auth.ts';
import { balanceRoutes } from './balance.ts';
import { billingRoutes } from './billing.ts';
import { catalogRoutes } from './catalog.ts';
import { changeRoute } from './changes.ts';
import { advanceRoute } from './clock.ts';
import { consoleRoutes } from './console.tsx';
import type { Deps } from './context.ts';
import { demoRoutes } from './demo.ts';
import { door } from './door.ts';
import { endpointRoutes } from './endpoints.ts';
import { entryRoutes } from './entries.ts';
import { createLoopWatch, keptLine } from './event-loop.ts';
import { eventRoutes } from './events.ts';
import { grantRoutes } from './grants.ts';
import { holdRoutes } from './holds.ts';
import { homeRoute } from './home.ts';
import { keyRoutes } from './keys.ts';
import { assetRoutes } from './pages.ts';
import { notFound, problem, reported } from './problems.ts';
import { purchaseRoutes } from './purchases.ts';
import { refundRoute } from './refunds.ts';
import type { App, Env } from './route.ts';
import { spendRoutes } from './spends.ts';
import { startRoute } from './starts.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { topUpRoute } from './top-up.ts';
import { usageRoutes } from './usage.ts';
import { walletRoutes } from './wallet.ts';
import { webhookRoutes } from './webhooks.ts';
import { workflowRoute } from './workflow.ts';

/** The HTTP API over what it is given. Every refusal is a problem document; a 500 says nothing but its request id. */
export function createApp(deps: Deps, loop = createLoopWatch((kept) => deps.log(keptLine(kept)))): App {
  const app: App = new OpenAPIHono<Env>();

  const vouched: Vouched = new WeakMap();

  app.use(loop.watched(door(deps, vouched)));
  app.notFound((c) => problem(c, notFound()));
  app.onError((error, c) =>
    problem(c, reported(deps.log, `${c.get('requestId')} ${c.req.method} ${c.req.path}`, error)),
  );

  homeRoute(app, deps);
  healthRoutes(app, deps);
  problemPages(app);
  assetRoutes(app);
  webhookRoutes(app, deps);
  catalogRoutes(app, deps);
  startRoute(app, deps);
  subscriptionRoutes(app, deps);
  changeRoute(app, deps);
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
  walletRoutes(app, deps);
  eventRoutes(app, deps);
  endpointRoutes(app, deps);
  keyRoutes(app, deps);
  consoleRoutes(app, deps, vouched);
  demoRoutes(app, deps);

  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' });
  documentRoute(app);
  return app;
}

function healthRoutes(app: App, deps: Deps): void {
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/readyz', async (c) => {
    await ping(deps.db);
    return c.json({ ok: true });
  });
}

/** The contract is long, and nobody needs a key to ask for it: it is made once, of all routes before it. */
function documentRoute(app: App): void {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Drawdown', version: '1' },
  });
  const text = JSON.stringify(document);
  app.get('/openapi.json', (c) => c.body(text, 200, { 'Content-Type': 'application/json' }));
}

/** The page a problem's `type` leads to. */
function problemPages(app: App): void {
  app.get('/problems/:code', (c) => {
    const code = c.req.param('code');
    if (!Object.hasOwn(PROBLEMS, code)) return problem(c, notFound());
    const { status, title } = PROBLEMS[code as ProblemCode];
    return c.json({ code, status, title, documentation: `docs/errors.md#${code}` });
  });
}
