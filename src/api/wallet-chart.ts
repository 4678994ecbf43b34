import { openHolds } from '../db/reads.ts';
import { changesSince, grantsSince, type LedgerGrant } from '../db/wallet-reads.ts';
import type { Instant } from '../domain/calendar.ts';
import { type Change, curve, seams } from '../domain/curve.ts';
import { forecast, type Happening } from '../domain/timeline.ts';
import type { ChartView, Mark } from '../web/chart.tsx';
import type { Format } from '../web/format.ts';
import type { WalletFrame } from '../web/standing.tsx';
import { GRANTS } from '../web/words.ts';
import type { Deps } from './context.ts';
import type { Seen } from './wallet-view.ts';

// The balance of the last 30 and the next 60 days, from the ledger's entries and the core's forecast.

const DAY = 86_400_000;
const LOOKS_BACK = 30 * DAY;
const LOOKS_AHEAD = 60 * DAY;

export interface Outlook {
  /** All that could be spent at any time since the chart begins. */
  grants: LedgerGrant[];
  chart: ChartView;
}

export async function outlookOf(
  deps: Deps,
  { row: { state, version }, frame, catalog }: Seen,
): Promise<Outlook> {
  const from = frame.now - LOOKS_BACK;
  const [grants, changes, holds] = await Promise.all([
    grantsSince(deps.db, state.id, from),
    changesSince(deps.db, state.id, from, version),
    openHolds(deps.db, state.id),
  ]);
  const open = grants.filter(({ remaining, held }) => remaining + held > 0);
  const ahead = forecast(state, open, catalog, { until: frame.now + LOOKS_AHEAD, holds });
  return { grants, chart: chartOf({ grants, changes, ahead, frame, from }) };
}

interface Drawn {
  grants: LedgerGrant[];
  changes: Change[];
  ahead: ReturnType<typeof forecast>;
  frame: WalletFrame;
  from: Instant;
}

function chartOf({ grants, changes, ahead, frame, from }: Drawn): ChartView {
  const { now, format, state } = frame;
  const to = now + LOOKS_AHEAD;
  const { book } = ahead.life;
  const terms = [...new Map([...grants, ...book.grants.values()].map((grant) => [grant.id, grant])).values()];
  // R-50: after the end there is nothing that could be missing.
  const end = state.endedAt ?? ahead.life.state.endedAt;
  return {
    format,
    from,
    now,
    to,
    layers: curve(grants, changes, book, { from, now }),
    marks: [
      ...pastMarks(grants, changes, frame, from),
      ...ahead.happenings.map((h) => futureMark(h, format)),
    ],
    seams: seams(terms).filter(
      (seam) => seam.to > from && seam.from < to && (end === null || seam.from < end),
    ),
  };
}

function pastMarks(
  grants: LedgerGrant[],
  changes: Change[],
  { now, format, state }: WalletFrame,
  from: Instant,
): Mark[] {
  const within = (at: Instant) => at > from && at <= now;
  const marks = grants.flatMap((grant): Mark[] => {
    const { id, kind, amount, effectiveAt, expiresAt, remaining } = grant;
    const booked = changes.find(({ grantId, at }) => grantId === id && at === expiresAt)?.credits ?? 0;
    const lost = -booked || remaining;
    return [
      ...(within(effectiveAt)
        ? [arrival(effectiveAt, `${format.credits(amount)} arrived: ${GRANTS[kind]}`, amount)]
        : []),
      ...(within(expiresAt) && lost > 0
        ? [
            {
              at: expiresAt,
              kind: 'expiry' as const,
              text: `${format.creditsOf(lost)} expired`,
              credits: -lost,
            },
          ]
        : []),
    ];
  });
  if (state.endedAt !== null && within(state.endedAt))
    marks.push({ at: state.endedAt, kind: 'end', text: 'Your plan ended', credits: null });
  return marks.sort((a, b) => a.at - b.at);
}

const arrival = (at: Instant, text: string, credits: number): Mark => ({
  at,
  kind: 'refresh',
  text,
  credits,
});

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
