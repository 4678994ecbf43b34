import { WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from './db/client.ts';
import {
  type Claimed,
  claimMessages,
  claimUntold,
  MONEY_BACK,
  markRelayed,
  markTold,
  postpone,
  unclaim,
} from './db/inbox.ts';
import { snapshot } from './db/ledger.ts';
import { refundCharge, type Said } from './db/refunds.ts';
import { keepMonths, relayDeadlines, relayNotices } from './db/upkeep.ts';
import { isToRun } from './db/workflows.ts';
import { createEventRelay } from './relay-events.ts';
import type { Caller } from './temporal.ts';
import { SIGNAL, workflowId } from './workflows/messages.ts';

const TICK_MS = 100;
/** 50 nudges a second and process: more overloads a small server. */
const NUDGES_A_TICK = 5;
const NUDGES_A_CLAIM = 50;
const MESSAGES_A_TICK = 20;
const DEADLINES_A_TICK = 100;
const NOTICES_A_TICK = 20;
const MONTHS_EVERY_MS = 60 * 60 * 1_000;

export interface RelayDeps {
  db: Database;
  temporal: Caller;
  /** On which the workflows of deliveries run. */
  taskQueue: string;
  log: (line: string) => void;
}

/**
 * The one bridge from PostgreSQL to Temporal: billing's inbox becomes signals, a ledger that moved becomes a nudge, an event
 * becomes deliveries. A row is marked after its call returned, so nothing is lost; everything may arrive twice and changes
 * nothing then. It also releases holds at their deadlines where nobody else comes by, tells of expiries that are near, and
 * makes the months of entries ahead.
 */
export function startRelay(deps: RelayDeps): { stop(): Promise<void> } {
  let stopping = false;
  const running = run();
  return {
    stop: async () => {
      stopping = true;
      await running;
    },
  };

  async function run(): Promise<void> {
    let lastComplaint = '';
    const tick = ticker(deps);
    while (!stopping) {
      try {
        await tick();
        lastComplaint = '';
      } catch (error) {
        // PostgreSQL or Temporal is away: said once, tried again until it is back.
        const complaint = error instanceof Error ? error.message.split('\n')[0]! : String(error);
        if (complaint !== lastComplaint) deps.log(`relay: ${complaint}`);
        lastComplaint = complaint;
        await pause(1_000);
      }
      await pause(TICK_MS);
    }
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the relay does ten times a second. */
function ticker(deps: RelayDeps): () => Promise<void> {
  const relayEvents = createEventRelay(deps);
  let untold: string[] = [];
  let claimAt = 0;
  let monthsAt = 0;
  return async () => {
    // First, for it needs PostgreSQL alone.
    await relayDeadlines(deps.db, DEADLINES_A_TICK);
    await relayNotices(deps.db, NOTICES_A_TICK);
    if (Date.now() >= monthsAt) {
      await keepMonths(deps.db);
      monthsAt = Date.now() + MONTHS_EVERY_MS;
    }
    for (const message of await claimMessages(deps.db, MESSAGES_A_TICK)) await relay(deps, message);
    // Looked for once a second: with thousands busy, the search costs more than the nudges.
    if (untold.length === 0 && Date.now() >= claimAt) {
      untold = await claimUntold(deps.db, NUDGES_A_CLAIM);
      claimAt = Date.now() + 1_000;
    }
    const next = untold.splice(0, NUDGES_A_TICK);
    await Promise.all(next.map((id) => nudge(deps, id)));
    // Last: a flood of them must keep nobody waiting.
    await relayEvents();
  };
}

async function relay({ db, temporal }: RelayDeps, message: Claimed): Promise<void> {
  if (message.kind === MONEY_BACK) return bookMoneyBack(db, message);
  try {
    await temporal.call((client) =>
      client.workflow.getHandle(workflowId(message.subscription_id)).signal(message.kind, message.payload),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      // Its workflow is lost, and `drawdown rehydrate` starts it: the message comes again when its claim is over.
      if (await isToRun(db, message.subscription_id)) return;
      // a late message for an ended subscription changes nothing; it stays on record.
      return markRelayed(db, message.id, 'ended');
    }
    await unclaim(db, message.id);
    throw error;
  }
  await markRelayed(db, message.id, 'signalled');
}

/**
 * the ledger itself books it, whether the workflow is there or over. Of a charge that is still pending nothing is
 * booked: the message comes again, until it is settled.
 */
async function bookMoneyBack(db: Database, { id, subscription_id, payload }: Claimed): Promise<void> {
  const { kind } = await refundCharge(db, subscription_id, payload as Said);
  if (kind === 'pending') return postpone(db, id);
  await markRelayed(db, id, kind === 'ok' ? 'booked' : 'unknown');
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
  await markTold(db, id, version);
}
