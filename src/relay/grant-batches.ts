import { claimBatch, unclaimBatch } from '../db/grant-batches/progress.ts';
import { BATCH_WOKEN, GRANT_BATCH_TYPE, type GrantBatchInput, grantBatchId } from '../workflows/messages.ts';
import { IDLE_MS, type Loop, type RelayDeps, TICK_MS } from './rows.ts';

/**
 * the loop that starts the workflows of batches, and wakes them after a pause. A signal starts a workflow that is not
 * there, so a batch goes on after its Temporal was lost.
 */
export const batchLoops = ({ db, temporal, taskQueue }: RelayDeps): Loop[] => [
  {
    tick: async () => {
      const id = await claimBatch(db);
      if (id === null) return IDLE_MS;
      try {
        await temporal.call((client) =>
          client.workflow.signalWithStart(GRANT_BATCH_TYPE, {
            workflowId: grantBatchId(id),
            taskQueue,
            args: [{ id } satisfies GrantBatchInput],
            signal: BATCH_WOKEN,
            staticSummary: `grants of ${id}`,
          }),
        );
      } catch (error) {
        await unclaimBatch(db, id);
        throw error;
      }
      return TICK_MS;
    },
  },
];
