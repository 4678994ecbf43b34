import { setTimeout as sleep } from 'node:timers/promises';
import type { TemporalCaller } from '../../src/temporal.ts';

const WITHIN_MS = 5_000;

/**
 * A caller whose calls can be waited for, also those that were given up: their retries go on, and one that finds its
 * connection closed throws where nobody can catch it.
 */
export function tracked(caller: TemporalCaller): TemporalCaller & { ended(): Promise<void> } {
  const underWay = new Set<Promise<unknown>>();
  return {
    call: (work) =>
      caller.call((client) => {
        const call = work(client);
        const ended: Promise<unknown> = call.catch(() => {}).finally(() => underWay.delete(ended));
        underWay.add(ended);
        return call;
      }),
    // One that waits for a worker that never comes does not end, and takes a closed connection well.
    ended: async () =>
      void (await Promise.race([Promise.all(underWay), sleep(WITHIN_MS, null, { ref: false })])),
  };
}
