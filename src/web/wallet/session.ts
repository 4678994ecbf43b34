import { hash, randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Deps } from '../../api/deps.ts';
import type { Env } from '../../api/route.ts';
import {
  endSession,
  openSession,
  readSession,
  SESSION_SECONDS,
  type WalletSession,
} from '../../db/wallet/sessions.ts';

// Sessions of the wallet's pages: a link opens a session once, a cookie carries it, the database knows its hash. A session is of
// one subscription and of no other; no page takes a subscription's id from anywhere else (I12).

const COOKIE = 'drawdown_wallet';

const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** The cookie's way: pages below it, and nothing else, get it. */
export type Below = '/wallet' | '/demo';

export interface SessionEntry {
  subscriptionId: string;
  /** What the session was opened with, and is opened with only once. */
  ticket: string;
  isDemo: boolean;
}

export const isSecure = ({ publicUrl }: Deps): boolean => new URL(publicUrl).protocol === 'https:';

/** What the visitor's cookie holds, of a visitor who was let in. */
export const sessionSecret = (c: Context<Env>): string => getCookie(c, COOKIE) ?? '';

/** Opens a session and hands out its cookie; false when its link was used before. */
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
  for (const path of below)
    setCookie(c, COOKIE, secret, {
      httpOnly: true,
      sameSite: 'Strict',
      path,
      maxAge: SESSION_SECONDS,
      secure: isSecure(deps),
    });
  return true;
}

export async function leave(deps: Deps, c: Context<Env>, below: Below): Promise<void> {
  const secret = getCookie(c, COOKIE);
  if (secret) await endSession(deps.db, sha256(secret));
  deleteCookie(c, COOKIE, { path: below });
}

export async function sessionOf(deps: Deps, c: Context<Env>): Promise<WalletSession | undefined> {
  const secret = getCookie(c, COOKIE);
  return secret && /^[\w-]{43}$/.test(secret) ? readSession(deps.db, sha256(secret)) : undefined;
}

/** Pages behind it know whose wallet they show. `otherwise` answers whoever has no session, or none that is not over. */
export const withSession =
  (deps: Deps, otherwise: (c: Context<Env>) => Response | Promise<Response>): MiddlewareHandler<Env> =>
  async (c, next) => {
    const session = await sessionOf(deps, c);
    if (!session) return otherwise(c);
    c.set('session', session);
    return next();
  };
