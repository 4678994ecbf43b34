import { z } from 'zod';
import type { CommandRow } from '../../db/commands.ts';
import { allowanceOf, readCharge, type SubscriptionRow } from '../../db/reads.ts';
import type { Interval } from '../../domain/calendar.ts';
import { decide } from '../../domain/commands.ts';
import type { CommandAnswer } from '../commands.ts';
import type { Deps } from '../deps.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { command, type Operation } from '../updates.ts';
import { nowOf, subscriptionView } from '../views.ts';
import { subscriptionOr404 } from './found.ts';

// POST /v1/subscriptions/{id}/change: a command to the workflow (updates.ts); with `preview` it decides and writes nothing.

/** Registers the change of plan. */
export function changeRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/change',
      summary: 'Upgrade now or downgrade at the next renewal; preview changes nothing',
      scope: 'billing',
      params: s.byId,
      body: z.strictObject({ plan: s.plan, interval: s.interval, preview: z.boolean().default(false) }),
      idempotent: true,
      answers: {
        200: { description: 'Changed, scheduled or previewed', schema: changeAnswer },
        202: { description: 'The charge is pending', schema: changeAnswer },
      },
    },
    async (c, input) => {
      const { plan, interval, preview } = input.body;
      const { id } = input.params;
      if (preview) return c.json(await previewed(deps, await subscriptionOr404(deps, id), plan, interval));
      return command(deps, c, input, {
        operation: 'change_plan',
        id,
        makes: 'chg',
        command: (row) => ({ type: 'change_plan', chargeId: row.objectId, plan, interval }),
        answer: (row, after) => changed(deps, row, after),
      });
    },
  );
}

/** Registers the activation of a trial. */
export function activateRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/activate',
      summary: 'End the trial now: the plan is charged, and its first cycle begins',
      scope: 'billing',
      params: s.byId,
      body: z.strictObject({}),
      idempotent: true,
      answers: {
        200: { description: 'Activated', schema: changeAnswer },
        202: { description: 'The charge is pending', schema: changeAnswer },
      },
    },
    (c, input) => command(deps, c, input, activating(deps, input.params.id)),
  );
}

/** The command that ends a trial now. */
export const activating = (deps: Deps, id: string): Operation => ({
  operation: 'activate',
  id,
  makes: 'chg',
  command: (row) => ({ type: 'activate', chargeId: row.objectId }),
  answer: (row, after) => changed(deps, row, after),
});

const changeAnswer = z.object({
  effective: z.enum(['now', 'renewal']),
  charge: s.orNull(s.money),
  allowance_granted: z.int(),
  subscription: s.subscription,
});

/** the answer of the change, or its refusal, without the change. */
async function previewed(deps: Deps, row: SubscriptionRow, plan: string, interval: Interval) {
  const catalog = await deps.catalogs.current();
  const { charge } = decide(
    row.state,
    { type: 'change_plan', chargeId: 'chg_preview', plan, interval },
    nowOf(row),
    catalog,
  );
  return {
    effective: charge ? 'now' : 'renewal',
    charge: charge && { amount_minor: charge.amountMinor, currency: charge.currency },
    allowance_granted: charge ? charge.buys.allowance : 0,
    subscription: subscriptionView(row, catalog),
  };
}

async function changed(deps: Deps, row: CommandRow, after: SubscriptionRow): Promise<CommandAnswer> {
  const charge = await readCharge(deps.db, after.state.id, { chargeId: row.objectId });
  const isPaid = charge?.status === 'paid';
  const catalog = await deps.catalogs.current();
  const granted = isPaid ? await allowanceOf(deps.db, charge) : 0;
  return {
    status: charge && !isPaid ? 202 : 200,
    body: {
      effective: charge ? 'now' : 'renewal',
      charge: charge ? { amount_minor: charge.amountMinor, currency: charge.currency } : null,
      allowance_granted: granted,
      subscription: subscriptionView(after, catalog),
    },
  };
}
