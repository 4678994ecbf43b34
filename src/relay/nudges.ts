import { WorkflowNotFoundError } from '@temporalio/client';
import type { Round } from '../db/failures.ts';
import { claimUnreported, markReported, unclaimUnreported } from '../db/inbox.ts';
import { snapshot } from '../db/ledger.ts';
import { SIGNAL, workflowId } from '../workflows/messages.ts';
import { type Guard, IDLE_MS, type Loop, type RelayDeps, TICK_MS } from './rows.ts';

/** 50 nudges a second and process: more overload a small server. */
const URGENT_A_TICK = 5;
/** Nobody waits for these: they must not cost the spends that cause them. */
const RESTING_A_SECOND = 5;
const NUDGES_AT_ONCE = 20;

/** The loops that nudge the workflows whose ledger has moved: at once where they have to act, the others now and then. */
export function nudgeLoops(deps: RelayDeps, guard: Guard): Loop[] {
  const quietSeconds = deps.nudgeAfterSeconds;
  const take = (due: 'urgent' | 'resting', round: Round) =>
    guard.take<string>({
      kind: 'nudge',
      server: 'Temporal',
      atOnce: NUDGES_AT_ONCE,
      claim: (limit) => claimUnreported(deps.db, { due, quietSeconds, round, limit }),
      nameOf: (id) => ({ key: id, subscriptionId: id }),
      work: (id) => nudge(deps, id),
      unclaim: (id) => unclaimUnreported(deps.db, id),
    });
  const urgent = take('urgent', 'fresh');
  const [resting, again] = [take('resting', 'fresh'), take('resting', 'again')];
  return [
    { tick: async () => ((await urgent(URGENT_A_TICK)).length > 0 ? TICK_MS : IDLE_MS) },
    {
      // With thousands of busy ledgers the search costs more than the nudges.
      tick: async () => {
        await Promise.all([resting(RESTING_A_SECOND), again(1)]);
        return IDLE_MS;
      },
    },
  ];
}

/** Signals to a workflow the state of its ledger. A nudge that does not arrive is sent again after its claim ends. */
export async function nudge({ db, temporal }: Pick<RelayDeps, 'db' | 'temporal'>, id: string): Promise<void> {
  const news = await snapshot(db, id);
  if (news === null) return;
  const { version, now, grants, topUpRefunds } = news;
  try {
    await temporal.call((client) =>
      client.workflow
        .getHandle(workflowId(id))
        .signal(SIGNAL.ledgerAdvanced, { version, now, grants, topUpRefunds }),
    );
  } catch (error) {
    // A workflow that has ended needs no news.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  await markReported(db, id, version);
}
