import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonFor } from '../telemetry/errors.ts';
import { deadlineLoops } from './deadlines.ts';
import { deliveryLoops } from './deliveries.ts';
import { batchLoops } from './grant-batches.ts';
import { inboxLoops } from './inbox.ts';
import { nudgeLoops } from './nudges.ts';
import { createGuard, type Loop, type RelayDeps } from './rows.ts';
import { sealLoops } from './seals.ts';
import { createWaitingCache } from './waiting.ts';

/** The pause after a failed tick: its server is away. */
const AWAY_MS = 1_000;

/**
 * Starts the relay, the one bridge from PostgreSQL to Temporal. Billing's inbox becomes signals, a changed ledger becomes a
 * nudge, an event becomes deliveries, a batch of grants its workflow. It also releases holds at their deadlines, records expiries and their notices, and makes the
 * coming months of entries and extends the hash chains of ledgers. A row is marked after its call returned, so no row is lost; a row that arrives twice changes
 * nothing. Each part is a loop of its own and waits for no other.
 */
export function startRelay(deps: RelayDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const guard = createGuard(deps);
  const complaints = createComplaints(deps.log);
  const waiting = createWaitingCache(deps.db);
  const loops = [
    ...deadlineLoops(deps, waiting),
    ...inboxLoops(deps, guard, waiting),
    ...nudgeLoops(deps, guard),
    ...deliveryLoops(deps, guard, waiting),
    ...batchLoops(deps),
    ...sealLoops(deps),
  ];
  setMaxListeners(loops.length, stopping.signal);
  const running = loops.map(run);
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
      await guard.ended();
    },
  };

  async function run(loop: Loop): Promise<void> {
    while (!stopping.signal.aborted) {
      const pauseMs = await loop.tick().then(
        (ms) => {
          complaints.withdraw(loop);
          return ms;
        },
        (error: unknown) => {
          complaints.make(loop, reasonFor(error));
          return AWAY_MS;
        },
      );
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }
}

/** The driver's codes for a connection that was given up, whose first error names the reason. */
const TORN = /CONNECTION_(DESTROYED|CLOSED|ENDED)/;

/** Logs once that PostgreSQL or Temporal is away, however many loops notice, until all of them work again. */
function createComplaints(log: RelayDeps['log']) {
  const made = new Map<string, Set<Loop>>();
  function withdraw(loop: Loop): void {
    for (const [text, loops] of made) if (loops.delete(loop) && loops.size === 0) made.delete(text);
  }
  function make(loop: Loop, text: string): void {
    const loops = made.get(text) ?? new Set();
    withdraw(loop);
    // A connection that is torn while its server is away is no news.
    const isSaid = made.size > 0 && TORN.test(text);
    if (!made.has(text) && loops.size === 0 && !isSaid) log(`relay: ${text}`, { level: 'warn' });
    made.set(text, loops.add(loop));
  }
  return { make, withdraw };
}
