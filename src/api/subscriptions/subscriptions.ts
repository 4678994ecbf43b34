import { z } from 'zod';
import type { CommandRow } from '../../db/commands.ts';
import { balanceAt } from '../../db/ledger.ts';
import { forfeited, listSubscriptions, type SubscriptionRow } from '../../db/reads.ts';
import type { Grant } from '../../domain/burndown.ts';
import type { AddOnItem } from '../../domain/state.ts';
import { forecast } from '../../domain/timeline.ts';
import type { CommandAnswer } from '../commands.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { isNamed, json, notModified, tagOf, versionIn } from '../replies.ts';
import { type App, type FastRoute, fastRoute, route, routeOnBoth } from '../route.ts';
import * as s from '../schemas.ts';
import { command, type Operation } from '../updates.ts';
import { subscriptionView } from '../views.ts';
import { balanceOr404, shown } from './found.ts';
import { checkMethod } from './payment-methods.ts';

// GET /v1/subscriptions and /v1/subscriptions/{id}: read subscriptions.
// POST …/{id}/cancel, …/resume, PUT …/{id}/add_on, …/payment_method, …/allowance: commands to the workflow (updates.ts).

/** Registers the reads of subscriptions and the commands of their lifecycle. */
export function subscriptionRoutes(app: App, deps: Deps): void {
  readRoutes(app, deps);
  lifecycleRoutes(app, deps);
}

function readRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions',
      summary: 'List subscriptions',
      scope: 'read',
      query: z.strictObject({
        ...s.paging,
        customer_id: s.text(255).optional(),
        status: s.status.optional(),
      }),
      answers: { 200: { description: 'A page', schema: s.list(s.subscription) } },
    },
    async (c, { query }) => {
      const page = pageOf(query, 'subscriptions', 'id');
      const catalog = await deps.catalogs.current();
      const rows = await listSubscriptions(
        deps.db,
        { customerId: query.customer_id, status: query.status },
        page,
      );
      return c.json(
        listBody(
          rows,
          page,
          ({ state }) => [state.id],
          (row) => subscriptionView(row, catalog),
        ),
      );
    },
  );
  routeOnBoth(app, subscriptionRead(deps));
}

/** The route of a subscription, for the application and the fast path. */
export const subscriptionRead = (deps: Deps): FastRoute =>
  fastRoute(
    {
      method: 'get',
      path: '/v1/subscriptions/{id}',
      summary: 'Read a subscription',
      scope: 'read',
      params: s.byId,
      answers: { 200: { description: 'The subscription', schema: s.subscription } },
    },
    async ({ params: { id } }, { ifNoneMatch }) => {
      const catalog = await deps.catalogs.current();
      const { version, found } = await balanceOr404(deps, id, versionIn(ifNoneMatch, catalog));
      const tag = tagOf(version, catalog);
      if (found === null || isNamed(tag, ifNoneMatch)) return notModified(tag);
      return json(subscriptionView(found.row, catalog), { ETag: tag });
    },
  );

const subscriptionAnswer = { 200: { description: 'The subscription', schema: s.subscription } };

/** R-33, R-32a: the packs in all, or each pack with its quantity. */
const quantity = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const addOnRequest = z
  .strictObject({
    packs: quantity.optional(),
    items: z
      .array(z.strictObject({ pack: s.pack, quantity }))
      .max(100)
      .optional(),
  })
  .meta({ id: 'AddOnRequest' });

interface AddOnRequest {
  packs: number;
  items: AddOnItem[] | null;
}

function addOnOf({ packs, items }: z.output<typeof addOnRequest>): AddOnRequest {
  if ((packs === undefined) === (items === undefined))
    throw s.fault('/packs', 'or items is required, and not both');
  const twice =
    items?.findIndex(({ pack }, i) => items.slice(0, i).some((other) => other.pack === pack)) ?? -1;
  if (twice >= 0) throw s.fault(`/items/${twice}/pack`, 'is named before');
  return { packs: packs ?? 0, items: items ?? null };
}

function lifecycleRoutes(app: App, deps: Deps): void {
  const answerView = shownAfter(deps);
  const common = { scope: 'billing', params: s.byId, idempotent: true, answers: subscriptionAnswer } as const;
  const at = '/v1/subscriptions/{id}';
  route(
    app,
    {
      ...common,
      method: 'post',
      path: `${at}/cancel`,
      summary: 'Cancel at the next renewal, or now',
      body: z.strictObject({
        at: z.enum(['renewal', 'now']).default('renewal'),
        reason: s.reason.optional(),
      }),
    },
    (c, input) => command(deps, c, input, cancelling(deps, input.params.id, input.body)),
  );
  route(
    app,
    {
      ...common,
      method: 'post',
      path: `${at}/resume`,
      summary: 'Undo a scheduled change',
      body: z.strictObject({}),
    },
    (c, input) => command(deps, c, input, resuming(deps, input.params.id)),
  );
  route(
    app,
    {
      ...common,
      method: 'put',
      path: `${at}/add_on`,
      summary: 'Lower the packs that renew with the plan',
      body: addOnRequest,
    },
    (c, input) => command(deps, c, input, lowering(deps, input.params.id, addOnOf(input.body))),
  );
  route(
    app,
    {
      ...common,
      method: 'put',
      path: `${at}/payment_method`,
      summary: 'Change the payment method; an open charge is tried at once',
      body: z.strictObject({ payment_method: s.paymentMethod }),
    },
    (c, input) => command(deps, c, input, payingWith(deps, input.params.id, input.body.payment_method)),
  );
  route(
    app,
    {
      ...common,
      scope: 'operator',
      method: 'put',
      path: `${at}/allowance`,
      summary: 'Set the allowance of a contract from the next boundary on',
      body: z.strictObject({ credits: s.allowance }),
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'set_allowance',
        id: input.params.id,
        command: () => ({ type: 'set_allowance', credits: input.body.credits }),
        answer: answerView,
      }),
  );
  route(
    app,
    {
      ...common,
      scope: 'operator',
      method: 'post',
      path: `${at}/reprice`,
      summary: 'Let a subscription that keeps an older price pay the one in force, from the next renewal on',
      body: z.strictObject({}),
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'reprice',
        id: input.params.id,
        command: () => ({ type: 'reprice' }),
        answer: answerView,
      }),
  );
}

const shownAfter =
  (deps: Deps) =>
  async (_: CommandRow, row: SubscriptionRow): Promise<CommandAnswer> => ({
    status: 200,
    body: await shown(deps, row),
  });

/** The command of a cancellation, at the next renewal or now. Its answer adds `credits_at_risk`. */
export const cancelling = (
  deps: Deps,
  id: string,
  { at, reason }: { at: 'renewal' | 'now'; reason?: string | undefined },
): Operation => ({
  operation: 'cancel',
  id,
  command: () => ({ type: 'cancel', at, ...(reason === undefined ? {} : { reason }) }),
  answer: async (_, row) => ({
    status: 200,
    body: { ...(await shown(deps, row)), credits_at_risk: await creditsAtRisk(deps, row) },
  }),
});

/** The command that withdraws a scheduled cancellation or change. */
export const resuming = (deps: Deps, id: string): Operation => ({
  operation: 'resume',
  id,
  command: () => ({ type: 'resume' }),
  answer: shownAfter(deps),
});

/** The command that lowers the packs that renew with the plan. */
export const lowering = (deps: Deps, id: string, addOn: AddOnRequest): Operation => ({
  operation: 'set_add_on',
  id,
  command: () => ({ type: 'set_add_on', ...addOn }),
  answer: shownAfter(deps),
});

/** The command that sets the payment method; an open charge is tried with it at once. Throws `invalid_request`. */
export const payingWith = (deps: Deps, id: string, method: string): Operation => ({
  operation: 'set_payment_method',
  id,
  command: () => {
    checkMethod(deps, method);
    return { type: 'set_payment_method', paymentMethod: method };
  },
  answer: async (_, row) => ({
    status: row.state.unpaid?.pending ? 202 : 200,
    body: await shown(deps, row),
  }),
});

/** credits that the end would forfeit if no more were spent; after the end, the forfeited credits. */
export async function creditsAtRisk(deps: Deps, { state }: SubscriptionRow): Promise<number> {
  if (state.endedAt !== null) return forfeited(deps.db, state.id);
  const catalog = await deps.catalogs.current();
  const rows = await balanceAt(deps.db, state.id, null);
  const grants = (rows?.grants ?? []).map(
    (row): Grant => ({ ...row, amount: row.remaining, effectiveAt: state.now, made: 0 }),
  );
  const end = state.scheduled?.at ?? state.now;
  const { happenings } = forecast(state, grants, catalog, { until: end });
  return Math.abs(happenings.find(({ kind }) => kind === 'end')?.credits ?? 0);
}
