import { WorkflowNotFoundError } from '@temporalio/client';
import { claimUnreported, markReported } from '../db/inbox.ts';
import { snapshot } from '../db/ledger.ts';
import { SIGNAL, workflowId } from '../workflows/messages.ts';
import { type Guard, type Loop, type RelayDeps, TICK_MS } from './rows.ts';

/** 50 nudges a second and process: more overloads a small server. */
const NUDGES_A_TICK = 5;
const NUDGES_A_CLAIM = 50;
/** Of these, what was refused before. */
const AGAIN_A_CLAIM = 5;
const NUDGES_AT_ONCE = 20;
/** Looked for once a second: with thousands busy, the search costs more than the nudges. */
const CLAIM_EVERY_MS = 1_000;

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
    // Its claim ends by itself, after 5 s.
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

/** Tells a workflow what its ledger holds now. A nudge that does not arrive is sent again when its claim is over. */
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
    // A workflow that has ended learns nothing any more.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  await markReported(db, id, version);
}
