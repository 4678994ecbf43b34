import { addDays, cycleAt, type Instant, type Interval, renewalAfter } from './calendar.ts';
import { type Catalog, findPack, findPlan, type PlanId } from './catalog.ts';
import { buyingRefusal, changingRefusal } from './eligibility.ts';
import {
  allowanceOf,
  boundaryOf,
  type Decision,
  type Draft,
  draft,
  end,
  grant,
  grantAllowance,
  packExpiry,
  type State,
  stem,
} from './subscription.ts';

export type ChargeKind = 'start' | 'renewal' | 'purchase' | 'upgrade';
export type Outcome = 'paid' | 'declined' | 'pending';

export interface ChargeLine {
  description: string;
  quantity: number;
  amountMinor: number;
}

/** One demand of money: its id and attempt are billing's idempotency key, for ever. */
export interface Charge {
  id: string;
  kind: ChargeKind;
  /** When it was owed: the boundary of a renewal. */
  at: Instant;
  attempt: number;
  attemptAt: Instant;
  amountMinor: number;
  currency: string;
  lines: ChargeLine[];
  paymentMethod: string;
  catalogVersion: string;
  /** What it pays for, at the values in force when it was owed. */
  buys: { plan: PlanId; interval: Interval; allowance: number; packs: number; packCredits: number };
  /** The boundary of a renewal. */
  cycle: number | null;
  purchaseId: string | null;
}

/** A start or renewal that is not paid. `retries` of `retryAt` are behind; while pending none is made. */
export interface Unpaid {
  charge: Charge;
  pending: boolean;
  retries: number;
  retryAt: Instant[];
}

export interface Waiting {
  charge: Charge;
}

const INTERVAL_WORD: Record<Interval, string> = { month: 'monthly', year: 'annual' };

function planLine(catalog: Catalog, plan: PlanId, interval: Interval): ChargeLine {
  const amountMinor = findPlan(catalog, plan, interval)?.price_minor ?? 0;
  return { description: `${plan} ${INTERVAL_WORD[interval]} plan`, quantity: 1, amountMinor };
}

function packLine(catalog: Catalog, interval: Interval, packs: number): ChargeLine {
  const pack = findPack(catalog, interval);
  const description = `pack of ${pack?.credits ?? 0} credits`;
  return { description, quantity: packs, amountMinor: packs * (pack?.price_minor ?? 0) };
}

interface Bill {
  id: string;
  kind: ChargeKind;
  at: Instant;
  plan: PlanId;
  interval: Interval;
  packs: number;
  lines: ChargeLine[];
  paymentMethod: string;
  cycle?: number;
  purchaseId?: string;
}

function bill(state: State, catalog: Catalog, wanted: Bill): Charge {
  const { id, kind, at, plan, interval, packs, lines, paymentMethod } = wanted;
  return {
    id,
    kind,
    at,
    attempt: 1,
    attemptAt: at,
    amountMinor: lines.reduce((sum, line) => sum + line.amountMinor, 0),
    currency: catalog.currency,
    lines,
    paymentMethod,
    catalogVersion: catalog.version,
    buys: {
      plan,
      interval,
      allowance: allowanceOf(state, catalog, plan, interval),
      packs,
      packCredits: packs * (findPack(catalog, interval)?.credits ?? 0),
    },
    cycle: wanted.cycle ?? null,
    purchaseId: wanted.purchaseId ?? null,
  };
}

export function startCharge(state: State, catalog: Catalog, at: Instant): Charge {
  const { plan, interval, paymentMethod } = state;
  const lines = [planLine(catalog, plan, interval)];
  return bill(state, catalog, {
    id: `chg_${stem(state.id)}_s`,
    kind: 'start',
    at,
    plan,
    interval,
    packs: 0,
    lines,
    paymentMethod,
  });
}

/** the plan of the coming term and its add-on, which a change of interval removes. */
export function renewalCharge(state: State, catalog: Catalog, cycle: number, at: Instant): Charge {
  const { plan, interval } = state.scheduled?.kind === 'plan' ? state.scheduled : state;
  const packs = interval === state.interval ? state.packs : 0;
  const lines = [
    planLine(catalog, plan, interval),
    ...(packs > 0 ? [packLine(catalog, interval, packs)] : []),
  ];
  const id = `chg_${stem(state.id)}_r${state.series}_${cycle}`;
  const { paymentMethod } = state;
  return bill(state, catalog, {
    id,
    kind: 'renewal',
    at,
    plan,
    interval,
    packs,
    lines,
    paymentMethod,
    cycle,
  });
}

export function purchaseCharge(
  state: State,
  catalog: Catalog,
  at: Instant,
  wanted: { purchaseId: string; packs: number; paymentMethod: string },
): Charge {
  const { plan, interval } = state;
  const { purchaseId, packs, paymentMethod } = wanted;
  const lines = [packLine(catalog, interval, packs)];
  const id = `chg_${stem(purchaseId)}`;
  return bill(state, catalog, {
    id,
    kind: 'purchase',
    at,
    plan,
    interval,
    packs,
    lines,
    paymentMethod,
    purchaseId,
  });
}

/** an upgrade is charged in full; the add-on is paid at its next renewal. */
export function upgradeCharge(
  state: State,
  catalog: Catalog,
  at: Instant,
  wanted: { chargeId: string; plan: PlanId; interval: Interval },
): Charge {
  const { plan, interval, chargeId: id } = wanted;
  const packs = interval === state.interval ? state.packs : 0;
  const lines = [planLine(catalog, plan, interval)];
  const { paymentMethod } = state;
  return bill(state, catalog, { id, kind: 'upgrade', at, plan, interval, packs, lines, paymentMethod });
}

/** how long a payment may stay pending. */
export const GIVE_UP_AFTER_MS = 24 * 60 * 60 * 1000;

export const giveUpAt = (charge: Charge): Instant => charge.attemptAt + GIVE_UP_AFTER_MS;

/** The same charge once more, with the payment method in force. */
export function nextAttempt(state: State, charge: Charge, at: Instant): Charge {
  return { ...charge, attempt: charge.attempt + 1, attemptAt: at, paymentMethod: state.paymentMethod };
}

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
  grantAllowance(d, 0, at, charge.buys.allowance, charge.id);
}

/** the cycle's grants are dated at the boundary, however late it was paid. */
function renew(d: Draft, charge: Charge): void {
  const { plan, interval, packs, allowance, packCredits } = charge.buys;
  const k = charge.cycle!;
  const changed = d.state.scheduled?.kind === 'plan' ? null : d.state.scheduled;
  Object.assign(d.state, {
    plan,
    interval,
    packs,
    status: 'active',
    unpaid: null,
    paidRenewal: k,
    scheduled: changed,
  } satisfies Partial<State>);
  grantAllowance(d, k, charge.at, allowance, charge.id);
  if (packs === 0) return;
  const id = `grt_${stem(d.state.id)}_p${d.state.series}_${k}`;
  const expiresAt = packExpiry(d.state, d.catalog, k);
  grant(d, {
    id,
    kind: 'pack',
    credits: packCredits,
    effectiveAt: charge.at,
    expiresAt,
    chargeId: charge.id,
  });
}

/** the packs arrive at once and join the add-on. */
function deliver(d: Draft, charge: Charge, at: Instant): void {
  d.state.packs += charge.buys.packs;
  const cycle = cycleAt(d.state.anchorAt!, d.state.timeZone, at);
  const expiresAt = packExpiry(d.state, d.catalog, Math.max(cycle, 0));
  const id = `grt_${stem(charge.purchaseId!)}`;
  grant(d, {
    id,
    kind: 'pack',
    credits: charge.buys.packCredits,
    effectiveAt: at,
    expiresAt,
    chargeId: charge.id,
  });
}

/** a new series of cycles; old grants keep their expiry, a scheduled change is cleared. */
function upgrade(d: Draft, charge: Charge, at: Instant): void {
  const { plan, interval } = charge.buys;
  // packs of the other interval can't renew here.
  const packs = interval === d.state.interval ? d.state.packs : 0;
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
  grantAllowance(d, 0, at, charge.buys.allowance, charge.id);
}

function declined(d: Draft, charge: Charge): void {
  if (charge.kind === 'renewal') return declinedRenewal(d, charge);
  // a first payment declined at once starts nothing. R-35: a declined purchase or upgrade changes nothing.
  if (charge.kind !== 'start') return;
  Object.assign(d.state, { status: 'ended', endedAt: charge.attemptAt } satisfies Partial<State>);
  d.effects.push({ type: 'discard' });
}

/** past due until a retry is paid; after the last declined one the subscription ends. */
function declinedRenewal(d: Draft, charge: Charge): void {
  const unpaid = unpaidRenewal(d, charge, false);
  d.state.status = 'past_due';
  d.state.unpaid = unpaid;
  if (unpaid.retries >= unpaid.retryAt.length) end(d, d.booked, 'R-41');
}

function unpaidRenewal(d: Draft, charge: Charge, isPending: boolean): Unpaid {
  const retryAt =
    d.state.unpaid?.retryAt ??
    d.catalog.policies.dunning.map((days) => addDays(charge.at, d.state.timeZone, days));
  return { charge, pending: isPending, retries: d.state.unpaid?.retries ?? 0, retryAt };
}

function pending(d: Draft, charge: Charge): void {
  switch (charge.kind) {
    case 'start':
      d.state.unpaid = { charge, pending: true, retries: 0, retryAt: [] };
      return;
    case 'renewal':
      d.state.status = 'past_due';
      d.state.unpaid = unpaidRenewal(d, charge, true);
      return;
    case 'purchase':
    case 'upgrade':
      d.state.waiting.push({ charge });
  }
}

/**
 * the settlement of a pending charge, at the provider's instant (not before the charge, not after now).
 * A charge that is not pending here was settled before: nothing changes the second time.
 */
export function settled(
  state: State,
  settlement: { chargeId: string; outcome: 'paid' | 'declined'; at: Instant },
  booked: Instant,
  catalog: Catalog,
): Decision {
  const d = draft(state, booked, catalog);
  d.state.now = Math.max(d.state.now, booked);
  const { chargeId, outcome } = settlement;
  const unpaid = state.unpaid?.pending && state.unpaid.charge.id === chargeId ? state.unpaid : null;
  const charge = unpaid?.charge ?? state.waiting.find((waiting) => waiting.charge.id === chargeId)?.charge;
  if (!charge) return d;
  const at = Math.min(Math.max(settlement.at, charge.attemptAt), booked);
  d.effects.push({ type: 'settle_charge', chargeId, status: outcome, at });
  d.state.waiting = d.state.waiting.filter((waiting) => waiting.charge.id !== chargeId);
  if (unpaid) settleUnpaid(d, unpaid, outcome, at);
  else if (outcome === 'paid' && unfit(d.state, charge))
    d.effects.push({ type: 'refund', chargeId, at: booked });
  else if (outcome === 'paid') paid(d, charge, at);
  return d;
}

/** what a purchase or upgrade would be refused for now; its money goes back. */
function unfit(state: State, charge: Charge): boolean {
  const { plan, interval } = charge.buys;
  if (charge.kind === 'purchase') return buyingRefusal(state, interval) !== null;
  return changingRefusal({ ...state, waiting: [] }, plan, interval) !== null;
}

function settleUnpaid(d: Draft, unpaid: Unpaid, outcome: 'paid' | 'declined', at: Instant): void {
  if (outcome === 'paid') return paid(d, unpaid.charge, at);
  d.state.unpaid = null;
  if (unpaid.charge.kind === 'start') return end(d, d.booked, 'R-43');
  const retries = unpaid.retryAt.filter((retryAt) => retryAt <= d.booked).length;
  d.state.unpaid = { ...unpaid, retries };
  declinedRenewal(d, unpaid.charge);
}

/** When the next term begins and what it will cost; null when there will be none. */
export function nextRenewal(state: State, catalog: Catalog): { at: Instant; charge: Charge | null } | null {
  const cycle = renewalAfter(state.cycle, state.interval);
  const at = boundaryOf(state, cycle);
  if (at === null || state.status !== 'active' || state.scheduled?.kind === 'cancel') return null;
  const isContract = findPlan(catalog, state.plan, state.interval)?.price_minor === null;
  return { at, charge: isContract ? null : renewalCharge(state, catalog, cycle, at) };
}
