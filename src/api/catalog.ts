import { z } from 'zod';
import type { Catalog } from '../domain/catalog.ts';
import type { Deps } from './deps.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';

// GET /v1/catalog: the catalogue in force, from this process's cache of the table catalogs (src/db/catalogs.ts). Locks nothing.

const whole = z.int();
const catalog = z
  .object({
    version: z.string(),
    plans: z.array(
      z.object({ id: s.plan, interval: s.interval, price: s.orNull(s.money), allowance: whole.nullable() }),
    ),
    packs: z.array(z.object({ interval: s.interval, credits: whole, price: s.money })),
    rates: z.array(
      z.object({
        feature: z.string(),
        unit: z.enum(['second', 'item']),
        credits: whole.nullable(),
        per: whole.nullable(),
      }),
    ),
    policies: z.looseObject({}),
  })
  .meta({ id: 'Catalog' });

/** Registers GET /v1/catalog. */
export function catalogRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/catalog',
      summary: 'Plans, packs, rates and policies in force',
      scope: 'read',
      answers: { 200: { description: 'The catalogue', schema: catalog } },
    },
    async (c) => c.json(catalogView(await deps.catalogs.current())),
  );
}

function catalogView({ version, currency, plans, packs, rates, policies }: Catalog) {
  const money = (amount_minor: number) => ({ amount_minor, currency });
  return {
    version,
    plans: plans.map(({ id, interval, price_minor, allowance }) => ({
      id,
      interval,
      price: price_minor === null ? null : money(price_minor),
      allowance,
    })),
    packs: packs.map(({ interval, credits, price_minor }) => ({
      interval,
      credits,
      price: money(price_minor),
    })),
    rates,
    policies: {
      allowance_term: policies.allowanceTerm,
      pack_term_days: policies.packTermDays,
      dunning: policies.dunning,
      past_due_spending: policies.pastDueSpending,
      packs_per_purchase: policies.packsPerPurchase,
    },
  };
}
