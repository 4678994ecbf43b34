import type { Deps } from '../../api/deps.ts';
import type { ActivityRow } from '../../db/entries.ts';
import type { SubscriptionRow } from '../../db/reads.ts';
import type { LedgerGrant } from '../../db/wallet/reads.ts';
import { burnOrder, goneAt, isGone, isUsable } from '../../domain/burndown.ts';
import { type Instant, NEVER } from '../../domain/calendar.ts';
import { type Catalog, isContract, packsOn } from '../../domain/catalog/catalog.ts';
import { nextRefresh } from '../../domain/catalog/offers.ts';
import { INTERVAL_WORD, isUncharged, nextRenewal } from '../../domain/charges.ts';
import type { Charge, State } from '../../domain/state.ts';
import { endsAt, isOver, isRunning } from '../../domain/subscription.ts';
import type { Format } from '../shell/format.ts';
import type { Bill } from '../shell/parts.tsx';
import { amountText, rateText } from '../shell/units.ts';
import type { ActivityLine } from './activity.tsx';
import { type Outlook, outlookOf } from './chart-view.ts';
import type { Buys, Emptied, OpenGrant, WalletView } from './overview.tsx';
import type { Texts } from './standing.tsx';
import type { Visit } from './visit.ts';

// From rows to the data of the wallet's pages.

const RECENT = 8;

/** Reads the data of /wallet. */
export async function walletView(deps: Deps, visit: Visit): Promise<WalletView> {
  const { activity, ...outlook } = await outlookOf(deps, visit, RECENT);
  return walletOf(visit, outlook, activity);
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
    bill: billOf(state, catalog, frame),
    isContract: isContract(catalog, state.plan) && state.status !== 'ended',
    isFree: isRunning(state) && state.scheduled?.kind !== 'cancel' && isUncharged(state, catalog),
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
    amount: amountText(rate, available, format) ?? `Changes per ${rate.unit.one}`,
    rate: rateText(rate, format),
  }));
}

/** The next bill: the coming renewal, or the unpaid one. */
function billOf(state: State, catalog: Catalog, texts: Texts): Bill | null {
  if (state.unpaid) {
    const { charge, pending, retryAt, retries } = state.unpaid;
    return billFrom(charge, pending ? null : (retryAt[retries] ?? charge.at), catalog, texts);
  }
  const renewal = nextRenewal(state, catalog);
  return renewal?.charge ? billFrom(renewal.charge, renewal.at, catalog, texts) : null;
}

/** R-32a: a bill has a line for the plan, and one for each pack of the add-on. */
function billFrom(charge: Charge, at: Instant | null, catalog: Catalog, { format, words }: Texts): Bill {
  const { lines, amountMinor, currency, buys } = charge;
  const money = (minor: number) => format.money(minor, currency);
  // R-32a: where several packs are sold, each is called by its name.
  const isOne = packsOn(catalog, buys.plan, buys.interval).length <= 1;
  const parts = lines.map(({ plan, pack, quantity, amountMinor: minor }) => {
    const amount = money(minor);
    if (pack === undefined) {
      const name = words.plan(plan ?? buys.plan);
      return { label: `${name}, ${INTERVAL_WORD[buys.interval]}`, short: name, amount };
    }
    const credits = buys.items.find((item) => item.pack === pack)?.credits ?? 0;
    const count = words.packs(quantity);
    const of = format.creditsOf(credits);
    return isOne
      ? { label: `${count} of ${of}`, short: count, amount }
      : {
          label: `${quantity} × ${words.packName(pack)} of ${of}`,
          short: `${quantity} × ${words.packName(pack)}`,
          amount,
        };
  });
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
