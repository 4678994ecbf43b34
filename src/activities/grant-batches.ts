import type { Database } from '../db/client.ts';
import { finishBatch, grantItem, pendingItems, skipItem } from '../db/grant-batches/progress.ts';
import { type BatchRow, readBatch } from '../db/grant-batches/requests.ts';
import { hopeless } from './incidents.ts';
import { quietly } from './quietly.ts';

/** The state of a batch after a chunk, with its counts. */
export type BatchProgress = Pick<BatchRow, 'state' | 'total' | 'granted' | 'skipped'>;

/** The activities of a batch's workflow, by name. */
export interface BatchActivities {
  /** Grants to the next subscriptions of a batch, each once, and ends the batch after the last. */
  grantChunk(batchId: string): Promise<BatchProgress>;
}

interface BatchDeps {
  db: Database;
  /** Reports to Temporal that the running activity is alive. */
  heartbeat: () => void;
}

/** Subscriptions of one activity: a few events of the history for each hundred grants. */
const CHUNK = 100;

/** The code of a subscription whose ledger refused the grant as data that it can't hold. */
const REFUSED = 'ledger_refused';

/** The activities of batches. Each may run any number of times: an item ends once. */
export function createBatchActivities({ db, heartbeat }: BatchDeps): BatchActivities {
  /** One statement a subscription: it locks one ledger, for about a millisecond, so that spends wait for nothing longer. */
  async function grantOne(batchId: string, subscriptionId: string) {
    try {
      return await grantItem(db, batchId, subscriptionId);
    } catch (error) {
      if (hopeless(error) === null) throw error;
      await skipItem(db, batchId, subscriptionId, REFUSED);
      return 'skipped';
    }
  }

  async function grantChunk(batchId: string): Promise<BatchProgress> {
    for (const subscriptionId of await pendingItems(db, batchId, CHUNK)) {
      heartbeat();
      if ((await grantOne(batchId, subscriptionId)) === null) break;
    }
    await finishBatch(db, batchId);
    const batch = await readBatch(db, batchId);
    if (!batch) throw new Error(`there is no batch ${batchId}`);
    const { state, total, granted, skipped } = batch;
    return { state, total, granted, skipped };
  }

  return { grantChunk: quietly('The batch could not go on', grantChunk) };
}
