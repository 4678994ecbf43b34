import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { csrf } from 'hono/csrf';
import { HTTPException } from 'hono/http-exception';
import type { Deps } from '../../api/deps.ts';
import { ledgerAway, notFound, reported, requestFields } from '../../api/problems.ts';
import { type App, type Env, ofQuery } from '../../api/route.ts';
import { invalid, PROBLEMS, type ProblemCode } from '../../domain/errors.ts';
import { requireStorable } from '../../domain/text.ts';
import { accentSheet, type Look, lookOf, PLAIN } from './look.ts';
import { type MessageView, messagePage } from './message.tsx';
import type { Assets } from './page.tsx';

// GET /assets: the style sheets and the script. For every page: the security headers, the check of a form's origin, and refusals
// as pages.

const ASSETS: Record<keyof Assets, { file: string; type: string }> = {
  style: { file: 'style.css', type: 'text/css; charset=utf-8' },
  script: { file: 'script.js', type: 'text/javascript; charset=utf-8' },
};

const style = load(ASSETS.style);
const script = load(ASSETS.script);

/** The addresses of the assets; they change with the content, so a browser may keep them for ever. */
export const assets: Assets = { style: style.url, script: script.url };

function load({ file, type }: { file: string; type: string }) {
  const body = readFileSync(new URL(`./${file}`, import.meta.url), 'utf8');
  const version = hash('sha256', body, 'base64url').slice(0, 12);
  const path = `/assets/${file}`;
  return { path, url: `${path}?v=${version}`, type, body, version };
}

/** Registers the assets. The name of an accent's sheet holds its colour, so the sheet never changes. */
export function assetRoutes(app: App): void {
  for (const { path, type, body, version } of [style, script])
    app.get(path, (c) => {
      const isCurrent = c.req.query('v') === version;
      c.header('ETag', `"${version}"`);
      c.header('Cache-Control', isCurrent ? 'public, max-age=31536000, immutable' : 'no-cache');
      c.header('X-Content-Type-Options', 'nosniff');
      if (c.req.header('If-None-Match') === `"${version}"`) return c.body(null, 304);
      c.header('Content-Type', type);
      return c.body(body);
    });
  app.get('/assets/accent/:name', (c) => {
    const hex = /^([0-9a-f]{6})\.css$/.exec(c.req.param('name'))?.[1];
    if (hex === undefined) throw notFound();
    c.header('Cache-Control', 'public, max-age=31536000, immutable');
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Content-Type', ASSETS.style.type);
    return c.body(accentSheet(`#${hex}`));
  });
}

/** The routes of pages below a path. */
export type Pages = Hono<Env>;

/**
 * Registers pages below a path, with the headers and checks of all pages and refusals as pages. Pages of customers have the look
 * of the catalogue in force.
 */
export function pagesBelow(
  app: App,
  path: string,
  deps: Deps,
  readers: 'customers' | 'operators',
  build: (pages: Pages) => void,
): void {
  const pages: Pages = new Hono<Env>();
  pages.use(pageHeaders);
  if (readers === 'customers') pages.use(withLook(deps));
  pages.use(sameOrigin(deps), async (_, next) => {
    if (!deps.isOpen()) throw ledgerAway();
    await next();
  });
  pages.use(storable);
  pages.onError((error, c) => refusedPage(deps, c, error, path));
  build(pages);
  pages.all('*', () => {
    throw notFound();
  });
  app.route(path, pages);
}

/** The content security policy. The only other origin is that of the product's logo. */
const policyOf = (logo: string | null): string =>
  [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    `img-src 'self' data:${logo === null ? '' : ` ${new URL(logo).origin}`}`,
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
const POLICY = policyOf(null);

/** The looks of the requests under way; none of a page for operators. */
const looks = new WeakMap<Context<Env>, Look>();

/** The look of a customer's page. */
export const lookFor = (c: Context<Env>): Look => looks.get(c) ?? PLAIN;

/** Reads the look of the catalogue in force; while the ledger is away, the look is the last one known. */
function withLook(deps: Deps): MiddlewareHandler<Env> {
  let known = PLAIN;
  return async (c, next) => {
    if (deps.isOpen())
      known = await deps.catalogs.current().then(
        (catalog) => lookOf(catalog),
        () => known,
      );
    looks.set(c, known);
    if (known.logo !== null) c.header('Content-Security-Policy', policyOf(known.logo));
    await next();
  };
}

/** The security headers of every page. */
export const pageHeaders: MiddlewareHandler<Env> = async (c, next) => {
  c.header('Content-Security-Policy', POLICY);
  c.header('X-Content-Type-Options', 'nosniff');
  // Other sites get no referrer. `no-referrer` would send forms with `Origin: null`, and `sameOrigin` would refuse them.
  c.header('Referrer-Policy', 'same-origin');
  // A page belongs to one person: no shared cache may keep it.
  c.header('Cache-Control', 'no-store');
  await next();
};

/**
 * Refuses a form that another site sent: its Origin must be the request's or the public address's (behind a proxy the two
 * differ). A browser too old to send an Origin is refused.
 */
const sameOrigin = (deps: Deps): MiddlewareHandler<Env> =>
  csrf({
    origin: (origin, c) => origin === new URL(c.req.url).origin || origin === new URL(deps.publicUrl).origin,
    secFetchSite: 'same-origin',
  });

/** Refuses text in path, query or form that PostgreSQL can't store. */
const storable: MiddlewareHandler<Env> = async (c, next) => {
  requireStorable(c.req.path, () => '');
  requireStorable(c.req.query(), ofQuery);
  if (c.req.method === 'POST') requireStorable(await formFields(c));
  await next();
};

/** The fields of a form, the last of each name. */
export async function formFields(c: Context<Env>): Promise<Record<string, string | File>> {
  try {
    return await c.req.parseBody();
  } catch {
    throw invalid({ pointer: '', detail: 'is not the form that was sent' });
  }
}

type PageStatus = 200 | 400 | 401 | 402 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 500 | 503;

/** A page as a response. */
export function sendPage(c: Context<Env>, html: string, status: PageStatus = 200): Response {
  c.header('Content-Type', 'text/html; charset=utf-8');
  return c.body(html, status);
}

/** A message as a response. */
export const sendMessage = (c: Context<Env>, view: MessageView, status: PageStatus = 200): Response =>
  sendPage(c, messagePage(view, assets, looks.get(c)), status);

/** A refusal as a page: its title and sentence, and for an unforeseen error the request id of the log. */
function refusedPage(deps: Deps, c: Context<Env>, error: Error, path: string): Response {
  const way = { href: path, label: 'Back' };
  if (error instanceof HTTPException && error.status === 403)
    return sendMessage(c, { title: 'This form came from elsewhere', text: FOREIGN_FORM, way }, 403);
  const refusal = reported(deps.log, requestFields(c), error);
  const { status, title } = PROBLEMS[refusal.code];
  const id = c.get('requestId');
  const text = refusal.code === 'not_found' ? 'There is nothing here for you to see.' : refusal.message;
  const hint = status >= 500 ? `Nothing was lost: try again in a moment. Request ${id}.` : undefined;
  const isStuck = STUCK.has(refusal.code);
  return sendMessage(c, { title, text, hint, way, isStuck }, status);
}

/** Refusals after which a customer may need the product's support. */
const STUCK: ReadonlySet<ProblemCode> = new Set([
  'payment_declined',
  'payment_method_required',
  'contact_account_manager',
  'plan_not_eligible',
  'internal_error',
]);

const FOREIGN_FORM = 'Nothing was changed. Open the page again and send the form from there.';
