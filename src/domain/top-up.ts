import { available } from './burndown.ts';
import { addDays, type Instant, nextMonthAt } from './calendar.ts';
import { type Catalog, type Pack, packsOn } from './catalog/catalog.ts';
import { chosenPack } from './catalog/packs.ts';
import { purchaseCharge, requireMethod } from './charges.ts';
import { buyingRefusal } from './eligibility.ts';
import { invalid } from './errors.ts';
import { type Charge, NO_METHOD, type State, type TopUp } from './state.ts';
import { boundaryOf, type Draft, stem } from './subscription.ts';

// automatic top-up. While fewer credits than the threshold are available, packs are bought as a customer buys them,
// though they never join the add-on: one purchase at a time, up to a ceiling a month. Each skip is on record with its
// reason.
// A refund or dispute of one stops the top-up until it is set again.

/** A customer's setting. Credits and minor units are whole numbers. R-32a: `pack` is null where only one is sold. */
export interface TopUpRequest {
  threshold: number;
  packs: number;
  pack?: string | null;
  monthlyCeilingMinor: number;
}

/** Why a top-up was not bought. */
type SkipReason = Extract<TopUp['skipped'], string>;

const HOUR_MS = 60 * 60 * 1000;
/** The pauses after each decline. After the last, only another payment method or a new wish leads to a try. */
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

/**
 * Sets the wish, or switches it off with null; this month's spending still counts. Throws `invalid_request` and the refusals of
 * a purchase. Books nothing.
 */
export function setTopUp(d: Draft, request: TopUpRequest | null): void {
  const { topUp: before, ...rest } = d.state;
  if (request === null) {
    d.state = before ? { ...rest, topUp: { ...before, wish: null } } : rest;
    return;
  }
  const refusal = buyingRefusal(d.state, d.catalog);
  if (refusal) throw refusal;
  const pack = chosenPack(d.state, d.catalog, request.pack ?? null);
  check(d, pack, request);
  requireMethod(d.state.paymentMethod);
  const wish = { ...request, pack: pack.id };
  const { bought = 0, month = 0, spentMinor = 0, refunds } = before ?? {};
  const known = refunds === undefined ? {} : { refunds, refundsBefore: refunds };
  d.state.topUp = { wish, bought, month, spentMinor, ...known, declines: 0, notBefore: 0, skipped: null };
}

function check(d: Draft, pack: Pack, { threshold, packs, monthlyCeilingMinor }: TopUpRequest): void {
  const { packs_per_purchase: most } = d.catalog.policies;
  if (packs < 1 || packs > most)
    throw invalid({ pointer: '/packs', detail: `must be a whole number from 1 to ${most}` });
  // One purchase always lifts the balance over the threshold, so top-ups never follow each other at one instant
  // (`workTopUp`).
  if (threshold < 1 || threshold > packs * pack.credits)
    throw invalid({
      pointer: '/threshold',
      detail: `must be from 1 to ${packs * pack.credits}, the credits of these packs`,
    });
  const price = packs * pack.price;
  if (monthlyCeilingMinor < price)
    throw invalid({
      pointer: '/monthly_ceiling_minor',
      detail: `must be at least ${price}, the price of these packs`,
    });
}

/**
 * The instant at which the next top-up is bought or skipped. null while credits suffice, one is pending, or its skip is on
 * record.
 */
export function topUpAt(state: State): Instant | null {
  const { topUp } = state;
  if (!topUp?.wish || state.status === 'ended' || state.status === 'incomplete') return null;
  // A stop is recorded at once: it must stay though credits are high again later.
  if (isStopped(topUp)) return topUp.skipped === 'refunded' ? null : state.now;
  // The ledger dates a pack no earlier than the spend before it, which the calendar may not know yet. So the pack counts.
  const known = Math.max(state.now, ...state.grants.map(({ effectiveAt }) => effectiveAt));
  if (available(state.grants, known) >= topUp.wish.threshold || isInFlight(state)) return null;
  const reason = standing(state);
  if (reason !== null && reason === topUp.skipped) return null;
  return Math.max(state.now, topUp.notBefore);
}

/** The lasting reason why none can be bought; null when there is none. */
function standing(state: State): SkipReason | null {
  if (isStopped(state.topUp!)) return 'refunded';
  if (state.status === 'past_due') return 'payment_past_due';
  if (state.scheduled?.kind === 'cancel') return 'cancellation_scheduled';
  if (state.paymentMethod === NO_METHOD) return 'declined';
  return state.topUp!.declines > BACK_OFF_MS.length ? 'declined' : null;
}

/** Decides a due top-up: asks for its charge, or books the skip. One reason is recorded once while it lasts. */
export function workTopUp(d: Draft, at: Instant): void {
  const due = topUpAt(d.state);
  if (due === null || due > at || d.charge) return;
  const topUp = d.state.topUp!;
  const wish = topUp.wish!;
  const pack = packsOn(d.catalog, d.state.plan, d.state.interval).find(({ id }) => id === wish.pack);
  const reason = standing(d.state);
  // A lasting reason is recorded once (`topUpAt`), and leaves no pause behind.
  if (reason) return skip(d, at, reason, at);
  // Packs too small for the threshold would be bought again and again at one instant, up to the ceiling. A change of
  // catalogue sends no message here, so the packs are looked at once a day.
  if (!pack || wish.packs * pack.credits < wish.threshold)
    return skip(d, at, 'pack_not_offered', addDays(at, d.state.timeZone, 1));
  const refreshAt = afterGap(d.state, d.catalog, at);
  if (refreshAt !== null) return skip(d, at, 'gap_day', refreshAt);
  const month = nextMonthAt(at, d.state.timeZone);
  const spent = topUp.month === month ? topUp.spentMinor : 0;
  if (spent + wish.packs * pack.price > wish.monthlyCeilingMinor) return skip(d, at, 'ceiling', month);
  const bought = topUp.bought + 1;
  d.state.topUp = { ...topUp, bought, skipped: null };
  const purchaseId = `pur_${stem(d.state.id)}_t${bought}`;
  d.charge = purchaseCharge(d.state, d.catalog, at, {
    purchaseId,
    item: { pack: wish.pack, quantity: wish.packs },
    paymentMethod: d.state.paymentMethod,
    isStanding: false,
  });
}

function skip(d: Draft, at: Instant, reason: SkipReason, until: Instant): void {
  d.state.topUp = { ...d.state.topUp!, skipped: reason, notBefore: until };
  d.effects.push({ type: 'note', at, kind: 'top_up_skipped', rule: 'R-39', detail: SKIPPED[reason], reason });
}

/**
 * the next boundary, if the allowance ended before it by its own term: nobody spent those credits, and the next ones
 * come within a day. null on every other day.
 */
function afterGap(state: State, catalog: Catalog, at: Instant): Instant | null {
  const term = catalog.policies.allowance_term;
  const from = boundaryOf(state, state.cycle);
  const to = boundaryOf(state, state.cycle + 1);
  if (term === 'until_next_refresh' || from === null || to === null) return null;
  return addDays(from, state.timeZone, term.days) <= at && at < to ? to : null;
}

const isStopped = ({ refunds = 0, refundsBefore = 0 }: TopUp): boolean => refunds > refundsBefore;

/** takes over the ledger's count of refunded top-ups. The highest count wins, so order does not matter. */
export function withTopUpRefunds(state: State, count: number | null | undefined): State {
  const { topUp } = state;
  if (!topUp || !count || count <= (topUp.refunds ?? 0)) return state;
  return { ...state, topUp: { ...topUp, refunds: count } };
}

/** R-39a: whether a charge is of a top-up, by its id. Such packs are no standing order. */
export const isTopUpCharge = (chargeId: string): boolean => /_t\d+$/.test(chargeId);

/** Whether a charge is of a top-up of this subscription. */
export const isTopUp = (state: State, { purchaseId }: Charge): boolean =>
  purchaseId?.startsWith(`pur_${stem(state.id)}_t`) ?? false;

const isInFlight = (state: State): boolean => state.waiting.some(({ charge }) => isTopUp(state, charge));

/** Counts a paid top-up to the ceiling of the month in which it was asked for. */
export function paidTopUp(d: Draft, charge: Charge): void {
  const { topUp } = d.state;
  if (!topUp || !isTopUp(d.state, charge)) return;
  const month = nextMonthAt(charge.at, d.state.timeZone);
  const counts = month >= topUp.month;
  const spentMinor = charge.amountMinor + (month === topUp.month ? topUp.spentMinor : 0);
  d.state.topUp = { ...topUp, declines: 0, ...(counts ? { month, spentMinor } : {}) };
}

/** Counts a declined or given-up top-up: the next try waits for a pause that grows. */
export function declinedTopUp(d: Draft, charge: Charge, at: Instant): void {
  const { topUp } = d.state;
  if (!topUp || !isTopUp(d.state, charge)) return;
  const pause = BACK_OFF_MS[topUp.declines];
  d.state.topUp = { ...topUp, declines: topUp.declines + 1, notBefore: at + (pause ?? 0) };
}

/** A new payment method may succeed: the next try comes at once. */
export function retryTopUp(d: Draft): void {
  const { topUp } = d.state;
  if (!topUp || topUp.declines === 0) return;
  const skipped = isStopped(topUp) ? topUp.skipped : null;
  d.state.topUp = { ...topUp, declines: 0, notBefore: 0, skipped };
}
