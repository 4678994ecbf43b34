import { type Instant, iso, NEVER, RENEWAL_EVERY } from './calendar.ts';
import type { Catalog } from './catalog/catalog.ts';
import { comingPlan, endsUnpaid, giveUpAt, isUncharged, nextAttempt, renewalCharge } from './charges.ts';
import type { Decision, State, Unpaid } from './state.ts';
import {
  allowanceOf,
  boundaryOf,
  type Draft,
  draft,
  end,
  grantAllowance,
  isOfPaidTerm,
  isRunning,
  priceOf,
  schedule,
  settleEffect,
  writeOff,
} from './subscription.ts';
import { renewTerm } from './terms.ts';
import { declinedTopUp, topUpAt, workTopUp } from './top-up.ts';

/** The kinds of work that become due without a request. */
export type DueKind = 'expiry' | 'refresh' | 'renewal' | 'end' | 'retry' | 'give_up' | 'top_up';

/** The next instant at which something becomes due, and its kind; null when nothing will. */
export function nextDue(state: State, withExpiries = true): { at: Instant; kind: DueKind } | null {
  let next: { at: Instant; kind: DueKind } | null = null;
  const consider = (at: Instant | null | undefined, kind: DueKind) => {
    // no clock reaches NEVER, and Temporal refuses a timer until then.
    if (at !== null && at !== undefined && at < (next?.at ?? NEVER)) next = { at, kind };
  };
  // a grant with only held credits left has its term booked already; credits that return to it expire at once.
  if (withExpiries)
    for (const grant of state.grants) if (grant.taken === undefined) consider(grant.expiresAt, 'expiry');
  for (const { charge } of state.waiting) consider(giveUpAt(charge), 'give_up');
  if (state.unpaid) considerUnpaid(state.unpaid, consider);
  if (isRunning(state)) {
    const k = state.cycle + 1;
    const at = boundaryOf(state, k);
    if (state.scheduled?.kind === 'cancel' && state.scheduled.at === at) consider(at, 'end');
    else consider(at, k % RENEWAL_EVERY[state.interval] === 0 ? 'renewal' : 'refresh');
  }
  consider(topUpAt(state), 'top_up');
  return next;
}

/** The next instant at which the workflow has to act. On real time the relay books expiries, and nobody has to wake for them. */
export const nextWake = (state: State) => nextDue(state, state.testClock);

function considerUnpaid(unpaid: Unpaid, consider: (at: Instant | undefined, kind: DueKind) => void): void {
  if (unpaid.charge.kind === 'start') consider(giveUpAt(unpaid.charge), 'give_up');
  else if (unpaid.pending) consider(unpaid.retryAt.at(-1), 'end');
  else consider(unpaid.retryAt[unpaid.retries], 'retry');
}

/**
 * decides all work that is due at one instant, in order: expiries, the end of the subscription or else the renewal charge
 * or its retry, then grants, then an automatic top-up. `booked` is the present, which is later than `at` for late work
 * (R-13).
 */
export function workAt(state: State, at: Instant, booked: Instant, catalog: Catalog): Decision {
  const d = draft(state, booked, catalog);
  d.state.now = Math.max(d.state.now, at);
  expireDue(d, at);
  giveUpDue(d, at);
  if (d.state.unpaid) workUnpaid(d, d.state.unpaid, at);
  else if (isRunning(d.state)) workBoundary(d, at);
  workTopUp(d, at);
  refuseStanding(d, at);
  return d;
}

/** Stops a loop over time that would never end: work that stays due after it was done is a broken invariant. */
function refuseStanding({ state, charge }: Draft, at: Instant): void {
  const due = charge ? null : nextDue(state);
  if (due !== null && due.at <= at)
    throw new Error(`${due.kind} of ${iso(due.at)} stays due: a broken invariant`);
}

function expireDue(d: Draft, at: Instant): void {
  for (const grant of d.state.grants)
    if (grant.taken === undefined && grant.expiresAt <= at)
      d.effects.push({ type: 'expire', grantId: grant.id, at: grant.expiresAt });
  d.state.grants = d.state.grants.filter((grant) => grant.expiresAt > at);
}

function giveUpDue(d: Draft, at: Instant): void {
  const { unpaid } = d.state;
  if (unpaid?.charge.kind === 'start' && giveUpAt(unpaid.charge) <= at)
    end(d, giveUpAt(unpaid.charge), 'R-43');
  for (const { charge } of d.state.waiting.filter((waiting) => giveUpAt(waiting.charge) <= at)) {
    d.effects.push(settleEffect(charge, 'given_up', giveUpAt(charge)));
    declinedTopUp(d, charge, giveUpAt(charge));
    writeOff(d, charge.id);
  }
  d.state.waiting = d.state.waiting.filter(({ charge }) => giveUpAt(charge) > at);
}

function workUnpaid(d: Draft, unpaid: Unpaid, at: Instant): void {
  if (unpaid.charge.kind === 'start') return;
  const last = unpaid.retryAt.at(-1) ?? at;
  // an attempt still pending at the last retry's date ends the subscription. R-13: such an end is dated at its
  // booking.
  if (unpaid.pending && last <= at) end(d, d.booked, 'R-42');
  if (unpaid.pending || (unpaid.retryAt[unpaid.retries] ?? Number.POSITIVE_INFINITY) > at) return;
  // retries missed during an outage count as one.
  const retries = unpaid.retryAt.filter((retryAt) => retryAt <= d.booked).length;
  d.state.unpaid = { ...unpaid, retries };
  d.charge = nextAttempt(d.state, unpaid.charge, d.booked);
}

function workBoundary(d: Draft, at: Instant): void {
  const k = d.state.cycle + 1;
  const due = boundaryOf(d.state, k);
  if (due === null || due > at) return;
  if (d.state.scheduled?.kind === 'cancel' && d.state.scheduled.at <= due) return end(d, due, 'R-51');
  d.state.cycle = k;
  if (k % RENEWAL_EVERY[d.state.interval] === 0) workRenewal(d, k, due);
  else if (isOfPaidTerm(d.state, k)) grantAllowance(d, k, due, allowanceOf(d.state, d.catalog), null);
}

function workRenewal(d: Draft, k: number, due: Instant): void {
  const isTrial = d.state.status === 'trialing';
  // the end of a trial. Its first renewal is worked as any other.
  d.state.status = 'active';
  if (isUncharged(d.state, d.catalog)) return renewUncharged(d, k, due);
  if (isTrial && endsUnpaid(d.state, d.catalog)) return end(d, due, 'R-23');
  const following = k + RENEWAL_EVERY[d.state.interval];
  const followingAt = boundaryOf(d.state, following);
  // a renewal found when the following one is due too brings no charge and no credits, only a note.
  if (followingAt !== null && followingAt <= d.booked) return skipRenewal(d, following, followingAt, due);
  // no payment method was ever named, and the coming plan asks for money.
  if (endsUnpaid(d.state, d.catalog)) return end(d, due, 'R-17');
  d.charge = renewalCharge(d.state, d.catalog, k, due);
}

/** opens a term that asks for no money: it is free, or paid by contract. */
function renewUncharged(d: Draft, cycle: number, at: Instant): void {
  const { plan, interval } = comingPlan(d.state);
  const allowance = allowanceOf(d.state, d.catalog, plan, interval);
  const priceMinor = priceOf(d.state, d.catalog, plan, interval);
  renewTerm(d, { plan, interval, allowance, priceMinor, chargeId: null, cycle, at });
}

function skipRenewal(d: Draft, following: number, followingAt: Instant, due: Instant): void {
  d.state.cycle = following - 1;
  if (d.state.scheduled) schedule(d, { ...d.state.scheduled, at: followingAt }, due);
  d.effects.push({
    type: 'note',
    at: due,
    kind: 'renewal_skipped',
    rule: 'R-13',
    detail: 'Found when the following renewal was already due: not charged, nothing granted.',
  });
}

/** The effects of one statement, about; the rest goes into the next step. */
const EFFECTS_A_STEP = 200;
/** The instants of one workflow task. Cycles without an allowance have no effects, so effects alone would set no limit. */
const INSTANTS_A_STEP = 200;

/**
 * works instant after instant up to a test clock's target, until billing must be asked or the step is full.
 * `reached` is true when nothing more is due and the clock stands at the target.
 */
export function workThrough(state: State, to: Instant, catalog: Catalog): Decision & { reached: boolean } {
  const effects: Decision['effects'] = [];
  let next = state;
  let instants = 0;
  for (let due = nextDue(next); due !== null && due.at <= to; due = nextDue(next)) {
    if (effects.length >= EFFECTS_A_STEP || instants >= INSTANTS_A_STEP)
      return { state: next, effects, charge: null, reached: false };
    instants += 1;
    const decision = workAt(next, due.at, due.at, catalog);
    effects.push(...decision.effects);
    next = decision.state;
    if (decision.charge) return { state: next, effects, charge: decision.charge, reached: false };
  }
  return { state: { ...next, now: Math.max(next.now, to) }, effects, charge: null, reached: true };
}
