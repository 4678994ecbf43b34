import { sql } from 'drizzle-orm';
import type { Grant } from '../../domain/burndown.ts';
import { type Instant, iso } from '../../domain/calendar.ts';
import type { Change } from '../../domain/curve.ts';
import type { Database } from '../client.ts';

// The wallet's reads, besides the API's.

/** The newest entries that a chart reads: a subscription that makes more of them in a month has a shorter past. */
const MOST_ENTRIES = 20_000;

/** A grant with its charge and reason. */
export type LedgerGrant = Grant & { chargeId: string | null; reason: string | null };

/** The grants that could be spent at any time after an instant, as the core knows them. */
export async function grantsSince(db: Database, id: string, from: Instant): Promise<LedgerGrant[]> {
  // Read as one value: an object of the driver for each of thousands of rows costs more than the rest of the page.
  const [row] = await db.execute<{ found: LedgerGrant[] }>(sql`
    select coalesce(json_agg(json_build_object('id', id, 'kind', kind, 'amount', amount, 'remaining', remaining, 'held', held,
      'effectiveAt', ms(effective_at), 'expiresAt', ms(expires_at), 'made', made, 'chargeId', charge_id, 'reason', reason)
      order by made), '[]') as found
    from grants where subscription_id = ${id} and (open or expires_at > ${iso(from)}::timestamptz)`);
  return row!.found;
}

/**
 * The changes of the balance after an instant, by grant. Grants and ends stand at their instants. All use of a day between two
 * of them is one change, at its last instant, so that a busy month is as small as a quiet one. The sum is exact at the end of
 * each day and at each grant and end. `newest` is the ledger's version: entries are numbered without gaps, so the newest ones
 * are a range of the primary key.
 */
export async function changesSince(
  db: Database,
  id: string,
  from: Instant,
  newest: number,
): Promise<Change[]> {
  const rows = await db.execute<{ at: string; grant_id: string; credits: string; kind: Change['kind'] }>(sql`
    select ms(max(effective_at)) as at, grant_id, sum(credits) as credits, sort as kind from (
      select grant_id, credits, effective_at, sort,
        min(case when sort <> 'use' then effective_at end) over (order by effective_at desc) as next_sort
      from (
        select grant_id, credits, effective_at,
          case when kind in ('grant', 'expiry', 'forfeiture', 'revocation') then kind else 'use' end as sort
        from entries where subscription_id = ${id} and seq > ${newest - MOST_ENTRIES}
          and effective_at > ${iso(from)}::timestamptz
      ) e
    ) e group by grant_id, sort, next_sort, date_bin('1 day', effective_at - interval '1 ms', ${iso(from)}::timestamptz)`);
  return rows.map(({ at, grant_id, credits, kind }) => ({
    at: Number(at),
    grantId: grant_id,
    credits: Number(credits),
    kind,
  }));
}

/** A text for each of these ledgers that differs after any change of the subscription. */
export async function versionsOf(db: Database, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await db.execute<{ id: string; version: string }>(sql`
    select subscription_id as id, concat_ws('.', seq, step, ms(test_clock)) as version
    from ledgers where subscription_id in ${ids}`);
  return new Map(rows.map(({ id, version }) => [id, version]));
}
