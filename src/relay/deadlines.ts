import { dropStaleFailures } from '../db/failures.ts';
import { keepMonths, relayDeadlines, relayNotices } from '../db/ledger.ts';
import { type Loop, type RelayDeps, TICK_MS } from './rows.ts';
import { type WaitingCache, whileWaiting } from './waiting.ts';

// Work of PostgreSQL alone: deadlines, notices, months of entries, old failures. Each statement guards every ledger on its
// own.

const DEADLINES_A_TICK = 100;
const NOTICES_A_TICK = 20;
const MONTHS_EVERY_MS = 60 * 60 * 1_000;

/** The loops that release holds at their deadlines, record notices and expiries, make the coming months of entries, and remove stale failures. */
export function deadlineLoops({ db }: RelayDeps, waiting: WaitingCache): Loop[] {
  const every = (ms: number, tick: () => Promise<void>): Loop => ({ tick: () => tick().then(() => ms) });
  return [
    whileWaiting(
      waiting,
      'deadlines',
      every(TICK_MS, () => relayDeadlines(db, DEADLINES_A_TICK)),
    ),
    whileWaiting(
      waiting,
      'notices',
      every(TICK_MS, () => relayNotices(db, NOTICES_A_TICK)),
    ),
    every(MONTHS_EVERY_MS, () => keepMonths(db)),
    every(MONTHS_EVERY_MS, () => dropStaleFailures(db)),
  ];
}
