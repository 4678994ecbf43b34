import { type Interval, isLonger } from './calendar.ts';
import { type Catalog, isContract } from './catalog/catalog.ts';
import { chosenPack } from './catalog/packs.ts';
import { Refusal } from './errors.ts';
import type { State } from './state.ts';
import { isRunning, priceOf } from './subscription.ts';

/** the refusal of a subscription that is not active. */
export const NOT_ACTIVE = () => new Refusal('subscription_not_active', 'The subscription is not active.');

/** `payment_past_due` or `subscription_not_active` for a command that needs a running subscription; else null. */
export function inactiveRefusal(state: State): Refusal | null {
  if (state.status === 'past_due')
    return new Refusal(
      'payment_past_due',
      'The last renewal is unpaid: pay it with a new payment method first.',
    );
  return isRunning(state) ? null : NOT_ACTIVE();
}

function cancellingRefusal(state: State): Refusal | null {
  if (state.scheduled?.kind !== 'cancel') return null;
  return new Refusal('cancellation_scheduled', 'The subscription is being cancelled: resume it first.');
}

/** the refusal of any purchase of packs; null where some pack may be bought. */
export function buyingRefusal(state: State, catalog: Catalog): Refusal | null {
  // R-36 goes before the rest: a contract always buys through its account manager, except after the end.
  if (isContract(catalog, state.plan) && state.status !== 'ended')
    return new Refusal(
      'contact_account_manager',
      'A plan paid by contract buys credits through its account manager.',
    );
  const refusal = inactiveRefusal(state) ?? cancellingRefusal(state);
  if (refusal) return refusal;
  if (state.status !== 'trialing') return null;
  return new Refusal(
    'subscription_trialing',
    'Packs wait for the end of the trial: activate the plan first.',
  );
}

/** the refusal of a purchase of this pack and interval; null when it is allowed. Throws as `chosenPack` does. */
export function packRefusal(
  state: State,
  catalog: Catalog,
  pack: string | null,
  interval: Interval,
): Refusal | null {
  const refusal = buyingRefusal(state, catalog);
  if (refusal) return refusal;
  if (interval !== state.interval)
    return new Refusal(
      'pack_not_offered',
      `A plan paid by the ${state.interval} takes only packs of the ${state.interval}.`,
    );
  chosenPack(state, catalog, pack);
  return null;
}

/** the refusal of a change to this plan; null when it is allowed. R-23: in a trial the plan itself is one. */
export function changingRefusal(
  state: State,
  catalog: Catalog,
  plan: string,
  interval: Interval,
): Refusal | null {
  const refusal = inactiveRefusal(state) ?? cancellingRefusal(state);
  if (refusal) return refusal;
  if (isContract(catalog, state.plan) || isContract(catalog, plan))
    return new Refusal('plan_not_eligible', 'A plan paid by contract is agreed with an account manager.');
  if (plan === state.plan && interval === state.interval && state.status !== 'trialing')
    return new Refusal('plan_not_eligible', 'The subscription has this plan.');
  if (state.waiting.some(({ charge }) => charge.kind === 'upgrade'))
    return new Refusal('plan_not_eligible', 'The payment of an upgrade is pending: wait for it.');
  return null;
}

/**
 * whether a change is an upgrade: a dearer plan within one interval, or a longer interval. R-17: from a free plan to a
 * paid one always, to a free one never. R-23: in a trial the plan itself, which is its activation.
 */
export function isUpgrade(state: State, catalog: Catalog, plan: string, interval: Interval): boolean {
  if (priceOf(state, catalog, plan, interval) === 0) return false;
  if (priceOf(state, catalog) === 0) return true;
  if (plan === state.plan && interval === state.interval) return true;
  if (interval !== state.interval) return isLonger(interval, state.interval);
  return (priceOf(state, catalog, plan, interval) ?? 0) > (priceOf(state, catalog) ?? 0);
}
