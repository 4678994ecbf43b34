import type { EntryWithFeature } from '../db/entries.ts';
import type { ChargeRow, GrantRow, SubscriptionRow } from '../db/reads.ts';
import { goneAt, isGone } from '../domain/burndown.ts';
import {
  boundary,
  cycleUnit,
  type Instant,
  iso,
  isoOrNull,
  renewalAfter,
  renewalOf,
} from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { nextRefresh } from '../domain/catalog/offers.ts';
import { packsIn } from '../domain/catalog/packs.ts';
import { nextRenewal } from '../domain/charges.ts';
import { stem } from '../domain/subscription.ts';
import type { ChargeView, EntryView, GrantView, SubscriptionView } from './schemas.ts';

// Rows and states in the shapes of the contract (schemas.ts).

/** A subscription's now in milliseconds, as of the read of its row. */
export const nowOf = (row: SubscriptionRow): Instant => row.now;

/** A subscription as the contract shows it, under a catalogue. */
export function subscriptionView(row: SubscriptionRow, catalog: Catalog): SubscriptionView {
  const { state } = row;
  const refresh = nextRefresh(state, catalog);
  return {
    id: state.id,
    customer_id: state.customerId,
    plan: state.plan,
    interval: state.interval,
    status: state.status,
    time_zone: state.timeZone,
    anchor_at: state.anchorAt === null ? null : iso(state.anchorAt),
    current_period: periodOf(row),
    next_refresh_at: refresh && iso(refresh.at),
    next_renewal: renewalView(row, catalog),
    add_on: { packs: packsIn(state.addOn), items: state.addOn },
    trial: state.trialEndsAt === undefined ? null : { ends_at: iso(state.trialEndsAt) },
    top_up: topUpView(row, catalog),
    scheduled_change: changeView(row),
    ended_at: state.endedAt === null ? null : iso(state.endedAt),
    test_clock: row.testClock === null ? null : { now: iso(row.testClock) },
    ledger_version: row.version,
    metadata: row.metadata,
  };
}

/** From renewal to renewal; null before the first term, also in a trial, and after the end. */
function periodOf({ state }: SubscriptionRow): SubscriptionView['current_period'] {
  const { anchorAt, timeZone, cycle, interval, status } = state;
  if (anchorAt === null || cycle < 0 || status === 'ended') return null;
  const at = (k: number) => iso(boundary(anchorAt, timeZone, k, cycleUnit(interval)));
  return { start: at(renewalOf(cycle, interval)), end: at(renewalAfter(cycle, interval)) };
}

function renewalView({ state }: SubscriptionRow, catalog: Catalog): SubscriptionView['next_renewal'] {
  const renewal = nextRenewal(state, catalog);
  if (renewal === null) return null;
  const { charge } = renewal;
  return {
    at: iso(renewal.at),
    charge: charge && { amount_minor: charge.amountMinor, currency: charge.currency },
  };
}

/** R-39; null without a top-up. */
function topUpView(row: SubscriptionRow, { currency }: Catalog): SubscriptionView['top_up'] {
  const { topUp } = row.state;
  if (!topUp?.wish) return null;
  const { threshold, packs, pack, monthlyCeilingMinor } = topUp.wish;
  const spent = topUp.month > nowOf(row) ? topUp.spentMinor : 0;
  return {
    threshold,
    packs,
    pack,
    monthly_ceiling: { amount_minor: monthlyCeilingMinor, currency },
    spent_this_month: { amount_minor: spent, currency },
    not_before: topUp.notBefore > nowOf(row) ? iso(topUp.notBefore) : null,
    skipped: topUp.skipped,
  };
}

function changeView({ state: { scheduled } }: SubscriptionRow): SubscriptionView['scheduled_change'] {
  if (scheduled === null) return null;
  if (scheduled.kind === 'cancel') return { kind: 'cancel', at: iso(scheduled.at) };
  return { kind: 'plan', at: iso(scheduled.at), plan: scheduled.plan, interval: scheduled.interval };
}

/** A grant at the instant `now`; `ends` is the end of its subscription, null without one. */
export function grantView(row: GrantRow, now: Instant, ends: Instant | null): GrantView {
  const term = { expiresAt: row.expiresAt.getTime() };
  const expired = isGone(term, null, now);
  const over = isGone(term, ends, now);
  return {
    id: row.id,
    kind: row.kind as GrantView['kind'],
    amount: row.amount,
    remaining: over ? 0 : row.remaining,
    held: row.held,
    effective_at: row.effectiveAt.toISOString(),
    expires_at: isoOrNull(goneAt(term, ends)),
    status: grantStatus(row, expired, over),
    cause: row.reason ?? row.chargeId ?? cycleOf(row),
  };
}

/** The cause of a refresh inside a paid year or under a contract: its cycle. */
const cycleOf = ({ cause }: GrantRow): string => `cycle ${cause.slice(cause.lastIndexOf('_') + 1)}`;

function grantStatus(row: GrantRow, expired: boolean, over: boolean): GrantView['status'] {
  if (row.taken !== null) return row.taken as GrantView['status'];
  if (!row.open) return 'spent';
  if (expired) return 'expired';
  return over ? 'forfeited' : 'open';
}

/** A charge with its lines and payment attempts. */
export function chargeView(row: ChargeRow): ChargeView {
  const money = (amount_minor: number) => ({ amount_minor, currency: row.currency });
  return {
    id: row.id,
    at: row.at.toISOString(),
    kind: row.kind as ChargeView['kind'],
    status: row.status as ChargeView['status'],
    amount: money(row.amountMinor),
    refunded: money(row.refundedMinor),
    lines: row.lines.map(({ description, quantity, amountMinor }) => ({
      description,
      quantity,
      amount: money(amountMinor),
    })),
    attempts: row.attempts.map(({ at, payment_method, outcome }) => ({
      at: iso(at),
      payment_method,
      outcome,
    })),
    catalog_version: row.catalogVersion,
  };
}

/** A purchase: its charge, and its grant once it is paid. */
export function purchaseView(row: ChargeRow, grant: GrantView | null) {
  const charge = chargeView(row);
  return {
    id: row.purchaseId!,
    status: charge.status,
    pack: row.pack,
    packs: row.packs,
    credits: row.credits,
    charge,
    grant,
  };
}

/** A ledger entry. */
export function entryView(row: EntryWithFeature): EntryView {
  return {
    id: `ent_${stem(row.subscriptionId)}_${row.seq}`,
    seq: row.seq,
    kind: row.kind,
    credits: row.credits,
    grant_id: row.grantId,
    balance_after: row.balanceAfter,
    effective_at: row.effectiveAt.toISOString(),
    recorded_at: row.recordedAt.toISOString(),
    usage_id: row.usageId,
    hold_id: row.holdId,
    feature: row.feature,
  };
}
