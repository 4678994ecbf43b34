import { createTally, type Tally } from '../catalog/tally.ts';
import { listCatalogs, liveStates, otherContent, standingOf, strandedBy } from '../db/catalogs.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { showProgress } from './program.ts';
import { withLedger } from './servers.ts';

// The ledger's part of `drawdown catalog diff`.

/** The part of a comparison that a ledger adds. */
export interface LedgerEffect {
  tally: Tally;
  /** The version in force; null before the first start. */
  inForce: string | null;
  /** The reasons for which a start with the new catalogue would be refused, each in a line. */
  refusals: string[];
  /** The new version was in force before: a start with it changes nothing. */
  isKnown: boolean;
}

/** Counts the live subscriptions of a ledger under both catalogues. It only reads. */
export async function effectOn(databaseUrl: string, from: Catalog, to: Catalog): Promise<LedgerEffect> {
  const tally = createTally(from, to);
  let counted = 0;
  const progress = showProgress(() => `Counted ${counted} live subscriptions`);
  const look = withLedger(
    databaseUrl,
    { max: 1, statementTimeoutMs: 60_000 },
    async (db): Promise<LedgerEffect> => {
      for await (const state of liveStates(db)) {
        tally.add(state);
        counted += 1;
      }
      const [newest] = await listCatalogs(db);
      const standing = await standingOf(db, to);
      const refusals =
        standing === 'other' ? [otherContent(to)] : standing === 'new' ? await strandedBy(db, to) : [];
      return { tally, inForce: newest?.version ?? null, refusals, isKnown: standing === 'same' };
    },
  );
  return await look.finally(() => progress.stop());
}
