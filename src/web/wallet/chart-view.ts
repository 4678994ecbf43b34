import type { Deps } from '../../api/deps.ts';
import { type LedgerGrant, readWallet, type WalletLedger } from '../../db/wallet/reads.ts';
import { goneAt, isGone } from '../../domain/burndown.ts';
import { cycleUnit, type Instant, type Interval } from '../../domain/calendar.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import { type Change, curve, type Seam, seams, showsAt, type Window } from '../../domain/curve.ts';
import { endsAt } from '../../domain/subscription.ts';
import { type Ahead, forecast, type Happening } from '../../domain/timeline.ts';
import type { Format } from '../shell/format.ts';
import type { ChartView, Mark } from './chart.tsx';
import type { Texts } from './standing.tsx';
import type { Visit } from './visit.ts';

// The balance of the last 30 and the next 60 days, from the ledger's entries and the core's forecast.

const DAY = 86_400_000;
/** Milliseconds of the past on the chart. */
export const LOOKS_BACK = 30 * DAY;
const LOOKS_AHEAD = 60 * DAY;

/** The ledger's part of the chart. */
export type ChartData = Pick<WalletLedger, 'grants' | 'changes' | 'holds'>;

/** The grants of the chart's time, and the chart. */
export interface Outlook {
  grants: LedgerGrant[];
  chart: ChartView;
}

/** Reads the chart's time and so many of the newest entries. */
export async function outlookOf(
  deps: Deps,
  visit: Visit,
  recent = 0,
): Promise<Outlook & Pick<WalletLedger, 'activity'>> {
  const { state, now } = visit.frame;
  const { activity, ...found } = await readWallet(deps.db, state.id, { from: now - LOOKS_BACK, recent });
  return { grants: found.grants, chart: chartOf(visit, found), activity };
}

/** The chart's layers, marks and gaps; its layers agree with `balance?at=` (src/domain/curve.ts). */
export function chartOf({ frame, catalog }: Visit, { grants, changes, holds }: ChartData): ChartView {
  const { now, format, words, state } = frame;
  const window = { from: now - LOOKS_BACK, now, ends: endsAt(state) };
  const to = now + LOOKS_AHEAD;
  const { days, overlapsAlways } = termOf(catalog, state.interval);
  const open = grants.filter(({ remaining, held }) => remaining + held > 0);
  const ahead = forecast(state, open, catalog, { until: to, holds });
  return {
    format,
    words,
    from: window.from,
    now,
    to,
    layers: curve(grants, changes, { changes: ahead.changes, grants: ahead.life.book.grants }, window),
    marks: [...pastMarks(grants, changes, frame, window), ...futureMarks(ahead, frame, window)],
    seams: seamsOf(grants, ahead, window, to).filter(({ kind }) => kind === 'gap' || !overlapsAlways),
    gapReason: `they expire after ${days} days, and the ${cycleUnit(state.interval)} is longer`,
  };
}

/** Days of the longest cycle. */
const LONGEST = { week: 7, month: 31 };

/** R-21: the days of an allowance, and whether it outlives every cycle: overlaps are no exception then. */
function termOf({ policies: { allowance_term: term } }: Catalog, interval: Interval) {
  const days = term === 'until_next_refresh' ? LONGEST[cycleUnit(interval)] : term.days;
  return { days, overlapsAlways: days > LONGEST[cycleUnit(interval)] };
}

/** Days without credits; after the end there are none (R-50). */
function seamsOf(grants: LedgerGrant[], ahead: Ahead, { from, ends }: Window, to: Instant): Seam[] {
  const { book, state } = ahead.life;
  const end = ends ?? state.endedAt ?? Number.POSITIVE_INFINITY;
  const terms = new Map([...grants, ...book.grants.values()].map((grant) => [grant.id, grant]));
  const arrivals = new Map(
    ahead.changes.filter(({ kind }) => kind === 'grant').map(({ grantId, at }) => [grantId, at]),
  );
  return seams([...terms.values()], arrivals)
    .filter((seam) => seam.to > from && seam.from < Math.min(to, end))
    .map((seam) => ({ ...seam, to: Math.min(seam.to, end) }));
}

function pastMarks(
  grants: LedgerGrant[],
  changes: Change[],
  { format, words }: Texts,
  window: Window,
): Mark[] {
  const { from, now, ends } = window;
  const within = (at: Instant) => at > from && at <= now;
  const arrivals = grants
    .filter(({ effectiveAt }) => within(effectiveAt))
    .map(({ kind, amount, effectiveAt: at }): Mark => {
      const text = `${format.credits(amount)} arrived: ${words.grants[kind]}`;
      return { at, kind: 'refresh', text, credits: amount };
    });
  const expired = [
    ...changes.filter(({ kind }) => kind === 'expiry'),
    ...grants.filter((grant) => isOverdue(grant, window)).map(overdueExpiry),
  ].filter(({ at }) => within(at));
  const expiries = expired.map(({ at, credits }): Mark => {
    const text = `${format.creditsOf(-credits)} expired`;
    return { at, kind: 'expiry', text, credits };
  });
  const end: Mark[] =
    ends !== null && within(ends) ? [{ at: ends, kind: 'end', text: 'Your plan ended', credits: null }] : [];
  return [...arrivals, ...expiries, ...end].sort((a, b) => a.at - b.at);
}

/** Its expiry is past and still to be booked. */
const isOverdue = (grant: LedgerGrant, { now, ends }: Window): boolean =>
  grant.remaining > 0 && isGone(grant, null, now) && grant.expiresAt === goneAt(grant, ends);

const overdueExpiry = ({ expiresAt, remaining }: LedgerGrant) => ({ at: expiresAt, credits: -remaining });

/** Marks of the forecast; an overdue event counts to the past, or comes at any moment. */
function futureMarks({ happenings }: Ahead, { format }: Texts, window: Window): Mark[] {
  return happenings
    .filter(
      ({ at, kind }) => at > window.now || !(kind === 'expiry' || (kind === 'end' && window.ends !== null)),
    )
    .map((happening) => ({ ...futureMark(happening, format), at: showsAt(happening.at, window) }));
}

function futureMark({ at, kind, credits, charge }: Happening, format: Format): Mark {
  const some = format.creditsOf(Math.abs(credits ?? 0));
  const price = charge ? format.money(charge.amount_minor, charge.currency) : '';
  const text = {
    refresh: `${some} will arrive`,
    expiry: `${some} will expire`,
    renewal: `Your plan renews for ${price}${credits ? `, with ${some} of your add-on` : ''}`,
    end: credits ? `Your plan ends, and ${some} expire with it` : 'Your plan ends',
  }[kind];
  return { at, kind, text, credits: credits ?? null };
}
