import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ping } from '../db/keys.ts';
import { PROBLEMS, type ProblemCode } from '../domain/errors.ts';
import { newId } from '../ids.ts';
import { authenticate, introduce, type Vouched } from './auth.ts';
import { balanceRoutes } from './balance.ts';
import { billingRoutes } from './billing.ts';
import { catalogRoutes } from './catalog.ts';
import { changeRoute } from './changes.ts';
import { advanceRoute } from './clock.ts';
import { consoleRoutes } from './console.tsx';
import type { Deps } from './context.ts';
import { demoRoutes } from './demo.ts';
import { endpointRoutes } from './endpoints.ts';
import { entryRoutes } from './entries.ts';
import { eventRoutes } from './events.ts';
import { grantRoutes } from './grants.ts';
import { holdRoutes } from './holds.ts';
import { keyRoutes } from './keys.ts';
import { assetRoutes } from './pages.ts';
import { bodyTooLarge, ledgerAway, notFound, problem, refusalOf } from './problems.ts';
import { purchaseRoutes } from './purchases.ts';
import { refundRoute } from './refunds.ts';
import type { App, Env } from './route.ts';
import { startRoute } from './starts.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { topUpRoute } from './top-up.ts';
import { usageRoutes } from './usage.ts';
import { walletRoutes } from './wallet.ts';
import { webhookRoutes } from './webhooks.ts';
import { workflowRoute } from './workflow.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** The HTTP API over what it is given. Every refusal is a problem document; a 500 says nothing but its request id. */
export function createApp(deps: Deps): App {
  const app: App = new OpenAPIHono<Env>();

  const vouched: Vouched = new WeakMap();

  app.use(async (c, next) => {
    introduce(vouched, c);
    c.set('requestId', newId('req'));
    c.header('Request-Id', c.get('requestId'));
    await next();
  });
  app.use(limitBody());
  for (const path of ['/v1/*', '/readyz']) app.use(path, untilOpen(deps));
  // Before the keys: a provider signs what it sends.
  webhookRoutes(app, deps);
  app.use('/v1/*', authenticate(deps.db));
  app.notFound((c) => problem(c, notFound()));
  app.onError((error, c) => {
    const refusal = refusalOf(error);
    if (refusal.code === 'internal_error')
      deps.log(`${c.get('requestId')} ${c.req.method} ${c.req.path}: ${error.stack}`);
    return problem(c, refusal);
  });

  healthRoutes(app, deps);
  problemPages(app);
  assetRoutes(app);
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
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Drawdown', version: '1' } });
  return app;
}

/** A body that says its length is believed: Node reads no more of it. Only one that does not is counted as it comes. */
function limitBody(): MiddlewareHandler<Env> {
  const counted = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => problem(c, bodyTooLarge()) });
  return (c, next) => {
    const length = c.req.header('Content-Length');
    if (length === undefined || c.req.header('Transfer-Encoding') !== undefined) return counted(c, next);
    if (Number(length) > MAX_BODY_BYTES) throw bodyTooLarge();
    return next();
  };
}

function untilOpen(deps: Deps): MiddlewareHandler<Env> {
  return (_, next) => {
    if (!deps.isOpen()) throw ledgerAway();
    return next();
  };
}

function healthRoutes(app: App, deps: Deps): void {
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/readyz', async (c) => {
    await ping(deps.db);
    return c.json({ ok: true });
  });
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
