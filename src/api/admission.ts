import type { Context, MiddlewareHandler, Next } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { newId } from '../ids.ts';
import type { AuthenticatedRequests, Caller } from './auth.ts';
import type { Deps } from './deps.ts';
import { bodyTooLarge, ledgerAway, problem } from './problems.ts';
import type { Env } from './route.ts';

/** Bytes of a request's body at most; a larger body is a 413. */
export const MAX_BODY_BYTES = 64 * 1024;

const isOfApi = (path: string): boolean => path.startsWith('/v1/') || path === '/v1';
/** A billing provider signs its requests instead of sending a key. */
const isSigned = (path: string): boolean => path.startsWith('/v1/billing/webhooks/');

/**
 * The first middleware: sets the request id, limits the body, and under /v1 requires an open ledger and a known key. One step
 * without a promise where nothing is awaited: as four middlewares it took a sixth of the API's CPU per request. Throws
 * `body_too_large`, `database_unavailable`, `unauthenticated`.
 */
export function admission(deps: Deps, authenticated: AuthenticatedRequests): MiddlewareHandler<Env> {
  const counted = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => problem(c, bodyTooLarge()) });

  return (c, next) => {
    const requestId = newId('req');
    c.set('requestId', requestId);
    c.header('Request-Id', requestId);
    // Read before `counted` runs: it puts another Request in the place of this one.
    const known = authenticated.get(c.req.raw);
    const length = c.req.header('Content-Length');
    // The Content-Length can be relied on: Node reads no more of the body.
    if (length === undefined || c.req.header('Transfer-Encoding') !== undefined)
      return counted(c, async () => void (await enter(c, next, known)));
    if (Number(length) > MAX_BODY_BYTES) throw bodyTooLarge();
    return enter(c, next, known);
  };

  function enter(c: Context<Env>, next: Next, known: Caller | undefined) {
    const { path } = c.req;
    if (!isOfApi(path) && path !== '/readyz') return next();
    if (!deps.isOpen()) throw ledgerAway();
    if (path === '/readyz' || isSigned(path)) return next();
    const caller = known ?? deps.authenticate(c.req.header('Authorization') ?? '');
    return caller instanceof Promise
      ? caller.then((proved) => withCaller(c, proved, next))
      : withCaller(c, caller, next);
  }
}

function withCaller(c: Context<Env>, { scopes, keyId }: Caller, next: Next): Promise<void> {
  c.set('scopes', scopes);
  c.set('keyId', keyId);
  return next();
}
