import { sql } from 'drizzle-orm';
import type { Grant } from '../../domain/burndown.ts';
import { type Instant, iso } from '../../domain/calendar.ts';
import type { Change } from '../../domain/curve.ts';
import type { Database } from '../client.ts';
import { arrayOf } from '../spend-batches.ts';

// The wallet's reads, besides the API's.

/** The newest entries that a chart reads: a subscription that makes more of them in a month has a shorter past. */
const MOST_ENTRIES = 20_000;

const DAY = 86_400_000;

/** A grant with its charge and reason. */
export type LedgerGrant = Grant & { chargeId: string | null; reason: string | null };

/** The grants that could be spent at any time after an instant, as the core knows them. */
export async function grantsSince(db: Database, id: string, from: Instant): Promise<LedgerGrant[]> {
  // Read as one value: an object of the driver for each of thousands of rows costs more than the rest of the page.
  const [row] = await db.$client<{ found: LedgerGrant[] }[]>`
    select coalesce(json_agg(json_build_object('id', id, 'kind', kind, 'amount', amount, 'remaining', remaining, 'held', held,
      'effectiveAt', ms(effective_at), 'expiresAt', ms(expires_at), 'made', made, 'chargeId', charge_id, 'reason', reason)
      order by made), '[]') as found
    from grants where subscription_id = ${id} and (open or expires_at > ${iso(from)}::timestamptz)`;
  return row!.found;
}

interface ChangeRow {
  at: string;
  grant_id: string;
  credits: string;
  kind: Change['kind'];
}

/**
 * The changes of the balance between two instants, by grant. Grants and ends stand at their instants. All use of a day between two
 * of them is one change, at its last instant, so that a busy month is as small as a quiet one. The sum is exact at the end of
 * each day and at each grant and end. `newest` is the ledger's version: entries are numbered without gaps, so the newest ones
 * are a range of the primary key.
 */
export async function changesSince(
  db: Database,
  id: string,
  { from, now }: { from: Instant; now: Instant },
  newest: number,
): Promise<Change[]> {
  const days = Array.from({ length: Math.ceil((now - from) / DAY) + 1 }, (_, i) => from + i * DAY);
  const [since, after] = [iso(from), newest - MOST_ENTRIES];
  // The instants that part use from use, in one array: a search in it costs the least for each of thousands of entries. A
  // stretch includes its last millisecond. The driver prepares the statement once a connection: it names every month.
  const rows = await db.$client<ChangeRow[]>`
    with apart as materialized (
      select grant_id, credits, effective_at, kind from entries
      where subscription_id = ${id} and kind in ('grant', 'expiry', 'forfeiture', 'revocation') and seq > ${after}
        and effective_at > ${since}::timestamptz
    ), stretches as materialized (
      select array_agg(at + interval '1 ms' order by at) as begins from (
        select effective_at from apart
        union
        select unnest(${arrayOf(days.map(iso))}::timestamptz[])
      ) instants (at)
    )
    select ms(effective_at) as at, grant_id, sum(credits) as credits, kind from apart group by grant_id, kind, effective_at
    union all
    select ms(max(effective_at)), grant_id, sum(credits), 'use' from entries cross join stretches
    where subscription_id = ${id} and kind in ('debit', 'capture', 'hold', 'release', 'reversal') and seq > ${after}
      and effective_at > ${since}::timestamptz
    group by grant_id, width_bucket(effective_at, begins)`;
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
