import type { GrantKind } from './burndown.ts';
import { addDays, boundary, type Instant, renewalAfter } from './calendar.ts';
import { type Catalog, findPlan } from './catalog.ts';
import type { Charge, Decision, Effect, ScheduledChange, State, Transition } from './state.ts';

/** A state being worked on: the copy is the worker's own. */
export interface Draft extends Decision {
  catalog: Catalog;
  /** When this is booked: later than the instant being worked if it is worked late. */
  booked: Instant;
}

export function draft(state: State, booked: Instant, catalog: Catalog): Draft {
  const copy = { ...state, grants: [...state.grants], waiting: [...state.waiting] };
  return { state: copy, effects: [], charge: null, catalog, booked };
}

/** The instant of boundary k in the current series; null before there is an anchor. */
export function boundaryOf(state: State, k: number): Instant | null {
  return state.anchorAt === null ? null : boundary(state.anchorAt, state.timeZone, k);
}

/** the next renewal boundary, for a subscription that has an anchor. */
export function nextRenewalAt(state: State): Instant | null {
  return boundaryOf(state, renewalAfter(state.cycle, state.interval));
}

/** the instant from which nothing can be spent: the end, or the cancel that is scheduled; null while neither is known. */
export function endsAt({ endedAt, scheduled }: Pick<State, 'endedAt' | 'scheduled'>): Instant | null {
  return endedAt ?? (scheduled?.kind === 'cancel' ? scheduled.at : null);
}

/** nothing can be spent any more. */
export function isOver(state: Pick<State, 'endedAt' | 'scheduled'>, at: Instant): boolean {
  const ends = endsAt(state);
  return ends !== null && ends <= at;
}

/** Credits of one cycle under the plan in force: the plan's, or the operator's where the plan names none. */
export function allowanceOf(
  state: State,
  catalog: Catalog,
  plan = state.plan,
  interval = state.interval,
): number {
  return findPlan(catalog, plan, interval)?.allowance ?? state.allowance ?? 0;
}

/** Credits are low when fewer are available: what is topped up below, else a tenth of the allowance. */
export function lowBelow(state: State, catalog: Catalog): number {
  return state.topUp?.wish?.threshold ?? Math.max(1, Math.floor(allowanceOf(state, catalog) / 10));
}

/** The random part of an id, from which the ids of what belongs to it are made. */
export const stem = (id: string): string => id.slice(id.indexOf('_') + 1);

/** the allowance of cycle k, from its boundary on, whenever it is booked. */
export function grantAllowance(
  d: Draft,
  k: number,
  at: Instant,
  credits: number,
  chargeId: string | null,
): void {
  if (credits === 0) return;
  const term = d.catalog.policies.allowanceTerm;
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

/** packs live until 90 days after the next renewal; the date is fixed now. */
export function packExpiry(state: State, catalog: Catalog, cycle: number): Instant {
  const renewal = boundaryOf(state, renewalAfter(cycle, state.interval))!;
  return addDays(renewal, state.timeZone, catalog.policies.packTermDays);
}

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
  // The ledger's answer brings the true remainder and order; until then this is what the calendar needs.
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
  renewed: 'The renewal is paid.',
  past_due: 'The renewal is not paid.',
  changed: 'The plan changed.',
  cancel_scheduled: 'The subscription will end.',
  change_scheduled: 'The plan will change.',
  resumed: 'The scheduled change is undone.',
  ended: 'The subscription ended.',
};

/** Puts on record what happened to the subscription, with the plan it has then. */
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

/** schedules a change in place of what was scheduled before. What is scheduled already is not told again. */
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

/** Says how a charge that was pending ended; of its newest attempt, unless another is named. */
export function settleEffect(
  { id: chargeId, attempt: newest }: Charge,
  status: 'paid' | 'declined' | 'given_up',
  at: Instant,
  attempt = newest,
): Effect {
  return { type: 'settle_charge', chargeId, attempt, status, at };
}

/** The state stays small: a charge that is paid after this many others were written off is for billing's reconciler. */
const WRITTEN_OFF_KEPT = 20;

/** nothing comes of this purchase or upgrade any more; should it be paid after all, its money goes back. */
export function writeOff(d: Draft, chargeId: string): void {
  d.state.givenUp = [...d.state.givenUp.filter((id) => id !== chargeId), chargeId].slice(-WRITTEN_OFF_KEPT);
}

/** at the end all that is left is forfeited, the add-on goes, nothing more is charged. */
export function end(d: Draft, at: Instant, rule: string): void {
  const { unpaid } = d.state;
  if (unpaid?.pending) d.effects.push(settleEffect(unpaid.charge, 'given_up', at));
  d.effects.push({ type: 'forfeit', at });
  transition(d, 'ended', at, rule);
  Object.assign(d.state, {
    status: 'ended',
    endedAt: at,
    now: Math.max(d.state.now, at),
    packs: 0,
    scheduled: null,
    unpaid: null,
    grants: [],
  } satisfies Partial<State>);
}
