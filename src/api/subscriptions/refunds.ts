import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type ChargeRow, readCharge, type SubscriptionRow } from '../../db/reads.ts';
import { type AskedRefund, askRefund, dropRefund, readRefund, refundCharge } from '../../db/refunds.ts';
import { packsIn } from '../../domain/catalog/packs.ts';
import { Refusal } from '../../domain/errors.ts';
import { runCommand } from '../commands.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import { reply } from '../replies.ts';
import { type App, type Input, route } from '../route.ts';
import * as s from '../schemas.ts';
import { subscriptionOr404 } from './found.ts';

// POST /v1/subscriptions/{id}/purchases/{purchase_id}/refund: three steps, and a repeat with the same key goes on at the
// step where the last one stopped. ask_refund puts the refund on record, billing returns the money, refund_charge takes the
// credits; both functions lock the ledger's row. Temporal is not asked, so it works after the subscription's end too.

const refundRequest = z
  .strictObject({ amount_minor: s.credits.optional(), reason: s.reason })
  .meta({ id: 'RefundRequest' });
type RefundInput = Input<z.output<typeof s.byPurchase>, unknown, z.output<typeof refundRequest>>;

/** Registers the refund of a purchase. */
export function refundRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/purchases/{purchase_id}/refund',
      summary: 'Refund a purchase, in whole or in part, and take back its unused credits (R-81)',
      scope: 'operator',
      params: s.byPurchase,
      body: refundRequest,
      idempotent: true,
      answers: { 200: { description: 'Refunded', schema: s.refund } },
    },
    async (c, input) => {
      const { id, purchase_id: purchaseId } = input.params;
      const subscription = await subscriptionOr404(deps, id);
      const charge = await readCharge(deps.db, id, { purchaseId });
      if (!charge) throw notFound();
      const operation = `refund_purchase/${purchaseId}`;
      const refundId = refundIdOf(id, operation, input.key);
      const answer = await runCommand(deps.db, {
        scope: id,
        operation,
        key: input.key,
        bodyHash: input.bodyHash,
        subscriptionId: id,
        objectId: refundId,
        isLocal: true,
        send: () => refund(deps, { subscription, charge, refundId }, input),
        answer: async () => ({ status: 200, body: await refundView(deps, charge, refundId) }),
      });
      return reply(c, answer);
    },
  );
}

/** The refund's id, the same for the same key: a repeat finds the refund that it began. */
const refundIdOf = (...of: [subscription: string, operation: string, key: string]): string =>
  `rfd_${createHash('sha256').update(of.join('\n')).digest('hex').slice(0, 32)}`;

interface RefundContext {
  subscription: SubscriptionRow;
  charge: ChargeRow;
  refundId: string;
}

/** Runs one refund of a charge at a time: an unfinished one of any caller ends first. */
async function refund(deps: Deps, wanted: RefundContext, input: RefundInput): Promise<void> {
  for (;;) {
    const asked = await ask(deps, wanted, input);
    if (asked.answer !== null) return;
    const isBack = await refundAtBilling(deps, wanted, asked);
    if (!isBack && asked.id === wanted.refundId)
      throw s.fault('/amount_minor', 'is more than billing still has of this purchase');
  }
}

async function ask(
  deps: Deps,
  { charge, refundId }: RefundContext,
  input: RefundInput,
): Promise<AskedRefund> {
  const { body, bodyHash, params } = input;
  const { amount_minor: amount = null, reason } = body;
  const wanted = { id: refundId, charge: charge.id, bodyHash, amount, reason };
  const asked = await askRefund(deps.db, params.id, wanted);
  switch (asked.kind) {
    case 'reused':
      throw new Refusal('idempotency_key_reused', 'A refund of another kind began under this key.');
    case 'unpaid':
      throw s.fault('', 'only a paid purchase can be refunded');
    case 'exceeds':
      throw s.fault(
        '/amount_minor',
        asked.left === 0
          ? 'nothing is left to refund'
          : `must be at most ${asked.left}, the amount not refunded yet`,
      );
    default:
      return asked.refund;
  }
}

/** Returns the money, then takes the credits. False where billing has less money: then the refund leaves the record. */
async function refundAtBilling(
  deps: Deps,
  { subscription }: RefundContext,
  asked: AskedRefund,
): Promise<boolean> {
  const { id: subscriptionId, customerId } = subscription.state;
  const { id, charge_id: chargeId, amount_minor: amountMinor } = asked;
  if (!(await money())) {
    await dropRefund(deps.db, subscriptionId, id);
    return false;
  }
  await refundCharge(deps.db, subscriptionId, { kind: 'refund', chargeId, id });
  return true;

  async function money(): Promise<boolean> {
    try {
      return await deps.gateway.refundPart({ id, chargeId, amountMinor }, { subscriptionId, customerId });
    } catch (error) {
      const { type, name } = error as Error & { type?: unknown };
      deps.log(`refund ${id}: ${typeof type === 'string' ? type : name}`, {
        level: 'warn',
        subscription_id: subscriptionId,
      });
      throw new Refusal(
        'billing_unavailable',
        'Billing did not say whether the money went back: repeat with the same key.',
      );
    }
  }
}

async function refundView(deps: Deps, { subscriptionId, currency }: ChargeRow, refundId: string) {
  const done = await readRefund(deps.db, subscriptionId, refundId);
  if (!done?.answer) throw notFound();
  const { revoked, unrecoverable, packs } = done.answer;
  await awaitAddOn(deps, subscriptionId, packs);
  return {
    refunded: { amount_minor: done.amountMinor, currency },
    revoked,
    unrecoverable,
    add_on: { packs },
  };
}

/** Milliseconds to wait until the workflow has lowered the packs: the inbox informs it, and the next read should agree. */
const ADD_ON_WITHIN_MS = 2_000;

async function awaitAddOn(deps: Deps, id: string, packs: number): Promise<void> {
  for (const until = Date.now() + ADD_ON_WITHIN_MS; Date.now() < until; ) {
    if (packsIn((await subscriptionOr404(deps, id)).state.addOn) <= packs) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
