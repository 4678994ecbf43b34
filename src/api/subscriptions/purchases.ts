import { z } from 'zod';
import {
  type ChargeRow,
  type GrantRow,
  listCharges,
  listPurchases,
  readCharge,
  readGrant,
  type SubscriptionRow,
} from '../../db/reads.ts';
import type { Interval } from '../../domain/calendar.ts';
import { endsAt, stem } from '../../domain/subscription.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { command, type Operation } from '../updates.ts';
import { chargeView, grantView, nowOf, purchaseView } from '../views.ts';
import { pageOr404, subscriptionOr404 } from './found.ts';
import { checkMethod } from './payment-methods.ts';

// POST /v1/subscriptions/{id}/purchases: a command to the workflow (updates.ts), which asks billing for the money.
// GET …/purchases, …/purchases/{purchase_id}, …/charges, …/charges/{charge_id}: read charges and their grants; lock nothing.

/** Registers the routes of purchases and charges. */
export function purchaseRoutes(app: App, deps: Deps): void {
  buyRoute(app, deps);
  const list = { query: z.strictObject(s.paging), params: s.byId, scope: 'read', method: 'get' } as const;
  const keyOf = ({ step, id }: ChargeRow) => [step, id];

  route(
    app,
    {
      ...list,
      path: '/v1/subscriptions/{id}/purchases',
      summary: 'List purchases, declined ones too',
      answers: { 200: { description: 'A page', schema: s.list(s.purchase) } },
    },
    async (c, { params: { id }, query }) => {
      const {
        rows,
        page,
        now,
        endsAt: ends,
      } = await pageOr404(
        deps,
        id,
        () => pageOf(query, `purchases/${id}`, 'count', 'id'),
        (wanted) => listPurchases(deps.db, id, wanted),
      );
      return c.json(
        listBody(
          rows,
          page,
          ({ row }) => keyOf(row),
          ({ row, beside }) => purchaseView(row, beside && grantView(beside, now, ends)),
        ),
      );
    },
  );
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/purchases/{purchase_id}',
      summary: 'Read a purchase',
      scope: 'read',
      params: s.byPurchase,
      answers: { 200: { description: 'The purchase', schema: s.purchase } },
    },
    async (c, { params }) => {
      const subscription = await subscriptionOr404(deps, params.id);
      const row = await readCharge(deps.db, params.id, { purchaseId: params.purchase_id });
      if (!row) throw notFound();
      return c.json(await withGrant(deps, subscription, row));
    },
  );
  route(
    app,
    {
      ...list,
      path: '/v1/subscriptions/{id}/charges',
      summary: 'List charges',
      answers: { 200: { description: 'A page', schema: s.list(s.charge) } },
    },
    async (c, { params: { id }, query }) => {
      const { rows, page } = await pageOr404(
        deps,
        id,
        () => pageOf(query, `charges/${id}`, 'count', 'id'),
        (wanted) => listCharges(deps.db, id, wanted),
      );
      return c.json(listBody(rows, page, keyOf, chargeView));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/charges/{charge_id}',
      summary: 'Read a charge',
      scope: 'read',
      params: s.byCharge,
      answers: { 200: { description: 'The charge', schema: s.charge } },
    },
    async (c, { params }) => {
      const row = await readCharge(deps.db, params.id, { chargeId: params.charge_id });
      if (!row) throw notFound();
      return c.json(chargeView(row));
    },
  );
}

/** A purchase with its grant; null while it is not paid. */
async function withGrant(deps: Deps, subscription: SubscriptionRow, row: ChargeRow) {
  return view(subscription, row, await readGrant(deps.db, row.subscriptionId, grantIdOf(row)));
}

const grantIdOf = ({ purchaseId }: ChargeRow): string => `grt_${stem(purchaseId!)}`;

const view = (subscription: SubscriptionRow, row: ChargeRow, grant: GrantRow | undefined) =>
  purchaseView(row, grant ? grantView(grant, nowOf(subscription), endsAt(subscription.state)) : null);

function buyRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/purchases',
      summary: 'Buy packs: charged at once, credited once paid, renewed with the plan',
      scope: 'billing',
      params: s.byId,
      body: z
        .strictObject({
          packs: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
          pack: s.pack.optional(),
          interval: s.interval.optional(),
          payment_method: s.paymentMethod.optional(),
        })
        .meta({ id: 'PurchaseRequest' }),
      idempotent: true,
      answers: {
        201: { description: 'Paid and credited', schema: s.purchase },
        202: { description: 'The payment is pending', schema: s.purchase },
      },
    },
    async (c, input) => command(deps, c, input, await buying(deps, input.params.id, input.body)),
  );
}

interface Buying {
  packs: number;
  /** R-32a: the pack's id, where several are sold. */
  pack?: string | undefined;
  interval?: Interval | undefined;
  payment_method?: string | undefined;
}

/** The command of a purchase. It refuses more packs than the catalogue allows. */
export async function buying(
  deps: Deps,
  id: string,
  { packs, pack, interval, payment_method }: Buying,
): Promise<Operation> {
  const most = (await deps.catalogs.current()).policies.packs_per_purchase;
  return {
    operation: 'buy_packs',
    id,
    makes: 'pur',
    command: (row) => {
      if (packs > most) throw s.fault('/packs', `must be at most ${most} (R-03)`);
      checkMethod(deps, payment_method);
      return {
        type: 'buy_packs',
        purchaseId: row.objectId,
        packs,
        pack: pack ?? null,
        interval: interval ?? null,
        paymentMethod: payment_method ?? null,
      };
    },
    answer: async (row, subscription) => {
      const charge = await readCharge(deps.db, id, { purchaseId: row.objectId });
      if (!charge) throw notFound();
      return {
        status: charge.status === 'paid' ? 201 : 202,
        body: await withGrant(deps, subscription, charge),
      };
    },
  };
}
