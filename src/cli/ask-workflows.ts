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

// I8: what workflows say of their balance, beside the ledger's as of the version that they know. I14: whether they go on.

const AT_ONCE = 8;
const A_PAGE = 500;

export interface WorkflowAnswers {
  equal: number;
  broken: Broken[];
  /** Workflows that did not answer: nothing is known of them. */
  silent: string[];
  /** Workflows that go on no more; every one, also where the first broken row was enough. */
  stuck: ({ subscription_id: string } & Stuck)[];
}

interface WorkflowQuestion {
  db: Database;
  temporal: TemporalCaller;
  /** Ids to ask; or how many at random; null: all that must be running. */
  which: readonly string[] | number | null;
  isThorough: boolean;
  /** A step that failed more often is stuck. */
  stuckAfter: number;
  onProgress(done: number): void;
}

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
  // Of these nothing fails at Temporal: the step is given up, and tried again after a pause.
  for (const row of await heldUp(db, typeof which === 'number' ? null : which)) {
    const { subscriptionId: subscription_id, tries: attempts, code, detail } = row;
    asked.stuck.push({ subscription_id, what: 'what is due', attempts, reason: `${code} ${detail}`.trim() });
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
    // It may have ended since, and rightly.
    if (await isToRun(db, id))
      asked.broken.push(broken(id, 'is not running: `npx drawdown rehydrate` starts it'));
    return;
  }
  const said = await sayingOf(temporal, id);
  if (said === null) {
    // One that is stuck is named already.
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
  promise: 'I8 the workflow’s balance is the ledger’s as of its version',
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

/** A closed workflow would answer too: whether it runs was asked before. */
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
