import { randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import { type ActivityRow, listActivity } from '../db/entries.ts';
import { readCharge, type SubscriptionRow } from '../db/reads.ts';
import { type LedgerGrant, versionsOf } from '../db/wallet-reads.ts';
import { burnOrder, isUsable } from '../domain/burndown.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Catalog, Rate } from '../domain/catalog.ts';
import { nextRenewal } from '../domain/charges.ts';
import { nextRefresh } from '../domain/offers.ts';
import type { Charge, State } from '../domain/state.ts';
import type { ActivityLine } from '../web/activity.tsx';
import { type Format, formatOf, localeOf } from '../web/format.ts';
import type { Bill } from '../web/parts.tsx';
import type { WalletFrame } from '../web/standing.tsx';
import type { Buys, OpenGrant, WalletView } from '../web/wallet.tsx';
import { intervalWord, itemsName, packsOf, planName } from '../web/words.ts';
import { type Deps, subscriptionOr404 } from './context.ts';
import { assets } from './pages.ts';
import { notFound } from './problems.ts';
import type { Env } from './route.ts';
import { endsAt, nowOf } from './views.ts';
import { outlookOf } from './wallet-chart.ts';

// From rows to what the wallet's pages show.

const RECENT = 8;

export interface Seen {
  row: SubscriptionRow;
  frame: WalletFrame;
  catalog: Catalog;
}

/** The subscription of the session, in the words and the zone of whoever looks. */
export async function seenBy(deps: Deps, c: Context<Env>, below = '/wallet'): Promise<Seen> {
  const id = c.get('session').subscriptionId;
  // Before all else: what changes from here on is told to the page.
  const version = (await versionsOf(deps.db, [id])).get(id) ?? '';
  const row = await subscriptionOr404(deps, id);
  const format = formatOf(localeOf(c.req.header('Accept-Language')), row.state.timeZone);
  const frame: WalletFrame = {
    assets,
    format,
    now: nowOf(row),
    state: row.state,
    live: `${below}/live?since=${version}`,
    key: `wallet-${randomBytes(12).toString('base64url')}`,
    said: await saidOf(deps, c, row, format),
    canPayHere: deps.billing === 'sandbox',
  };
  return { row, frame, catalog: await deps.catalogs.current() };
}

const SAID: Record<string, string> = {
  cancelled: 'Your plan is cancelled. You can undo that until it ends.',
  ended: 'Your plan has ended.',
  resumed: 'Your plan goes on.',
  removed: 'The add-on is changed. Credits you have stay.',
  pending: 'Your payment is on its way. The credits arrive as soon as it is settled.',
  paid: 'Thank you: your renewal is paid.',
  unpaid: 'The payment was declined again.',
};

/** What a form that was just sent did. It is told from what is on record, of this subscription only. */
async function saidOf(
  deps: Deps,
  c: Context<Env>,
  { state }: SubscriptionRow,
  format: Format,
): Promise<string | null> {
  const purchase = c.req.query('purchase');
  if (purchase !== undefined) {
    const charge = await readCharge(deps.db, state.id, { purchaseId: purchase });
    if (!charge) throw notFound();
    if (charge.status !== 'paid') return SAID['pending'] ?? null;
    const price = format.money(charge.amountMinor, charge.currency);
    return `Thank you. ${format.creditsOf(charge.credits)} are yours to use: ${packsOf(charge.packs)}, ${price}.`;
  }
  const done = c.req.query('done') ?? '';
  return Object.hasOwn(SAID, done) ? (SAID[done] ?? null) : null;
}

export async function walletView(deps: Deps, seen: Seen): Promise<WalletView> {
  const { row, frame, catalog } = seen;
  const { state } = row;
  const { now, format } = frame;
  const [{ grants, chart }, activity] = await Promise.all([
    outlookOf(deps, seen),
    listActivity(deps.db, state.id, { kinds: null, before: row.version + 1, limit: RECENT }),
  ]);
  const open = usable(grants, row, now);
  const available = open.reduce((sum, { remaining }) => sum + remaining, 0);
  return {
    ...frame,
    available,
    held: grants.reduce((sum, { held }) => sum + held, 0),
    expiring: expiringOf(open),
    refresh: nextRefresh(state, catalog),
    grants: open.map(openGrant),
    buys: buysOf(catalog, available, format),
    chart,
    bill: billOf(state, catalog, format),
    isContract: state.plan === 'enterprise' && state.status !== 'ended',
    activity: activity.rows.map(activityLine),
  };
}

/** what can be spent now, in spending order. */
export function usable(grants: LedgerGrant[], row: SubscriptionRow, now: Instant): LedgerGrant[] {
  const ends = endsAt(row);
  if (ends !== null && ends <= now) return [];
  return grants.filter((grant) => isUsable(grant, now) && grant.remaining + grant.held > 0).sort(burnOrder);
}

const openGrant = ({ id, kind, amount, remaining, held, expiresAt, reason }: LedgerGrant): OpenGrant => ({
  id,
  kind,
  amount,
  remaining,
  held,
  expiresAt,
  reason,
});

function expiringOf(open: LedgerGrant[]): { at: Instant; credits: number }[] {
  const byInstant = new Map<Instant, number>();
  for (const { expiresAt, remaining } of open)
    if (remaining > 0) byInstant.set(expiresAt, (byInstant.get(expiresAt) ?? 0) + remaining);
  return [...byInstant].map(([at, credits]) => ({ at, credits })).sort((a, b) => a.at - b.at);
}

/** R-04 turned round. A feature that costs nothing is unlimited. */
export function buysOf(catalog: Catalog, available: number, format: Format): Buys[] {
  return catalog.rates.map((rate) => ({
    feature: rate.feature,
    amount: amountOf(rate, available, format),
    rate: rateText(rate, format),
  }));
}

function amountOf({ feature, unit, credits, per }: Rate, available: number, format: Format): string | null {
  if (credits === null || per === null) return null;
  if (credits === 0) return 'Unlimited';
  // Exact: what a balance can hold times what a rate can name may pass 2^53.
  const units = Number((BigInt(available) * BigInt(per)) / BigInt(credits));
  return unit === 'second' ? format.duration(units) : `${format.credits(units)} ${itemsName(feature, units)}`;
}

/** As the page has it: "1 minute = 20 credits". */
function rateText({ feature, unit, credits, per }: Rate, format: Format): string {
  if (credits === null || per === null || credits === 0) return '';
  if (unit === 'item')
    return `${format.credits(per)} ${itemsName(feature, per)} = ${format.creditsOf(credits)}`;
  const aMinute = (credits * 60) / per;
  if (Number.isInteger(aMinute)) return `1 minute = ${format.creditsOf(aMinute)}`;
  return `${format.duration(per)} = ${format.creditsOf(credits)}`;
}

/** What is owed next: the coming renewal, or the one that is not paid. */
export function billOf(state: State, catalog: Catalog, format: Format): Bill | null {
  if (state.unpaid) {
    const { charge, retryAt, retries } = state.unpaid;
    return billFrom(charge, retryAt[retries] ?? charge.at, format);
  }
  const renewal = nextRenewal(state, catalog);
  return renewal?.charge ? billFrom(renewal.charge, renewal.at, format) : null;
}

function billFrom({ lines, amountMinor, currency, buys }: Charge, at: Instant, format: Format): Bill {
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

export const activityLine = (row: ActivityRow): ActivityLine => ({
  kind: row.kind,
  feature: row.feature,
  grantKind: row.grantKind,
  credits: row.credits,
  balanceAfter: row.balanceAfter,
  at: row.effectiveAt.getTime(),
});
