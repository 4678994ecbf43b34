import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { causes } from './causes.ts';
import { expiries } from './expiries.ts';
import type { Broken } from './invariants.ts';
import { standing } from './standing.ts';
import { storedAnswers } from './stored-answers.ts';

// The rows of lives as the API and the workflows lead them: recomputed from the rules, and each beside its copies and its
// cause. The invariants of `invariants.ts` hold for any ledger; a ledger that a test filled by hand has no such records.

/** The time zones of subscriptions that PostgreSQL does not know. JavaScript may know more. */
export async function unknownZones(db: Database): Promise<string[]> {
  const rows = await db.execute<{ zone: string }>(sql`
    select zone from (select distinct state->>'timeZone' as zone from subscriptions) s
    where zone is not null and lower(zone) not in (select lower(name) from pg_timezone_names)`);
  return rows.map(({ zone }) => zone);
}

/** The rows that a rule or a copy of them contradicts. Checks the named subscriptions; null: all. */
export async function brokenRecords(
  db: Database,
  subscriptionIds: readonly string[] | null = null,
  zones?: readonly string[],
): Promise<Broken[]> {
  const unknown = zones ?? (await unknownZones(db));
  const found: Broken[] = [];
  for (const statement of [
    expiries(subscriptionIds, unknown),
    storedAnswers(subscriptionIds),
    standing(subscriptionIds),
    causes(subscriptionIds),
  ])
    found.push(...(await db.execute<Broken & Record<string, unknown>>(statement)));
  return found;
}
