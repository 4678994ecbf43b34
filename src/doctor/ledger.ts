import type { Database } from '../db/client.ts';
import { withClock } from '../db/console/fleet.ts';
import { ledgerFacts } from '../db/console/standing.ts';
import type { Facts } from './findings.ts';

/** Reads the ledger's facts, and PostgreSQL's clock by the same statement. */
export async function readLedger(db: Database): Promise<Pick<Facts, 'ledger' | 'clock'>> {
  const { numbers, clock } = await withClock(() => ledgerFacts(db));
  return { ledger: numbers, clock };
}

/** Reads the ledger's facts once for all that ask within some seconds. */
export type LedgerReader = () => ReturnType<typeof readLedger>;

const LASTS_MS = 5_000;

/** Makes a reader whose facts last for five seconds. A failed reading is not kept. */
export function createLedgerReader(db: Database): LedgerReader {
  let until = Number.NEGATIVE_INFINITY;
  let known: ReturnType<LedgerReader>;
  return () => {
    if (performance.now() < until) return known;
    until = performance.now() + LASTS_MS;
    known = readLedger(db);
    known.catch(() => {
      until = Number.NEGATIVE_INFINITY;
    });
    return known;
  };
}
