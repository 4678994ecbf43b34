import { WorkflowNotFoundError } from '@temporalio/client';
import { isToRun } from '../db/audit/must-run.ts';
import type { Round } from '../db/failures.ts';
import { type Claimed, claimMessages, MONEY_BACK, markRelayed, postpone, unclaim } from '../db/inbox.ts';
import { type MoneyReport, refundCharge } from '../db/refunds.ts';
import { workflowId } from '../workflows/messages.ts';
import { type Guard, IDLE_MS, type Loop, type RelayDeps, TICK_MS } from './rows.ts';
import { type WaitingCache, whileWaiting } from './waiting.ts';

// Billing's messages: signals to workflows, and refunds and disputes, which the ledger books.

/** Signals wait for Temporal; for one busy workflow that may take seconds. */
const SIGNALS_AT_ONCE = 10;
/** A booking that meets a locked ledger keeps its connection busy until the statement times out. */
const BOOKINGS_AT_ONCE = 2;

/** The loops that signal billing's messages to workflows, and that book refunds and disputes. */
export function inboxLoops(deps: RelayDeps, guard: Guard, waiting: WaitingCache): Loop[] {
  const loop = (of: 'money' | 'workflows', round: Round, atOnce: number): Loop => {
    const take = guard.take<Claimed>({
      kind: 'message',
      server: of === 'money' ? 'ledger' : 'Temporal',
      atOnce,
      claim: (limit) => claimMessages(deps.db, { of, round, limit }),
      nameOf: ({ id, subscription_id: subscriptionId }) => ({ key: String(id), subscriptionId }),
      work: (message) => relay(deps, message),
      unclaim: ({ id }) => unclaim(deps.db, id),
    });
    const idleMs = round === 'fresh' ? TICK_MS : IDLE_MS;
    return { tick: async () => ((await take(atOnce)).length > 0 ? TICK_MS : idleMs) };
  };
  return [
    whileWaiting(waiting, 'messages', loop('workflows', 'fresh', SIGNALS_AT_ONCE)),
    loop('workflows', 'again', SIGNALS_AT_ONCE / 2),
    whileWaiting(waiting, 'money', loop('money', 'fresh', BOOKINGS_AT_ONCE)),
    loop('money', 'again', 1),
  ];
}

async function relay({ db, temporal }: RelayDeps, message: Claimed): Promise<void> {
  const { id, subscription_id, kind, payload } = message;
  if (kind === MONEY_BACK) return bookMoneyBack({ db }, message);
  try {
    await temporal.call((client) =>
      client.workflow.getHandle(workflowId(subscription_id)).signal(kind, payload),
    );
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    if (await isToRun(db, subscription_id))
      throw new Error('Its workflow does not run: `npx drawdown rehydrate` starts it.');
    // a late message for an ended subscription changes nothing; it stays on record.
    return markRelayed(db, id, 'ended');
  }
  await markRelayed(db, id, 'signalled');
}

/**
 * the ledger books it, with or without a running workflow. For a charge that is still pending nothing is booked: the
 * message comes again until the charge is settled.
 */
async function bookMoneyBack(
  { db }: Pick<RelayDeps, 'db'>,
  { id, subscription_id, payload }: Claimed,
): Promise<void> {
  const { kind } = await refundCharge(db, subscription_id, payload as MoneyReport);
  if (kind === 'pending') return postpone(db, id);
  await markRelayed(db, id, kind === 'ok' ? 'booked' : 'unknown');
}
