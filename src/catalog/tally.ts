import { type Catalog, findPlan } from '../domain/catalog/catalog.ts';
import { comingPlan, nextRenewal } from '../domain/charges.ts';
import { type Charge, NO_METHOD, type State } from '../domain/state.ts';
import type { ChangeScope } from './diff.ts';

// The live subscriptions that a change of the catalogue reaches, and the money of their next renewals under both catalogues. The
// functions of the workflow itself compute each renewal (R-08, R-08a).

/** Live subscriptions, those of them that have a next renewal, and its cents under the old and the new catalogue. */
export interface Reached {
  subscriptions: number;
  renewals: number;
  old_minor: number;
  new_minor: number;
}

/** A count over subscriptions, given one by one. */
export interface Tally {
  add(state: State): void;
  /** The subscriptions that a change can concern, with the lines of their next renewals that it is about. */
  of(scope: ChangeScope): Reached;
  /** All live subscriptions, with the whole of their next renewals. */
  total(): Reached;
  /** Subscriptions whose next plan one of the two catalogues lacks: their renewals are in no sum. */
  unpriced(): number;
}

/** The lines of a charge by the thing that they are for. */
const PLAN = 'plan/';
const PACK = 'pack/';

const keyOfPlan = ({ plan, interval }: { plan: string; interval: string }): string =>
  `${PLAN}${plan}/${interval}`;

const nothing = (): Reached => ({ subscriptions: 0, renewals: 0, old_minor: 0, new_minor: 0 });

/** A tally of two catalogues. */
export function createTally(from: Catalog, to: Catalog): Tally {
  const total = nothing();
  // A subscription has several keys: its plan, the coming one, its packs. Those with the same keys are counted together, so that a
  // scope that takes in several keys counts a subscription once.
  const groups = new Map<string, { keys: string[]; lines: Map<string, Reached> } & Reached>();
  let unpriced = 0;
  return {
    add(state) {
      total.subscriptions += 1;
      const charges = [from, to].map((catalog) => chargeOf(state, catalog)) as [Charge | null, Charge | null];
      const isPriced = [from, to].every((catalog) => hasPlan(state, catalog));
      if (!isPriced) unpriced += 1;
      const keys = keysOf(state);
      const name = keys.join(' ');
      const group = groups.get(name) ?? { keys, lines: new Map<string, Reached>(), ...nothing() };
      groups.set(name, group);
      group.subscriptions += 1;
      if (!isPriced || charges.every((charge) => charge === null)) return;
      total.renewals += 1;
      for (const [i, charge] of charges.entries()) {
        const side = i === 0 ? 'old_minor' : 'new_minor';
        total[side] += charge?.amountMinor ?? 0;
        for (const line of charge?.lines ?? []) {
          const key =
            line.pack === undefined
              ? keyOfPlan({ plan: line.plan!, interval: line.interval! })
              : PACK + line.pack;
          const of = group.lines.get(key) ?? nothing();
          group.lines.set(key, of);
          of[side] += line.amountMinor;
        }
      }
      group.renewals += 1;
    },
    of(scope) {
      if (scope.kind === 'none') return nothing();
      const sum = nothing();
      for (const group of groups.values()) {
        if (!group.keys.some((key) => isIn(key, scope))) continue;
        sum.subscriptions += group.subscriptions;
        sum.renewals += group.renewals;
        for (const [key, line] of group.lines) {
          if (!isIn(key, scope)) continue;
          sum.old_minor += line.old_minor;
          sum.new_minor += line.new_minor;
        }
      }
      return sum;
    },
    total: () => ({ ...total }),
    unpriced: () => unpriced,
  };
}

/** without a payment method a subscription ends where its first charge would come. */
function chargeOf(state: State, catalog: Catalog): Charge | null {
  if (!hasPlan(state, catalog) || state.paymentMethod === NO_METHOD) return null;
  return nextRenewal(state, catalog)?.charge ?? null;
}

function hasPlan(state: State, catalog: Catalog): boolean {
  const { plan, interval } = comingPlan(state);
  return findPlan(catalog, plan, interval) !== undefined;
}

/** The things that a subscription has or will have at its next renewal. */
const keysOf = (state: State): string[] => [
  ...new Set([keyOfPlan(state), keyOfPlan(comingPlan(state)), ...state.addOn.map(({ pack }) => PACK + pack)]),
];

function isIn(key: string, scope: ChangeScope): boolean {
  if (scope.kind === 'plan')
    return scope.interval
      ? key === keyOfPlan({ plan: scope.plan, interval: scope.interval })
      : key.startsWith(`${PLAN}${scope.plan}/`);
  if (scope.kind === 'pack') return key === PACK + scope.pack;
  return scope.kind !== 'none';
}
