import { hash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { keyIdOf, proveKey, type Scope } from '../../api/auth.ts';
import type { Deps } from '../../api/deps.ts';
import type { Env } from '../../api/route.ts';
import { closeSession, openSession, readSession, SESSION_HOURS } from '../../db/console/sessions.ts';
import { Refusal } from '../../domain/errors.ts';
import { cookieBelow, cookieOf } from '../shell/cookies.ts';
import { CONSOLE } from './views.ts';

// An operator enters a key once and gets a random token: the key itself is in no cookie, address or log (I15). Each request looks
// the session up, so it ends with its key.

const COOKIE = 'drawdown_console';

const digestOf = (token: string): string => hash('sha256', token, 'hex');

/**
 * Opens a session and sets its cookie; false for a key that is not in force or lacks the scope `operator`. Both have a line in
 * the log.
 */
export async function signIn(deps: Deps, c: Context<Env>, key: string): Promise<boolean> {
  const keyId = await operatorOf(deps, key.trim());
  if (keyId === null) {
    // The id in a text with the form of a key is no secret; any other text may be one.
    deps.log('console: a sign-in was refused', { level: 'warn', ...lineOf(c, keyIdOf(key.trim())) });
    return false;
  }
  const token = randomBytes(32).toString('base64url');
  await openSession(deps.db, digestOf(token), keyId);
  // The visit whose cookie goes is over.
  const before = cookieOf(deps, c, COOKIE);
  if (before) await closeSession(deps.db, digestOf(before));
  setCookie(c, COOKIE, token, { ...cookieBelow(deps, CONSOLE), maxAge: SESSION_HOURS * 3_600 });
  deps.log('console: signed in', lineOf(c, keyId));
  return true;
}

const lineOf = (c: Context<Env>, keyId: string | null) => ({
  request_id: c.get('requestId'),
  ...(keyId === null ? {} : { key_id: keyId }),
});

/** The id of a key that opens the console; null for any other text. */
async function operatorOf(deps: Deps, key: string): Promise<string | null> {
  try {
    const { keyId, scopes } = await proveKey(deps.db, key);
    return scopes.includes('operator') ? keyId : null;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'unauthenticated') return null;
    throw error;
  }
}

/** Milliseconds that an answer to a wrong key takes, and the most such answers at once: guessing is slow. */
const WRONG_KEY_MS = 1_000;
const MOST_WRONG_KEYS = 20;
let wrongKeys = 0;

/** Waits after a wrong key. Throws `rate_limited` while too many others wait. */
export async function refusedSlowly(): Promise<void> {
  if (wrongKeys >= MOST_WRONG_KEYS)
    throw new Refusal('rate_limited', 'Too many wrong keys at once: wait a moment.');
  wrongKeys += 1;
  await sleep(WRONG_KEY_MS);
  wrongKeys -= 1;
}

/** Ends the session and removes its cookie. */
export async function signOut(deps: Deps, c: Context<Env>): Promise<void> {
  const token = cookieOf(deps, c, COOKIE);
  if (token) await closeSession(deps.db, digestOf(token));
  deleteCookie(c, COOKIE, cookieBelow(deps, CONSOLE));
}

/** The address of the sign-in page. */
export const SIGN_IN = `${CONSOLE}/sign-in`;

/** Lets an operator pass, and sends everybody else to the sign-in page, which leads back. */
export function operatorOnly(deps: Deps): MiddlewareHandler<Env> {
  return async (c, next) => {
    const token = cookieOf(deps, c, COOKIE);
    const session = token ? await readSession(deps.db, digestOf(token)) : null;
    if (!session?.scopes.includes('operator')) return c.redirect(signInFor(c), 303);
    c.set('scopes', session.scopes as Scope[]);
    c.set('keyId', session.keyId);
    return next();
  };
}

function signInFor(c: Context<Env>): string {
  const { pathname, search } = new URL(c.req.url);
  if (c.req.method !== 'GET' || pathname === CONSOLE) return SIGN_IN;
  return `${SIGN_IN}?to=${encodeURIComponent(pathname + search)}`;
}

/** The page after sign-in: one of the console's and no other. */
export function destination(to: string | undefined): string {
  const url = to !== undefined && URL.canParse(to, 'http://console') ? new URL(to, 'http://console') : null;
  const isOurs = url?.origin === 'http://console' && /^\/console(\/|$)/.test(url.pathname);
  return isOurs ? url.pathname + url.search : CONSOLE;
}
