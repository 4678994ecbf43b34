import { z } from 'zod';
import { findKey, type KeyRow, listKeys, revokeKeyBy } from '../db/keys.ts';
import { keyIdOf, makeKey, SCOPES, unauthenticated } from './auth.ts';
import type { Deps } from './deps.ts';
import { listBody, pageOf } from './paging.ts';
import { notFound } from './problems.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';

// POST /v1/api_keys: inserts a key's hash and returns the key once.
// GET /v1/api_keys: reads a page of api_keys.
// DELETE /v1/api_keys/{id}: revokes a key; locks its row and the caller's in one order.

const scope = z.enum(SCOPES);

const keyView = ({ id, name, scopes, createdAt, revokedAt }: KeyRow) => ({
  id,
  name,
  scopes,
  created_at: createdAt.toISOString(),
  revoked_at: revokedAt?.toISOString() ?? null,
});

const apiKey = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    scopes: z.array(scope),
    created_at: z.string(),
    revoked_at: z.string().nullable(),
  })
  .meta({ id: 'ApiKey' });

/** Registers the routes of API keys. A secret is in one answer, that of the request that made it, and stored nowhere (I15). */
export function keyRoutes(app: App, deps: Deps): void {
  makingRoute(app, deps);
  listingRoute(app, deps);
  revokingRoute(app, deps);
}

function makingRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/api_keys',
      summary: 'Make an API key',
      scope: 'operator',
      body: z
        .strictObject({
          scopes: z
            .array(scope)
            .min(1)
            .refine((scopes) => new Set(scopes).size === scopes.length, 'must name each scope once'),
          name: s.text(255).optional(),
        })
        .meta({ id: 'ApiKeyRequest' }),
      answers: {
        201: {
          description: 'Made; the key itself is shown only here',
          schema: apiKey.extend({ key: z.string() }),
        },
      },
    },
    async (c, { body: { scopes, name = null } }) => {
      const key = await makeKey(deps.db, { mode: deps.keyMode, scopes, name });
      const row = await findKey(deps.db, keyIdOf(key)!);
      return c.json({ ...keyView(row!), key }, 201);
    },
  );
}

function listingRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/api_keys',
      summary: 'List API keys, revoked ones too',
      scope: 'operator',
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(apiKey) } },
    },
    async (c, { query }) => {
      const page = pageOf(query, 'api_keys', 'id');
      const rows = await listKeys(deps.db, page);
      return c.json(listBody(rows, page, ({ id }) => [id], keyView));
    },
  );
}

function revokingRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'delete',
      path: '/v1/api_keys/{id}',
      summary: 'Revoke an API key',
      scope: 'operator',
      params: s.byId,
      answers: { 200: { description: 'Revoked, now or before', schema: apiKey } },
    },
    async (c, { params: { id } }) => {
      // A whole key sent by mistake reaches no query and no log of the database.
      if (!/^key_[a-z0-9]+$/.test(id)) throw notFound();
      const by = c.get('keyId');
      // One operator key always remains: the caller's.
      if (id === by)
        throw s.fault(
          ':id',
          'a key does not revoke itself: use another operator key, or `npx drawdown keys revoke`',
        );
      const isRevoked = await revokeKeyBy(deps.db, id, by);
      const row = await findKey(deps.db, id);
      if (!row) throw notFound();
      if (!isRevoked) throw unauthenticated();
      return c.json(keyView(row));
    },
  );
}
