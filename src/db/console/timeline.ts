import type { Instant } from '../../domain/calendar.ts';
import type { Database } from '../client.ts';
import type { HoldOutcomeAnswer, UsageAnswer } from '../schema.ts';
import { SPENT, type TimelineCursor, type TimelineWanted, timeline } from './timeline-statement.ts';

// The whole record of one subscription as one list: credits, money, messages from billing, notes of the workflow, requests and
// events. One statement reads it, so that a page shows one moment.

/** A line of entries of the ledger. */
export interface EntryData {
  /** The entries of one request, in the order of booking. */
  entries: {
    seq: number;
    kind: string;
    credits: number;
    grant_id: string;
    grant_kind: string;
    balance_after: number;
    effective_at: Instant;
  }[];
  /** The first entry's grant, with its cause and its end. */
  grant: {
    id: string;
    kind: string;
    cause: string;
    charge_id: string | null;
    charge_kind: string | null;
    reason: string | null;
    /** null: the end of the subscription. */
    expires_at: Instant | null;
  } | null;
  usage: UsageData | null;
  hold: HoldData | null;
}

/** A usage of a line. */
export interface UsageData {
  id: string;
  credits: number;
  reversed: number;
  hold_id: string | null;
  via: string | null;
  reference: string | null;
  lines: UsageAnswer['lines'];
}

/** A hold of a line. */
export interface HoldData {
  id: string;
  credits: number;
  status: string;
  captured: number;
  deadline: Instant;
  settled_at: Instant | null;
  via: string | null;
  reference: string | null;
  lines: UsageAnswer['lines'];
  settlement: HoldOutcomeAnswer | null;
}

/** One attempt at a charge. */
export interface ChargeData {
  id: string;
  kind: string;
  status: string;
  /** The first answer to this attempt; `status` is the charge's state now. */
  outcome: string;
  attempt: number;
  attempts: number;
  payment_method: string;
  amount_minor: number;
  refunded_minor: number;
  currency: string;
  lines: { description: string; quantity: number; amountMinor: number }[];
  purchase_id: string | null;
  disputes: { id: string; amount_minor: number; status: string }[];
}

interface SourceRow<Source extends string, Data> {
  source: Source;
  id: string;
  /** The instant of the effect, on the subscription's clock; and of the recording, on the real clock, where it is known. */
  at: Instant;
  recorded: Instant | null;
  data: Data;
}

/** One line of a timeline, by its source. */
export type TimelineRow =
  | SourceRow<'entries', EntryData>
  | SourceRow<'free', UsageData>
  | SourceRow<'charge', ChargeData>
  | SourceRow<
      'refund',
      { charge_id: string; amount_minor: number; currency: string; reason: string; done: boolean }
    >
  | SourceRow<
      'message',
      { provider: string; kind: string; payload: Record<string, unknown>; outcome: string | null }
    >
  | SourceRow<'note', { kind: string; rule: string; detail: string }>
  | SourceRow<'command', CommandData>
  | SourceRow<'event', { type: string; deliveries: { status: string; count: number }[] }>
  | SourceRow<'started', { plan: string; interval: string }>;

/** A command that the workflow carried out. */
export interface CommandData {
  operation: string;
  key: string;
  status: string;
  attempt: number;
  object_id: string;
  refusal: { code: string; detail: string } | null;
}

/** One page of a timeline. `next` is null on the last page. */
export interface TimelinePage {
  rows: TimelineRow[];
  next: TimelineCursor | null;
}

/** The newest page of a subscription's timeline, or the one after a cursor. Empty for an unknown subscription. */
export async function readTimeline(db: Database, id: string, wanted: TimelineWanted): Promise<TimelinePage> {
  const found = await db.execute<Record<string, unknown>>(timeline(id, wanted));
  const lines = found as unknown as (TimelineRow & TimelineCursor)[];
  const rows = lines.slice(0, wanted.limit).map(toRow);
  const last = lines.length > wanted.limit ? lines[wanted.limit - 1]! : null;
  return {
    rows,
    next: last && {
      at: Number(last.at),
      place: Number(last.place),
      rank: last.rank,
      tie: last.tie,
      before: oldestSpent(rows) ?? wanted.after?.before ?? null,
    },
  };
}

/** The oldest entry of a caller's spend on a page; null when it has none. */
function oldestSpent(rows: TimelineRow[]): number | null {
  const seqs = rows.flatMap((row) =>
    row.source === 'entries'
      ? row.data.entries.filter(({ kind }) => SPENT.includes(kind)).map(({ seq }) => seq)
      : [],
  );
  return seqs.length > 0 ? Math.min(...seqs) : null;
}

function toRow({ source, id, at, recorded, data }: TimelineRow): TimelineRow {
  const instants = { at: Number(at), recorded: recorded === null ? null : Number(recorded) };
  return { source, id, ...instants, data } as TimelineRow;
}
