import { addDays, cycleAt, cycleUnit, type Instant, type Interval, renewalOf } from './calendar.ts';
import { type Catalog, findPlan, isContract, MOST, type Plan, planOf } from './catalog/catalog.ts';
import { chosenPack, packsIn, quantityOf } from './catalog/packs.ts';
import { type Settlement, settled } from './charge-outcomes.ts';
import { nextAttempt, purchaseCharge, startCharge, upgradeCharge } from './charges.ts';
import { changingRefusal, inactiveRefusal, isUpgrade, NOT_ACTIVE, packRefusal } from './eligibility.ts';
import { invalid, Refusal } from './errors.ts';
import { forgetLowered, type Withdrawal, withdraw } from './refunds.ts';
import type { AddOnItem, Decision, State, Unpaid } from './state.ts';
import {
  allowanceOf,
  type Draft,
  draft,
  end,
  grant,
  isRunning,
  nextRenewalAt,
  priceOf,
  schedule,
  stem,
  transition,
} from './subscription.ts';
import { openTerm } from './terms.ts';
import { retryTopUp, setTopUp, type TopUpRequest } from './top-up.ts';

/** A request of a caller, an operator or billing to a subscription. It brings the ids of the rows it will make. */
export type Command =
  | {
      type: 'buy_packs';
      purchaseId: string;
      packs: number;
      /** R-32a: null or absent: the only pack sold on the plan. */
      pack?: string | null;
      interval: Interval | null;
      paymentMethod: string | null;
    }
  /** the number of packs, where the add-on has one pack, or 0; or each pack by its id. */
  | { type: 'set_add_on'; packs: number; items?: AddOnItem[] | null }
  | { type: 'change_plan'; chargeId: string; plan: string; interval: Interval }
  | { type: 'activate'; chargeId: string }
  | { type: 'reprice' }
  | { type: 'cancel'; at: 'renewal' | 'now'; reason?: string }
  | { type: 'resume' }
  | { type: 'set_payment_method'; paymentMethod: string }
  | { type: 'issue_grant'; grantId: string; credits: number; expiresAt: Instant; reason: string }
  | { type: 'revoke_grant'; grantId: string; reason: string }
  | { type: 'set_allowance'; credits: number }
  | { type: 'set_top_up'; wish: TopUpRequest | null }
  | ({ type: 'withdraw_packs' } & Withdrawal)
  | ({ type: 'payment_settled' } & Settlement);

/** The input of a new subscription. */
export interface Start {
  id: string;
  customerId: string;
  plan: string;
  interval: Interval;
  timeZone: string;
  paymentMethod: string;
  /** Credits a cycle, for a contract only. */
  allowance: number | null;
  /** whether it begins with the plan's trial, where there is one. Absent: it does not. */
  trial?: boolean;
  /** the past anchor of a subscription that moves in from elsewhere. */
  anchorAt: Instant | null;
  testClock: boolean;
}

/**
 * Decides the start of a subscription. It asks for the first charge; one that moves in, a trial, a free plan
 * and a contract start without one and book `started`. Throws `plan_not_eligible`.
 */
export function begin(start: Start, at: Instant, catalog: Catalog): Decision {
  const plan = findPlan(catalog, start.plan, start.interval);
  if (!plan)
    throw new Refusal(
      'plan_not_eligible',
      `The catalogue has no ${start.plan} plan paid by the ${start.interval}.`,
    );
  const d = draft(fresh(start, at), at, catalog);
  const trial = start.trial ? planOf(catalog, start.plan)!.trial : null;
  if (start.anchorAt !== null) moveIn(d, start.anchorAt, at);
  else if (trial) beginTrial(d, trial, at);
  else if (!plan.price_minor) beginUncharged(d, at);
  else d.charge = startCharge(d.state, catalog, at);
  return d;
}

/** begins a plan that asks for no money: it is free, or paid by contract. */
function beginUncharged(d: Draft, at: Instant): void {
  const { plan, interval } = d.state;
  const priceMinor = priceOf(d.state, d.catalog);
  Object.assign(d.state, { status: 'active', anchorAt: at } satisfies Partial<State>);
  transition(d, 'started', at, priceMinor === null ? 'R-36' : 'R-17');
  const allowance = allowanceOf(d.state, d.catalog);
  openTerm(d, { plan, interval, allowance, priceMinor, chargeId: null, cycle: 0, at });
}

/** begins a trial: the cycle before the first, whose end is the anchor. Its credits end with it. */
function beginTrial(d: Draft, trial: NonNullable<Plan['trial']>, at: Instant): void {
  const endsAt = addDays(at, d.state.timeZone, trial.days);
  const running = {
    status: 'trialing',
    anchorAt: endsAt,
    cycle: -1,
    paidRenewal: -1,
    trialEndsAt: endsAt,
  } as const;
  // R-08a: it began with this price, whatever the catalogue asks for at the end of the trial.
  const kept = { priceMinor: priceOf(d.state, d.catalog) ?? 0, credits: allowanceOf(d.state, d.catalog) };
  Object.assign(d.state, running satisfies Partial<State>, { kept } satisfies Partial<State>);
  transition(d, 'started', at, 'R-23');
  if (trial.credits === 0) return;
  const id = `grt_${stem(d.state.id)}_trial`;
  const term = { effectiveAt: at, expiresAt: endsAt, chargeId: null };
  grant(d, { id, kind: 'allowance', credits: trial.credits, ...term });
}

function fresh(start: Start, at: Instant): State {
  return {
    rulesVersion: 2,
    id: start.id,
    customerId: start.customerId,
    plan: start.plan,
    interval: start.interval,
    timeZone: start.timeZone,
    status: 'incomplete',
    testClock: start.testClock,
    now: at,
    series: 0,
    anchorAt: null,
    cycle: 0,
    paidRenewal: 0,
    addOn: [],
    allowance: start.allowance,
    paymentMethod: start.paymentMethod,
    scheduled: null,
    unpaid: null,
    waiting: [],
    givenUp: [],
    grants: [],
    endedAt: null,
  };
}

/** counts the running term as paid and books `started`. Nothing is charged or granted before the next boundary. */
function moveIn(d: Draft, anchorAt: Instant, at: Instant): void {
  const cycle = cycleAt(anchorAt, d.state.timeZone, at, cycleUnit(d.state.interval));
  const paidRenewal = renewalOf(cycle, d.state.interval);
  Object.assign(d.state, { status: 'active', anchorAt, cycle, paidRenewal } satisfies Partial<State>);
  transition(d, 'started', at, 'R-44');
}

/**
 * Decides a command at an instant: the new state, the effects to book and, where money is needed, the charge to ask for.
 * Throws a `Refusal` that changes nothing (I7). All earlier due work must be done before the call.
 */
export function decide(state: State, command: Command, at: Instant, catalog: Catalog): Decision {
  if (command.type === 'payment_settled') return settled(state, command, at, catalog);
  if (command.type === 'withdraw_packs') return withdraw(state, command, at, catalog);
  // an ended subscription never comes back to life.
  if (state.status === 'ended') throw NOT_ACTIVE();
  const d = draft(state, at, catalog);
  d.state.now = Math.max(d.state.now, at);
  switch (command.type) {
    case 'buy_packs':
      buyPacks(d, command, at);
      break;
    case 'set_add_on':
      setAddOn(d, command, at);
      break;
    case 'change_plan':
      changePlan(d, command, at);
      break;
    case 'activate':
      activateNow(d, command.chargeId, at);
      break;
    case 'reprice':
      reprice(d);
      break;
    case 'cancel':
      cancel(d, command, at);
      break;
    case 'resume':
      resume(d, at);
      break;
    case 'set_payment_method':
      setPaymentMethod(d, command.paymentMethod, at);
      break;
    case 'issue_grant':
      issueGrant(d, command, at);
      break;
    case 'revoke_grant':
      d.effects.push({ type: 'revoke', grantId: command.grantId, at, reason: command.reason });
      d.state.grants = d.state.grants.filter(({ id }) => id !== command.grantId);
      break;
    case 'set_allowance':
      setAllowance(d, command.credits);
      break;
    case 'set_top_up':
      setTopUp(d, command.wish);
      break;
    default:
      command satisfies never;
  }
  return d;
}

type Of<T extends Command['type']> = Extract<Command, { type: T }>;

function buyPacks(d: Draft, command: Of<'buy_packs'>, at: Instant): void {
  const { purchaseId, packs: quantity, pack: named = null } = command;
  const refusal = packRefusal(d.state, d.catalog, named, command.interval ?? d.state.interval);
  if (refusal) throw refusal;
  const { id: pack } = chosenPack(d.state, d.catalog, named);
  const { packs_per_purchase: most } = d.catalog.policies;
  // the cap of one purchase.
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > most)
    throw invalid({ pointer: '/packs', detail: `must be a whole number from 1 to ${most}` });
  const paymentMethod = command.paymentMethod ?? d.state.paymentMethod;
  d.charge = purchaseCharge(d.state, d.catalog, at, { purchaseId, item: { pack, quantity }, paymentMethod });
}

/** lowers the add-on, down to 0, from the next renewal on. Delivered packs stay. Books nothing. */
function setAddOn(d: Draft, command: Of<'set_add_on'>, at: Instant): void {
  const refusal = inactiveRefusal(d.state);
  if (refusal) throw refusal;
  d.state.addOn = loweredTo(d.state, command);
  d.state.addOnSetAt = at;
  forgetLowered(d);
}

/** R-32a: the add-on that a request states. Throws `invalid_request` where it is more than now, or names no pack of it. */
function loweredTo({ id, addOn }: State, { packs, items }: Of<'set_add_on'>): AddOnItem[] {
  const wanted = items ?? (addOn.length === 1 ? [{ pack: addOn[0]!.pack, quantity: packs }] : null);
  if (wanted === null) {
    if (packs === 0) return [];
    if (addOn.length > 1)
      throw invalid({ pointer: '/items', detail: 'is required: the add-on has several packs' });
  }
  const most = (pack: string | null) => (pack === null ? packsIn(addOn) : quantityOf(addOn, pack));
  (wanted ?? [{ pack: null, quantity: packs }]).forEach(({ pack, quantity }, i) => {
    const pointer = items ? `/items/${i}/quantity` : '/packs';
    if (!Number.isInteger(quantity) || quantity < 0)
      throw invalid({ pointer, detail: 'must be a whole number, at least 0' });
    if (quantity > most(pack))
      throw invalid({
        pointer,
        detail: `must be at most ${most(pack)}: more packs are bought at /v1/subscriptions/${id}/purchases`,
      });
  });
  return addOn
    .map(({ pack }) => ({ pack, quantity: quantityOf(wanted ?? [], pack) }))
    .filter(({ quantity }) => quantity > 0);
}

function changePlan(d: Draft, command: Of<'change_plan'>, at: Instant): void {
  const { plan, interval } = command;
  const refusal = changingRefusal(d.state, d.catalog, plan, interval);
  if (refusal) throw refusal;
  if (!findPlan(d.catalog, plan, interval))
    throw new Refusal('plan_not_eligible', `The catalogue has no ${plan} plan paid by the ${interval}.`);
  if (isUpgrade(d.state, d.catalog, plan, interval))
    d.charge = upgradeCharge(d.state, d.catalog, at, command);
  // a later scheduled change replaces an earlier one.
  else schedule(d, { kind: 'plan', at: nextRenewalAt(d.state)!, plan, interval }, at);
}

/** ends a trial now: its plan is charged as an upgrade to itself, so a decline changes nothing. */
function activateNow(d: Draft, chargeId: string, at: Instant): void {
  const { status, plan, interval } = d.state;
  if (status !== 'trialing') throw new Refusal('plan_not_eligible', 'The subscription is in no trial.');
  changePlan(d, { type: 'change_plan', chargeId, plan, interval }, at);
}

/** R-08a: from the next renewal on the subscription pays the price in force. Books nothing. */
function reprice(d: Draft): void {
  const { kept } = d.state;
  if (kept) d.state.kept = { ...kept, isRepriced: true };
}

/**
 * schedules the end at the renewal and books `cancel_scheduled`. The end comes at once on request, and also
 * while a renewal is unpaid or the first payment pending.
 */
function cancel(d: Draft, { at: when, reason }: Of<'cancel'>, at: Instant): void {
  if (reason !== undefined)
    d.effects.push({ type: 'note', at, kind: 'cancel_asked', rule: 'R-51', detail: reason });
  if (when === 'now' || !isRunning(d.state)) return end(d, at, 'R-51');
  const { scheduled } = d.state;
  const known = scheduled?.kind === 'cancel' ? scheduled : { since: at };
  schedule(d, { ...known, kind: 'cancel', at: nextRenewalAt(d.state)! }, at);
}

function resume(d: Draft, at: Instant): void {
  const { scheduled } = d.state;
  if (scheduled === null) return;
  const refusal = inactiveRefusal(d.state);
  if (refusal) throw refusal;
  d.state.scheduled = null;
  transition(d, 'resumed', at, 'R-51', scheduled);
}

/**
 * keeps the payment method in each case and tries the open charge at once, outside the schedule of retries. A pending
 * attempt is cancelled first; one that can't be cancelled stays, and the state is the one decided here.
 */
function setPaymentMethod(d: Draft, paymentMethod: string, at: Instant): void {
  const unpaid = d.state.status === 'past_due' ? d.state.unpaid : null;
  if (paymentMethod !== d.state.paymentMethod || unpaid) noteMethod(d, paymentMethod, unpaid, at);
  d.state.paymentMethod = paymentMethod;
  retryTopUp(d);
  if (!unpaid) return;
  const { charge, pending } = unpaid;
  d.charge = { ...nextAttempt(d.state, charge, at), ...(pending ? { cancels: charge.attempt } : {}) };
}

function noteMethod(d: Draft, paymentMethod: string, unpaid: Unpaid | null, at: Instant): void {
  d.effects.push({
    type: 'note',
    at,
    kind: 'payment_method_changed',
    rule: 'R-45',
    detail: unpaid ? 'The open charge is tried with it.' : 'The next charge is tried with it.',
    paymentMethod,
    chargeId: unpaid?.charge.id ?? null,
  });
}

function issueGrant(d: Draft, command: Of<'issue_grant'>, at: Instant): void {
  if (d.state.status === 'incomplete') throw NOT_ACTIVE();
  const { grantId: id, credits, expiresAt, reason } = command;
  if (expiresAt <= at)
    throw invalid({ pointer: '/expires_at', detail: 'must lie after the subscription’s now' });
  const open = d.state.grants.reduce((sum, { remaining, held }) => sum + remaining + held, 0);
  // the running sum stays below 2^53-1 with all credits that the calendar still brings.
  if (credits > Number.MAX_SAFE_INTEGER - MOST - open)
    throw invalid({ pointer: '/credits', detail: 'would bring the balance near 2^53-1 credits' });
  grant(d, { id, kind: 'adjustment', credits, effectiveAt: at, expiresAt, chargeId: null }, reason);
}

/** sets the allowance of a contract, from the next boundary on. Books nothing. */
function setAllowance(d: Draft, credits: number): void {
  if (!isContract(d.catalog, d.state.plan))
    throw new Refusal('plan_not_eligible', 'Only a plan paid by contract has an allowance of its own.');
  d.state.allowance = credits;
}
