import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { BatchActivities, BatchProgress } from '../activities/grant-batches.ts';
import { BATCH_PROGRESS, BATCH_WOKEN, type GrantBatchInput } from './messages.ts';

// one batch of grants. The rows of its items hold what is done, so a run may end anywhere: the next one goes on with the
// pending items. A pause is a state of the batch's row, which each grant reads; the signal only wakes the workflow after it.

const { grantChunk } = proxyActivities<BatchActivities>({
  startToCloseTimeout: '5m',
  // A statement ends within ten seconds. Missing heartbeats show that a worker is gone.
  heartbeatTimeout: '15s',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

/**
 * The rest between two chunks of a hundred, so that spends and nudges keep most of the database and of Temporal. 10,300 grants
 * took under four minutes on two busy cores, and did not slow spends beside them; the last workflow knew half a minute later.
 */
const REST = '500ms';
/** A run hands over after a few thousand events, so that a replay stays short. */
const EVENTS_A_RUN = 3_000;

/** Grants chunk by chunk until the batch is done. While it is paused it waits for the signal. */
export async function grantBatch({ id }: GrantBatchInput): Promise<BatchProgress> {
  let isWoken = false;
  let progress: BatchProgress | null = null;
  setHandler(defineSignal(BATCH_WOKEN), () => {
    isWoken = true;
  });
  setHandler(defineQuery<BatchProgress | null>(BATCH_PROGRESS), () => progress);
  for (;;) {
    isWoken = false;
    progress = await grantChunk.executeWithOptions({ summary: summaryOf(progress) }, [id]);
    setCurrentDetails(`${progress.state}: ${summaryOf(progress)}`);
    if (progress.state === 'done') return progress;
    if (progress.state === 'paused') await condition(() => isWoken);
    else await sleep(REST);
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested || historyLength > EVENTS_A_RUN)
      await continueAsNew<typeof grantBatch>({ id });
  }
}

const summaryOf = (progress: BatchProgress | null): string =>
  progress === null
    ? 'the first chunk'
    : `${progress.granted} granted, ${progress.skipped} skipped of ${progress.total}`;
