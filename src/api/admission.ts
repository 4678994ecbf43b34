import type { Context, MiddlewareHandler, Next } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { newId } from '../ids.ts';
import type { AuthenticatedRequests, Caller } from './auth.ts';
import type { Deps } from './deps.ts';
import { bodyTooLarge, ledgerAway, problem } from './problems.ts';
import type { Env } from './route.ts';

export const MAX_BODY_BYTES = 64 * 1024;

const isOfApi = (path: string): boolean => path.startsWith('/v1/') || path === '/v1';
/** A provider of billing signs what it sends instead of having a key. */
const isSigned = (path: string): boolean => path.startsWith('/v1/billing/webhooks/');

/**
 * What every request passes before its route: it gets an id, its body has a limit, and where the API begins the ledger is
 * there and the key is known. One step and no promise where nothing is to be waited for: as four middlewares it took a sixth
 * of the API's CPU of a request.
 */
export function admission(deps: Deps, authenticated: AuthenticatedRequests): MiddlewareHandler<Env> {
  const counted = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => problem(c, bodyTooLarge()) });

  return (c, next) => {
    const requestId = newId('req');
    c.set('requestId', requestId);
    c.header('Request-Id', requestId);
    // Before a body is counted, which puts another request in the place of this one.
    const known = authenticated.get(c.req.raw);
    const length = c.req.header('Content-Length');
    // A length that is told is believed: Node reads no more of the body.
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
