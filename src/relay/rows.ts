import { WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from '../db/client.ts';
import { type FailureRef, noteFailure } from '../db/failures.ts';
import { reasonOf } from '../reason.ts';
import { reasonFor } from '../telemetry/errors.ts';
import type { Logger } from '../telemetry/log.ts';
import type { TemporalCaller } from '../temporal.ts';

// Rows that the relay works, each guarded on its own. A refused row is recorded with its reason and comes again after a pause
// of its own; no other row waits for it. When the server itself is away no row is to blame, and the loop pauses.

/** The dependencies of the relay. */
export interface RelayDeps {
  db: Database;
  /** Calls have only a timer of their own: the relay itself judges why one gets no answer. */
  temporal: TemporalCaller;
  /** The task queue of the deliveries' workflows. */
  taskQueue: string;
  /** The seconds without a spend after which a workflow is told of its ledger. */
  nudgeAfterSeconds: number;
  /** The seconds between two looks for rows to seal; 0: never. */
  sealEverySeconds: number;
  log: Logger;
  /** Absent where nobody watches. */
  watch?: RelayWatch | undefined;
  /** Runs work in the trace of a row. Absent where nothing is traced. */
  within?: (<T>(trace: string | null, work: () => Promise<T>) => Promise<T>) | undefined;
}

/** Sees the rows of the relay from outside, for metrics. */
export interface RelayWatch {
  /** `away`: the server did not answer, and no row is to blame. */
  worked(kind: FailureRef['kind'], outcome: 'done' | 'refused' | 'away'): void;
}

/** One part of the relay. */
export interface Loop {
  /** Works once, and answers the pause to the next tick in milliseconds. */
  tick(): Promise<number>;
}

/** The pause between two ticks, in milliseconds. */
export const TICK_MS = 100;
/** The pause between two looks for refused rows when there was none, in milliseconds. */
export const IDLE_MS = 1_000;

/** One kind of rows, and how they are worked. */
export interface Rows<Row> {
  kind: FailureRef['kind'];
  /** The server that works them. Rows of the ledger never ask Temporal. */
  server: 'ledger' | 'Temporal';
  /** The most rows under way at once. */
  atOnce: number;
  claim(limit: number): Promise<Row[]>;
  nameOf(row: Row): Omit<FailureRef, 'kind'>;
  work(row: Row): Promise<void>;
  /** Ends the claim of a row that could not be worked. */
  unclaim(row: Row): Promise<void>;
}

/**
 * Claims at most so many rows, and at most as many as places are free, and begins them. Each promise ends with its row
 * and never rejects.
 */
export type Take = (most: number) => Promise<Promise<void>[]>;

/** The guard of the rows that loops take. */
export interface Guard {
  take<Row>(rows: Rows<Row>): Take;
  /** Resolves when all begun rows have ended. */
  ended(): Promise<void>;
}

/** Makes the guard of one relay: it records refused rows, and pauses a loop whose server is away. */
export function createGuard({ db, temporal, log, watch }: RelayDeps): Guard {
  const begun = new Set<Promise<void>>();
  const expectThere = createProbe(temporal);
  const lastReason = new Map<string, string>();

  async function refused<Row>(rows: Rows<Row>, row: Row, error: unknown): Promise<void> {
    const { kind, server, nameOf, unclaim } = rows;
    if (server === 'Temporal')
      await expectThere().catch(async (away: unknown) => {
        await unclaim(row);
        throw away;
      });
    const reason = reasonOf(error);
    await noteFailure(db, { kind, ...nameOf(row) }, reason);
    await unclaim(row);
    watch?.worked(kind, 'refused');
    if (lastReason.get(kind) !== reason) {
      const { key, subscriptionId } = nameOf(row);
      const whose = subscriptionId === '' ? {} : { subscription_id: subscriptionId };
      log(`relay: a ${kind} was refused, and is tried again at a pace of its own: ${reasonFor(error)}`, {
        level: 'warn',
        kind,
        row: key,
        ...whose,
      });
    }
    lastReason.set(kind, reason);
  }

  return {
    take(rows) {
      const underWay = new Set<Promise<void>>();
      let isAway = false;
      return async (most) => {
        if (isAway && rows.server === 'Temporal') await expectThere();
        isAway = false;
        const places = Math.min(most, rows.atOnce - underWay.size);
        if (places <= 0) return [];
        return (await rows.claim(places)).map((row) => {
          const work = rows
            .work(row)
            .then(
              () => watch?.worked(rows.kind, 'done'),
              (error: unknown) => refused(rows, row, error),
            )
            .catch(() => {
              isAway = true;
              watch?.worked(rows.kind, 'away');
            })
            .finally(() => {
              underWay.delete(work);
              begun.delete(work);
            });
          underWay.add(work);
          begun.add(work);
          return work;
        });
      };
    },
    ended: async () => void (await Promise.all(begun)),
  };
}

const PROBE_LASTS_MS = 1_000;

/**
 * Throws when Temporal does not answer. It asks for a workflow that does not exist, at most once a second for any number of
 * failed rows.
 */
function createProbe({ call }: TemporalCaller): () => Promise<void> {
  return shared(PROBE_LASTS_MS, () =>
    call((client) => client.workflow.getHandle('drawdown/nobody').describe()).then(
      () => {},
      (error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError))
          throw new Error(`Temporal is away: ${reasonOf(error)}`);
      },
    ),
  );
}

/** Asks once for all who ask within so many milliseconds. */
export function shared<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<T>;
  return () => {
    if (performance.now() - askedAt > ms) {
      askedAt = performance.now();
      answer = ask();
    }
    return answer;
  };
}
