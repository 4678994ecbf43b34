import { hash as digest, randomBytes, timingSafeEqual } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import type { Database } from '../db/client.ts';
import { readKey, storeKey } from '../db/keys.ts';
import { Refusal } from '../domain/errors.ts';
import { newId } from '../ids.ts';

export const SCOPES = ['read', 'spend', 'billing', 'operator'] as const;
export type Scope = (typeof SCOPES)[number];

/** How long a key is believed without asking again: a revoked one is refused within this time. */
const BELIEVE_MS = 1_000;

const hash = (secret: string): string => digest('sha256', secret, 'hex');

const KEY = /^dd_(?:live|test)_([a-z0-9]+)_([A-Za-z0-9_-]{32,})$/;

/** Makes a key with all scopes and answers it; only its hash is kept. */
export async function createKey(db: Database, mode: 'live' | 'test'): Promise<string> {
  const key = `dd_${mode}_${newId('key').slice('key_'.length)}_${randomBytes(24).toString('base64url')}`;
  await registerKey(db, key);
  return key;
}

/** Makes a key that was made elsewhere known here; false when it does not look like one. */
export async function registerKey(db: Database, key: string): Promise<boolean> {
  const [, id, secret] = KEY.exec(key) ?? [];
  if (id === undefined || secret === undefined) return false;
  await storeKey(db, { id: `key_${id}`, secretHash: hash(secret), scopes: [...SCOPES] });
  return true;
}

const unauthenticated = () =>
  new Refusal('unauthenticated', 'Send a valid key as Authorization: Bearer dd_….');

/** Checks the bearer key of every request; `requireScope` then checks what it may do. */
export function authenticate(db: Database) {
  const believed = new Map<string, { scopes: Scope[]; until: number }>();
  return createMiddleware<{ Variables: { scopes: Scope[] } }>(async (c, next) => {
    const [, id, secret] =
      /^Bearer dd_(?:live|test)_([a-z0-9]+)_([A-Za-z0-9_-]+)$/.exec(c.req.header('Authorization') ?? '') ??
      [];
    if (id === undefined || secret === undefined) throw unauthenticated();
    const secretHash = hash(secret);
    const proof = `${id}/${secretHash}`;
    let known = believed.get(proof);
    if (!known || known.until < Date.now()) {
      known = { scopes: await scopesOf(db, `key_${id}`, secretHash), until: Date.now() + BELIEVE_MS };
      if (believed.size > 10_000) believed.clear();
      believed.set(proof, known);
    }
    c.set('scopes', known.scopes);
    await next();
  });
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
