import { WorkflowNotFoundError } from '@temporalio/client';
import { claimUnreported, markReported } from '../db/inbox.ts';
import { snapshot } from '../db/ledger.ts';
import { SIGNAL, workflowId } from '../workflows/messages.ts';
import { type Guard, type Loop, type RelayDeps, TICK_MS } from './rows.ts';

/** 50 nudges a second and process: more overload a small server. */
const NUDGES_A_TICK = 5;
const NUDGES_A_CLAIM = 50;
/** The part of a claim for ledgers whose nudge was refused before. */
const AGAIN_A_CLAIM = 5;
const NUDGES_AT_ONCE = 20;
/** The claim comes once a second: with thousands of busy ledgers the search costs more than the nudges. */
const CLAIM_EVERY_MS = 1_000;

/** The loop that nudges the workflows whose ledger has moved. */
export function nudgeLoops(deps: RelayDeps, guard: Guard): Loop[] {
  let behind: string[] = [];
  let claimAt = 0;
  const take = guard.take<string>({
    kind: 'nudge',
    server: 'Temporal',
    atOnce: NUDGES_AT_ONCE,
    claim: async (limit) => {
      if (behind.length === 0 && Date.now() >= claimAt) {
        claimAt = Date.now() + CLAIM_EVERY_MS;
        const again = await claimUnreported(deps.db, AGAIN_A_CLAIM, 'again');
        behind = [...again, ...(await claimUnreported(deps.db, NUDGES_A_CLAIM - again.length))];
      }
      return behind.splice(0, limit);
    },
    nameOf: (id) => ({ key: id, subscriptionId: id }),
    work: (id) => nudge(deps, id),
    // The claim ends by itself, after 5 s.
    unclaim: async () => {},
  });
  return [
    {
      tick: async () => {
        await take(NUDGES_A_TICK);
        return TICK_MS;
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
