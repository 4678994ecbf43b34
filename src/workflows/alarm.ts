import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { Instant } from '../domain/calendar.ts';

/** A timer that goes on while other work is done: each start or cancellation of one is an event. */
export interface Alarm {
  /** Sets the alarm to an instant. One that is set to the same instant goes on. */
  setTo(at: Instant, summary: string): void;
  hasRung(): boolean;
}

/** Makes an alarm that is not set. */
export function createAlarm(): Alarm {
  let set: { at: Instant; scope: CancellationScope } | null = null;

  async function ringAt(at: Instant, summary: string, scope: CancellationScope): Promise<void> {
    try {
      await scope.run(() => sleep(Math.max(at - Date.now(), 1), { summary }));
    } catch (error) {
      if (!isCancellation(error)) throw error;
      return;
    }
    if (set?.scope === scope) set = null;
  }

  return {
    setTo(at, summary) {
      if (set?.at === at) return;
      set?.scope.cancel();
      const scope = new CancellationScope();
      set = { at, scope };
      void ringAt(at, summary, scope);
    },
    hasRung: () => set === null,
  };
}
