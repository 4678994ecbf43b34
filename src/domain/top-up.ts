import { available } from './burndown.ts';
import { addDays, type Instant, nextMonthAt } from './calendar.ts';
import { type Catalog, findPack } from './catalog.ts';
import { purchaseCharge } from './charges.ts';
import { buyingRefusal } from './eligibility.ts';
import { invalid } from './errors.ts';
import type { Charge, State, TopUp } from './state.ts';
import { boundaryOf, type Draft, stem } from './subscription.ts';

// automatic top-up. While fewer credits are available than the threshold, packs are bought as a customer would buy them,
// but never join the add-on: one purchase at a time, up to a ceiling a month. What is not bought is skipped for a reason that is on
// record. A refund or dispute of one stops the wish until it is set again.

/** What a customer asks for. Credits and minor units are whole numbers. */
export interface TopUpWish {
  threshold: number;
  packs: number;
  monthlyCeilingMinor: number;
}

export type SkipReason = Extract<TopUp['skipped'], string>;

const HOUR_MS = 60 * 60 * 1000;
/** After a decline it is tried again this much later; after the last, only with another payment method or a new wish. */
const BACK_OFF_MS = [HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS];

const SKIPPED: Record<SkipReason, string> = {
  refunded: 'Money of a top-up went back: it waits until it is set again.',
  ceiling: 'One more would pass the ceiling of this month.',
  gap_day: 'The next allowance comes within a day.',
  declined: 'The payment was declined again and again: it waits for another payment method.',
  payment_past_due: 'The renewal is not paid.',
  cancellation_scheduled: 'The subscription is being cancelled.',
  pack_not_offered: 'The catalogue has no pack for it.',
};

/** Sets what is wished, or null for nothing; what was spent this month still counts. Throws a refusal that changes nothing. */
export function setTopUp(d: Draft, wish: TopUpWish | null): void {
  const { topUp: before, ...rest } = d.state;
  if (wish === null) {
    d.state = before ? { ...rest, topUp: { ...before, wish: null } } : rest;
    return;
  }
  const refusal = buyingRefusal(d.state, d.state.interval);
  if (refusal) throw refusal;
  check(d, wish);
  const { bought = 0, month = 0, spentMinor = 0, refunds } = before ?? {};
  const known = refunds === undefined ? {} : { refunds, refundsBefore: refunds };
  d.state.topUp = { wish, bought, month, spentMinor, ...known, declines: 0, notBefore: 0, skipped: null };
}

function check(d: Draft, { threshold, packs, monthlyCeilingMinor }: TopUpWish): void {
  const pack = findPack(d.catalog, d.state.interval);
  const { packsPerPurchase } = d.catalog.policies;
  if (!pack) throw invalid({ pointer: '/packs', detail: 'the catalogue has no pack for this plan' });
  if (packs < 1 || packs > packsPerPurchase)
    throw invalid({ pointer: '/packs', detail: `must be a whole number from 1 to ${packsPerPurchase}` });
  // One purchase lifts the balance over the threshold, whatever is left: it is never bought again and again in a row (`workTopUp`).
  if (threshold < 1 || threshold > packs * pack.credits)
    throw invalid({
      pointer: '/threshold',
      detail: `must be from 1 to ${packs * pack.credits}, what these packs bring`,
    });
  const price = packs * pack.price_minor;
  if (monthlyCeilingMinor < price)
    throw invalid({
      pointer: '/monthly_ceiling_minor',
      detail: `must be at least ${price}, the price of these packs`,
    });
}

/** When the next top-up is to be bought or skipped; null while credits suffice, one is in flight, or its skip is on record. */
export function topUpAt(state: State): Instant | null {
  const { topUp } = state;
  if (!topUp?.wish || state.status === 'ended' || state.status === 'incomplete') return null;
  // Told at once: credits that are high again later must not bring back what was stopped.
  if (isStopped(topUp)) return topUp.skipped === 'refunded' ? null : state.now;
  // The ledger dates a pack no earlier than the spend before it, of which the calendar may not know yet: it counts.
  const known = Math.max(state.now, ...state.grants.map(({ effectiveAt }) => effectiveAt));
  if (available(state.grants, known) >= topUp.wish.threshold || isInFlight(state)) return null;
  const reason = standing(state);
  if (reason !== null && reason === topUp.skipped) return null;
  return Math.max(state.now, topUp.notBefore);
}

/** Why none can be bought until somebody changes something. */
function standing(state: State): SkipReason | null {
  if (isStopped(state.topUp!)) return 'refunded';
  if (state.status === 'past_due') return 'payment_past_due';
  if (state.scheduled?.kind === 'cancel') return 'cancellation_scheduled';
  return state.topUp!.declines > BACK_OFF_MS.length ? 'declined' : null;
}

/** Buys the packs, or puts on record why not; at most once for one reason in one term of it. */
export function workTopUp(d: Draft, at: Instant): void {
  const due = topUpAt(d.state);
  if (due === null || due > at || d.charge) return;
  const topUp = d.state.topUp!;
  const wish = topUp.wish!;
  const pack = findPack(d.catalog, d.state.interval);
  const reason = standing(d.state);
  // Told once while it stands (`topUpAt`), and no pause outlives it.
  if (reason) return skip(d, at, reason, at);
  // Packs that became too small for the threshold would be bought in a row at one instant, up to the ceiling. Nothing here
  // changes when the catalogue does, so it is looked at again, once a day.
  if (!pack || wish.packs * pack.credits < wish.threshold)
    return skip(d, at, 'pack_not_offered', addDays(at, d.state.timeZone, 1));
  const refreshAt = afterGap(d.state, d.catalog, at);
  if (refreshAt !== null) return skip(d, at, 'gap_day', refreshAt);
  const month = nextMonthAt(at, d.state.timeZone);
  const spent = topUp.month === month ? topUp.spentMinor : 0;
  if (spent + wish.packs * pack.price_minor > wish.monthlyCeilingMinor) return skip(d, at, 'ceiling', month);
  const bought = topUp.bought + 1;
  d.state.topUp = { ...topUp, bought, skipped: null };
  const purchaseId = `pur_${stem(d.state.id)}_t${bought}`;
  d.charge = purchaseCharge(d.state, d.catalog, at, {
    purchaseId,
    packs: wish.packs,
    paymentMethod: d.state.paymentMethod,
  });
}

function skip(d: Draft, at: Instant, reason: SkipReason, until: Instant): void {
  d.state.topUp = { ...d.state.topUp!, skipped: reason, notBefore: until };
  d.effects.push({ type: 'note', at, kind: 'top_up_skipped', rule: 'R-39', detail: SKIPPED[reason], reason });
}

/**
 * the next boundary, where the allowance's own term ended before it: nobody spent those credits, and the next come by
 * themselves within a day. Null on every other day.
 */
function afterGap(state: State, catalog: Catalog, at: Instant): Instant | null {
  const term = catalog.policies.allowanceTerm;
  const from = boundaryOf(state, state.cycle);
  const to = boundaryOf(state, state.cycle + 1);
  if (term === 'until_next_refresh' || from === null || to === null) return null;
  return addDays(from, state.timeZone, term.days) <= at && at < to ? to : null;
}

const isStopped = ({ refunds = 0, refundsBefore = 0 }: TopUp): boolean => refunds > refundsBefore;

/** what the ledger says of how often money of a top-up went back; the highest counts, in whatever order it is told. */
export function withTopUpRefunds(state: State, count: number | null | undefined): State {
  const { topUp } = state;
  if (!topUp || !count || count <= (topUp.refunds ?? 0)) return state;
  return { ...state, topUp: { ...topUp, refunds: count } };
}

/** By its id: the packs of a top-up are nobody's standing order. */
export const isTopUpCharge = (chargeId: string): boolean => /_t\d+$/.test(chargeId);

export const isTopUp = (state: State, { purchaseId }: Charge): boolean =>
  purchaseId?.startsWith(`pur_${stem(state.id)}_t`) ?? false;

const isInFlight = (state: State): boolean => state.waiting.some(({ charge }) => isTopUp(state, charge));

/** A payment that was taken for a top-up counts to the ceiling of the month in which it was asked for. */
export function paidTopUp(d: Draft, charge: Charge): void {
  const { topUp } = d.state;
  if (!topUp || !isTopUp(d.state, charge)) return;
  const month = nextMonthAt(charge.at, d.state.timeZone);
  const counts = month >= topUp.month;
  const spentMinor = charge.amountMinor + (month === topUp.month ? topUp.spentMinor : 0);
  d.state.topUp = { ...topUp, declines: 0, ...(counts ? { month, spentMinor } : {}) };
}

/** One that was declined, or given up: the next is not before a pause that grows. */
export function declinedTopUp(d: Draft, charge: Charge, at: Instant): void {
  const { topUp } = d.state;
  if (!topUp || !isTopUp(d.state, charge)) return;
  const pause = BACK_OFF_MS[topUp.declines];
  d.state.topUp = { ...topUp, declines: topUp.declines + 1, notBefore: at + (pause ?? 0) };
}

/** Another payment method may be paid: it is tried at once. */
export function retryTopUp(d: Draft): void {
  const { topUp } = d.state;
  if (!topUp || topUp.declines === 0) return;
  const skipped = isStopped(topUp) ? topUp.skipped : null;
  d.state.topUp = { ...topUp, declines: 0, notBefore: 0, skipped };
}
