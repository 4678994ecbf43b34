import { z } from 'zod';
import type { ProviderEvent, Return, Settlement } from '../billing/gateway.ts';
import type { Database } from '../db/client.ts';
import { MONEY_BACK, type PutAside, receive } from '../db/inbox.ts';
import { type ChargeRow, readCharge } from '../db/reads.ts';
import { chargeOfPayment } from '../db/stripe.ts';
import { type PaymentSettled, SIGNAL } from '../workflows/messages.ts';
import type { Deps } from './context.ts';
import { notFound } from './problems.ts';
import { type App, route } from './route.ts';

/** What a provider of billing sends: its signature is checked, the event stored, then answered. Temporal is not asked. */
export function webhookRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/billing/webhooks/stripe',
      summary: 'Take an event of Stripe (billing by Stripe only)',
      // Stripe signs instead.
      scope: null,
      isSigned: true,
      answers: {
        200: {
          description: 'Stored',
          schema: z.object({ received: z.literal(true), duplicate: z.boolean() }),
        },
      },
    },
    async (c) => {
      if (!deps.readStripe) throw notFound();
      const body = new Uint8Array(await c.req.arrayBuffer());
      const event = await deps.readStripe(body, c.req.header('Stripe-Signature'));
      return c.json({ received: true, duplicate: !(await store(deps.db, 'stripe', event)) });
    },
  );
}

/** False when it was here before. What no workflow waits for is kept whole. */
async function store(db: Database, provider: string, event: ProviderEvent): Promise<boolean> {
  const { id: eventId, type, settlement, returned, content } = event;
  if (returned !== null) return storeReturn(db, provider, event, returned);
  const subscriptionId = settlement?.subscriptionId ?? '';
  const charge = settlement ? await readCharge(db, subscriptionId, settlement) : undefined;
  const putAside = putAsideFor(settlement, charge);
  if (settlement === null || putAside !== null)
    return receive(db, { provider, eventId, subscriptionId, kind: type, payload: content }, putAside);
  const { chargeId, attempt, outcome, at } = settlement;
  const payload: PaymentSettled = { chargeId, attempt, outcome, at };
  return receive(db, {
    provider,
    eventId,
    subscriptionId,
    kind: SIGNAL.paymentSettled,
    payload: { ...payload },
  });
}

/** money that went back, or that a bank wants back, of a payment that is named alone. */
async function storeReturn(
  db: Database,
  provider: string,
  { id: eventId, type, content }: ProviderEvent,
  { payment, back }: Return,
): Promise<boolean> {
  const charge = await chargeOfPayment(db, payment);
  if (!charge) {
    const message = { provider, eventId, subscriptionId: '', kind: type, payload: content };
    return receive(db, message, 'unknown');
  }
  const { subscriptionId, chargeId } = charge;
  const payload = { chargeId, ...back };
  return receive(db, { provider, eventId, subscriptionId, kind: MONEY_BACK, payload });
}

/** Why an event goes to no workflow; null when it does. */
function putAsideFor(settlement: Settlement | null, charge: ChargeRow | undefined): PutAside | null {
  if (settlement === null) return 'ignored';
  if (charge === undefined) return 'unknown';
  const newest = Math.max(...charge.attempts.map(({ attempt }) => attempt));
  return settlement.outcome === 'declined' && settlement.attempt < newest ? 'superseded' : null;
}
