import { z } from 'zod';
import { receive } from '../db/inbox.ts';
import { findCharge } from '../db/reads.ts';
import { iso } from '../domain/calendar.ts';
import { type PaymentSettled, SIGNAL } from '../workflows/messages.ts';
import { type Deps, subscriptionOr404 } from './context.ts';
import { notFound } from './problems.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';
import { nowOf } from './views.ts';

/** The sandbox's webhook: it settles a pending charge through the inbox, the way a provider would. */
export function billingRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/sandbox/charges/{id}/settle',
      summary: 'Settle a pending charge (sandbox billing only)',
      scope: 'billing',
      params: s.byId,
      body: z.strictObject({ outcome: z.enum(['paid', 'declined']) }),
      answers: {
        200: {
          description: 'Received',
          schema: z.object({ received: z.literal(true), duplicate: z.boolean(), at: z.string() }),
        },
      },
    },
    async (c, { params, body }) => {
      if (deps.billing !== 'sandbox') throw notFound();
      const charge = await findCharge(deps.db, params.id);
      if (!charge) throw notFound();
      // the sandbox's instant is the subscription's now.
      const at = nowOf(await subscriptionOr404(deps, charge.subscriptionId));
      const attempt = charge.attempts.at(-1)?.attempt ?? 1;
      const payload: PaymentSettled = { chargeId: charge.id, outcome: body.outcome, at };
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
