import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { isToRun } from '../db/audit/must-run.ts';
import type { Database } from '../db/client.ts';
import { pendingMigrations } from '../db/migrate.ts';
import { type Facts, type Finding, findingsOf, type StandingWorkflow, spanOf } from '../doctor/findings.ts';
import { readLedger } from '../doctor/ledger.ts';
import { queueFacts } from '../doctor/queue.ts';
import { iso } from '../domain/calendar.ts';
import { connectTemporal, createCaller, type TemporalCaller } from '../temporal.ts';
import { workflowId } from '../workflows/messages.ts';
import { atOnce } from './at-once.ts';
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
import { STUCK_AFTER, stuckOf } from './stuck.ts';

// `drawdown doctor`: everything that stands still, on one screen, each with its remedy.

interface DoctorFlags {
  stuckAfter: number;
  json?: true;
}

const EXAMPLES = `
Examples:
  npx drawdown doctor                    everything that stands still, with its remedy
  npx drawdown doctor --stuck-after 3    a workflow is stuck when its step failed more than three times
  npx drawdown doctor --json             one JSON document

It looks at the ledger in one statement, at the task queue, and at the workflows of the subscriptions that are late longest.
It only reads. It looks for nothing that is wrong in itself: \`verify\` and \`reconcile\` do.
Exit codes: 0 nothing needs a person (a warning may be there), 1 something does, 2 it could not look at all of it.`;

const COMPLAINT = 'Drawdown could not be examined';
const POOL = { max: 2, statementTimeoutMs: 30_000 };
const AT_ONCE = 8;
/** Rows of a finding that fit on a line. */
const SHOWN = 3;

async function look({ stuckAfter }: DoctorFlags): Promise<Facts> {
  const config = connectedConfig();
  const { databaseUrl, temporalNamespace, temporalTaskQueue: taskQueue } = config;
  let line = 'Reading the ledger';
  const progress = showProgress(() => line);
  // Its connection ends with the process: closed sooner, it would fail calls that are being retried.
  const temporal = createCaller(connectTemporal(config).client);
  try {
    const pending = await pendingMigrations(databaseUrl);
    return await withLedger(databaseUrl, POOL, async (db) => {
      const ledger = await readLedger(db).catch((error: unknown) => {
        throw lacksTables(pending) ? new Unable(`${LACKING} ${pending.join(', ')}.`) : error;
      });
      line = 'Asking Temporal';
      const queue = await queueFacts({ temporal, temporalNamespace, taskQueue });
      const late = queue === null ? [] : ledger.ledger.late.boundary.rows;
      return { ...ledger, pending, queue, ...(await askWorkflows(db, temporal, late, stuckAfter)) };
    });
  } finally {
    progress.stop();
  }
}

const lacksTables = (pending: string[]): boolean => pending.some((name) => name !== 'functions');
const LACKING = 'The ledger can not be read before `npx drawdown migrate`. The database lacks';

/** Asks the workflows of late subscriptions whether they go on. */
async function askWorkflows(
  db: Database,
  temporal: TemporalCaller,
  late: string[],
  stuckAfter: number,
): Promise<Pick<Facts, 'stuck' | 'missing'>> {
  const stuck: StandingWorkflow[] = [];
  const missing: StandingWorkflow[] = [];
  await atOnce(AT_ONCE, each(late), async (subscriptionId) => {
    const ask = (client: Client) => standingOf(client, subscriptionId, stuckAfter);
    const reason = await temporal.call(ask).catch(() => null);
    if (reason === null) return;
    if (reason !== NOT_RUNNING) stuck.push({ subscriptionId, reason });
    else if (await isToRun(db, subscriptionId)) missing.push({ subscriptionId, reason: '' });
  });
  return { stuck, missing };
}

async function* each(ids: string[]): AsyncGenerator<string> {
  yield* ids;
}

const NOT_RUNNING = 'not running';

/** The failure of a workflow that goes on no more; null where it goes on. */
async function standingOf(client: Client, id: string, after: number): Promise<string | null> {
  try {
    const description = await client.workflow.getHandle(workflowId(id)).describe();
    if (description.status.name !== 'RUNNING') return NOT_RUNNING;
    const stuck = await stuckOf(client, description, after);
    return stuck && `${stuck.what} failed ${stuck.attempts} times: ${stuck.reason}`;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return NOT_RUNNING;
    throw error;
  }
}

/** A line for a finding, its first rows, and its remedy. */
function linesOf({ severity, what, count, oldest, rows, remedy, section }: Finding, now: number): string[] {
  const age =
    oldest === null ? '' : `, ${count === 1 ? '' : 'the oldest '}for ${spanOf(Math.max(0, now - oldest))}`;
  const more =
    count > SHOWN && rows.length > SHOWN
      ? [`     and ${count - SHOWN} more: --json names the first ${rows.length}`]
      : [];
  return [
    `${severity.padEnd(7)}  ${what}${age}`,
    ...rows.slice(0, SHOWN).map((row) => `         ${row}`),
    ...more.map((text) => `    ${text}`),
    `         → ${remedy} docs/operating.md: “${section}”.`,
  ];
}

function screen(facts: Facts, findings: Finding[]): string {
  const { now } = facts.ledger;
  const bad = findings.filter(({ severity }) => severity === 'bad').length;
  const warnings = findings.length - bad;
  return [
    `at ${iso(now)}`,
    ...findings.flatMap((finding) => linesOf(finding, now)),
    `${bad === 0 ? 'Nothing needs a person.' : `Needs a person: ${bad}.`}${warnings === 0 ? '' : ` To watch: ${warnings}.`}`,
    ...(facts.queue?.halted === null
      ? [
          'Not looked at: this Temporal sets no TemporalReportedProblems. `npx drawdown verify --workflows` asks each workflow.',
        ]
      : []),
  ].join('\n');
}

const document = (facts: Facts, findings: Finding[]) => ({
  at: iso(facts.ledger.now),
  temporal: facts.queue !== null,
  findings: findings.map(({ oldest, ...finding }) => ({ ...finding, oldest: oldest && iso(oldest) })),
});

async function run(options: DoctorFlags): Promise<Exit> {
  const facts = await look(options);
  const findings = findingsOf(facts);
  if (options.json) printJson(document(facts, findings));
  else print(screen(facts, findings));
  if (facts.queue === null)
    process.stderr.write(
      'Temporal did not answer: nothing is known of workers and workflows. Spending goes on meanwhile.\n',
    );
  if (findings.some(({ severity }) => severity === 'bad')) return EXIT.bad;
  return facts.queue === null ? EXIT.unable : EXIT.good;
}

/** `drawdown doctor`. */
export const program = programOf('doctor', 'Names everything that stands still, and what to do about it.')
  .option('--stuck-after <times>', 'a workflow is stuck when its step failed more often', whole, STUCK_AFTER)
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXAMPLES)
  .action(acting(COMPLAINT, run));
