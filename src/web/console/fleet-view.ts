import type { Deps } from '../../api/deps.ts';
import { type Backlog, dueCandidates, fleetNumbers } from '../../db/console/fleet.ts';
import { listRefused } from '../../db/failures.ts';
import { listIncidents } from '../../db/incidents.ts';
import { findingsOf } from '../../doctor/findings.ts';
import type { LedgerReader } from '../../doctor/ledger.ts';
import { queueFacts } from '../../doctor/queue.ts';
import type { Instant } from '../../domain/calendar.ts';
import { nextDue } from '../../domain/due.ts';
import type { Format } from '../shell/format.ts';
import type { BacklogView, DueView, FleetView } from './fleet-page.tsx';

const HOUR_MS = 3_600_000;
/** A running worker does due work within seconds; after this many milliseconds the page calls it late. */
const OVERDUE_MS = 60_000;
const MOST_DUE = 50;
const MOST_REFUSED = 20;
const MOST_INCIDENTS = 10;

/** Reads the page's numbers from the database and the pollers from Temporal. */
export async function fleetView(deps: Deps, readLedger: LedgerReader, format: Format): Promise<FleetView> {
  const [numbers, standing, refused, incidents, queue] = await Promise.all([
    fleetNumbers(deps.db),
    readLedger(),
    listRefused(deps.db, MOST_REFUSED),
    listIncidents(deps.db, MOST_INCIDENTS),
    queueFacts(deps),
  ]);
  const { now, statuses, pastDue } = numbers;
  const due = await dueBy(deps, now, now + HOUR_MS);
  return {
    now,
    statuses,
    // The API migrates at its start, and `drawdown doctor` asks the workflows.
    findings: findingsOf({ ...standing, queue, pending: [], stuck: [], missing: [] }),
    backlogs: [
      backlog('Inbox', 'messages of billing that no workflow was told of', numbers.inbox, now, 10_000),
      backlog(
        'Untold ledgers',
        'spends that their workflow does not know of yet',
        numbers.behind,
        now,
        60_000,
      ),
      backlog('Overdue holds', 'past their deadline and not released', numbers.holds, now, 10_000),
      backlog('Events', 'not handed to their deliveries', numbers.events, now, 10_000),
    ],
    refused: refused.rows,
    refusedCount: refused.count,
    halted: queue?.halted ?? [],
    incidents: incidents.map(({ lastAt, ...incident }) => ({ ...incident, lastAt: lastAt.getTime() })),
    due: due.slice(0, MOST_DUE),
    dueCount: due.length,
    overdueCount: due.filter(({ isOverdue }) => isOverdue).length,
    pastDue,
    pastDueCount: statuses.find(({ status }) => status === 'past_due')?.count ?? 0,
    pollers: queue?.pollers ?? null,
    taskQueue: deps.taskQueue,
    temporalUrl: deps.temporalUiUrl
      ? `${deps.temporalUiUrl}/namespaces/${deps.temporalNamespace}/workflows`
      : null,
    format,
  };
}

function backlog(
  label: string,
  says: string,
  { count, since }: Backlog,
  now: Instant,
  lateMs: number,
): BacklogView {
  return { label, says, count, since, isLate: since !== null && now - since > lateMs };
}

async function dueBy(deps: Deps, now: Instant, until: Instant): Promise<DueView[]> {
  const candidates = await dueCandidates(deps.db, until);
  return candidates
    .flatMap(({ id, customerId, state }): DueView[] => {
      const due = nextDue(state);
      if (due === null || due.at > until) return [];
      return [{ id, customerId, ...due, isOverdue: due.at < now - OVERDUE_MS }];
    })
    .sort((a, b) => a.at - b.at);
}
