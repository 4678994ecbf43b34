import { hash, randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { Deps } from '../../api/deps.ts';
import type { Env } from '../../api/route.ts';
import {
  endSession,
  openSession,
  readSession,
  SESSION_SECONDS,
  type WalletSession,
} from '../../db/wallet/sessions.ts';
import { cookieBelow, cookieOf } from '../shell/cookies.ts';

// Sessions of the wallet's pages. A link opens a session once, a cookie carries its secret, and the database stores the secret's
// hash. A session has one subscription, and no page takes a subscription's id from anywhere else (I12).

const COOKIE = 'drawdown_wallet';

const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** The cookie's path: the browser sends it to pages below that path only. */
export type Below = '/wallet' | '/demo';

/** A session to open. */
interface SessionEntry {
  subscriptionId: string;
  /** The ticket that opens the session, once. */
  ticket: string;
  isDemo: boolean;
}

/** The secret in the visitor's cookie; empty without one. */
export const sessionSecret = (deps: Deps, c: Context<Env>): string => cookieOf(deps, c, COOKIE) ?? '';

/** Opens a session and sets its cookie; false when its link was used before. */
export async function enter(
  deps: Deps,
  c: Context<Env>,
  entry: SessionEntry,
  below: Below[],
): Promise<boolean> {
  const secret = randomBytes(32).toString('base64url');
  const { subscriptionId, ticket, isDemo } = entry;
  const session = { id: sha256(secret), ticketHash: sha256(ticket), subscriptionId, isDemo };
  if (!(await openSession(deps.db, session))) return false;
  // The session whose cookie goes opens nothing any more.
  const before = sessionSecret(deps, c);
  if (before) await endSession(deps.db, sha256(before));
  for (const path of below)
    setCookie(c, COOKIE, secret, { ...cookieBelow(deps, path), maxAge: SESSION_SECONDS });
  return true;
}

/** Ends the session and removes its cookie. */
export async function leave(deps: Deps, c: Context<Env>, below: Below): Promise<void> {
  const secret = sessionSecret(deps, c);
  if (secret) await endSession(deps.db, sha256(secret));
  deleteCookie(c, COOKIE, cookieBelow(deps, below));
}

/** The session of the visitor's cookie. */
export async function sessionOf(deps: Deps, c: Context<Env>): Promise<WalletSession | undefined> {
  const secret = sessionSecret(deps, c);
  return /^[\w-]{43}$/.test(secret) ? readSession(deps.db, sha256(secret)) : undefined;
}

/** Sets the session of the pages behind it; `otherwise` answers a visitor without a session. */
export const withSession =
  (deps: Deps, otherwise: (c: Context<Env>) => Response | Promise<Response>): MiddlewareHandler<Env> =>
  async (c, next) => {
    const session = await sessionOf(deps, c);
    if (!session) return otherwise(c);
    c.set('session', session);
    return next();
  };
