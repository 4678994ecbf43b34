import type { GrantKind } from '../../domain/burndown.ts';
import type { State } from '../../domain/state.ts';
import type { Database } from '../client.ts';
import type { LedgerBalance } from '../ledger.ts';
import { instantOf, type SubscriptionRow } from '../reads.ts';
import { arrayOf, type Delivery, outcomeOfCall, passOn } from '../spend-batches.ts';

// Reads of subscriptions travel together, as spends do (spend-batches.ts). While calls are under way, reads wait; the next call
// of `read_subscriptions` takes all of them. There is no timer: an idle server adds no delay.

/** A subscription with its balance now, from one snapshot. */
export interface SubscriptionBalance {
  row: SubscriptionRow;
  balance: LedgerBalance;
}

/** The answer to one read. */
export interface ReadAnswer {
  /** A text that differs after any change of the subscription, its ledger or its balance. */
  version: string;
  /** whether an open hold may be past its deadline. */
  isOverdue: boolean;
  /** null: the version is the one that the reader knows. */
  found: SubscriptionBalance | null;
}

/** The entrance for reads of one subscription. */
export interface Reading {
  /**
   * Reads a subscription, alone or among others; `known` is a version that needs no answer. null for an unknown one. The
   * statement begins after the request, so a read sees every write that was acknowledged before it.
   */
  read(id: string, known?: string): Promise<ReadAnswer | null>;
}

/** The most calls under way, each on a connection of its own. */
const CALLS = 2;
/** Milliseconds after which a call under way no longer counts: others don't wait for one slow ledger. */
const LATE_MS = 20;
/** The most calls with those that are late: the pool has other work too. */
const MOST_CALLS = 8;
/** The most subscriptions of one call. */
const MOST = 64;

/** One place in a call, for all who read the same. */
interface PendingRead {
  id: string;
  known: string;
  readers: { resolve(answer: ReadAnswer | null): void; reject(error: unknown): void }[];
}

interface AnswerRow {
  ord: string;
  version: string;
  now: string;
  is_overdue: boolean;
  seq: string;
  test_clock: string | null;
  next_deadline: string | null;
  state: State | null;
  metadata: Record<string, string> | null;
  grants: [id: string, kind: GrantKind, remaining: number, held: number, expiresAt: number][];
}

/** Makes the entrance for reads of one process. */
export function createReading(db: Database): Reading {
  /** By what they read. */
  let waiting = new Map<string, PendingRead>();
  const underWay = new Set<{ departedAt: number }>();

  function read(id: string, known = ''): Promise<ReadAnswer | null> {
    return new Promise((resolve, reject) => {
      const place = placeOf(id, known);
      const pending = waiting.get(place);
      if (pending) pending.readers.push({ resolve, reject });
      else {
        waiting.set(place, { id, known, readers: [{ resolve, reject }] });
        // Requests of the same turn of the event loop go together.
        if (waiting.size === 1) setImmediate(depart);
        else if (underWay.size >= CALLS) depart();
      }
    });
  }

  /** Sends the waiting reads, unless enough calls are under way. Late calls don't count. */
  function depart(): void {
    const late = performance.now() - LATE_MS;
    let onTime = 0;
    for (const { departedAt } of underWay) if (departedAt > late) onTime += 1;
    if (waiting.size === 0 || onTime >= CALLS || underWay.size >= MOST_CALLS) return;
    const batch = [...waiting.values()].slice(0, MOST);
    if (batch.length === waiting.size) waiting = new Map();
    else for (const { id, known } of batch) waiting.delete(placeOf(id, known));
    void travel(batch);
    depart();
  }

  /** Sends the next call before it passes on the answers of this one. */
  async function travel(batch: PendingRead[]): Promise<void> {
    const call = { departedAt: performance.now() };
    underWay.add(call);
    const outcome = await outcomeOfCall(delivery.call(batch));
    underWay.delete(call);
    depart();
    await passOn(batch, outcome, delivery);
  }

  const delivery: Delivery<PendingRead, (ReadAnswer | undefined)[]> = {
    call: (batch) => callReadSubscriptions(db, batch),
    answer: (batch, answers) =>
      batch.forEach(({ readers }, i) => {
        for (const { resolve } of readers) resolve(answers[i] ?? null);
      }),
    fail: ({ readers }, error) => {
      for (const { reject } of readers) reject(error);
    },
  };

  return { read };
}

const placeOf = (id: string, known: string): string => `${known} ${id}`;

/** One call of the SQL function; the answers stand in the order of the batch. The driver prepares the call once a connection. */
async function callReadSubscriptions(
  db: Database,
  batch: PendingRead[],
): Promise<(ReadAnswer | undefined)[]> {
  const ids = arrayOf(batch.map(({ id }) => id));
  const known = arrayOf(batch.map((pending) => pending.known));
  const rows = await db.$client<
    AnswerRow[]
  >`select * from read_subscriptions(${ids}::text[], ${known}::text[])`;
  const answers: (ReadAnswer | undefined)[] = batch.map(() => undefined);
  for (const row of rows) answers[Number(row.ord) - 1] = answerOf(row);
  return answers;
}

function answerOf({ version, is_overdue: isOverdue, state, metadata, ...wire }: AnswerRow): ReadAnswer {
  if (state === null || metadata === null) return { version, isOverdue, found: null };
  const now = Number(wire.now);
  const seq = Number(wire.seq);
  const grants = wire.grants.map(([id, kind, remaining, held, expiresAt]) => ({
    id,
    kind,
    remaining,
    held,
    expiresAt,
  }));
  return {
    version,
    isOverdue,
    found: {
      row: {
        state,
        metadata,
        version: seq,
        now,
        testClock: instantOf(wire.test_clock),
        nextDeadline: instantOf(wire.next_deadline),
      },
      balance: { now, at: now, version: seq, grants, refreshed: null },
    },
  };
}
