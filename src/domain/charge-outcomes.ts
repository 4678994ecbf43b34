import { addDays, cycleAt, type Instant, type Interval } from './calendar.ts';
import type { Catalog } from './catalog.ts';
import { isToCome, nextAttempt } from './charges.ts';
import { buyingRefusal, changingRefusal } from './eligibility.ts';
import { forgetLowered } from './refunds.ts';
import type { Charge, Decision, Outcome, State, Unpaid } from './state.ts';
import {
  type Draft,
  draft,
  end,
  grant,
  grantAllowance,
  packExpiry,
  settleEffect,
  stem,
  transition,
  writeOff,
} from './subscription.ts';
import { declinedTopUp, isTopUp, paidTopUp } from './top-up.ts';

/** Billing's answer to the charge it was just asked for: the state goes on from the one that asked. */
export function answered(
  state: State,
  charge: Charge,
  outcome: Outcome,
  booked: Instant,
  catalog: Catalog,
): Decision {
  const d = draft(state, booked, catalog);
  if (outcome === 'paid') paid(d, charge, charge.kind === 'renewal' ? charge.at : charge.attemptAt);
  else if (outcome === 'declined') declined(d, charge);
  else pending(d, charge);
  return d;
}

function paid(d: Draft, charge: Charge, at: Instant): void {
  switch (charge.kind) {
    case 'start':
      return activate(d, charge, at);
    case 'renewal':
      return renew(d, charge);
    case 'purchase':
      return deliver(d, charge, at);
    case 'upgrade':
      return upgrade(d, charge, at);
  }
}

/** anchored at the instant it is paid; the first allowance comes with it. */
function activate(d: Draft, charge: Charge, at: Instant): void {
  Object.assign(d.state, {
    status: 'active',
    anchorAt: at,
    cycle: 0,
    paidRenewal: 0,
    unpaid: null,
  } satisfies Partial<State>);
  transition(d, 'started', at, 'R-43');
  grantAllowance(d, 0, at, charge.buys.allowance, charge.id);
}

/** the cycle's grants are dated at the boundary, however late it was paid. */
function renew(d: Draft, charge: Charge): void {
  const { plan, interval, allowance } = charge.buys;
  const k = charge.cycle!;
  const changed = d.state.scheduled?.kind === 'plan' ? null : d.state.scheduled;
  // What it buys, or less: a refund may have lowered the add-on since it was asked for.
  const packs = keptPacks(d, interval);
  const isChanged = plan !== d.state.plan || interval !== d.state.interval;
  Object.assign(d.state, {
    plan,
    interval,
    packs,
    status: 'active',
    unpaid: null,
    paidRenewal: k,
    scheduled: changed,
  } satisfies Partial<State>);
  transition(d, 'renewed', charge.at, 'R-40');
  if (isChanged) transition(d, 'changed', charge.at, 'R-54');
  grantAllowance(d, k, charge.at, allowance, charge.id);
  if (charge.buys.packs === 0) return;
  grantPacks(d, charge, `grt_${stem(d.state.id)}_p${d.state.series}_${k}`, charge.at, k);
}

/** the packs a charge bought, counted from the renewal after the cycle in which they arrive. */
function grantPacks(d: Draft, charge: Charge, id: string, at: Instant, cycle: number): void {
  const expiresAt = packExpiry(d.state, d.catalog, cycle);
  const credits = charge.buys.packCredits;
  grant(d, { id, kind: 'pack', credits, effectiveAt: at, expiresAt, chargeId: charge.id });
}

/**
 * the packs arrive at once and join the add-on, unless a caller has set it since they were paid, or
 * nobody asked for a standing order.
 */
function deliver(d: Draft, charge: Charge, at: Instant): void {
  if (at >= (d.state.packsSetAt ?? at) && !isTopUp(d.state, charge)) d.state.packs += charge.buys.packs;
  paidTopUp(d, charge);
  const cycle = cycleAt(d.state.anchorAt!, d.state.timeZone, at);
  grantPacks(d, charge, `grt_${stem(charge.purchaseId!)}`, at, Math.max(cycle, 0));
}

/** the add-on under a plan of this interval: packs of the other can't renew there. */
function keptPacks(d: Draft, interval: Interval): number {
  if (interval === d.state.interval) return d.state.packs;
  forgetLowered(d);
  return 0;
}

/** a new series of cycles; old grants keep their expiry, a scheduled change is cleared. */
function upgrade(d: Draft, charge: Charge, at: Instant): void {
  const { plan, interval } = charge.buys;
  const packs = keptPacks(d, interval);
  const series = d.state.series + 1;
  Object.assign(d.state, {
    plan,
    interval,
    packs,
    series,
    anchorAt: at,
    cycle: 0,
    paidRenewal: 0,
    scheduled: null,
  } satisfies Partial<State>);
  transition(d, 'changed', at, 'R-53');
  grantAllowance(d, 0, at, charge.buys.allowance, charge.id);
}

function declined(d: Draft, charge: Charge): void {
  if (charge.kind === 'renewal') return declinedRenewal(d, charge);
  // a first payment declined at once starts nothing. R-35: a declined purchase or upgrade changes nothing.
  // found late, the pause before a top-up's next try begins only now.
  if (charge.kind !== 'start') return declinedOrder(d, charge, Math.max(charge.attemptAt, d.booked));
  Object.assign(d.state, { status: 'ended', endedAt: charge.attemptAt } satisfies Partial<State>);
  d.effects.push({ type: 'discard' });
}

/** A purchase or upgrade of which nothing comes. */
function declinedOrder(d: Draft, charge: Charge, at: Instant): void {
  declinedTopUp(d, charge, at);
  writeOff(d, charge.id);
}

/** past due until a retry is paid; after the last declined one the subscription ends. */
function declinedRenewal(d: Draft, charge: Charge): void {
  const unpaid = unpaidRenewal(d, charge, false);
  becomePastDue(d, unpaid);
  if (unpaid.retries >= unpaid.retryAt.length) end(d, d.booked, 'R-41');
}

/** told once, at the boundary that is not paid. */
function becomePastDue(d: Draft, unpaid: Unpaid): void {
  if (d.state.status === 'active')
    transition(d, 'past_due', unpaid.charge.at, unpaid.pending ? 'R-42' : 'R-41');
  d.state.status = 'past_due';
  d.state.unpaid = unpaid;
}

function unpaidRenewal(d: Draft, charge: Charge, isPending: boolean): Unpaid {
  const { unpaid } = d.state;
  const retryAt =
    unpaid?.retryAt ?? d.catalog.policies.dunning.map((days) => addDays(charge.at, d.state.timeZone, days));
  // Retries whose date passed while an attempt was pending are behind.
  const retries = unpaid?.pending ? retriesBy(unpaid, d.booked) : (unpaid?.retries ?? 0);
  return { charge, pending: isPending, retries, retryAt };
}

const retriesBy = ({ retryAt }: Unpaid, at: Instant): number => retryAt.filter((due) => due <= at).length;

function pending(d: Draft, charge: Charge): void {
  switch (charge.kind) {
    case 'start':
      d.state.unpaid = { charge, pending: true, retries: 0, retryAt: [] };
      return;
    case 'renewal':
      becomePastDue(d, unpaidRenewal(d, charge, true));
      return;
    case 'purchase':
    case 'upgrade':
      d.state.waiting.push({ charge });
  }
}

/** What billing says of a charge. Amounts in minor units of their currency. */
export interface Settlement {
  chargeId: string;
  outcome: 'paid' | 'declined';
  at: Instant;
  /** The attempt it is of; absent where billing does not say: then the newest made by `at`. */
  attempt?: number;
  /** What was paid or declined; both or neither. A charge that does not exist yet is only paid by an amount. */
  amountMinor?: number;
  currency?: string;
  /** It came before the charge that it is of, and waited for it. */
  isAhead?: true;
}

/** Whether a settlement changes anything here: of a charge that is pending, or the payment of one that was written off. */
export function isAwaited(state: State, settlement: Settlement): boolean {
  const { chargeId, outcome, attempt } = settlement;
  const charge = openRenewal(state, settlement)?.charge ?? waitingCharge(state, chargeId);
  // That an earlier attempt was declined says nothing of the one that is pending.
  if (charge) return outcome === 'paid' || isOfNewest(charge, attempt, settlement.at);
  return outcome === 'paid' && state.givenUp.includes(chargeId);
}

function isOfNewest(charge: Charge, attempt: number | undefined, at: Instant): boolean {
  if (attempt === undefined) return charge.attempt === 1 || at >= charge.attemptAt;
  return attempt >= charge.attempt;
}

/** whether a settlement that nothing awaits comes before what it speaks of: a renewal to come. */
export const isEarly = (state: State, { chargeId }: Settlement): boolean => isToCome(state, chargeId);

/** one that comes early waits for its charge, unless it says that money was paid, and not how much. */
const canWait = ({ outcome, amountMinor }: Settlement): boolean =>
  outcome === 'declined' || amountMinor !== undefined;

const whyNotKept = (settlement: Settlement): string =>
  canWait(settlement)
    ? 'Another payment of this charge, of another amount, came before it.'
    : 'The charge does not exist yet, and the amount that was paid is not said.';

/** Charges that may be settled before they are asked for, at most. */
const EARLY_KEPT = 20;

/**
 * keeps a settlement until its charge is asked for. One a charge, whatever the order in which they come: that it was
 * paid outdoes that it was declined before. null where it can't be kept, and is refused: another amount was paid before, or
 * none is said.
 */
export function withEarly(early: readonly Settlement[], settlement: Settlement): Settlement[] | null {
  if (!canWait(settlement)) return null;
  const known = early.find(({ chargeId }) => chargeId === settlement.chargeId);
  if (known?.outcome === 'paid' && settlement.outcome === 'paid' && !isSameMoney(known, settlement))
    return null;
  if (known?.outcome === 'paid' || known?.outcome === settlement.outcome) return [...early];
  const kept: Settlement = { ...settlement, isAhead: true };
  return [...early.filter((other) => other !== known), kept].slice(-EARLY_KEPT);
}

const isSameMoney = (a: Settlement, b: Settlement): boolean =>
  a.amountMinor === b.amountMinor && a.currency === b.currency;

/** The start or renewal that it settles: one that is pending, or was declined and is paid after all before its next attempt. */
const openRenewal = ({ unpaid }: State, { chargeId, outcome }: Settlement): Unpaid | null =>
  unpaid?.charge.id === chargeId && (unpaid.pending || outcome === 'paid') ? unpaid : null;

const waitingCharge = ({ waiting }: State, chargeId: string): Charge | undefined =>
  waiting.find(({ charge }) => charge.id === chargeId)?.charge;

/**
 * the settlement of a pending charge, at the provider's instant (not before the charge, not after now).
 * A charge that is not pending here was settled before: nothing changes the second time.
 */
export function settled(state: State, settlement: Settlement, booked: Instant, catalog: Catalog): Decision {
  const d = draft(state, booked, catalog);
  d.state.now = Math.max(d.state.now, booked);
  if (isEarly(state, settlement)) refusePayment(d, settlement.chargeId, whyNotKept(settlement));
  if (!isAwaited(state, settlement)) return d;
  const { chargeId, outcome } = settlement;
  const unpaid = openRenewal(state, settlement);
  const charge = unpaid?.charge ?? waitingCharge(state, chargeId);
  if (!charge) {
    // Given up or declined, and paid after all: nothing comes of it, and its money goes back, once.
    d.effects.push({ type: 'refund', chargeId, at: booked });
    d.state.givenUp = state.givenUp.filter((id) => id !== chargeId);
    return d;
  }
  const at = Math.min(Math.max(settlement.at, charge.attemptAt), booked);
  if (!isItsMoney(d, charge, settlement, at)) return d;
  d.state.waiting = d.state.waiting.filter((waiting) => waiting.charge.id !== chargeId);
  if (!unpaid && outcome === 'paid' && unfit(d.state, charge, at)) {
    d.effects.push({ type: 'refund', chargeId, at: booked });
    return d;
  }
  const attempt = Math.min(settlement.attempt ?? charge.attempt, charge.attempt);
  d.effects.push(settleEffect(charge, outcome, at, attempt));
  if (unpaid) settleUnpaid(d, unpaid, outcome, at);
  else if (outcome === 'declined') declinedOrder(d, charge, at);
  else paid(d, charge, at);
  return d;
}

/**
 * whether what billing says is of the charge's own amount. What was paid ahead is owed back where it is too little, and
 * its rest where it is too much. Of a charge that exists another amount is not believed.
 */
function isItsMoney(d: Draft, charge: Charge, settlement: Settlement, at: Instant): boolean {
  const { outcome, amountMinor: paidMinor, currency, isAhead } = settlement;
  const { id: chargeId, amountMinor } = charge;
  if (paidMinor === undefined || (paidMinor === amountMinor && currency === charge.currency)) return true;
  if (!isAhead || outcome === 'declined' || currency !== charge.currency) {
    refusePayment(d, chargeId, 'It is of another amount than the charge.');
    return false;
  }
  const isEnough = paidMinor > amountMinor;
  d.effects.push({
    type: 'owe_back',
    kind: isEnough ? 'overpaid' : 'underpaid',
    chargeId,
    paidMinor,
    owedMinor: isEnough ? paidMinor - amountMinor : paidMinor,
    at,
  });
  return isEnough;
}

function refusePayment(d: Draft, chargeId: string, detail: string): void {
  d.effects.push({ type: 'note', at: d.booked, kind: 'payment_refused', rule: 'R-42', detail, chargeId });
}

/** what a purchase would have been refused for when it was paid, or an upgrade would be now; its money goes back. */
function unfit(state: State, charge: Charge, at: Instant): boolean {
  const { plan, interval } = charge.buys;
  if (charge.kind === 'purchase') return buyingRefusal(whenPaid(state, at), interval) !== null;
  return changingRefusal({ ...state, waiting: [] }, plan, interval) !== null;
}

/**
 * A payment counts from its own instant, whenever it is heard of: neither a cancel that was asked for later nor a renewal
 * that came due later speaks against it. An end does, however it came: it is never undone.
 */
function whenPaid(state: State, at: Instant): State {
  const { unpaid, scheduled } = state;
  const wasActive = state.status === 'past_due' && unpaid !== null && at < unpaid.charge.at;
  const isLater = scheduled?.kind === 'cancel' && at < (scheduled.since ?? at);
  return {
    ...state,
    status: wasActive ? 'active' : state.status,
    scheduled: isLater ? null : scheduled,
  };
}

function settleUnpaid(d: Draft, unpaid: Unpaid, outcome: 'paid' | 'declined', at: Instant): void {
  if (outcome === 'paid') return paid(d, unpaid.charge, at);
  if (unpaid.charge.kind === 'start') {
    d.state.unpaid = null;
    return end(d, d.booked, 'R-43');
  }
  declinedRenewal(d, unpaid.charge);
  // a payment method that came while this attempt could not be cancelled is tried now.
  if (d.state.status === 'past_due' && d.state.paymentMethod !== unpaid.charge.paymentMethod)
    d.charge = nextAttempt(d.state, unpaid.charge, d.booked);
}
