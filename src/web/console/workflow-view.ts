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

// The workflow beside its ledger: three numbers that must agree, and the next due work.

/** The workflow's answer to the console's queries. */
type WorkflowWord =
  | {
      kind: 'answered';
      balance: BalanceAnswer;
      state: SubscriptionAnswer;
      schedule: ScheduleAnswer;
      runId: string;
    }
  /** Temporal or its workers do not answer. */
  | { kind: 'away' }
  /** The workflow is over, and its history is gone. */
  | { kind: 'none' };

/** Coming events that are shown. */
const NEXT = 8;

/** Queries the workflow for its balance, its state and its schedule. */
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
    if (isAway(error)) return { kind: 'away' };
    if (error instanceof Refusal && error.code === 'not_found') return { kind: 'none' };
    throw error;
  }
}

/** The sums of a ledger and its workflow, with the verdict. */
interface CheckedSums extends LedgerSums {
  held: number;
  openGrants: number;
  verdict: Verdict;
}

/** Compares the three numbers. A workflow that is behind gets a nudge, as `GET …/workflow` gives. */
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
  // A nudge may have come between the query and these numbers: then the workflow knows more by now.
  if (word.kind === 'answered' && verdict.kind === 'drift' && verdict.of === 'behind') {
    const balance = await query<BalanceAnswer>(deps, row, QUERY.balance).catch(ignoreAway);
    if (!balance) return sumsOf(deps, row, { kind: 'away' });
    if (balance.ledger_version > word.balance.ledger_version) return sumsOf(deps, row, { ...word, balance });
  }
  if (verdict.kind === 'behind') await nudge(deps, row.state.id).catch(ignoreAway);
  return { ...counted, held, openGrants, verdict };
}

const isAway = (error: unknown): boolean =>
  error instanceof TemporalUnavailable || (error instanceof Refusal && error.code === 'temporal_unavailable');

/** A nudge that fails is the relay's to repeat, and a second look at a workflow is not worth the page. */
function ignoreAway(error: unknown): void {
  if (!isAway(error)) throw error;
}

/** The coming events of a subscription. */
export interface Coming {
  /** The next due work by the core on the ledger's row, with or without a workflow. */
  due: { at: string; kind: string } | null;
  /** The next due work by the workflow; undefined where it did not answer. */
  workflowDue: { at: string; kind: string } | null | undefined;
  /** The coming events: the workflow's own list, or a forecast from the ledger. */
  list: ScheduleAnswer;
  isForecast: boolean;
}

/** The coming events, from the workflow or the ledger. */
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
