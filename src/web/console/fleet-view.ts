import type { Deps } from '../../api/deps.ts';
import { type Backlog, dueCandidates, fleetNumbers } from '../../db/console/fleet.ts';
import { listRefused } from '../../db/failures.ts';
import { listIncidents } from '../../db/incidents.ts';
import type { Instant } from '../../domain/calendar.ts';
import { nextDue } from '../../domain/due.ts';
import { TemporalUnavailable } from '../../temporal.ts';
import { subscriptionIdOf, WORKFLOW_TYPE } from '../../workflows/messages.ts';
import type { Format } from '../shell/format.ts';
import type { BacklogView, DueView, FleetView, PollerView } from './fleet-page.tsx';

const HOUR_MS = 3_600_000;
/** A running worker does due work within seconds; after this many milliseconds the page calls it late. */
const OVERDUE_MS = 60_000;
const MOST_DUE = 50;
const MOST_REFUSED = 20;
const MOST_INCIDENTS = 10;
/** A poll lasts up to a minute: a poller silent for longer has stopped, though Temporal lists it for minutes. */
const POLLING_MS = 75_000;

/** Reads the page's numbers from the database and the pollers from Temporal. */
export async function fleetView(deps: Deps, format: Format): Promise<FleetView> {
  const [numbers, refused, incidents, pollers, halted] = await Promise.all([
    fleetNumbers(deps.db),
    listRefused(deps.db, MOST_REFUSED),
    listIncidents(deps.db, MOST_INCIDENTS),
    pollersOf(deps),
    haltedOf(deps),
  ]);
  const { now, statuses, pastDue } = numbers;
  const due = await dueBy(deps, now, now + HOUR_MS);
  return {
    now,
    statuses,
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
    halted,
    incidents: incidents.map(({ lastAt, ...incident }) => ({ ...incident, lastAt: lastAt.getTime() })),
    due: due.slice(0, MOST_DUE),
    dueCount: due.length,
    overdueCount: due.filter(({ isOverdue }) => isOverdue).length,
    pastDue,
    pastDueCount: statuses.find(({ status }) => status === 'past_due')?.count ?? 0,
    pollers,
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

/** Temporal's numbers of the task types. */
const KINDS = { 1: 'workflows', 2: 'activities' } as const;

/** The pollers of our task queue; null when Temporal does not answer. */
async function pollersOf(deps: Deps): Promise<PollerView[] | null> {
  const seen = new Map<string, PollerView>();
  const now = Date.now();
  try {
    for (const [kind, name] of Object.entries(KINDS)) {
      const { pollers } = await deps.temporal.call((client) =>
        client.workflowService.describeTaskQueue({
          namespace: deps.temporalNamespace,
          taskQueue: { name: deps.taskQueue },
          taskQueueType: Number(kind),
        }),
      );
      for (const { identity, lastAccessTime } of pollers ?? []) {
        const known = seen.get(identity ?? '');
        const at = lastAccessTime?.seconds == null ? null : Number(lastAccessTime.seconds) * 1_000;
        const lastSeen = Math.max(at ?? 0, known?.lastSeen ?? 0) || null;
        const isThere = lastSeen !== null && now - lastSeen < POLLING_MS;
        seen.set(identity ?? '', {
          identity: identity ?? '',
          kinds: [...(known?.kinds ?? []), name],
          lastSeen,
          isThere,
        });
      }
    }
  } catch (error) {
    if (error instanceof TemporalUnavailable || isGrpc(error)) return null;
    throw error;
  }
  return [...seen.values()].sort(
    (a, b) => Number(b.isThere) - Number(a.isThere) || (b.lastSeen ?? 0) - (a.lastSeen ?? 0),
  );
}

/** The visibility query for workflows whose task fails; servers know it from version 1.30 on. */
const HALTED = `WorkflowType = '${WORKFLOW_TYPE}' and ExecutionStatus = 'Running' and TemporalReportedProblems in ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')`;

/** Subscriptions whose workflow task fails; none where the server does not answer the query. */
async function haltedOf(deps: Deps): Promise<string[]> {
  try {
    const { executions } = await deps.temporal.call((client) =>
      client.workflowService.listWorkflowExecutions({
        namespace: deps.temporalNamespace,
        pageSize: MOST_REFUSED,
        query: HALTED,
      }),
    );
    return (executions ?? []).flatMap(({ execution }) => subscriptionIdOf(execution?.workflowId ?? '') ?? []);
  } catch (error) {
    if (error instanceof TemporalUnavailable || isGrpc(error)) return [];
    throw error;
  }
}

const isGrpc = (error: unknown): boolean => typeof (error as { code?: unknown }).code === 'number';
