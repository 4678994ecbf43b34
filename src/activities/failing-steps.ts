import type { Database } from '../db/client.ts';
import { dropFailure, noteStepFailure } from '../db/failures.ts';
import { reasonOf } from '../reason.ts';

/** Failures from which on a step is on record as failing; Temporal tries it again without end. */
const ON_RECORD_FROM = 5;

export interface StepAttempt {
  subscriptionId: string;
  /** Which one it is, from 1. */
  attempt: number;
}

/** Runs an attempt at a step. A step that fails again and again is put on record, until it succeeds. */
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
    // Where the database is what fails, it can't be told here either.
    if (attempt >= ON_RECORD_FROM)
      await noteStepFailure(db, subscriptionId, attempt, reasonOf(error)).catch(() => {});
    throw error;
  }
}
