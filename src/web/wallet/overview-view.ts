import type { Deps } from '../../api/deps.ts';
import { type ActivityRow, listActivity } from '../../db/entries.ts';
import type { SubscriptionRow } from '../../db/reads.ts';
import type { LedgerGrant } from '../../db/wallet/reads.ts';
import { burnOrder, goneAt, isGone, isUsable } from '../../domain/burndown.ts';
import { type Instant, NEVER } from '../../domain/calendar.ts';
import { type Catalog, type Feature, isContract } from '../../domain/catalog/catalog.ts';
import { nextRefresh } from '../../domain/catalog/offers.ts';
import { nextRenewal } from '../../domain/charges.ts';
import type { Charge, State } from '../../domain/state.ts';
import { endsAt, isOver } from '../../domain/subscription.ts';
import type { Format } from '../shell/format.ts';
import type { Bill } from '../shell/parts.tsx';
import { intervalWord, itemsName, packsOf, planName } from '../shell/words.ts';
import type { ActivityLine } from './activity.tsx';
import { type Outlook, outlookOf } from './chart-view.ts';
import type { Buys, Emptied, OpenGrant, WalletView } from './overview.tsx';
import type { Visit } from './visit.ts';

// From rows to the data of the wallet's pages.

const RECENT = 8;

/** Reads the data of /wallet. */
export async function walletView(deps: Deps, visit: Visit): Promise<WalletView> {
  const { state, version } = visit.row;
  const [outlook, activity] = await Promise.all([
    outlookOf(deps, visit),
    listActivity(deps.db, state.id, { kinds: null, before: version + 1, limit: RECENT }),
  ]);
  return walletOf(visit, outlook, activity.rows.map(activityLine));
}

/** The data of /wallet from rows; `activity` holds the newest entries first. */
export function walletOf(
  { row, frame, catalog }: Visit,
  { grants, chart }: Outlook,
  activity: ActivityLine[],
): WalletView {
  const { state } = row;
  const { now, format } = frame;
  const open = usable(grants, row, now);
  const available = open.reduce((sum, { remaining }) => sum + remaining, 0);
  return {
    ...frame,
    available,
    held: grants.reduce((sum, { held }) => sum + held, 0),
    emptied: available === 0 ? emptiedBy(state, grants, activity, now) : null,
    expiring: expiringOf(open, endsAt(state)),
    refresh: nextRefresh(state, catalog),
    grants: open.map((grant) => openGrant(grant, endsAt(state))),
    buys: buysOf(catalog, available, format),
    chart,
    bill: billOf(state, catalog, format),
    isContract: isContract(catalog, state.plan) && state.status !== 'ended',
    activity,
  };
}

/** the grants that can be spent now, in burn order. */
export function usable(grants: LedgerGrant[], row: SubscriptionRow, now: Instant): LedgerGrant[] {
  const ends = endsAt(row.state);
  return grants
    .filter((grant) => isUsable(grant, now, ends) && grant.remaining + grant.held > 0)
    .sort(burnOrder);
}

const openGrant = (grant: LedgerGrant, ends: Instant | null): OpenGrant => {
  const { id, kind, amount, remaining, held, reason } = grant;
  return { id, kind, amount, remaining, held, reason, goneAt: goneAt(grant, ends) };
};

/** The credits that are gone at each instant, if nothing more is used. */
function expiringOf(open: LedgerGrant[], ends: Instant | null): WalletView['expiring'] {
  const byInstant = new Map<Instant | null, number>();
  for (const grant of open) {
    const at = goneAt(grant, ends);
    if (grant.remaining > 0) byInstant.set(at, (byInstant.get(at) ?? 0) + grant.remaining);
  }
  return [...byInstant]
    .map(([at, credits]) => ({ at, credits }))
    .sort((a, b) => (a.at ?? NEVER) - (b.at ?? NEVER));
}

const EMPTIES: Partial<Record<string, Emptied['by']>> = {
  debit: 'use',
  capture: 'use',
  hold: 'hold',
  expiry: 'expiry',
  forfeiture: 'end',
};

/** The reason for an empty balance: an unbooked expiry, or the newest entry that took credits. */
function emptiedBy(state: State, grants: LedgerGrant[], activity: ActivityLine[], now: Instant): Emptied {
  if (isOver(state, now)) return { by: 'end', at: endsAt(state)!, credits: 0 };
  const sum = (lines: readonly { credits: number }[]) => lines.reduce((n, { credits }) => n + credits, 0);
  const overdue = grants.filter(
    ({ remaining, expiresAt }) => remaining > 0 && isGone({ expiresAt }, null, now),
  );
  if (overdue.length > 0) {
    const at = Math.max(...overdue.map(({ expiresAt }) => expiresAt));
    const last = overdue.filter(({ expiresAt }) => expiresAt === at);
    return { by: 'expiry', at, credits: sum(last.map(({ remaining }) => ({ credits: remaining }))) };
  }
  const newest = activity.find(({ credits }) => credits < 0);
  if (!newest) return { by: 'nothing', at: now, credits: 0 };
  const same = activity.filter(({ kind, at }) => kind === newest.kind && at === newest.at);
  return { by: EMPTIES[newest.kind] ?? 'taken', at: newest.at, credits: -sum(same) };
}

/** The balance in units of each feature; a feature that costs nothing is unlimited. */
function buysOf(catalog: Catalog, available: number, format: Format): Buys[] {
  return catalog.features.map((rate) => ({
    feature: rate.id,
    amount: amountOf(rate, available, format),
    rate: rateText(rate, format),
  }));
}

function amountOf(
  { id: feature, unit, credits, per }: Feature,
  available: number,
  format: Format,
): string | null {
  if (credits === null || per === null) return null;
  if (credits === 0) return 'Unlimited';
  // In big integers: a large balance times a rate's `per` may pass 2^53.
  const units = Number((BigInt(available) * BigInt(per)) / BigInt(credits));
  return unit.decimals > 0 ? format.duration(units) : `${format.credits(units)} ${itemsName(feature, units)}`;
}

/** A rate in the words of the help page: "1 minute = 20 credits". */
function rateText({ id: feature, unit, credits, per }: Feature, format: Format): string {
  if (credits === null || per === null || credits === 0) return '';
  if (unit.decimals === 0)
    return `${format.credits(per)} ${itemsName(feature, per)} = ${format.creditsOf(credits)}`;
  const aMinute = (credits * 60) / per;
  if (Number.isInteger(aMinute)) return `1 minute = ${format.creditsOf(aMinute)}`;
  return `${format.duration(per)} = ${format.creditsOf(credits)}`;
}

/** The next bill: the coming renewal, or the unpaid one. */
function billOf(state: State, catalog: Catalog, format: Format): Bill | null {
  if (state.unpaid) {
    const { charge, pending, retryAt, retries } = state.unpaid;
    return billFrom(charge, pending ? null : (retryAt[retries] ?? charge.at), format);
  }
  const renewal = nextRenewal(state, catalog);
  return renewal?.charge ? billFrom(renewal.charge, renewal.at, format) : null;
}

function billFrom({ lines, amountMinor, currency, buys }: Charge, at: Instant | null, format: Format): Bill {
  const money = (minor: number) => format.money(minor, currency);
  const [plan, packs] = lines;
  const name = planName(buys.plan);
  const parts = [
    { label: `${name}, ${intervalWord(buys.interval)}`, short: name, amount: money(plan?.amountMinor ?? 0) },
    ...(packs
      ? [
          {
            label: `${packsOf(packs.quantity)} of ${format.credits(buys.packCredits / buys.packs)} credits`,
            short: packsOf(packs.quantity),
            amount: money(packs.amountMinor),
          },
        ]
      : []),
  ];
  const total = money(amountMinor);
  const sum = parts.map(({ short, amount }) => `${short} ${amount}`).join(' + ');
  return { at, lines: parts, total, sentence: parts.length > 1 ? `${sum} = ${total}` : sum };
}

/** An entry as a line of the activity. */
export const activityLine = (row: ActivityRow): ActivityLine => ({
  kind: row.kind,
  feature: row.feature,
  grantKind: row.grantKind,
  credits: row.credits,
  balanceAfter: row.balanceAfter,
  at: row.effectiveAt.getTime(),
});
