import type { Database } from '../db/client.ts';
import { ledgerFacts } from '../db/console/standing.ts';
import type { Facts } from './findings.ts';

/** Reads the ledger's facts, and PostgreSQL's clock by the same statement. */
export async function readLedger(db: Database): Promise<Pick<Facts, 'ledger' | 'clock'>> {
  const sentAt = Date.now();
  const startedAt = performance.now();
  const ledger = await ledgerFacts(db);
  // The clock was read at some moment of the call.
  const errorMs = (performance.now() - startedAt) / 2;
  return { ledger, clock: { aheadMs: ledger.now - (sentAt + errorMs), errorMs } };
}
