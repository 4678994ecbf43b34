import { type Instant, type Interval, renewalAfter } from './calendar.ts';
import { type Catalog, packOf, planName } from './catalog/catalog.ts';
import { boughtPack, packsIn, renewingOn } from './catalog/packs.ts';
import { Refusal } from './errors.ts';
import {
  type AddOnItem,
  type Charge,
  type ChargeKind,
  type ChargeLine,
  NO_METHOD,
  type State,
} from './state.ts';
import { allowanceOf, boundaryOf, isRunning, priceOf, stem } from './subscription.ts';

/** the intervals as adjectives. */
export const INTERVAL_WORD: Record<Interval, string> = {
  week: 'weekly',
  month: 'monthly',
  quarter: 'quarterly',
  year: 'annual',
};

/** A start refuses a catalogue that lacks a plan in use, so a missing price is a bug and never a free charge. */
const lacks = (what: string) => new Error(`the catalogue in force lacks ${what}: a broken invariant`);

function planLine(state: State, catalog: Catalog, plan: string, interval: Interval): ChargeLine {
  const amountMinor = priceOf(state, catalog, plan, interval);
  if (!amountMinor) throw lacks(`a price of ${plan}/${interval}`);
  const description = `${planName(catalog, plan)}, ${INTERVAL_WORD[interval]}`;
  return { description, quantity: 1, amountMinor, plan, interval };
}

function packLine(catalog: Catalog, { pack: id, quantity }: AddOnItem): ChargeLine {
  const pack = packOf(catalog, id);
  if (!pack) throw lacks(`the pack ${id}`);
  const description = `${pack.name} of ${pack.credits}`;
  return { description, quantity, amountMinor: quantity * pack.price, pack: id };
}

interface ChargeBill {
  id: string;
  kind: ChargeKind;
  at: Instant;
  plan: string;
  interval: Interval;
  items: AddOnItem[];
  lines: ChargeLine[];
  paymentMethod: string;
  cycle?: number;
  purchaseId?: string;
  /** R-39a: false for packs that nobody asked to renew. */
  isStanding?: boolean;
}

function bill(state: State, catalog: Catalog, wanted: ChargeBill): Charge {
  const { id, kind, at, plan, interval, lines, paymentMethod } = wanted;
  const items = wanted.items.map((item) => boughtPack(state, catalog, item, wanted.isStanding ?? true));
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
      packs: packsIn(items),
      packCredits: items.reduce((sum, { quantity, credits }) => sum + quantity * credits, 0),
      items,
    },
    cycle: wanted.cycle ?? null,
    purchaseId: wanted.purchaseId ?? null,
  };
}

/** the refusal of a charge that a caller asks for while no payment method is known. */
export function requireMethod(paymentMethod: string): void {
  if (paymentMethod === NO_METHOD)
    throw new Refusal(
      'payment_method_required',
      'The subscription has no payment method yet: set one first.',
    );
}

/** the charge of a subscription's first term, of the plan alone. */
export function startCharge(state: State, catalog: Catalog, at: Instant): Charge {
  const { plan, interval, paymentMethod } = state;
  const lines = [planLine(state, catalog, plan, interval)];
  const id = `chg_${stem(state.id)}_s`;
  return bill(state, catalog, { id, kind: 'start', at, plan, interval, items: [], lines, paymentMethod });
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

/** The plan of the coming term: the scheduled one, or the same. */
export function comingPlan(state: State): { plan: string; interval: Interval } {
  const { plan, interval } = state.scheduled?.kind === 'plan' ? state.scheduled : state;
  return { plan, interval };
}

/** the charge of the coming term: its plan, and the add-on as far as its packs are sold there. */
export function renewalCharge(state: State, catalog: Catalog, cycle: number, at: Instant): Charge {
  const { plan, interval } = comingPlan(state);
  const items = renewingOn(state, catalog, { plan, interval });
  const lines = [planLine(state, catalog, plan, interval), ...items.map((item) => packLine(catalog, item))];
  const id = renewalId(state, state.series, cycle);
  const { paymentMethod } = state;
  return bill(state, catalog, {
    id,
    kind: 'renewal',
    at,
    plan,
    interval,
    items,
    lines,
    paymentMethod,
    cycle,
  });
}

/** the charge of a purchase of packs of one id. */
export function purchaseCharge(
  state: State,
  catalog: Catalog,
  at: Instant,
  wanted: { purchaseId: string; item: AddOnItem; paymentMethod: string; isStanding?: boolean },
): Charge {
  const { plan, interval } = state;
  const { item, ...rest } = wanted;
  requireMethod(wanted.paymentMethod);
  const lines = [packLine(catalog, item)];
  const id = `chg_${stem(wanted.purchaseId)}`;
  const items = [item];
  return bill(state, catalog, { id, kind: 'purchase', at, plan, interval, items, lines, ...rest });
}

/** the charge of an upgrade, in full. The add-on is paid at its next renewal. R-23: also of a trial's activation. */
export function upgradeCharge(
  state: State,
  catalog: Catalog,
  at: Instant,
  wanted: { chargeId: string; plan: string; interval: Interval },
): Charge {
  const { plan, interval, chargeId: id } = wanted;
  const lines = [planLine(state, catalog, plan, interval)];
  const { paymentMethod } = state;
  requireMethod(paymentMethod);
  return bill(state, catalog, { id, kind: 'upgrade', at, plan, interval, items: [], lines, paymentMethod });
}

/** the longest time that a payment stays pending: 24 hours. */
export const GIVE_UP_AFTER_MS = 24 * 60 * 60 * 1000;

/** the instant at which a pending charge is given up. */
export const giveUpAt = (charge: Charge): Instant => charge.attemptAt + GIVE_UP_AFTER_MS;

/** The next attempt of a charge, with the payment method in force. */
export function nextAttempt(state: State, { cancels: _, ...charge }: Charge, at: Instant): Charge {
  return { ...charge, attempt: charge.attempt + 1, attemptAt: at, paymentMethod: state.paymentMethod };
}

/** whether the coming term asks for no money: it is free, or paid by contract. */
export function isUncharged(state: State, catalog: Catalog): boolean {
  const { plan, interval } = comingPlan(state);
  return !priceOf(state, catalog, plan, interval);
}

/** whether the coming term asks for money and no payment method is known: the subscription ends instead. */
export const endsUnpaid = (state: State, catalog: Catalog): boolean =>
  state.paymentMethod === NO_METHOD && !isUncharged(state, catalog);

/** The instant and the charge of the next term. null when none comes; `charge` is null for one that asks for no money. */
export function nextRenewal(state: State, catalog: Catalog): { at: Instant; charge: Charge | null } | null {
  const cycle = renewalAfter(state.cycle, state.interval);
  const at = boundaryOf(state, cycle);
  if (at === null || !isRunning(state) || state.scheduled?.kind === 'cancel') return null;
  if (endsUnpaid(state, catalog)) return null;
  return { at, charge: isUncharged(state, catalog) ? null : renewalCharge(state, catalog, cycle, at) };
}
