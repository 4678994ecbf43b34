import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/client.ts';
import { openCommand } from '../../src/db/commands.ts';
import { type BatchTarget, makeBatch, type NewBatch } from '../../src/db/grant-batches/requests.ts';
import { NEVER } from '../../src/domain/calendar.ts';
import { newId } from '../../src/ids.ts';

/** Makes a batch as the API does, and answers its id. */
export async function batchOf(
  db: Database,
  target: BatchTarget,
  wanted: Partial<NewBatch> = {},
): Promise<string> {
  const key = { scope: 'grant_batch', operation: 'make', key: randomUUID() };
  const row = await openCommand(db, { ...key, bodyHash: 'b', subscriptionId: '', objectId: newId('gbt') });
  const batch = { id: row.objectId, target, credits: 25, expiresAt: NEVER, reason: 'sorry', ...wanted };
  await makeBatch(db, batch, row);
  return batch.id;
}
