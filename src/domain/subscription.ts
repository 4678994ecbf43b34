import type { GrantKind } from './burndown.ts';
import {
  addDays,
  boundary,
  cycleUnit,
  type Instant,
  type Interval,
  renewalAfter,
  renewalOf,
} from './calendar.ts';
import { type Catalog, findPlan } from './catalog/catalog.ts';
import type { Charge, Decision, Effect, ScheduledChange, State, Transition } from './state.ts';

/** A decision in the making, on a copy of the state. */
export interface Draft extends Decision {
  catalog: Catalog;
  /** The instant of booking: later than the worked instant for late work. */
  booked: Instant;
}

/** A draft of a decision about a state; the caller's state stays as it is. */
export function draft(state: State, booked: Instant, catalog: Catalog): Draft {
  const copy = { ...state, grants: [...state.grants], waiting: [...state.waiting] };
  return { state: copy, effects: [], charge: null, catalog, booked };
}

/** The instant of boundary k in the current series; null before there is an anchor. */
export function boundaryOf(state: State, k: number): Instant | null {
  if (state.anchorAt === null) return null;
  return boundary(state.anchorAt, state.timeZone, k, cycleUnit(state.interval));
}

/** the instant of the next renewal boundary; null before there is an anchor. */
export function nextRenewalAt(state: State): Instant | null {
  return boundaryOf(state, renewalAfter(state.cycle, state.interval));
}

/** Whether boundaries come by themselves: in a trial, and while the plan is paid. */
export const isRunning = ({ status }: Pick<State, 'status'>): boolean =>
  status === 'active' || status === 'trialing';

/**
 * whether a cycle lies in the newest paid term. R-17: a free term of months may begin amid a quarter or year of the series,
 * and is then shorter.
 */
export const isOfPaidTerm = ({ paidRenewal, interval }: State, k: number): boolean =>
  renewalOf(k, interval) <= paidRenewal && paidRenewal <= k;

/** the instant from which nothing can be spent: the end or the scheduled cancel; null while neither is known. */
export function endsAt({ endedAt, scheduled }: Pick<State, 'endedAt' | 'scheduled'>): Instant | null {
  return endedAt ?? (scheduled?.kind === 'cancel' ? scheduled.at : null);
}

/** whether the subscription's credits can no longer be spent at an instant: it ended, or a cancel took effect. */
export function isOver(state: Pick<State, 'endedAt' | 'scheduled'>, at: Instant): boolean {
  const ends = endsAt(state);
  return ends !== null && ends <= at;
}

/** R-08a: the price and credits that a subscription keeps of a plan: null for another plan, and where prices are not kept. */
function keptOf(state: State, { policies }: Catalog, plan: string, interval: Interval) {
  const isIts = plan === state.plan && interval === state.interval;
  const isKept = policies.existing_prices === 'keep' && !state.kept?.isRepriced;
  return isIts && isKept ? (state.kept ?? null) : null;
}

/** Credits of one cycle under a plan: the plan's own, or the operator's where the plan names none. */
export function allowanceOf(
  state: State,
  catalog: Catalog,
  plan = state.plan,
  interval = state.interval,
): number {
  const kept = keptOf(state, catalog, plan, interval);
  return kept?.credits ?? findPlan(catalog, plan, interval)?.allowance ?? state.allowance ?? 0;
}

/** R-08, R-08a: the price of a term for this subscription; null for a contract. */
export function priceOf(
  state: State,
  catalog: Catalog,
  plan = state.plan,
  interval = state.interval,
): number | null {
  const kept = keptOf(state, catalog, plan, interval);
  return kept?.priceMinor ?? findPlan(catalog, plan, interval)?.price_minor ?? null;
}

/** Credits are low below this number: the threshold of the top-up, or else a tenth of the allowance. */
export function lowBelow(state: State, catalog: Catalog): number {
  return state.topUp?.wish?.threshold ?? Math.max(1, Math.floor(allowanceOf(state, catalog) / 10));
}

/** The random part of an id. The ids of its parts are made from it. */
export const stem = (id: string): string => id.slice(id.indexOf('_') + 1);

/** books the allowance of cycle k, dated at its boundary. Books nothing for 0 credits. */
export function grantAllowance(
  d: Draft,
  k: number,
  at: Instant,
  credits: number,
  chargeId: string | null,
): void {
  if (credits === 0) return;
  const term = d.catalog.policies.allowance_term;
  const expiresAt =
    term === 'until_next_refresh' ? boundaryOf(d.state, k + 1)! : addDays(at, d.state.timeZone, term.days);
  const key = `a${d.state.series}_${k}`;
  grant(d, {
    id: `grt_${stem(d.state.id)}_${key}`,
    kind: 'allowance',
    credits,
    effectiveAt: at,
    expiresAt,
    chargeId,
  });
}

/** Books a grant and adds it to the state's open grants. */
export function grant(
  d: Draft,
  made: {
    id: string;
    kind: GrantKind;
    credits: number;
    effectiveAt: Instant;
    expiresAt: Instant;
    chargeId: string | null;
  },
  reason: string | null = null,
): void {
  d.effects.push({ type: 'grant', ...made, cause: stem(made.id), reason });
  const { id, kind, credits, effectiveAt, expiresAt } = made;
  // The ledger's answer brings the true remainder and order; the calendar needs only the rest until then.
  const order = Number.MAX_SAFE_INTEGER;
  d.state.grants.push({
    id,
    kind,
    amount: credits,
    remaining: credits,
    held: 0,
    effectiveAt,
    expiresAt,
    made: order,
  });
}

const TRANSITION: Record<Transition, string> = {
  started: 'The subscription started.',
  activated: 'The trial is over, and the plan is paid.',
  renewed: 'The renewal is paid.',
  past_due: 'The renewal is not paid.',
  changed: 'The plan changed.',
  cancel_scheduled: 'The subscription will end.',
  change_scheduled: 'The plan will change.',
  resumed: 'The scheduled change is undone.',
  ended: 'The subscription ended.',
};

/** Books a note of a change of the subscription, with its plan at that time. */
export function transition(
  d: Draft,
  kind: Transition,
  at: Instant,
  rule: string,
  change?: ScheduledChange,
): void {
  const { plan, interval } = d.state;
  const note = { type: 'note' as const, at, kind, rule, detail: TRANSITION[kind], plan, interval };
  d.effects.push(change ? { ...note, change } : note);
}

/** schedules a change in place of the one before. The same change again books no second note. */
export function schedule(d: Draft, change: ScheduledChange, at: Instant): void {
  const { scheduled } = d.state;
  d.state.scheduled = change;
  if (scheduled && isSame(scheduled, change)) return;
  if (change.kind === 'cancel') transition(d, 'cancel_scheduled', at, 'R-51', change);
  else transition(d, 'change_scheduled', at, 'R-54', change);
}

function isSame(a: ScheduledChange, b: ScheduledChange): boolean {
  if (a.at !== b.at || a.kind === 'cancel' || b.kind === 'cancel') return a.at === b.at && a.kind === b.kind;
  return a.plan === b.plan && a.interval === b.interval;
}

/** The effect that records how a pending charge ended, for its newest attempt or the one named. */
export function settleEffect(
  { id: chargeId, attempt: newest }: Charge,
  status: 'paid' | 'declined' | 'given_up',
  at: Instant,
  attempt = newest,
): Effect {
  return { type: 'settle_charge', chargeId, attempt, status, at };
}

/**
 * The most written-off charges kept, so that the state stays small. An older one paid later is left to billing's
 * reconciler.
 */
const WRITTEN_OFF_KEPT = 20;

/** writes off a purchase or upgrade: it brings nothing more, and money paid for it goes back. */
export function writeOff(d: Draft, chargeId: string): void {
  d.state.givenUp = [...d.state.givenUp.filter((id) => id !== chargeId), chargeId].slice(-WRITTEN_OFF_KEPT);
}

/**
 * ends the subscription. Books the forfeiture of all unused credits and `ended`; the add-on goes, and nothing more is
 * charged.
 */
export function end(d: Draft, at: Instant, rule: string): void {
  const { unpaid } = d.state;
  if (unpaid?.pending) d.effects.push(settleEffect(unpaid.charge, 'given_up', at));
  d.effects.push({ type: 'forfeit', at });
  transition(d, 'ended', at, rule);
  Object.assign(d.state, {
    status: 'ended',
    endedAt: at,
    now: Math.max(d.state.now, at),
    addOn: [],
    scheduled: null,
    unpaid: null,
    grants: [],
  } satisfies Partial<State>);
}
