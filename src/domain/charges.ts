import { type Instant, type Interval, renewalAfter } from './calendar.ts';
import { type Catalog, findPack, findPlan, type PlanId } from './catalog.ts';
import type { Charge, ChargeKind, ChargeLine, State } from './state.ts';
import { allowanceOf, boundaryOf, stem } from './subscription.ts';

const INTERVAL_WORD: Record<Interval, string> = { month: 'monthly', year: 'annual' };

/** A start refuses a catalogue that lacks a plan in use, so a missing price is a bug and never a free charge. */
const lacks = (what: string) => new Error(`the catalogue in force lacks ${what}: a broken invariant`);

/** The line of a charge for a plan. Readers of a charge recognise the plan by its description. */
export function planLine(catalog: Catalog, plan: PlanId, interval: Interval): ChargeLine {
  const amountMinor = findPlan(catalog, plan, interval)?.price_minor;
  if (!amountMinor) throw lacks(`a price of ${plan}/${interval}`);
  return { description: `${plan} ${INTERVAL_WORD[interval]} plan`, quantity: 1, amountMinor };
}

function packLine(catalog: Catalog, interval: Interval, packs: number): ChargeLine {
  const pack = findPack(catalog, interval);
  if (!pack) throw lacks(`the pack of the ${interval}`);
  const description = `pack of ${pack.credits} credits`;
  return { description, quantity: packs, amountMinor: packs * pack.price_minor };
}

interface ChargeBill {
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

function bill(state: State, catalog: Catalog, wanted: ChargeBill): Charge {
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

/** the charge of a subscription's first term, of the plan alone. */
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

const renewalId = ({ id }: State, series: number, cycle: number): string =>
  `chg_${stem(id)}_r${series}_${cycle}`;

/** whether this is the charge of a renewal still to come. An owner of billing may settle it before its boundary. */
export function isToCome(state: State, chargeId: string): boolean {
  const [, series, cycle] = (/_r(\d{1,6})_(\d{1,6})$/.exec(chargeId) ?? []).map(Number);
  if (series === undefined || cycle === undefined || state.status === 'ended') return false;
  const isLater = series > state.series || (series === state.series && cycle > state.cycle);
  return isLater && chargeId === renewalId(state, series, cycle);
}

/** the charge of the coming term: its plan and the add-on, which a change of interval removes. */
export function renewalCharge(state: State, catalog: Catalog, cycle: number, at: Instant): Charge {
  const { plan, interval } = state.scheduled?.kind === 'plan' ? state.scheduled : state;
  const packs = interval === state.interval ? state.packs : 0;
  const lines = [
    planLine(catalog, plan, interval),
    ...(packs > 0 ? [packLine(catalog, interval, packs)] : []),
  ];
  const id = renewalId(state, state.series, cycle);
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

/** the charge of a purchase of packs, at the plan's interval. */
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

/** the charge of an upgrade, in full. The add-on is paid at its next renewal. */
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

/** the longest time that a payment stays pending: 24 hours. */
export const GIVE_UP_AFTER_MS = 24 * 60 * 60 * 1000;

/** the instant at which a pending charge is given up. */
export const giveUpAt = (charge: Charge): Instant => charge.attemptAt + GIVE_UP_AFTER_MS;

/** The next attempt of a charge, with the payment method in force. */
export function nextAttempt(state: State, { cancels: _, ...charge }: Charge, at: Instant): Charge {
  return { ...charge, attempt: charge.attempt + 1, attemptAt: at, paymentMethod: state.paymentMethod };
}

/** The instant and the charge of the next term. null when none comes; `charge` is null for a plan paid by contract. */
export function nextRenewal(state: State, catalog: Catalog): { at: Instant; charge: Charge | null } | null {
  const cycle = renewalAfter(state.cycle, state.interval);
  const at = boundaryOf(state, cycle);
  if (at === null || state.status !== 'active' || state.scheduled?.kind === 'cancel') return null;
  const isContract = findPlan(catalog, state.plan, state.interval)?.price_minor === null;
  return { at, charge: isContract ? null : renewalCharge(state, catalog, cycle, at) };
}
