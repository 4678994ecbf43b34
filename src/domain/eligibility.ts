import type { Interval } from './calendar.ts';
import { type Catalog, findPlan, type PlanId } from './catalog.ts';
import { Refusal } from './errors.ts';
import type { State } from './state.ts';

/** the refusal of a subscription that is not active. */
export const NOT_ACTIVE = () => new Refusal('subscription_not_active', 'The subscription is not active.');

/** `payment_past_due` or `subscription_not_active` for a command that needs an active subscription; else null. */
export function inactiveRefusal(state: State): Refusal | null {
  if (state.status === 'past_due')
    return new Refusal(
      'payment_past_due',
      'The last renewal is unpaid: pay it with a new payment method first.',
    );
  return state.status === 'active' ? null : NOT_ACTIVE();
}

function cancellingRefusal(state: State): Refusal | null {
  if (state.scheduled?.kind !== 'cancel') return null;
  return new Refusal('cancellation_scheduled', 'The subscription is being cancelled: resume it first.');
}

/** the refusal of a purchase of packs of this interval; null when it is allowed. */
export function buyingRefusal(state: State, interval: Interval): Refusal | null {
  // R-36 goes before the rest: enterprise always buys through its account manager, except after the end.
  if (state.plan === 'enterprise' && state.status !== 'ended')
    return new Refusal('contact_account_manager', 'Enterprise buys credits through its account manager.');
  const refusal = inactiveRefusal(state) ?? cancellingRefusal(state);
  if (refusal) return refusal;
  if (interval === state.interval) return null;
  return new Refusal(
    'pack_not_offered',
    `A plan paid by the ${state.interval} takes only packs of the ${state.interval}.`,
  );
}

/** the refusal of a change to this plan; null when it is allowed. */
export function changingRefusal(state: State, plan: PlanId, interval: Interval): Refusal | null {
  const refusal = inactiveRefusal(state) ?? cancellingRefusal(state);
  if (refusal) return refusal;
  if (state.plan === 'enterprise' || plan === 'enterprise')
    return new Refusal('plan_not_eligible', 'Enterprise is agreed with an account manager.');
  if (plan === state.plan && interval === state.interval)
    return new Refusal('plan_not_eligible', 'The subscription has this plan.');
  if (state.waiting.some(({ charge }) => charge.kind === 'upgrade'))
    return new Refusal('plan_not_eligible', 'The payment of an upgrade is pending: wait for it.');
  return null;
}

/** whether a change is an upgrade: a dearer plan within one interval, or month to year. Year to month never is. */
export function isUpgrade(state: State, catalog: Catalog, plan: PlanId, interval: Interval): boolean {
  if (interval !== state.interval) return interval === 'year';
  const cost = (id: PlanId) => findPlan(catalog, id, interval)?.price_minor ?? 0;
  return cost(plan) > cost(state.plan);
}
