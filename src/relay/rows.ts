import { WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from '../db/client.ts';
import { type FailureRef, noteFailure } from '../db/failures.ts';
import { reasonOf } from '../reason.ts';
import type { TemporalCaller } from '../temporal.ts';

// Rows that are worked, each guarded on its own. One that is refused is put on record with its reason and comes again after a
// pause of its own; nothing waits for it. When the server itself is away no row is to blame, and the loop pauses.

export interface RelayDeps {
  db: Database;
  /** Under its timer alone: whose fault it is when a call gets no answer is judged here. */
  temporal: TemporalCaller;
  /** On which the workflows of deliveries run. */
  taskQueue: string;
  log: (line: string) => void;
}

/** A part of the relay. */
export interface Loop {
  /** Answers how long to wait before the next tick, in milliseconds. */
  tick(): Promise<number>;
}

export const TICK_MS = 100;
/** Between two looks for rows that are to be tried again, when there was none. */
export const IDLE_MS = 1_000;

export interface Rows<Row> {
  kind: FailureRef['kind'];
  /** Of the ledger's rows Temporal is not asked. */
  server: 'ledger' | 'Temporal';
  /** How many may be under way at once. */
  atOnce: number;
  claim(limit: number): Promise<Row[]>;
  nameOf(row: Row): Omit<FailureRef, 'kind'>;
  work(row: Row): Promise<void>;
  /** Ends the claim of a row that could not be worked. */
  unclaim(row: Row): Promise<void>;
}

/** Claims up to so many rows, and no more than there are places for, and begins them: each promise ends with its row and never rejects. */
export type Take = (most: number) => Promise<Promise<void>[]>;

/** What a loop needs to take rows. */
export interface Guard {
  take<Row>(rows: Rows<Row>): Take;
  /** When all that was begun has ended. */
  ended(): Promise<void>;
}

export function createGuard({ db, temporal, log }: RelayDeps): Guard {
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
    if (lastReason.get(kind) !== reason)
      log(`relay: a ${kind} was refused, and is tried again at a pace of its own: ${reason}`);
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
            .catch((error: unknown) => refused(rows, row, error))
            .catch(() => {
              isAway = true;
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
 * Throws when Temporal does not answer. It is asked for a workflow that nobody has, at most once a second however many rows
 * fail.
 */
function createProbe({ call }: TemporalCaller): () => Promise<void> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer = Promise.resolve();
  const ask = () =>
    call((client) => client.workflow.getHandle('drawdown/nobody').describe()).then(
      () => {},
      (error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError))
          throw new Error(`Temporal is away: ${reasonOf(error)}`);
      },
    );
  return () => {
    if (performance.now() - askedAt > PROBE_LASTS_MS) {
      askedAt = performance.now();
      answer = ask();
    }
    return answer;
  };
}
