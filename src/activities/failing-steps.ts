import type { Database } from '../db/client.ts';
import { dropFailure, noteStepFailure } from '../db/failures.ts';
import { reasonOf } from '../reason.ts';

/** The number of failed attempts from which on a step is on record as failing. Temporal retries it without end. */
const ON_RECORD_FROM = 5;

/** One attempt at a step. */
interface StepAttempt {
  subscriptionId: string;
  /** The number of the attempt, from 1. */
  attempt: number;
}

/** Runs an attempt at a step. A step that fails again and again is on record until it succeeds. */
export async function watched<T>(
  db: Database,
  { subscriptionId, attempt }: StepAttempt,
  work: () => Promise<T>,
): Promise<T> {
  const ref = { kind: 'step', key: subscriptionId } as const;
  try {
    const answer = await work();
    if (attempt > ON_RECORD_FROM) await dropFailure(db, ref).catch(() => {});
    return answer;
  } catch (error) {
    // A database that fails can't record the failure either.
    if (attempt >= ON_RECORD_FROM)
      await noteStepFailure(db, subscriptionId, attempt, reasonOf(error)).catch(() => {});
    throw error;
  }
}
