import { hash as digest, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '../db/client.ts';
import { readKey, storeKey } from '../db/keys.ts';
import { Refusal } from '../domain/errors.ts';
import { newId } from '../ids.ts';

export const SCOPES = ['read', 'spend', 'billing', 'operator'] as const;
export type Scope = (typeof SCOPES)[number];

/** How long a key is believed without asking again: a revoked one is refused within this time. */
const BELIEVE_MS = 1_000;
const MOST_BELIEFS = 10_000;

const hash = (secret: string): string => digest('sha256', secret, 'hex');

const KEY = /^dd_(?:live|test)_([a-z0-9]{1,60})_([A-Za-z0-9_-]+)$/;
const SHORTEST_SECRET = 32;

/** The parts of what looks like a key; null for anything else. */
function partsOf(key: string): { id: string; secret: string } | null {
  const [, id, secret] = KEY.exec(key) ?? [];
  return id === undefined || secret === undefined ? null : { id: `key_${id}`, secret };
}

/** The id of a key, which is no secret; null for what does not look like one. */
export const keyIdOf = (key: string): string | null => partsOf(key)?.id ?? null;

export interface KeyWanted {
  mode: 'live' | 'test';
  scopes: readonly Scope[];
  name?: string | null;
}

/** Makes a key and answers it, this once: only its hash is kept. */
export async function makeKey(db: Database, { mode, scopes, name = null }: KeyWanted): Promise<string> {
  const key = `dd_${mode}_${newId('key').slice('key_'.length)}_${randomBytes(24).toString('base64url')}`;
  const { id, secret } = partsOf(key)!;
  await storeKey(db, {
    id,
    secretHash: hash(secret),
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    name,
  });
  return key;
}

/** A key with all scopes, such as the first start makes. */
export const createKey = (db: Database, mode: 'live' | 'test'): Promise<string> =>
  makeKey(db, { mode, scopes: SCOPES, name: 'first start' });

/** Makes a key that was made elsewhere known here; false when it does not look like one. */
export async function registerKey(db: Database, key: string): Promise<boolean> {
  const parts = partsOf(key);
  if (parts === null || parts.secret.length < SHORTEST_SECRET) return false;
  await storeKey(db, { id: parts.id, secretHash: hash(parts.secret), scopes: [...SCOPES], name: 'key file' });
  return true;
}

/** Whether a key is one of ours and not revoked. */
export async function isInForce(db: Database, key: string): Promise<boolean> {
  const parts = partsOf(key);
  const row = parts && (await readKey(db, parts.id));
  return row?.secretHash === hash(parts?.secret ?? '');
}

export const unauthenticated = () =>
  new Refusal('unauthenticated', 'Send a valid key as Authorization: Bearer dd_….');

export interface Caller {
  scopes: Scope[];
  keyId: string;
}

/**
 * Requests that this process makes of its own API for a person whose key was checked before, with their scopes. A request from
 * outside is never among them.
 */
export type AuthenticatedRequests = WeakMap<Request, Caller>;

/** The caller of an `Authorization` header, at once where it is known. Throws `unauthenticated`. */
export type Authenticate = (authorization: string) => Caller | Promise<Caller>;

interface Belief {
  caller: Caller | Promise<Caller>;
  until: number;
}

/**
 * Authenticates `Authorization` headers; `requireScope` then checks the scopes. A header that was looked up within the last second
 * is answered at once, and requests at the same time share one look-up. A process has one authenticator.
 */
export function createAuthenticator(db: Database): Authenticate {
  const beliefs = new Map<string, Belief>();

  function ask(authorization: string, now: number): Promise<Caller> {
    const asked = callerOf(db, authorization);
    const belief: Belief = { caller: asked, until: now + BELIEVE_MS };
    if (beliefs.size > MOST_BELIEFS) beliefs.clear();
    beliefs.set(authorization, belief);
    asked.then(
      (caller) => {
        belief.caller = caller;
      },
      () => {
        if (beliefs.get(authorization) === belief) beliefs.delete(authorization);
      },
    );
    return asked;
  }

  return (authorization) => {
    // A clock that nobody can set, from before the question: not even its answer's way may add to the second.
    const now = performance.now();
    const belief = beliefs.get(authorization);
    return belief && now < belief.until ? belief.caller : ask(authorization, now);
  };
}

async function callerOf(db: Database, authorization: string): Promise<Caller> {
  const [, sent = ''] = /^Bearer (.*)$/.exec(authorization) ?? [];
  // What does not look like a key is not looked up.
  if (keyIdOf(sent) === null) throw unauthenticated();
  return proveKey(db, sent);
}

/** Whose key it is, and what it may do; throws `unauthenticated`, the same for a key that is unknown, revoked, wrong or no key at all. */
export async function proveKey(db: Database, key: string): Promise<Caller> {
  const { id, secret } = partsOf(key) ?? { id: '', secret: '' };
  return { keyId: id, scopes: await scopesOf(db, id, hash(secret)) };
}

async function scopesOf(db: Database, id: string, secretHash: string): Promise<Scope[]> {
  const row = await readKey(db, id);
  // Compared even when there is no such key, so that both take the same time.
  const same = timingSafeEqual(Buffer.from(row?.secretHash ?? hash('')), Buffer.from(secretHash));
  if (!row || !same) throw unauthenticated();
  return row.scopes as Scope[];
}

export function requireScope(scopes: readonly Scope[] | undefined, scope: Scope): void {
  if (!scopes?.includes(scope))
    throw new Refusal('forbidden_scope', `The key lacks the scope "${scope}".`, { scope });
}
