import { z } from 'zod';
import type { ProviderEvent, ProviderMessage, ProviderSettlement, Return } from '../../billing/gateway.ts';
import type { Database } from '../../db/client.ts';
import { type InboxMessage, MONEY_BACK, outcomeOf, type PutAside, receive } from '../../db/inbox.ts';
import { type ChargeRow, readCharge, readSubscription } from '../../db/reads.ts';
import { chargeOfPayment } from '../../db/stripe.ts';
import { type Catalog, findPlan, planOf } from '../../domain/catalog/catalog.ts';
import { isToCome } from '../../domain/charges.ts';
import { newId } from '../../ids.ts';
import {
  type CancelSignal,
  type PaymentSettled,
  type PlanChanged,
  SIGNAL,
} from '../../workflows/messages.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';

// POST /v1/billing/webhooks/stripe, POST /v1/billing/webhooks/external: check the signature, read the charge, and insert the
// event into `inbox` once for its id. They lock nothing, and Temporal is not asked: the relay passes the event on.

const PROVIDERS = {
  stripe: 'Take an event of Stripe (billing by Stripe only)',
  external: 'Take an event of the system that owns billing (external billing only)',
};

/** Registers the webhook routes; each answers 404 unless that provider bills. */
export function webhookRoutes(app: App, deps: Deps): void {
  for (const [provider, summary] of Object.entries(PROVIDERS))
    route(
      app,
      {
        method: 'post',
        path: `/v1/billing/webhooks/${provider}`,
        summary,
        // The provider signs its request and has no key.
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
        if (deps.billing !== provider || !deps.readEvent) throw notFound();
        const body = new Uint8Array(await c.req.arrayBuffer());
        const event = await deps.readEvent(body, c.req.raw.headers);
        return c.json({ received: true, duplicate: !(await store(deps, provider, event)) });
      },
    );
}

/** Stores an event; false when its id was stored before. An event that no workflow waits for is stored whole. */
async function store(deps: Deps, provider: string, event: ProviderEvent): Promise<boolean> {
  const { db } = deps;
  const { id: eventId, type, message, returned, content } = event;
  if (returned !== null) return storeReturn(db, provider, event, returned);
  const head = { provider, eventId, subscriptionId: message?.subscriptionId ?? '' };
  const known = await outcomeOf(db, provider, eventId);
  if (known === 'mismatched') throw mismatched();
  if (known !== undefined) return false;
  const putAside = message ? await putAsideFor(deps, message) : 'ignored';
  if (message !== null && putAside === null) return receive(db, { ...head, ...signalOf(message) });
  const isNew = await receive(db, { ...head, kind: type, payload: content }, putAside);
  if (putAside === 'mismatched') throw mismatched();
  return isNew;
}

/** the sender gets this refusal, and the reconciler reports the stored event, since money may have moved. */
const mismatched = () =>
  s.fault('/data/amount', 'must be the amount of the charge, which exists: nothing was booked');

/** stores a refund or a dispute; the relay books it in the ledger. */
async function storeReturn(
  db: Database,
  provider: string,
  { id: eventId, type, content }: ProviderEvent,
  returned: Return,
): Promise<boolean> {
  const charge = await chargeOfReturn(db, returned);
  if (!charge) {
    const subscriptionId = 'payment' in returned ? '' : returned.subscriptionId;
    return receive(db, { provider, eventId, subscriptionId, kind: type, payload: content }, 'unknown');
  }
  const { subscriptionId, chargeId } = charge;
  const payload = { chargeId, ...returned.back };
  return receive(db, { provider, eventId, subscriptionId, kind: MONEY_BACK, payload });
}

async function chargeOfReturn(
  db: Database,
  returned: Return,
): Promise<{ subscriptionId: string; chargeId: string } | undefined> {
  if ('payment' in returned) return chargeOfPayment(db, returned.payment);
  const charge = await readCharge(db, returned.subscriptionId, returned);
  return charge && { subscriptionId: charge.subscriptionId, chargeId: charge.id };
}

/** refuses a change to a plan that the catalogue does not have by that interval. Throws `invalid_request`. */
function checkPlan(catalog: Catalog, { plan, interval }: Pick<PlanChanged, 'plan' | 'interval'>): void {
  if (findPlan(catalog, plan, interval)) return;
  const isKnown = planOf(catalog, plan) !== undefined;
  throw isKnown
    ? s.fault('/data/interval', 'is none that the plan is sold by')
    : s.fault('/data/plan', 'is not in the catalogue');
}

/** The reason why an event goes to no workflow; null when it goes to one. */
async function putAsideFor(deps: Deps, message: ProviderMessage): Promise<PutAside | null> {
  const { db } = deps;
  const subscription = await readSubscription(db, message.subscriptionId);
  if (!subscription) return 'unknown';
  if (message.kind === 'plan_changed') checkPlan(await deps.catalogs.current(), message);
  if (message.kind !== 'settled') return null;
  const charge = await readCharge(db, message.subscriptionId, message);
  if (!charge) {
    if (!isToCome(subscription.state, message.chargeId)) return 'unknown';
    // an event about a charge still to come waits in the workflow.
    checkEarly(message, (await deps.catalogs.current()).currency);
    return null;
  }
  if (!isItsAmount(charge, message)) return 'mismatched';
  const { outcome, attempt } = message;
  const newest = Math.max(...charge.attempts.map((made) => made.attempt));
  return outcome === 'declined' && attempt !== undefined && attempt < newest ? 'superseded' : null;
}

/** the amount of a charge still to come is not known, so the event must name the amount paid. */
function checkEarly({ outcome, amountMinor, currency }: ProviderSettlement, ours: string): void {
  if (amountMinor === undefined && outcome === 'paid')
    throw s.fault('/data/amount', 'is required: the charge does not exist yet (R-42)');
  if (currency !== undefined && currency !== ours)
    throw s.fault('/data/amount/currency', `must be ${ours}, the currency of the catalogue`);
}

/** Whether the event's amount is the charge's, or the charge's with the money owed from before. */
function isItsAmount(charge: ChargeRow, { amountMinor, currency }: ProviderSettlement): boolean {
  if (amountMinor === undefined) return true;
  const amounts = [charge.amountMinor, charge.amountMinor + charge.owedMinor];
  return currency === charge.currency && amounts.includes(amountMinor);
}

/** The signal that carries a message to the workflow. */
function signalOf({
  subscriptionId: _,
  ...message
}: ProviderMessage): Pick<InboxMessage, 'kind' | 'payload'> {
  switch (message.kind) {
    case 'settled': {
      const { kind: __, ...payload } = message satisfies PaymentSettled;
      return { kind: SIGNAL.paymentSettled, payload };
    }
    case 'cancelled': {
      const { kind: __, ...payload } = message satisfies CancelSignal;
      return { kind: SIGNAL.cancelled, payload };
    }
    case 'plan_changed': {
      const { kind: __, ...change } = message;
      // An upgrade is a charge; it is pending under this id until its payment is settled.
      const payload = { ...change, chargeId: newId('chg') } satisfies PlanChanged;
      return { kind: SIGNAL.planChanged, payload };
    }
  }
}
