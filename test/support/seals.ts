import { expect } from 'vitest';
import { brokenSeals, sealsInAll } from '../../src/db/audit/seals.ts';
import type { Database } from '../../src/db/client.ts';
import { createSealer } from '../../src/db/seals/sealer.ts';

/** Answers the names of the ledgers whose rows are not those that were sealed. */
export async function notAsSealed(db: Database): Promise<string[]> {
  const rows = await db.execute<{ id: string }>('select subscription_id as id from ledgers order by 1');
  const found = await brokenSeals(
    db,
    rows.map(({ id }) => id),
    null,
  );
  return [...(await sealsInAll(db)).broken, ...found].map(
    ({ subscription_id, row }) => `${subscription_id} ${row}`,
  );
}

/** Seals all ledgers up to their newest rows. */
export async function sealAll(db: Database): Promise<void> {
  const sealer = createSealer(db);
  while ((await sealer.next()) > 0);
}

/** Seals ledgers all the while, as a worker beside a test would. The end seals all, and expects every row as it was sealed. */
export function sealing(db: Database): { end(): Promise<void> } {
  const sealer = createSealer(db);
  let isOver = false;
  const work = async (): Promise<void> => {
    while (!isOver) await sealer.next();
  };
  const running = work();
  return {
    end: async () => {
      isOver = true;
      await running;
      await sealAll(db);
      expect(await notAsSealed(db)).toEqual([]);
    },
  };
}
