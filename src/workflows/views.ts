import {
  defineSearchAttributeKey,
  SearchAttributeType,
  type SearchAttributeUpdatePair,
} from '@temporalio/common';
import type { After } from '../db/ledger.ts';
import { available, goneAt, isUsable } from '../domain/burndown.ts';
import { type Instant, iso, isoOrNull } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { packsIn } from '../domain/catalog/packs.ts';
import { nextDue, nextWake } from '../domain/due.ts';
import { noticesOf } from '../domain/notices.ts';
import type { Decision, State } from '../domain/state.ts';
import { endsAt, lowBelow } from '../domain/subscription.ts';
import { forecast } from '../domain/timeline.ts';
import {
  type BalanceAnswer,
  type ScheduleAnswer,
  SEARCH_ATTRIBUTE,
  type SubscriptionAnswer,
} from './messages.ts';

// The workflow's answers to queries and to the Temporal UI, and the ledger's row after a step.

const PLAN = defineSearchAttributeKey(SEARCH_ATTRIBUTE.plan, SearchAttributeType.KEYWORD);
const STATUS = defineSearchAttributeKey(SEARCH_ATTRIBUTE.status, SearchAttributeType.KEYWORD);
const CUSTOMER = defineSearchAttributeKey(SEARCH_ATTRIBUTE.customer, SearchAttributeType.KEYWORD);

/** The search attributes that changed: each upsert is an event and a billed action. */
export function searchAttributesOf(state: State, before: State | null): SearchAttributeUpdatePair[] {
  const plan = (of: State) => `${of.plan}/${of.interval}`;
  const pairs: SearchAttributeUpdatePair[] = [];
  if (before === null || plan(before) !== plan(state)) pairs.push({ key: PLAN, value: plan(state) });
  if (before === null || before.status !== state.status) pairs.push({ key: STATUS, value: state.status });
  if (before === null) pairs.push({ key: CUSTOMER, value: state.customerId });
  return pairs;
}

/** A version of the ledger, and the instant at which the workflow learnt of it. */
type KnownVersion = { version: number; since: Instant };

/** R-12: the balance by the ledger's newest answer, which has a version and an age, without grants that expired since. */
export function balanceOf(state: State, { version, since }: KnownVersion): BalanceAnswer {
  const at = asOf(state);
  const usable = state.grants.filter((grant) => isUsable(grant, at));
  const sum = (kind: string) =>
    available(
      usable.filter((grant) => grant.kind === kind),
      at,
    );
  return {
    available: available(usable, at),
    held: usable.reduce((held, grant) => held + grant.held, 0),
    by_kind: { allowance: sum('allowance'), pack: sum('pack'), adjustment: sum('adjustment') },
    by_grant: usable.map((grant) => ({
      grant_id: grant.id,
      kind: grant.kind,
      remaining: grant.remaining,
      expires_at: isoOrNull(goneAt(grant, endsAt(state))),
    })),
    ledger_version: version,
    known_since: iso(since),
    as_of: iso(at),
  };
}

const asOf = (state: State): Instant => (state.testClock ? state.now : Math.max(Date.now(), state.now));

const dueOf = (state: State) => {
  const due = nextDue(state);
  return due && { at: iso(due.at), kind: due.kind };
};

/** The answer of the query `subscription`. */
export function subscriptionOf(state: State): SubscriptionAnswer {
  const { unpaid, scheduled } = state;
  return {
    state: {
      id: state.id,
      customer_id: state.customerId,
      plan: state.plan,
      interval: state.interval,
      status: state.status,
      series: state.series,
      anchor_at: isoOrNull(state.anchorAt),
      cycle: state.cycle,
      packs: packsIn(state.addOn),
      scheduled_change: changeOf(scheduled),
      unpaid: unpaid && { charge_id: unpaid.charge.id, pending: unpaid.pending, retries: unpaid.retries },
      waiting: state.waiting.map(({ charge }) => charge.id),
      ended_at: isoOrNull(state.endedAt),
      now: iso(asOf(state)),
    },
    next_due: dueOf(state),
  };
}

function changeOf(scheduled: State['scheduled']): SubscriptionAnswer['state']['scheduled_change'] {
  if (scheduled === null) return null;
  const at = iso(scheduled.at);
  return scheduled.kind === 'cancel' ? { kind: 'cancel', at } : { ...scheduled, at };
}

/** The answer of the query `schedule`: at most `limit` happenings of the forecast. */
export function scheduleOf(state: State, catalog: Catalog, limit = 24): ScheduleAnswer {
  const { happenings } = forecast(state, state.grants, catalog, { limit });
  return happenings.map((happening) => ({ ...happening, at: iso(happening.at) }));
}

/** The text beside the history in the Temporal UI. */
export function describe(state: State, known: KnownVersion): string {
  const due = dueOf(state);
  const { by_kind, available: credits } = balanceOf(state, known);
  return [
    `**${state.plan}/${state.interval}**, ${state.status}, ${packsIn(state.addOn)} packs renewing`,
    `next: ${due ? `${due.kind} at ${due.at}` : 'nothing'}`,
    `available: ${credits} (allowance ${by_kind.allowance}, packs ${by_kind.pack}, adjustments ${by_kind.adjustment}) at version ${known.version}`,
  ].join('\n\n');
}

/** One line on an activity: the effects it books, and the charge it asks for. */
export function summaryOf({ effects, charge }: Decision): string {
  const booked = effects.slice(0, 4).map((effect) => (effect.type === 'note' ? effect.kind : effect.type));
  const more = effects.length > 4 ? [`${effects.length - 4} more`] : [];
  const asked = charge ? [`${charge.kind} ${charge.currency} ${(charge.amountMinor / 100).toFixed(2)}`] : [];
  return [...booked, ...more, ...asked].join(', ') || 'state';
}

/** The ledger's row after a decision: the facts that a spend needs. */
export function afterOf(state: State, catalog: Catalog): After {
  return {
    state,
    endsAt: endsAt(state),
    wakesAt: nextWake(state)?.at ?? null,
    lowBelow: lowBelow(state, catalog),
    blocked: state.status === 'past_due' && catalog.policies.past_due_spending === 'block',
    notices: noticesOf(state, catalog),
  };
}
