import type { Deps } from '../../api/deps.ts';
import { advance } from '../../api/subscriptions/test-clock.ts';
import type { Once } from '../../api/updates.ts';
import { readCommand } from '../../db/commands.ts';
import { openHolds } from '../../db/reads.ts';
import { grantsSince } from '../../db/wallet/reads.ts';
import { addDays, boundary, type Instant } from '../../domain/calendar.ts';
import { type Fault, invalid } from '../../domain/errors.ts';
import { forecast } from '../../domain/timeline.ts';
import type { Format } from '../shell/format.ts';
import type { Visit } from '../wallet/visit.ts';
import type { FiredView, Jump } from './studio.tsx';

// R-90 for people: targets of the test clock for one press, and the events on the way.

/** A year and a month: every kind of event comes within that. */
const LOOKS_AHEAD_DAYS = 400;

/** The targets of the time machine. */
export async function jumpsOf(deps: Deps, { row: { state }, frame, catalog }: Visit): Promise<Jump[]> {
  const { now } = frame;
  const { timeZone } = state;
  const [grants, holds] = await Promise.all([
    grantsSince(deps.db, state.id, now),
    openHolds(deps.db, state.id),
  ]);
  const until = addDays(now, timeZone, LOOKS_AHEAD_DAYS);
  const { happenings } = forecast(state, grants, catalog, { until, holds });
  const next = (kind: string): Instant | null =>
    happenings.find((happening) => happening.kind === kind && happening.at > now)?.at ?? null;
  return [
    { id: 'day', label: '+1 day', to: addDays(now, timeZone, 1) },
    { id: 'refresh', label: 'Next refresh', to: next('refresh') },
    { id: 'expiry', label: 'Next expiry', to: next('expiry') },
    { id: 'renewal', label: 'Next renewal', to: next('renewal') },
    { id: 'month', label: '+1 month', to: boundary(now, timeZone, 1) },
    { id: 'year', label: '+1 year', to: boundary(now, timeZone, 12) },
  ];
}

/** Moves the visitor's clock, once for the form's key; true where an earlier call with the key did it. */
export async function jump(deps: Deps, visit: Visit, wanted: string, once: Once): Promise<boolean> {
  const { id } = visit.row.state;
  // A form that is sent again finds its answer, although its target has changed.
  if (await answerOf(deps, id, once.key)) return true;
  const to = (await jumpsOf(deps, visit)).find((known) => known.id === wanted)?.to;
  if (!to) throw invalid({ pointer: '/to', detail: 'nothing of the kind comes' } satisfies Fault);
  return (await advance(deps, id, to, once)).replayed;
}

interface AdvanceReply {
  fired: { at: string; kind: string; credits?: number }[];
}

async function answerOf(deps: Deps, id: string, key: string): Promise<AdvanceReply | null> {
  const row = await readCommand(deps.db, { scope: id, operation: 'advance', key });
  return row?.answer ? (JSON.parse(row.answer) as AdvanceReply) : null;
}

/** The events that the advance with this key fired; null without such an advance. */
export async function firedBy(
  deps: Deps,
  id: string,
  key: string,
  format: Format,
): Promise<FiredView[] | null> {
  const answer = await answerOf(deps, id, key);
  if (!answer) return null;
  return answer.fired.map(({ at, kind, credits }) => ({
    at: Date.parse(at),
    text: textOf(kind, credits, format),
  }));
}

function textOf(kind: string, credits: number | undefined, format: Format): string {
  const some = format.creditsOf(Math.abs(credits ?? 0));
  if (kind === 'refresh') return `${some} arrived`;
  if (kind === 'expiry') return `${some} expired`;
  if (kind === 'end') return credits ? `The plan ended, and ${some} with it` : 'The plan ended';
  return credits ? `The plan renewed, with ${some} of the add-on` : 'The plan renewed';
}
