import { cycleUnit, type Instant, type Interval } from './calendar.ts';
import { renewingOn } from './catalog/packs.ts';
import { forgetLowered } from './refunds.ts';
import type { State } from './state.ts';
import { type Draft, grantAllowance, transition } from './subscription.ts';

// The beginning of a term: by a payment, or by itself where the plan asks for no money.

/** A term that begins. `cycle` is its number in the series; `chargeId` is null where nothing was charged. */
export interface NewTerm {
  plan: string;
  interval: Interval;
  allowance: number;
  /** null for a contract. */
  priceMinor: number | null;
  chargeId: string | null;
  cycle: number;
  at: Instant;
  /** R-08a: the prices of the packs that it was charged with. */
  packPrices?: Record<string, number>;
}

/** opens a term with its allowance. R-08a: its price and credits are those that the subscription may keep. */
export function openTerm(
  d: Draft,
  { priceMinor, allowance, chargeId, cycle, at, packPrices }: NewTerm,
): void {
  Object.assign(d.state, { cycle, paidRenewal: cycle } satisfies Partial<State>);
  keepPrices(d, priceMinor, allowance, packPrices);
  grantAllowance(d, cycle, at, allowance, chargeId);
}

/** R-08a: keeps the prices of a term. A pack that it did not charge keeps the price of its purchase. */
function keepPrices(
  d: Draft,
  priceMinor: number | null,
  credits: number,
  packPrices: Record<string, number> = {},
): void {
  const { kept, ...state } = d.state;
  const packs = { ...kept?.packs, ...packPrices };
  const isPriced = Object.keys(packs).length > 0;
  d.state =
    priceMinor === null ? state : { ...state, kept: { priceMinor, credits, ...(isPriced ? { packs } : {}) } };
}

/** R-08a: keeps the price of packs that joined the add-on. */
export function keepPackPrices(d: Draft, packs: Record<string, number>): void {
  const { kept } = d.state;
  if (kept) d.state.kept = { ...kept, packs: { ...kept.packs, ...packs } };
}

/**
 * opens the term of a renewal, with the change that was scheduled for it. R-16: a change between weeks and months
 * begins a new series at the boundary.
 */
export function renewTerm(d: Draft, term: NewTerm): void {
  const { plan, interval, at, cycle } = term;
  const { plan: planBefore, interval: intervalBefore, series } = d.state;
  const isChanged = plan !== planBefore || interval !== intervalBefore;
  takePlan(d, plan, interval);
  const isNewSeries = cycleUnit(interval) !== cycleUnit(intervalBefore);
  if (isNewSeries) Object.assign(d.state, { series: series + 1, anchorAt: at } satisfies Partial<State>);
  if (d.state.scheduled?.kind === 'plan') d.state.scheduled = null;
  // the first boundary after a trial is its activation.
  if (cycle === 0) transition(d, 'activated', at, 'R-23');
  else transition(d, 'renewed', at, term.priceMinor === null ? 'R-36' : 'R-40');
  if (isChanged) transition(d, 'changed', at, 'R-54');
  openTerm(d, { ...term, cycle: isNewSeries ? 0 : cycle });
}

/** takes a plan. Packs that are not sold on it leave the add-on, and no won dispute brings them back. */
export function takePlan(d: Draft, plan: string, interval: Interval): void {
  const addOn = renewingOn(d.state, d.catalog, { plan, interval });
  if (addOn.length < d.state.addOn.length) forgetLowered(d);
  const { withdrawn } = d.state;
  if (withdrawn) {
    const lowered = renewingOn(d.state, d.catalog, { plan, interval }, withdrawn.lowered);
    d.state.withdrawn = { ...withdrawn, lowered };
  }
  Object.assign(d.state, { plan, interval, addOn } satisfies Partial<State>);
}
