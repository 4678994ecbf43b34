import { hash } from 'node:crypto';
import { z } from 'zod';
import { catalogSchemaText } from '../catalog/schema.ts';
import { catalogOf, listCatalogs } from '../db/catalogs.ts';
import { INTERVALS } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import type { Deps } from './deps.ts';
import { notFound } from './problems.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';

// GET /v1/catalog: the catalogue in force, from this process's cache of the table catalogs (src/db/catalogs.ts), or an older version.
// GET /v1/catalogs: all versions. They lock nothing. GET /catalog.schema.json: the JSON Schema of a catalogue's file, without a key.

const whole = z.int();
const words = z.array(z.string());
const prices = z.partialRecord(z.enum(INTERVALS), whole);
const term = z.union([
  z.object({ days_after_renewal: whole }),
  z.object({ days: whole }),
  z.literal('subscription'),
]);

/** A catalogue with every default filled in. */
const catalog = z
  .object({
    version: z.string(),
    currency: z.string(),
    brand: z.object({
      product: z.string(),
      credit: words,
      pack: words,
      logo_url: z.string().nullable(),
      accent: z.string().nullable(),
      home_url: z.string().nullable(),
      support_url: z.string().nullable(),
    }),
    plans: z.array(
      z.object({
        id: s.plan,
        name: z.string(),
        contract: z.boolean(),
        prices,
        credits: whole.nullable(),
        trial: z.object({ days: whole, credits: whole }).nullable(),
        packs: words.nullable(),
        contact: z.string().nullable(),
      }),
    ),
    packs: z.array(
      z.object({
        id: s.pack,
        name: z.string(),
        on: z.array(s.interval),
        credits: whole,
        price: whole,
        renews: z.boolean(),
        term,
      }),
    ),
    features: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        unit: z.object({ one: z.string(), many: z.string(), natural: whole, decimals: whole }),
        credits: whole.nullable(),
        per: whole.nullable(),
      }),
    ),
    policies: z.looseObject({}),
  })
  .meta({ id: 'Catalog' });

const versions = z.object({
  data: z.array(z.object({ version: z.string(), in_force_from: z.string() })),
});

/** Editors ask again after an hour, and get a 304 until another version of Drawdown answers. */
function schemaRoute(app: App): void {
  const text = catalogSchemaText();
  const tag = `"${hash('sha256', text, 'base64url').slice(0, 16)}"`;
  app.get('/catalog.schema.json', (c) => {
    c.header('ETag', tag);
    c.header('Cache-Control', 'public, max-age=3600');
    if (c.req.header('If-None-Match') === tag) return c.body(null, 304);
    return c.body(text, 200, { 'Content-Type': 'application/schema+json' });
  });
}

/** Registers GET /v1/catalog, GET /v1/catalogs and GET /catalog.schema.json. */
export function catalogRoutes(app: App, deps: Deps): void {
  schemaRoute(app);
  route(
    app,
    {
      method: 'get',
      path: '/v1/catalog',
      summary: 'Plans, packs, features and policies in force',
      scope: 'read',
      query: z.strictObject({ version: z.string().max(64).optional() }),
      answers: { 200: { description: 'The catalogue', schema: catalog } },
    },
    async (c, { query: { version } }) => {
      const wanted = await (version === undefined ? deps.catalogs.current() : catalogOf(deps.db, version));
      if (!wanted) throw notFound();
      return c.json(inOrder(wanted));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: '/v1/catalogs',
      summary: 'The versions of the catalogue that were ever in force, the newest first',
      scope: 'read',
      answers: { 200: { description: 'The versions', schema: versions } },
    },
    async (c) => {
      const rows = await listCatalogs(deps.db);
      return c.json({
        data: rows.map(({ version, inForceFrom }) => ({ version, in_force_from: inForceFrom.toISOString() })),
      });
    },
  );
}

/** A catalogue with its members in the order of the guide: a stored one has them by their length. */
function inOrder({ version, currency, brand, plans, packs, features, policies }: Catalog): Catalog {
  const { product, credit, pack, ...looks } = brand;
  return {
    version,
    currency,
    brand: { product, credit, pack, ...looks },
    plans: plans.map(({ id, name, contract, prices, credits, ...rest }) => {
      const sold = INTERVALS.filter((interval) => prices[interval] !== undefined);
      const each = Object.fromEntries(sold.map((interval) => [interval, prices[interval]]));
      return { id, name, contract, prices: each, credits, ...rest };
    }),
    packs: packs.map(({ id, name, on, credits, price, ...rest }) => ({
      id,
      name,
      on,
      credits,
      price,
      ...rest,
    })),
    features: features.map(({ id, name, unit, credits, per }) => ({ id, name, unit, credits, per })),
    policies,
  };
}
