import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { InvalidArgumentError } from 'commander';
import { countToRun, isToRun, mustRun } from '../db/audit/must-run.ts';
import { countUnderWay, type Remains, remainsOf, startDeliveriesAgain } from '../db/audit/rehydrate.ts';
import type { Database } from '../db/client.ts';
import { dropFailure, retryNow } from '../db/failures.ts';
import type { Instant } from '../domain/calendar.ts';
import { reasonOf } from '../reason.ts';
import { ensureSearchAttributes } from '../startup.ts';
import { CALL_TIMEOUT_MS, connectTemporal, reach, TemporalUnavailable, within } from '../temporal.ts';
import { summaryOf, WORKFLOW_TYPE, workflowId } from '../workflows/messages.ts';
import { searchAttributesOf } from '../workflows/views.ts';
import { atOnce, paged } from './at-once.ts';
import { inputOf } from './carried.ts';
import {
  acting,
  EXIT,
  type Exit,
  print,
  printJson,
  programOf,
  showProgress,
  Unable,
  whole,
} from './program.ts';
import { connectedConfig, withLedger } from './servers.ts';
import { lastStepAt, remainingMs, STUCK_AFTER, type Stuck, stuckOf } from './stuck.ts';

// `drawdown rehydrate`: starts the workflows of a lost Temporal anew from the ledger's database, and reads that ledger only.

interface RehydrateOptions {
  dryRun?: true;
  json?: true;
  since?: Instant;
  stuck?: true | string[];
  stuckAfter: number;
}

const EXAMPLES = `
Examples:
  npx drawdown rehydrate --dry-run                       which workflows are not running, and starts none
  npx drawdown rehydrate                                 starts them; again and again if you like
  npx drawdown rehydrate --since 2026-11-24T16:00:00Z    tells them cancels and changes of plan relayed since then too
  npx drawdown rehydrate --stuck --dry-run               which workflows are stuck too: their step fails at each attempt
  npx drawdown rehydrate --stuck                         ends these, and starts them anew from the ledger
  npx drawdown rehydrate --stuck sub_1 sub_2             looks at two subscriptions only
  npx drawdown rehydrate --json                          one JSON document

Every subscription that has not ended has a workflow; one that has ended, while a payment is on its way or credits are held. Each
that is not running is started where its ledger stands, with what billing had said of payments and what was at billing
just then. Deliveries of events that have not ended are handed to the relay again. It may run beside APIs and workers. docs/operating.md has the order of a restore.
Exit codes: 0 all run (or, dry, were looked at), 1 some could not be started, 2 it could not look.`;

const AT_ONCE = 16;
const A_PAGE = 500;
/** Rows that fit on a screen. */
const SHOWN = 20;
const TRIES = 4;

function instant(text: string): Instant {
  const at = Date.parse(text);
  if (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(at)) return at;
  throw new InvalidArgumentError('It must be an RFC 3339 instant, such as 2026-11-24T16:00:00Z.');
}

interface RehydrateOutcome {
  running: number;
  /** Ids of started workflows; dry: of workflows to start. */
  started: string[];
  failed: { subscription_id: string; reason: string }[];
  /** Workflows that were ended and started anew; dry: that would be. */
  stuck: ({ subscription_id: string } & Stuck)[];
  /** Deliveries of events that the relay starts again. */
  deliveries: number;
}

interface RehydrateDeps {
  db: Database;
  client: Client;
  taskQueue: string;
  since: Instant | null;
  /** These subscriptions only; null: all whose workflow must be running. */
  ids: string[] | null;
  /** Failures after which a workflow is ended and started anew; null: never. */
  stuckAfter: number | null;
  isDry: boolean;
}

async function rehydrate(deps: RehydrateDeps, outcome: RehydrateOutcome): Promise<void> {
  await atOnce(AT_ONCE, idsOf(deps), async (id) => {
    try {
      const seen = await look(deps, id);
      if (typeof seen === 'object') {
        if (!deps.isDry) await startAnew(deps, id, seen.description);
        outcome.stuck.push({ subscription_id: id, ...seen.stuck });
      } else if (seen === 'running') outcome.running += 1;
      else if (deps.isDry || (await start(deps, id, await sinceOf(deps, id)))) outcome.started.push(id);
      else outcome.running += 1;
    } catch (error) {
      outcome.failed.push({ subscription_id: id, reason: reasonOf(error) });
    }
  });
}

async function* idsOf({ db, ids }: RehydrateDeps): AsyncGenerator<string> {
  if (ids === null) yield* paged((after) => mustRun(db, after, A_PAGE));
  else for (const id of ids) if (await isToRun(db, id)) yield id;
}

type Found = 'running' | 'not running' | { stuck: Stuck; description: WorkflowExecutionDescription };

async function look({ client, stuckAfter }: RehydrateDeps, id: string): Promise<Found> {
  try {
    const description = await patiently(() => client.workflow.getHandle(workflowId(id)).describe());
    if (description.status.name !== 'RUNNING') return 'not running';
    if (stuckAfter === null) return 'running';
    const stuck = await patiently(() => stuckOf(client, description, stuckAfter));
    return stuck ? { stuck, description } : 'running';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'not running';
    throw error;
  }
}

/**
 * Ends a run and starts the next from the ledger. It reads the ledger once no attempt of the old run can book any more, and
 * repeats billing's signals since the run's last step.
 */
async function startAnew(
  deps: RehydrateDeps,
  id: string,
  description: WorkflowExecutionDescription,
): Promise<void> {
  const from = await sinceOf(deps, id);
  const run = deps.client.workflow.getHandle(workflowId(id), description.runId);
  await patiently(() => run.terminate('drawdown rehydrate --stuck')).catch((error: unknown) => {
    // It ended by itself, or by an earlier call without an answer.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
  await sleep(remainingMs(description, Date.now()));
  await start(deps, id, from);
  await dropFailure(deps.db, { kind: 'step', key: id });
}

/** The instant from which cancels and changes of plan are repeated; a run that was ended here before counts as stuck. */
async function sinceOf({ client, since, stuckAfter }: RehydrateDeps, id: string): Promise<Instant | null> {
  if (since !== null || stuckAfter === null) return since;
  try {
    return await lastStepAt(client, id);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** False where another call started it meanwhile: there is never more than one. */
async function start(
  { db, client, taskQueue }: RehydrateDeps,
  id: string,
  since: Instant | null,
): Promise<boolean> {
  const remains = await remainsOf(db, id, since);
  if (remains === null) throw new Error('its rows are gone');
  const input = inputOf(remains);
  try {
    await patiently(() =>
      client.workflow.start(WORKFLOW_TYPE, {
        workflowId: workflowId(id),
        taskQueue,
        args: [input],
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: summaryOf(remains.state),
        // A new start sets its search attributes itself.
        ...(input.carried ? { typedSearchAttributes: attributesOf(remains) } : {}),
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

const attributesOf = ({ state }: Remains): SearchAttributePair[] =>
  searchAttributesOf(state, null) as SearchAttributePair[];

/** Repeats a call without an answer in time; a repeat of a call that arrived has no second effect. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await within(CALL_TIMEOUT_MS, call());
    } catch (error) {
      if (!(error instanceof TemporalUnavailable) || tried === TRIES) throw error;
      await sleep(500 * tried);
    }
  }
}

function screen({ running, started, failed, stuck, deliveries }: RehydrateOutcome, isDry: boolean): string {
  const rows = (isDry ? started : []).map((id) => `  ${id}`);
  const anew = stuck.map(
    ({ subscription_id, what, attempts, reason }) =>
      `  ${subscription_id}  ${what} failed ${attempts} times: ${reason}`,
  );
  const faults = failed.map(({ subscription_id, reason }) => `  ${subscription_id}  ${reason}`);
  const some = (lines: string[]) =>
    lines.length > SHOWN
      ? [...lines.slice(0, SHOWN), `  and ${lines.length - SHOWN} more: --json names every one`]
      : lines;
  return [
    `running        ${running}`,
    `${isDry ? 'to be started' : 'started      '}  ${started.length}`,
    ...some(rows),
    ...(stuck.length > 0
      ? [`${isDry ? 'stuck        ' : 'started anew '}  ${stuck.length}`, ...some(anew)]
      : []),
    `failed         ${failed.length}`,
    ...some(faults),
    `deliveries     ${deliveries} under way${isDry ? '' : ', which the relay looks after again'}`,
  ].join('\n');
}

async function run({ dryRun, json, since, stuck, stuckAfter }: RehydrateOptions): Promise<Exit> {
  const config = connectedConfig();
  const isDry = dryRun === true;
  const outcome: RehydrateOutcome = { running: 0, started: [], failed: [], stuck: [], deliveries: 0 };
  const { client, connection } = connectTemporal(config);
  await reach(connection, config).catch((error: Error) => {
    throw new Unable(error.message);
  });
  const warn = (line: string) => void process.stderr.write(`${line}\n`);
  if (!isDry) await ensureSearchAttributes(connection, config.temporalNamespace, warn);
  await withLedger(config.databaseUrl, { max: 8, statementTimeoutMs: 60_000 }, async (db) => {
    const ids = Array.isArray(stuck) ? stuck : null;
    const all = ids?.length ?? (await countToRun(db));
    const done = () =>
      outcome.running + outcome.started.length + outcome.stuck.length + outcome.failed.length;
    const progress = showProgress(
      () =>
        `Looked at ${done()} of ${all} workflows, started ${isDry ? 0 : outcome.started.length + outcome.stuck.length}`,
    );
    const deps: RehydrateDeps = {
      db,
      client,
      taskQueue: config.temporalTaskQueue,
      since: since ?? null,
      ids,
      stuckAfter: stuck === undefined ? null : stuckAfter,
      isDry,
    };
    await rehydrate(deps, outcome).finally(() => progress.stop());
    // With ids it leaves deliveries alone.
    if (ids === null) outcome.deliveries = await (isDry ? countUnderWay(db) : startDeliveriesAgain(db));
    if (!isDry) await retryNow(db);
  });
  outcome.started.sort();
  if (json) printJson({ dry_run: isDry, ...outcome });
  else print(screen(outcome, isDry));
  return outcome.failed.length > 0 ? EXIT.bad : EXIT.good;
}

/** `drawdown rehydrate`. */
export const program = programOf(
  'rehydrate',
  'Starts every workflow that must be running and is not, or is stuck, from the ledger.',
)
  .option('--dry-run', 'say which would be started, and start none')
  .option('--since <instant>', 'tell cancels and changes of plan again that were relayed since then', instant)
  .option(
    '--stuck [ids...]',
    'end workflows whose step fails at each attempt, and start them anew: all, or these',
  )
  .option('--stuck-after <times>', 'a workflow is stuck when its step failed more often', whole, STUCK_AFTER)
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXAMPLES)
  .action(acting('The workflows could not be looked at', run));
