import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { InvalidArgumentError } from 'commander';
import type { ConnectedConfig } from '../config.ts';
import type { Database } from '../db/client.ts';
import { countUnderWay, type Remains, remainsOf, startDeliveriesAgain } from '../db/rehydrate.ts';
import { countToRun, mustRun } from '../db/workflows.ts';
import type { Instant } from '../domain/calendar.ts';
import { ensureSearchAttributes } from '../startup.ts';
import { CALL_TIMEOUT_MS, connectTemporal, TemporalUnavailable, within } from '../temporal.ts';
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
  reasonOf,
  showProgress,
  Unable,
} from './program.ts';
import { connectedConfig, withLedger } from './servers.ts';

// `drawdown rehydrate`: a Temporal that was lost is made whole from the ledger's database, whose ledger it only reads.

interface Options {
  dryRun?: true;
  json?: true;
  since?: Instant;
}

const EXAMPLES = `
Examples:
  npx drawdown rehydrate --dry-run                       which workflows are not running, and starts none
  npx drawdown rehydrate                                 starts them; again and again if you like
  npx drawdown rehydrate --since 2026-11-24T16:00:00Z    tells them cancels and changes of plan relayed since then too
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

interface Outcome {
  running: number;
  /** Started now, or, dry, to be started. */
  started: string[];
  failed: { subscription_id: string; reason: string }[];
  /** Of events, handed to the relay again. */
  deliveries: number;
}

interface Deps {
  db: Database;
  client: Client;
  taskQueue: string;
  since: Instant | null;
  isDry: boolean;
}

async function rehydrate(deps: Deps, outcome: Outcome): Promise<void> {
  await atOnce(
    AT_ONCE,
    paged((after) => mustRun(deps.db, after, A_PAGE)),
    async (id) => {
      try {
        if (await isRunning(deps.client, id)) outcome.running += 1;
        else if (deps.isDry || (await start(deps, id))) outcome.started.push(id);
        else outcome.running += 1;
      } catch (error) {
        outcome.failed.push({ subscription_id: id, reason: reasonOf(error) });
      }
    },
  );
}

async function isRunning(client: Client, id: string): Promise<boolean> {
  try {
    const { status } = await patiently(() => client.workflow.getHandle(workflowId(id)).describe());
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** False when somebody else started it meanwhile: there is never more than one. */
async function start({ db, client, taskQueue, since }: Deps, id: string): Promise<boolean> {
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
        // A start sets them itself.
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

/** A call that got no answer in time may have arrived: it is repeated, and meets itself. */
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

async function reach(connection: Connection, config: ConnectedConfig): Promise<void> {
  try {
    await within(CALL_TIMEOUT_MS * 2, connection.ensureConnected());
  } catch {
    throw new Unable(`Temporal at ${config.temporalAddress} does not answer.`);
  }
}

function screen({ running, started, failed, deliveries }: Outcome, isDry: boolean): string {
  const rows = (isDry ? started : []).map((id) => `  ${id}`);
  const faults = failed.map(({ subscription_id, reason }) => `  ${subscription_id}  ${reason}`);
  const some = (lines: string[]) =>
    lines.length > SHOWN
      ? [...lines.slice(0, SHOWN), `  and ${lines.length - SHOWN} more: --json names every one`]
      : lines;
  return [
    `running        ${running}`,
    `${isDry ? 'to be started' : 'started      '}  ${started.length}`,
    ...some(rows),
    `failed         ${failed.length}`,
    ...some(faults),
    `deliveries     ${deliveries} under way${isDry ? '' : ', which the relay looks after again'}`,
  ].join('\n');
}

async function run({ dryRun, json, since }: Options): Promise<Exit> {
  const config = connectedConfig();
  const isDry = dryRun === true;
  const outcome: Outcome = { running: 0, started: [], failed: [], deliveries: 0 };
  const { client, connection } = connectTemporal(config);
  await reach(connection, config);
  const tell = (line: string) => void process.stderr.write(`${line}\n`);
  if (!isDry) await ensureSearchAttributes(connection, config.temporalNamespace, tell);
  await withLedger(config.databaseUrl, { max: 8, statementTimeoutMs: 60_000 }, async (db) => {
    const all = await countToRun(db);
    const done = () => outcome.running + outcome.started.length + outcome.failed.length;
    const progress = showProgress(
      () => `Looked at ${done()} of ${all} workflows, started ${isDry ? 0 : outcome.started.length}`,
    );
    const deps = { db, client, taskQueue: config.temporalTaskQueue, since: since ?? null, isDry };
    await rehydrate(deps, outcome).finally(() => progress.stop());
    outcome.deliveries = await (isDry ? countUnderWay(db) : startDeliveriesAgain(db));
  });
  outcome.started.sort();
  if (json) printJson({ dry_run: isDry, ...outcome });
  else print(screen(outcome, isDry));
  return outcome.failed.length > 0 ? EXIT.bad : EXIT.good;
}

export const program = programOf(
  'rehydrate',
  'Starts every workflow that must be running and is not, from the ledger: after Temporal was lost.',
)
  .option('--dry-run', 'say which would be started, and start none')
  .option('--since <instant>', 'tell cancels and changes of plan again that were relayed since then', instant)
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXAMPLES)
  .action(acting('The workflows could not be looked at', run));
