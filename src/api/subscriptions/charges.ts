import { z } from 'zod';
import { MONEY_BACK, receive } from '../../db/inbox.ts';
import { type ChargeRow, findCharge } from '../../db/reads.ts';
import { iso } from '../../domain/calendar.ts';
import type { MoneyBack } from '../../domain/refunds.ts';
import { type PaymentSettled, SIGNAL } from '../../workflows/messages.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { nowOf } from '../views.ts';
import { subscriptionOr404 } from './found.ts';

// POST /v1/sandbox/charges/{id}/settle, …/refund and …/dispute, with sandbox billing only: read the charge and insert a message
// into `inbox`, as a provider's webhook would. Temporal is not asked: the relay passes the message on.

const received = {
  description: 'Received',
  schema: z.object({ received: z.literal(true), duplicate: z.boolean(), at: z.string() }),
};

async function sandboxCharge(deps: Deps, id: string): Promise<ChargeRow> {
  const charge = deps.billing === 'sandbox' ? await findCharge(deps.db, id) : undefined;
  if (!charge) throw notFound();
  return charge;
}

/** Registers the sandbox's webhooks. */
export function billingRoutes(app: App, deps: Deps): void {
  returnRoutes(app, deps);
  route(
    app,
    {
      method: 'post',
      path: '/v1/sandbox/charges/{id}/settle',
      summary: 'Settle a pending charge (sandbox billing only)',
      scope: 'billing',
      params: s.byId,
      body: z.strictObject({ outcome: z.enum(['paid', 'declined']) }),
      answers: { 200: received },
    },
    async (c, { params, body }) => {
      const charge = await sandboxCharge(deps, params.id);
      // the sandbox's instant is the subscription's now.
      const at = nowOf(await subscriptionOr404(deps, charge.subscriptionId));
      const attempt = charge.attempts.at(-1)?.attempt ?? 1;
      const payload: PaymentSettled = { chargeId: charge.id, attempt, outcome: body.outcome, at };
      const isNew = await receive(deps.db, {
        provider: 'sandbox',
        eventId: `${charge.id}/${attempt}/${body.outcome}`,
        subscriptionId: charge.subscriptionId,
        kind: SIGNAL.paymentSettled,
        payload: { ...payload },
      });
      return c.json({ received: true, duplicate: !isNew, at: iso(at) });
    },
  );
}

/** a refund made at the provider, and the state of a dispute. */
function returnRoutes(app: App, deps: Deps): void {
  const at = '/v1/sandbox/charges/{id}';
  const common = { method: 'post', scope: 'billing', params: s.byId, answers: { 200: received } } as const;

  async function receiveBack(id: string, name: string, back: MoneyBack) {
    const charge = await sandboxCharge(deps, id);
    const { subscriptionId } = charge;
    const now = nowOf(await subscriptionOr404(deps, subscriptionId));
    const isNew = await receive(deps.db, {
      provider: 'sandbox',
      eventId: `${charge.id}/${name}`,
      subscriptionId,
      kind: MONEY_BACK,
      payload: { chargeId: charge.id, ...back },
    });
    return { received: true, duplicate: !isNew, at: iso(now) } as const;
  }

  route(
    app,
    {
      ...common,
      path: `${at}/refund`,
      summary: 'Say that a charge was refunded at the provider (sandbox billing only)',
      body: z.strictObject({ refunded_minor: z.int().min(1).max(Number.MAX_SAFE_INTEGER) }),
    },
    async (c, { params, body: { refunded_minor: toMinor } }) =>
      c.json(await receiveBack(params.id, `refund/${toMinor}`, { kind: 'refund', toMinor })),
  );
  route(
    app,
    {
      ...common,
      path: `${at}/dispute`,
      summary: 'Report the state of a dispute (sandbox billing only)',
      body: z.strictObject({
        dispute: s.text(64),
        amount_minor: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
        status: z.enum(['open', 'won', 'lost']),
      }),
    },
    async (c, { params, body: { dispute: id, amount_minor: amountMinor, status } }) =>
      c.json(
        await receiveBack(params.id, `dispute/${id}/${status}`, { kind: 'dispute', id, amountMinor, status }),
      ),
  );
}
