import { addDays, cycleAt, cycleUnit, type Instant } from './calendar.ts';
import { type Catalog, findPlan, packsOn } from './catalog/catalog.ts';
import { changedBy, packExpiry, renewingOn } from './catalog/packs.ts';
import { isToCome, nextAttempt } from './charges.ts';
import { buyingRefusal, changingRefusal } from './eligibility.ts';
import type { BoughtPack, Charge, Decision, Outcome, State, Unpaid } from './state.ts';
import { type Draft, draft, end, grant, settleEffect, stem, transition, writeOff } from './subscription.ts';
import { keepPackPrices, openTerm, renewTerm, takePlan } from './terms.ts';
import { declinedTopUp, paidTopUp } from './top-up.ts';

/**
 * Decides about billing's answer to a charge that was just asked for. `state` is the one that the asking decision left.
 * Paid: the grants and transitions of R-20, R-30, R-40, R-53. Declined: R-35, R-41, R-43. Pending: R-42.
 */
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

/** R-20, R-43: anchors the subscription at the instant of payment, and books `started` and the first allowance. */
function activate(d: Draft, charge: Charge, at: Instant): void {
  Object.assign(d.state, { status: 'active', anchorAt: at, unpaid: null } satisfies Partial<State>);
  transition(d, 'started', at, 'R-43');
  openFirstTerm(d, charge, at);
}

/** Opens the first term of a series with the plan that a charge paid for. */
function openFirstTerm(d: Draft, charge: Charge, at: Instant): void {
  const { plan, interval, allowance } = charge.buys;
  const priceMinor = planPrice(charge);
  openTerm(d, { plan, interval, allowance, priceMinor, chargeId: charge.id, cycle: 0, at });
}

/**
 * R-40, R-41: books the cycle's grants at the boundary, however late the payment came. R-54: also a scheduled plan change. R-23:
 * cycle 0 is the first after a trial.
 */
function renew(d: Draft, charge: Charge): void {
  const { plan, interval, allowance, items } = charge.buys;
  const cycle = charge.cycle!;
  Object.assign(d.state, { status: 'active', unpaid: null } satisfies Partial<State>);
  renewTerm(d, {
    ...{ plan, interval, allowance, cycle },
    ...{ priceMinor: planPrice(charge), chargeId: charge.id, at: charge.at, packPrices: packPrices(charge) },
  });
  // A later cycle number is the state's own: a change between weeks and months began a new series.
  const { series } = d.state;
  items.forEach((item, i) => {
    const id = `grt_${stem(d.state.id)}_p${series}_${d.state.cycle}${i === 0 ? '' : `_${i}`}`;
    grantPacks(d, charge, item, id, charge.at, d.state.cycle);
  });
}

/** The price of the plan in a charge of a term: its first line. */
const planPrice = ({ lines }: Charge): number => lines[0]!.amountMinor;

/** R-08a: the price of one of each pack in a charge. */
const packPrices = ({ lines }: Charge): Record<string, number> =>
  Object.fromEntries(
    lines.flatMap(({ pack, amountMinor, quantity }) => (pack ? [[pack, amountMinor / quantity]] : [])),
  );

/** R-31: books packs of a charge as a grant of their own. Their term counts from their arrival in a cycle. */
function grantPacks(
  d: Draft,
  charge: Charge,
  item: BoughtPack,
  id: string,
  at: Instant,
  cycle: number,
): void {
  const expiresAt = packExpiry(d.state, item, at, cycle);
  const credits = item.quantity * item.credits;
  grant(d, { id, kind: 'pack', credits, effectiveAt: at, expiresAt, chargeId: charge.id });
}

/**
 * R-30, R-31: books the packs at once and adds them to the add-on. They do not join it when a caller has set it since they
 * were paid (R-33), when the pack is sold once (R-30a), when a top-up bought them (R-39a), or when the plan is free by now (R-17).
 */
function deliver(d: Draft, charge: Charge, at: Instant): void {
  paidTopUp(d, charge);
  const unit = cycleUnit(d.state.interval);
  const cycle = Math.max(cycleAt(d.state.anchorAt!, d.state.timeZone, at, unit), 0);
  for (const item of charge.buys.items) {
    const isRenewing = renewingOn(d.state, d.catalog, d.state, [item]).length > 0;
    if (item.renews && isRenewing && at >= (d.state.addOnSetAt ?? at)) {
      d.state.addOn = changedBy(d.state.addOn, item.pack, item.quantity);
      keepPackPrices(d, packPrices(charge));
    }
    grantPacks(d, charge, item, `grt_${stem(charge.purchaseId!)}`, at, cycle);
  }
}

/**
 * R-53: begins a new series of cycles and books `changed` and an allowance. Older grants keep their expiry, and a
 * scheduled change is cleared (R-51). R-23: it also ends a trial.
 */
function upgrade(d: Draft, charge: Charge, at: Instant): void {
  const { plan, interval } = charge.buys;
  const isActivation =
    d.state.status === 'trialing' && plan === d.state.plan && interval === d.state.interval;
  Object.assign(d.state, { status: 'active', scheduled: null } satisfies Partial<State>);
  takePlan(d, plan, interval);
  Object.assign(d.state, { series: d.state.series + 1, anchorAt: at } satisfies Partial<State>);
  transition(d, isActivation ? 'activated' : 'changed', at, isActivation ? 'R-23' : 'R-53');
  openFirstTerm(d, charge, at);
}

function declined(d: Draft, charge: Charge): void {
  if (charge.kind === 'renewal') return declinedRenewal(d, charge);
  // R-43: a declined first payment starts nothing. R-35: a declined purchase or upgrade changes nothing. R-13: a decline
  // found late starts a top-up's pause at its booking.
  if (charge.kind !== 'start') return declinedOrder(d, charge, Math.max(charge.attemptAt, d.booked));
  Object.assign(d.state, { status: 'ended', endedAt: charge.attemptAt } satisfies Partial<State>);
  d.effects.push({ type: 'discard' });
}

/** Writes off a declined purchase or upgrade; a top-up's next try waits for its pause. */
function declinedOrder(d: Draft, charge: Charge, at: Instant): void {
  declinedTopUp(d, charge, at);
  writeOff(d, charge.id);
}

/** R-41: makes the subscription past due. After the last declined retry it ends (R-50). */
function declinedRenewal(d: Draft, charge: Charge): void {
  const unpaid = unpaidRenewal(d, charge, false);
  becomePastDue(d, unpaid);
  if (unpaid.retries >= unpaid.retryAt.length) end(d, d.booked, 'R-41');
}

/** R-41, R-42: books `past_due` once, at the unpaid boundary. */
function becomePastDue(d: Draft, unpaid: Unpaid): void {
  if (d.state.status === 'active')
    transition(d, 'past_due', unpaid.charge.at, unpaid.pending ? 'R-42' : 'R-41');
  d.state.status = 'past_due';
  d.state.unpaid = unpaid;
}

function unpaidRenewal(d: Draft, charge: Charge, isPending: boolean): Unpaid {
  const { unpaid } = d.state;
  const retryAt = unpaid?.retryAt ?? retriesOf(d, charge);
  // Retry dates that passed while an attempt was pending are not made up for.
  const retries = unpaid?.pending ? retriesBy(unpaid, d.booked) : (unpaid?.retries ?? 0);
  return { charge, pending: isPending, retries, retryAt };
}

/** R-16: the day before the next renewal of a weekly plan, where the policy has no retry before it. */
const LAST_DAY_OF_A_WEEK = 6;

/** R-41: the instants of the retries. R-16: on a weekly plan those before the next renewal. */
function retriesOf({ state, catalog }: Draft, charge: Charge): Instant[] {
  const isWeekly = cycleUnit(charge.buys.interval) === 'week';
  const days = catalog.policies.dunning_days.filter((day) => !isWeekly || day < 7);
  return (days.length > 0 ? days : [LAST_DAY_OF_A_WEEK]).map((day) =>
    addDays(charge.at, state.timeZone, day),
  );
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

/** Billing's report that a charge is paid or declined. Amounts are in minor units of their currency. */
export interface Settlement {
  chargeId: string;
  outcome: 'paid' | 'declined';
  at: Instant;
  /** The attempt that was paid or declined. Absent where billing does not name it: then the newest attempt made by `at`. */
  attempt?: number;
  /** The amount paid or declined, with its currency: both or neither. A payment ahead of its charge must state its amount. */
  amountMinor?: number;
  currency?: string;
  /** The settlement came before its charge and waited for it. */
  isAhead?: true;
}

/** Whether a settlement changes anything: it is of a pending charge, or pays one that was written off. */
export function isAwaited(state: State, settlement: Settlement): boolean {
  const { chargeId, outcome, attempt } = settlement;
  const charge = openRenewal(state, settlement)?.charge ?? waitingCharge(state, chargeId);
  // The decline of an earlier attempt leaves the pending one open.
  if (charge) return outcome === 'paid' || isOfNewest(charge, attempt, settlement.at);
  return outcome === 'paid' && state.givenUp.includes(chargeId);
}

function isOfNewest(charge: Charge, attempt: number | undefined, at: Instant): boolean {
  if (attempt === undefined) return charge.attempt === 1 || at >= charge.attemptAt;
  return attempt >= charge.attempt;
}

/** R-42: whether an unawaited settlement is of a renewal that has not come yet. */
export const isEarly = (state: State, { chargeId }: Settlement): boolean => isToCome(state, chargeId);

/** R-42: an early settlement waits for its charge, except a payment without an amount. */
const canWait = ({ outcome, amountMinor }: Settlement): boolean =>
  outcome === 'declined' || amountMinor !== undefined;

const whyNotKept = (settlement: Settlement): string =>
  canWait(settlement)
    ? 'Another payment of this charge, of another amount, came before it.'
    : 'The charge does not exist yet, and the amount that was paid is not said.';

/** The most settlements that wait for charges to come; the oldest is dropped. */
const EARLY_KEPT = 20;

/**
 * R-42: keeps an early settlement until its charge is asked for: one a charge, in any order. A payment
 * replaces a decline. Answers null for a settlement that must be refused: a payment without an amount, or of another
 * amount than the payment kept before.
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

/** The start or renewal of this settlement: pending, or declined and paid after all before its next attempt. */
const openRenewal = ({ unpaid }: State, { chargeId, outcome }: Settlement): Unpaid | null =>
  unpaid?.charge.id === chargeId && (unpaid.pending || outcome === 'paid') ? unpaid : null;

const waitingCharge = ({ waiting }: State, chargeId: string): Charge | undefined =>
  waiting.find(({ charge }) => charge.id === chargeId)?.charge;

/**
 * R-42: decides about the settlement of a charge, at the provider's instant: not before the charge, not after now.
 * Books the settlement and its grants, a refund of unusable money, or a note of refused money. A second settlement of the
 * same charge changes nothing.
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
    // A written-off charge was paid after all: it brings nothing, and its money goes back once.
    d.effects.push({ type: 'refund', chargeId, at: booked });
    d.state.givenUp = state.givenUp.filter((id) => id !== chargeId);
    return d;
  }
  const at = Math.min(Math.max(settlement.at, charge.attemptAt), booked);
  if (!isItsMoney(d, charge, settlement, at)) return d;
  d.state.waiting = d.state.waiting.filter((waiting) => waiting.charge.id !== chargeId);
  if (!unpaid && outcome === 'paid' && unfit(d.state, catalog, charge, at)) {
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
 * R-42: whether the settlement's amount pays the charge. A payment ahead that is too small is owed back in full, and one
 * that is too large pays the charge and its rest is owed back. Any other difference is refused with a note.
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

/**
 * R-42: whether a paid purchase or upgrade can no longer be taken: also where its pack or plan is not sold any more (R-08, R-34).
 * A purchase is judged at its payment, an upgrade now.
 */
function unfit(state: State, catalog: Catalog, charge: Charge, at: Instant): boolean {
  const { plan, interval, items } = charge.buys;
  if (charge.kind === 'purchase') {
    const sold = packsOn(catalog, state.plan, state.interval);
    const isSold =
      interval === state.interval && items.every(({ pack }) => sold.some(({ id }) => id === pack));
    return !isSold || buyingRefusal(whenPaid(state, at), catalog) !== null;
  }
  const isSold = findPlan(catalog, plan, interval) !== undefined;
  return !isSold || changingRefusal({ ...state, waiting: [] }, catalog, plan, interval) !== null;
}

/**
 * R-42: the state by which a payment is judged. A payment counts from its own instant, so a cancel asked for later and a
 * renewal due later are left out. An end stays: it is never undone (R-52).
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
  // R-45: a new payment method waited because this attempt could not be cancelled; it is tried now.
  if (d.state.status === 'past_due' && d.state.paymentMethod !== unpaid.charge.paymentMethod)
    d.charge = nextAttempt(d.state, unpaid.charge, d.booked);
}
