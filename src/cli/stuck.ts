import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { Instant } from '../domain/calendar.ts';
import { workflowId } from '../workflows/messages.ts';

// A workflow that stands still: its step or its own code fails at each attempt.

/** The failure of a workflow that stands still. */
export interface Stuck {
  /** The failing part: an activity's name, or the workflow's own code. */
  what: string;
  attempts: number;
  /** The reason of the newest attempt, as far as it is on record. */
  reason: string;
}

/** Failures after which a step counts as stuck: an outage of PostgreSQL causes as many in about a minute. */
export const STUCK_AFTER = 10;

/** The failure, where there were more than `stuckAfter` in a row; null otherwise. */
export async function stuckOf(
  client: Client,
  description: WorkflowExecutionDescription,
  after: number,
): Promise<Stuck | null> {
  const { pendingActivities, pendingWorkflowTask } = description.raw;
  const failing = (pendingActivities ?? []).find(({ attempt }) => failuresOf(attempt) > after);
  if (failing) {
    const { activityType, attempt, lastFailure } = failing;
    const what = activityType?.name ?? 'an activity';
    return { what, attempts: failuresOf(attempt), reason: lastFailure?.message ?? 'no answer in time' };
  }
  const attempts = failuresOf(pendingWorkflowTask?.attempt);
  if (attempts <= after) return null;
  return { what: 'the workflow’s code', attempts, reason: await newestTaskFailure(client, description) };
}

/** Only the first failure of a series leaves an event. */
async function newestTaskFailure(
  { workflowService, options: { namespace } }: Client,
  { workflowId, runId }: WorkflowExecutionDescription,
): Promise<string> {
  const execution = { workflowId, runId };
  const { history } = await workflowService.getWorkflowExecutionHistoryReverse({
    namespace,
    execution,
    maximumPageSize: 20,
  });
  const failed = history?.events?.find((event) => event.workflowTaskFailedEventAttributes);
  return failed?.workflowTaskFailedEventAttributes?.failure?.message ?? 'no answer in time';
}

/** The attempt under way, or waited for, has not failed yet. */
const failuresOf = (attempt: number | null | undefined): number => (attempt ?? 1) - 1;

const millis = (at: { seconds?: unknown; nanos?: number | null } | null | undefined): number | null =>
  at?.seconds == null ? null : Number(at.seconds) * 1_000 + Math.floor((at.nanos ?? 0) / 1e6);

/** Milliseconds in which an attempt under way may still book a step after its workflow was ended. */
export function remainingMs({ raw }: WorkflowExecutionDescription, now: Instant): number {
  const ends = (raw.pendingActivities ?? []).map(({ lastStartedTime, activityOptions }) => {
    const started = millis(lastStartedTime);
    const limit = millis(activityOptions?.startToCloseTimeout) ?? LONGEST_ATTEMPT_MS;
    return started === null ? now : started + limit;
  });
  return Math.max(0, ...ends.map((end) => end - now)) + CLOCKS_DIFFER_MS;
}
const LONGEST_ATTEMPT_MS = 5_000;
const CLOCKS_DIFFER_MS = 1_000;

/**
 * The instant at which the newest step that ended was scheduled: signals of billing since then may not have been worked. A run
 * without such a step goes back to the run before; null without one.
 */
export async function lastStepAt(client: Client, id: string, runId?: string): Promise<Instant | null> {
  const { events } = await client.workflow.getHandle(workflowId(id), runId).fetchHistory();
  const asked = new Map<string, Instant | null>();
  let last: Instant | null = null;
  let before: string | null | undefined;
  for (const event of events ?? []) {
    before ??= event.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    if (event.activityTaskScheduledEventAttributes) asked.set(String(event.eventId), millis(event.eventTime));
    const ended = event.activityTaskCompletedEventAttributes;
    if (ended) last = asked.get(String(ended.scheduledEventId)) ?? last;
  }
  return last === null && before ? lastStepAt(client, id, before) : last;
}
