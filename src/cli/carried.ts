import type { Remains, UnbookedCharge } from '../db/audit/rehydrate.ts';
import type { Command } from '../domain/commands.ts';
import type { State } from '../domain/state.ts';
import { commandOf } from '../workflows/message-checks.ts';
import { CUSTOMER_SUBSCRIBED, type RepeatedCommand, type SubscriptionInput } from '../workflows/messages.ts';

/** The input of a lost workflow's new run: the state that its next run would have had, as far as it is booked. */
export function inputOf(remains: Remains): SubscriptionInput {
  const { state, snapshot, catalog, signals } = remains;
  if (snapshot.step === 0) return startOf(remains);
  const { step, version, grants, endedAt } = snapshot;
  const asked = askedBefore(remains);
  return {
    catalog,
    begin: null,
    keepsTimer: true,
    carried: {
      // the ledger dated an end that nobody scheduled.
      state: { ...state, grants, endedAt: endedAt ?? state.endedAt },
      step,
      version,
      advance: null,
      signals: signals.flatMap(({ kind, payload }) => commandOf(kind, payload) ?? []),
      ...(asked ? { asked } : {}),
    },
  };
}

/** A start whose first payment was at billing: its first step is not booked, so it runs again under the same command's row. */
function startOf({ state, metadata, catalog, ref }: Remains): SubscriptionInput {
  if (ref === null) throw new Error('its first step is not booked, and nobody asked for it');
  const { id, customerId, plan, interval, timeZone, paymentMethod, allowance, anchorAt, testClock, now } =
    state;
  const start = { id, customerId, plan, interval, timeZone, paymentMethod, allowance, anchorAt, testClock };
  const begin = { start, at: testClock ? now : null, metadata, ref, conflict: CUSTOMER_SUBSCRIBED };
  return { catalog, begin, carried: null, keepsTimer: true };
}

function askedBefore({ state, charge, ref }: Remains): RepeatedCommand | undefined {
  // Work that came due by itself comes due again: a renewal, its retry, a top-up.
  if (charge === null || ref === null) return undefined;
  return { command: commandFor(charge, state), ref, at: charge.attempt_at };
}

function commandFor(charge: UnbookedCharge, state: State): Command {
  const { id: chargeId, kind, pack, packs, payment_method: paymentMethod, purchase_id: purchaseId } = charge;
  switch (kind) {
    case 'purchase':
      return { type: 'buy_packs', purchaseId: purchaseId!, packs, pack, interval: null, paymentMethod };
    case 'upgrade':
      return { type: 'change_plan', chargeId, ...planOf(charge) };
    case 'renewal':
      return { type: 'set_payment_method', paymentMethod };
    case 'start':
      throw new Error(`the first payment of ${state.id} is asked for after its first step`);
  }
}

function planOf({ id, lines }: UnbookedCharge) {
  const [line] = lines;
  if (!line?.plan || !line.interval) throw new Error(`${id} names no plan`);
  return { plan: line.plan, interval: line.interval };
}
