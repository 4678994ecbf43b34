import { createSealer } from '../db/seals/sealer.ts';
import type { Loop, RelayDeps } from './rows.ts';

/** The pause between two statements, so that spends get their share of the processors. */
const BETWEEN_MS = 100;

/** I11: the loop that extends the hash chains of ledgers. */
export function sealLoops({ db, sealEverySeconds }: RelayDeps): Loop[] {
  if (sealEverySeconds === 0) return [];
  const sealer = createSealer(db);
  return [{ tick: async () => ((await sealer.next()) > 0 ? BETWEEN_MS : sealEverySeconds * 1_000) }];
}
