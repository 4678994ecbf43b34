import type { Registry } from 'prom-client';
import type { Database } from '../db/client.ts';
import {
  type Backlog,
  dueCandidates,
  type OutsideNumbers,
  outsideNumbers,
  withClock,
} from '../db/console/fleet.ts';
import { nextDue } from '../domain/due.ts';
import { gauge, type Sample } from './samples.ts';

// Gauges of the whole installation, read from the ledger at a scrape. Every worker serves the same numbers, so a query takes
// their maximum.

/** Milliseconds for which the numbers of one statement are served again. */
const LASTS_MS = 5_000;
/** The search for late work reads the state of every subscription. */
const DUE_LASTS_MS = 60_000;
/** Work that is due for longer is late: a worker carries it out within seconds. */
const LATE_MS = 5 * 60_000;
/** A scrape that takes longer loses the metrics of the process too. */
const WITHIN_MS = 3_000;

/** Registers the gauges of a ledger. While PostgreSQL does not answer they have no sample, and `drawdown_ledger_up` is 0. */
export function ledgerGauges(registry: Registry, db: Database): void {
  const readings = cached(LASTS_MS, () => withClock(() => outsideNumbers(db)));
  const numbers = () => readings().then((reading) => reading.numbers);
  const late = cached(DUE_LASTS_MS, () => lateSubscriptions(db));
  const read = (name: string, help: string, samples: (numbers: OutsideNumbers) => Sample[]) =>
    gauge({ name, help, registry }, () => numbers().then(samples, () => []));

  gauge({ name: 'drawdown_ledger_up', help: 'Whether PostgreSQL answered.', registry }, () =>
    numbers().then(
      () => [alone(1)],
      () => [alone(0)],
    ),
  );
  read('drawdown_backlog_rows', 'Rows that wait, by kind.', ({ backlogs }) =>
    byKind(backlogs, ({ count }) => count),
  );
  read(
    'drawdown_backlog_oldest_seconds',
    'Age of the row that waits longest, by kind; 0 where none waits.',
    ({ now, backlogs }) => byKind(backlogs, (backlog) => ageOf(backlog, now)),
  );
  read(
    'drawdown_failing_rows',
    'Rows that were refused and are tried again, by kind; step: steps of workflows that fail again and again.',
    ({ failing }) => byKind(failing, (count) => count),
  );
  read(
    'drawdown_held_up_subscriptions',
    'Subscriptions whose due work was given up (incidents).',
    ({ heldUp }) => [alone(heldUp)],
  );
  read('drawdown_lock_waiters', 'Sessions of Drawdown that wait for a lock of PostgreSQL.', ({ locks }) => [
    alone(locks.count),
  ]);
  read(
    'drawdown_lock_wait_seconds',
    'Time that the longest running statement among them has taken.',
    ({ now, locks }) => [alone(ageOf(locks, now))],
  );
  gauge(
    {
      name: 'drawdown_clock_difference_seconds',
      help: 'The certain difference of PostgreSQL’s clock to this process’s, either way.',
      registry,
    },
    () =>
      readings().then(
        ({ clock: { aheadMs, errorMs } }) => [alone(Math.max(0, Math.abs(aheadMs) - errorMs) / 1_000)],
        () => [],
      ),
  );
  gauge(
    {
      name: 'drawdown_late_subscriptions',
      help: 'Subscriptions whose work is due for more than five minutes.',
      registry,
    },
    () =>
      late().then(
        (count) => [alone(count)],
        () => [],
      ),
  );
}

const alone = (value: number): Sample => ({ labels: {}, value });

const byKind = <T>(of: Record<string, T>, numberOf: (one: T) => number): Sample[] =>
  Object.entries(of).map(([kind, one]) => ({ labels: { kind }, value: numberOf(one) }));

const ageOf = ({ since }: Backlog, now: number): number =>
  since === null ? 0 : Math.max(0, (now - since) / 1_000);

async function lateSubscriptions(db: Database): Promise<number> {
  const until = Date.now() - LATE_MS;
  const candidates = await dueCandidates(db, until);
  return candidates.filter(({ state }) => {
    const due = nextDue(state);
    return due !== null && due.at <= until;
  }).length;
}

/** Reads once for all that ask within so many milliseconds. A failed reading is kept for a tenth of it. */
function cached<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let until = Number.NEGATIVE_INFINITY;
  let known: Promise<T> | null = null;
  return () => {
    if (known !== null && performance.now() < until) return known;
    until = performance.now() + ms;
    known = inTime(read());
    known.catch(() => {
      until = performance.now() + ms / 10;
    });
    return known;
  };
}

/** The outcome of a reading. Rejects where it takes too long. */
function inTime<T>(reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, WITHIN_MS, new Error('PostgreSQL did not answer in time'));
  });
  return Promise.race([reading, late]).finally(() => clearTimeout(timer));
}
