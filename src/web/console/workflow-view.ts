import type { Deps } from '../../api/deps.ts';
import { notFound } from '../../api/problems.ts';
import { query, runIdOf } from '../../api/subscriptions/workflow.ts';
import { ledgerNumbers } from '../../db/console/fleet.ts';
import { snapshot } from '../../db/ledger.ts';
import { openHolds, type SubscriptionRow } from '../../db/reads.ts';
import { iso } from '../../domain/calendar.ts';
import { nextDue } from '../../domain/due.ts';
import { Refusal } from '../../domain/errors.ts';
import { type LedgerSums, type Verdict, verdictOf } from '../../domain/explain.ts';
import { forecast } from '../../domain/timeline.ts';
import { nudge } from '../../relay/nudges.ts';
import { TemporalUnavailable } from '../../temporal.ts';
import {
  type BalanceAnswer,
  QUERY,
  type ScheduleAnswer,
  type SubscriptionAnswer,
} from '../../workflows/messages.ts';

// What the workflow says of itself beside what the ledger says: three numbers that must agree, and what is due next.

export type WorkflowWord =
  | {
      kind: 'answered';
      balance: BalanceAnswer;
      state: SubscriptionAnswer;
      schedule: ScheduleAnswer;
      runId: string;
    }
  /** Temporal or its workers do not answer. */
  | { kind: 'away' }
  /** It is over, and its history is no longer kept. */
  | { kind: 'none' };

/** What comes next is shown this far. */
const NEXT = 8;

export async function askWorkflow(deps: Deps, row: SubscriptionRow): Promise<WorkflowWord> {
  try {
    const [balance, state, schedule, runId] = await Promise.all([
      query<BalanceAnswer>(deps, row, QUERY.balance),
      query<SubscriptionAnswer>(deps, row, QUERY.subscription),
      query<ScheduleAnswer>(deps, row, QUERY.schedule, NEXT),
      runIdOf(deps, row.state.id),
    ]);
    return { kind: 'answered', balance, state, schedule, runId };
  } catch (error) {
    if (error instanceof TemporalUnavailable) return { kind: 'away' };
    if (error instanceof Refusal && error.code === 'not_found') return { kind: 'none' };
    if (error instanceof Refusal && error.code === 'temporal_unavailable') return { kind: 'away' };
    throw error;
  }
}

export interface CheckedSums extends LedgerSums {
  held: number;
  openGrants: number;
  verdict: Verdict;
}

/** The three numbers. One that is behind is told out of turn, as `GET …/workflow` does. */
export async function sumsOf(deps: Deps, row: SubscriptionRow, word: WorkflowWord): Promise<CheckedSums> {
  const numbers = await ledgerNumbers(deps.db, row.state.id);
  if (!numbers) throw notFound();
  const { grants, entries, seq, due, behind, held, openGrants } = numbers;
  const workflow =
    word.kind === 'answered'
      ? { available: word.balance.available, version: word.balance.ledger_version }
      : null;
  const counted: LedgerSums = { grants, entries, version: seq, due, isBehind: behind, workflow };
  const verdict = verdictOf(counted);
  if (verdict.kind === 'behind') await nudge(deps, row.state.id).catch(ignoreAway);
  return { ...counted, held, openGrants, verdict };
}

/** The relay tells it again. */
function ignoreAway(error: unknown): void {
  if (!(error instanceof TemporalUnavailable)) throw error;
}

export interface Coming {
  /** What the core says of the ledger's row, whether or not a workflow runs. */
  due: { at: string; kind: string } | null;
  /** What the workflow says is due next; undefined where it did not say. */
  workflowDue: { at: string; kind: string } | null | undefined;
  /** What will happen by itself: the workflow's own list, else a forecast from the ledger. */
  list: ScheduleAnswer;
  isForecast: boolean;
}

export async function comingOf(deps: Deps, row: SubscriptionRow, word: WorkflowWord): Promise<Coming> {
  const { id } = row.state;
  const [now, holds, catalog] = await Promise.all([
    snapshot(deps.db, id),
    openHolds(deps.db, id),
    deps.catalogs.current(),
  ]);
  const grants = now?.grants ?? [];
  const due = nextDue({ ...row.state, grants });
  const coming = { due: due && { at: iso(due.at), kind: due.kind } };
  if (word.kind === 'answered')
    return { ...coming, workflowDue: word.state.next_due, list: word.schedule, isForecast: false };
  const { happenings } = forecast(row.state, grants, catalog, { limit: NEXT, holds });
  const list = happenings.map((happening) => ({ ...happening, at: iso(happening.at) }));
  return { ...coming, workflowDue: undefined, list, isForecast: true };
}
