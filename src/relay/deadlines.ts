import { dropStaleFailures } from '../db/failures.ts';
import { keepMonths, relayDeadlines, relayNotices } from '../db/ledger.ts';
import { IDLE_MS, type Loop, type RelayDeps, TICK_MS } from './rows.ts';
import { type WaitingCache, whileWaiting } from './waiting.ts';

// Work of PostgreSQL alone: deadlines, notices, months of entries, old failures. Each statement guards every ledger on its
// own. Deadlines and notices are due by PostgreSQL's clock: they wait while it differs from this process's.

const DEADLINES_A_TICK = 100;
const NOTICES_A_TICK = 20;
const MONTHS_EVERY_MS = 60 * 60 * 1_000;

/** The loops that release holds at their deadlines, record notices and expiries, make the coming months of entries, and remove stale failures. */
export function deadlineLoops({ db, log }: RelayDeps, waiting: WaitingCache): Loop[] {
  const clocks = createClockLog(log);
  const byTheClock = (book: () => Promise<boolean>): Loop => ({
    tick: async () => {
      const agree = await book();
      clocks.compared(agree);
      return agree ? TICK_MS : IDLE_MS;
    },
  });
  const every = (ms: number, tick: () => Promise<void>): Loop => ({ tick: () => tick().then(() => ms) });
  return [
    whileWaiting(
      waiting,
      'deadlines',
      byTheClock(() => relayDeadlines(db, DEADLINES_A_TICK)),
    ),
    whileWaiting(
      waiting,
      'notices',
      byTheClock(() => relayNotices(db, NOTICES_A_TICK)),
    ),
    every(MONTHS_EVERY_MS, () => keepMonths(db)),
    every(MONTHS_EVERY_MS, () => dropStaleFailures(db)),
  ];
}

/** Logs once that the clocks differ, and once that they agree again. */
function createClockLog(log: RelayDeps['log']) {
  let didAgree = true;
  return {
    compared(agree: boolean): void {
      if (agree === didAgree) return;
      didAgree = agree;
      if (agree) log('relay: PostgreSQL’s clock agrees with this process’s again');
      else
        log(
          'relay: PostgreSQL’s clock differs from this process’s by more than a minute; expiries, notices and deadlines wait',
          { level: 'error' },
        );
    },
  };
}
