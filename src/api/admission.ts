import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { Refusal } from '../domain/errors.ts';
import { newId } from '../ids.ts';
import type { AuthenticatedRequests, Caller } from './auth.ts';
import type { Deps, Limits } from './deps.ts';
import { bodyTooLarge, ledgerAway, problem, subscriptionIn } from './problems.ts';
import type { Env } from './route.ts';

/** Bytes of a request's body at most; a larger body is a 413. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Whether people reach the server over https. */
export const isSecure = ({ publicUrl }: Pick<Deps, 'publicUrl'>): boolean => /^https:/i.test(publicUrl);

/**
 * The headers of every answer; a page or an asset has some of its own instead. No browser sniffs, runs, frames or keeps an answer, and
 * none comes back without TLS to a server that is reached over https.
 */
export const headersOfAll = (deps: Pick<Deps, 'publicUrl'>): Record<string, string> => ({
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  ...(isSecure(deps) ? { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' } : {}),
});

const isOfApi = (path: string): boolean => path.startsWith('/v1/') || path === '/v1';
/** A billing provider signs its requests instead of sending a key. */
const isSigned = (path: string): boolean => path.startsWith('/v1/billing/webhooks/');

/**
 * The first middleware: sets the headers of every answer, limits the body, and under /v1 requires an open ledger and a known key.
 * One step without a promise where nothing is awaited: as four middlewares it took a sixth of the API's CPU per request. Throws
 * `body_too_large`, `database_unavailable`, `unauthenticated`.
 */
export function admission(deps: Deps, authenticated: AuthenticatedRequests): MiddlewareHandler<Env> {
  const counted = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => problem(c, bodyTooLarge()) });
  const headers = Object.entries(headersOfAll(deps));

  return (c, next) => {
    const requestId = newId('req');
    c.set('requestId', requestId);
    c.header('Request-Id', requestId);
    for (const [name, value] of headers) c.header(name, value);
    const length = c.req.header('Content-Length');
    // The Content-Length can be relied on: Node reads no more of the body. A body without one is read once its caller is known.
    if (length === undefined || c.req.header('Transfer-Encoding') !== undefined)
      return enter(c, () => counted(c, next));
    if (Number(length) > MAX_BODY_BYTES) throw bodyTooLarge();
    return enter(c, next);
  };

  function enter(c: Context<Env>, next: Onward) {
    const { path } = c.req;
    if (!isOfApi(path) && path !== '/readyz') return next();
    if (!deps.isOpen()) throw ledgerAway();
    if (path === '/readyz' || isSigned(path)) return next();
    const caller = authenticated.get(c.req.raw) ?? deps.authenticate(c.req.header('Authorization') ?? '');
    return caller instanceof Promise
      ? caller.then((proved) => withCaller(c, proved, next))
      : withCaller(c, caller, next);
  }

  function withCaller(c: Context<Env>, { scopes, keyId }: Caller, next: Onward): ReturnType<Onward> {
    c.set('scopes', scopes);
    c.set('keyId', keyId);
    const standing = deps.limits?.admit(keyId, subscriptionIn(c.req.path).subscription_id);
    for (const name in standing) c.header(name, standing[name]);
    return next();
  }
}

/** The rest of a request: the next middleware, or the one that limits the body. */
type Onward = () => ReturnType<MiddlewareHandler<Env>>;

/** Requests a second; 0: no limit. */
export interface Rates {
  perKey: number;
  perSubscription: number;
}

/** Requests may come at once for so many seconds' worth of the rate. */
const BURST_SECONDS = 2;
/** The most names that a limit remembers. Those that rested are forgotten first. */
const MOST_NAMES = 10_000;

/** Makes the limits of a process; null where there is none. `clock` answers milliseconds. */
export function createLimits(
  { perKey, perSubscription }: Rates,
  clock = () => performance.now(),
): Limits | null {
  const ofKeys = perKey > 0 ? createLimit('key', perKey, clock) : null;
  const ofSubscriptions = perSubscription > 0 ? createLimit('subscription', perSubscription, clock) : null;
  if (!ofKeys && !ofSubscriptions) return null;
  return {
    admit(keyId, subscriptionId) {
      const standings = [
        ofKeys?.take(keyId),
        subscriptionId === undefined ? undefined : ofSubscriptions?.take(subscriptionId),
      ].filter((standing) => standing !== undefined);
      return {
        'RateLimit-Policy': standings.map(({ policy }) => policy).join(', '),
        RateLimit: standings.map(({ left }) => left).join(', '),
      };
    },
  };
}

/** One limit: a bucket for each name, which fills up at the rate. It keeps the instant at which a bucket is full again. */
function createLimit(what: string, perSecond: number, clock: () => number) {
  const one = 1_000 / perSecond;
  const whole = BURST_SECONDS * 1_000;
  const policy = `"${what}";q=${perSecond * BURST_SECONDS};w=${BURST_SECONDS}`;
  const fullAt = new Map<string, number>();
  return {
    take(name: string) {
      const now = clock();
      const full = Math.max(now, fullAt.get(name) ?? now) + one;
      if (full - now > whole) {
        const seconds = Math.ceil((full - now - whole) / 1_000);
        throw new Refusal('rate_limited', `This ${what} sends more than ${perSecond} requests a second.`, {
          retry_after: seconds,
        });
      }
      fullAt.set(name, full);
      if (fullAt.size > MOST_NAMES) for (const [other, at] of fullAt) if (at <= now) fullAt.delete(other);
      return { policy, left: `"${what}";r=${Math.floor((whole - (full - now)) / one)}` };
    },
  };
}
