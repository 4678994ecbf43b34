import { hash as digest, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '../db/client.ts';
import { readKey, storeKey } from '../db/keys.ts';
import { Refusal } from '../domain/errors.ts';
import { newId } from '../ids.ts';

// API keys and the callers they authenticate: `dd_<live or test>_<id>_<secret>`. The table api_keys holds the hashes only.

/** The scopes a key may have; each route requires one. */
export const SCOPES = ['read', 'spend', 'billing', 'operator'] as const;
/** One of SCOPES. */
export type Scope = (typeof SCOPES)[number];

/** Milliseconds a known key is used without another look-up: a revoked key is refused within this time. */
const BELIEVE_MS = 1_000;
const MOST_BELIEFS = 10_000;

const hash = (secret: string): string => digest('sha256', secret, 'hex');

const KEY = /^dd_(?:live|test)_([a-z0-9]{1,60})_([A-Za-z0-9_-]+)$/;
const SHORTEST_SECRET = 32;

/** The id and secret of a text with the form of a key; null for any other text. */
function partsOf(key: string): { id: string; secret: string } | null {
  const [, id, secret] = KEY.exec(key) ?? [];
  return id === undefined || secret === undefined ? null : { id: `key_${id}`, secret };
}

/** The id of a key, which is no secret; null for a text without the form of a key. */
export const keyIdOf = (key: string): string | null => partsOf(key)?.id ?? null;

/** A key to be made. */
interface KeyWanted {
  mode: 'live' | 'test';
  scopes: readonly Scope[];
  name?: string | null;
}

/** Makes a key, stores its hash and returns the key: no later call can show it. */
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

/** Makes a key with all scopes: the key of the first start. */
export const createKey = (db: Database, mode: 'live' | 'test'): Promise<string> =>
  makeKey(db, { mode, scopes: SCOPES, name: 'first start' });

/** Stores the hash of a key that was made elsewhere, with all scopes; false for a text without the form of a key. */
export async function registerKey(db: Database, key: string): Promise<boolean> {
  const parts = partsOf(key);
  if (parts === null || parts.secret.length < SHORTEST_SECRET) return false;
  await storeKey(db, { id: parts.id, secretHash: hash(parts.secret), scopes: [...SCOPES], name: 'key file' });
  return true;
}

/** Whether the database knows the key and it is not revoked. */
export async function isInForce(db: Database, key: string): Promise<boolean> {
  const parts = partsOf(key);
  const row = parts && (await readKey(db, parts.id));
  return row?.secretHash === hash(parts?.secret ?? '');
}

/** The refusal of a request without a valid key (401). */
export const unauthenticated = () =>
  new Refusal('unauthenticated', 'Send a valid key as Authorization: Bearer dd_….');

/** An authenticated key: its id and its scopes. */
export interface Caller {
  scopes: Scope[];
  keyId: string;
}

/**
 * Requests that this process sends to its own API for a person whose key it has checked, with that key's caller. A request from
 * outside is never among them.
 */
export type AuthenticatedRequests = WeakMap<Request, Caller>;

/** The caller of an `Authorization` header, without a promise where the header is cached. Throws `unauthenticated`. */
export type Authenticate = (authorization: string) => Caller | Promise<Caller>;

interface Belief {
  caller: Caller | Promise<Caller>;
  until: number;
}

/**
 * Makes the authenticator of a process; `requireScope` then checks the scopes. A header that was looked up within the last second
 * is answered from memory, and requests at the same time share one look-up.
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
    // A monotonic clock, read before the look-up: the time of the look-up counts into the second.
    const now = performance.now();
    const belief = beliefs.get(authorization);
    return belief && now < belief.until ? belief.caller : ask(authorization, now);
  };
}

async function callerOf(db: Database, authorization: string): Promise<Caller> {
  const [, sent = ''] = /^Bearer (.*)$/.exec(authorization) ?? [];
  // A text without the form of a key costs no query.
  if (keyIdOf(sent) === null) throw unauthenticated();
  return proveKey(db, sent);
}

/** The id and scopes of a key. Throws `unauthenticated`, the same for an unknown, revoked, wrong or malformed key. */
export async function proveKey(db: Database, key: string): Promise<Caller> {
  const { id, secret } = partsOf(key) ?? { id: '', secret: '' };
  return { keyId: id, scopes: await scopesOf(db, id, hash(secret)) };
}

async function scopesOf(db: Database, id: string, secretHash: string): Promise<Scope[]> {
  const row = await readKey(db, id);
  // Compared without a row too, so that both cases take the same time.
  const same = timingSafeEqual(Buffer.from(row?.secretHash ?? hash('')), Buffer.from(secretHash));
  if (!row || !same) throw unauthenticated();
  return row.scopes as Scope[];
}

/** Throws `forbidden_scope` unless `scope` is among `scopes`. */
export function requireScope(scopes: readonly Scope[] | undefined, scope: Scope): void {
  if (!scopes?.includes(scope))
    throw new Refusal('forbidden_scope', `The key lacks the scope "${scope}".`, { scope });
}
