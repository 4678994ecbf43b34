import { WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from '../db/client.ts';
import type { Broken } from '../db/promises.ts';
import { balanceAsOf } from '../db/verify.ts';
import { isToRun, mustRun, sampleToRun } from '../db/workflows.ts';
import type { Caller } from '../temporal.ts';
import { type BalanceAnswer, QUERY, workflowId } from '../workflows/messages.ts';
import { atOnce, paged } from './at-once.ts';

// I8: what workflows say of their balance, beside the ledger's as of the version that they know.

const AT_ONCE = 8;
const A_PAGE = 500;

export interface Asked {
  equal: number;
  broken: Broken[];
  /** Workflows that did not answer: nothing is known of them. */
  silent: string[];
}

interface Wanted {
  db: Database;
  temporal: Caller;
  /** Ids to ask; or how many at random; null: all that must be running. */
  which: readonly string[] | number | null;
  isThorough: boolean;
  onProgress(done: number): void;
}

export async function askWorkflows({ db, temporal, which, isThorough, onProgress }: Wanted): Promise<Asked> {
  const asked: Asked = { equal: 0, broken: [], silent: [] };
  await atOnce(AT_ONCE, idsOf(db, which), async (id) => {
    if (asked.broken.length > 0 && !isThorough) return;
    const said = await sayingOf(temporal, id);
    if (said === 'silent') asked.silent.push(id);
    else if (said === 'not running') {
      // It may have ended since, and rightly.
      if (await isToRun(db, id))
        asked.broken.push(broken(id, 'is not running: `npx drawdown rehydrate` starts it'));
    } else {
      const difference = await differenceOf(db, id, said);
      if (difference === null) asked.equal += 1;
      else asked.broken.push(broken(id, difference));
    }
    onProgress(asked.equal + asked.silent.length + asked.broken.length);
  });
  return asked;
}

async function* idsOf(db: Database, which: Wanted['which']): AsyncGenerator<string> {
  if (which === null) yield* paged((after) => mustRun(db, after, A_PAGE));
  else yield* typeof which === 'number' ? await sampleToRun(db, which) : which;
}

const broken = (id: string, what: string): Broken => ({
  promise: 'I8 the workflow’s balance is the ledger’s as of its version',
  subscription_id: id,
  row: `${workflowId(id)} ${what}`,
});

/** A closed workflow would still answer queries: whether it runs is asked first. */
async function sayingOf(temporal: Caller, id: string): Promise<BalanceAnswer | 'not running' | 'silent'> {
  try {
    const { status } = await temporal.call((client) => client.workflow.getHandle(workflowId(id)).describe());
    if (status.name !== 'RUNNING') return 'not running';
    const answer = await temporal.call((client) =>
      client.workflow.getHandle(workflowId(id)).query<BalanceAnswer | null>(QUERY.balance),
    );
    return answer ?? 'silent';
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? 'not running' : 'silent';
  }
}

async function differenceOf(db: Database, id: string, said: BalanceAnswer): Promise<string | null> {
  const version = said.ledger_version;
  const ledger = await balanceAsOf(db, { id, version, at: Date.parse(said.as_of) });
  if (ledger === null) return 'has no ledger';
  if (version > ledger.version)
    return `knows of version ${version}, and the ledger is at ${ledger.version}: it is ahead`;
  const told = ({
    available,
    held,
    by_kind: { allowance, pack, adjustment },
  }: Omit<typeof ledger, 'version'>) =>
    `available ${available} (allowance ${allowance}, packs ${pack}, adjustments ${adjustment}), held ${held}`;
  const [theirs, ours] = [told(said), told(ledger)];
  return theirs === ours ? null : `says at version ${version}: ${theirs}; the ledger: ${ours}`;
}
