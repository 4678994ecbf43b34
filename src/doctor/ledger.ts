import type { Database } from '../db/client.ts';
import { withClock } from '../db/console/fleet.ts';
import { ledgerFacts } from '../db/console/standing.ts';
import type { Facts } from './findings.ts';

/** Reads the ledger's facts, and PostgreSQL's clock by the same statement. */
export async function readLedger(db: Database): Promise<Pick<Facts, 'ledger' | 'clock'>> {
  const { numbers, clock } = await withClock(() => ledgerFacts(db));
  return { ledger: numbers, clock };
}
