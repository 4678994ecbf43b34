import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Broken } from '../db/audit/invariants.ts';
import { isToRun, mustRun, sampleToRun } from '../db/audit/must-run.ts';
import { balanceAsOf } from '../db/audit/verify.ts';
import type { Database } from '../db/client.ts';
import { heldUp } from '../db/incidents.ts';
import type { TemporalCaller } from '../temporal.ts';
import { type BalanceAnswer, QUERY, workflowId } from '../workflows/messages.ts';
import { atOnce, paged } from './at-once.ts';
import { type Stuck, stuckOf } from './stuck.ts';

// I8: the balance of each workflow beside its ledger's as of the same version. I14: whether each workflow goes on.

const AT_ONCE = 8;
const A_PAGE = 500;

/** The findings about the workflows that were asked. */
export interface WorkflowAnswers {
  equal: number;
  broken: Broken[];
  /** Workflows that did not answer: nothing is known about them. */
  silent: string[];
  /** Workflows that stand still: all of them, also where the first broken row was enough. */
  stuck: ({ subscription_id: string } & Stuck)[];
}

interface WorkflowQuestion {
  db: Database;
  temporal: TemporalCaller;
  /** Ids to ask; a number of random ones; null: all that must be running. */
  which: readonly string[] | number | null;
  isThorough: boolean;
  /** Failures of a step after which it counts as stuck. */
  stuckAfter: number;
  onProgress(done: number): void;
}

/** Asks workflows for their balances and compares them with the ledger's. */
export async function askWorkflows(wanted: WorkflowQuestion): Promise<WorkflowAnswers> {
  const { db, temporal, which, isThorough, stuckAfter, onProgress } = wanted;
  const asked: WorkflowAnswers = { equal: 0, broken: [], silent: [], stuck: [] };
  let done = 0;
  await atOnce(AT_ONCE, idsOf(db, which), async (id) => {
    const seen = await look(temporal, id, stuckAfter);
    if (typeof seen === 'object') asked.stuck.push({ subscription_id: id, ...seen });
    if (seen === 'silent') asked.silent.push(id);
    else if (isThorough || asked.broken.length === 0) await compare(wanted, asked, id, seen);
    done += 1;
    onProgress(done);
  });
  // These fail nowhere in Temporal: the worker gives the step up and tries it again after a pause.
  for (const row of await heldUp(db, typeof which === 'number' ? null : which)) {
    const { subscriptionId: subscription_id, tries: attempts, code, detail } = row;
    asked.stuck.push({ subscription_id, what: 'due work', attempts, reason: `${code} ${detail}`.trim() });
  }
  return asked;
}

async function compare(
  { db, temporal }: WorkflowQuestion,
  asked: WorkflowAnswers,
  id: string,
  seen: WorkflowStanding,
): Promise<void> {
  if (seen === 'not running') {
    // It may have ended meanwhile, as it should.
    if (await isToRun(db, id))
      asked.broken.push(broken(id, 'is not running: `npx drawdown rehydrate` starts it'));
    return;
  }
  const said = await sayingOf(temporal, id);
  if (said === null) {
    // A stuck workflow is named already.
    if (seen === 'running') asked.silent.push(id);
    return;
  }
  const difference = await differenceOf(db, id, said);
  if (difference === null) asked.equal += 1;
  else asked.broken.push(broken(id, difference));
}

async function* idsOf(db: Database, which: WorkflowQuestion['which']): AsyncGenerator<string> {
  if (which === null) yield* paged((after) => mustRun(db, after, A_PAGE));
  else yield* typeof which === 'number' ? await sampleToRun(db, which) : which;
}

const broken = (id: string, what: string): Broken => ({
  invariant: 'I8 the workflow’s balance is the ledger’s as of its version',
  subscription_id: id,
  row: `${workflowId(id)} ${what}`,
});

type WorkflowStanding = 'running' | 'not running' | 'silent' | Stuck;

async function look(temporal: TemporalCaller, id: string, stuckAfter: number): Promise<WorkflowStanding> {
  try {
    return await temporal.call(async (client) => {
      const description = await client.workflow.getHandle(workflowId(id)).describe();
      if (description.status.name !== 'RUNNING') return 'not running';
      return (await stuckOf(client, description, stuckAfter)) ?? 'running';
    });
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? 'not running' : 'silent';
  }
}

/** The workflow's balance; null without an answer. A closed workflow answers too, so `look` checks first that it runs. */
async function sayingOf(temporal: TemporalCaller, id: string): Promise<BalanceAnswer | null> {
  const ask = (client: Client) =>
    client.workflow.getHandle(workflowId(id)).query<BalanceAnswer | null>(QUERY.balance);
  return temporal.call(ask).catch(() => null);
}

async function differenceOf(db: Database, id: string, said: BalanceAnswer): Promise<string | null> {
  const version = said.ledger_version;
  const ledger = await balanceAsOf(db, { id, version, at: Date.parse(said.as_of) });
  if (ledger === null) return 'has no ledger';
  if (version > ledger.version)
    return `knows of version ${version}, and the ledger is at ${ledger.version}: it is ahead`;
  const balanceText = ({
    available,
    held,
    by_kind: { allowance, pack, adjustment },
  }: Omit<typeof ledger, 'version'>) =>
    `available ${available} (allowance ${allowance}, packs ${pack}, adjustments ${adjustment}), held ${held}`;
  const [theirs, ours] = [balanceText(said), balanceText(ledger)];
  return theirs === ours ? null : `says at version ${version}: ${theirs}; the ledger: ${ours}`;
}
