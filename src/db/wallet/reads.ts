import { sql } from 'drizzle-orm';
import type { Grant } from '../../domain/burndown.ts';
import { type Instant, iso } from '../../domain/calendar.ts';
import type { Change } from '../../domain/curve.ts';
import type { OpenHold } from '../../domain/timeline.ts';
import type { Database } from '../client.ts';
import { NEWEST_ENTRIES, type RecentEntry } from '../entries.ts';
import { besideLedger } from '../reading/statements.ts';
import { OPEN_HOLDS } from '../reads.ts';

// The wallet's reads, besides the API's.

/** The newest entries that a chart reads: a subscription that makes more of them in a month has a shorter past. */
const MOST_ENTRIES = 20_000;

/** A grant with its charge and reason. */
export type LedgerGrant = Grant & { chargeId: string | null; reason: string | null };

/** The ledger's part of the wallet page, of one instant. */
export interface WalletLedger {
  /** Grants that could be spent at some instant of the chart's past. */
  grants: LedgerGrant[];
  changes: Change[];
  holds: OpenHold[];
  /** The newest entries first. */
  activity: RecentEntry[];
}

/** Reads the ledger's part of the wallet page: its past after an instant, and so many of its newest entries. */
export async function readWallet(
  db: Database,
  id: string,
  { from, recent }: { from: Instant; recent: number },
): Promise<WalletLedger> {
  const [found] = await walletStatement(db).execute({ id, from: iso(from), recent });
  return found!;
}

/** The grants that could be spent at any time after an instant, as the core knows them. */
export async function grantsSince(db: Database, id: string, from: Instant): Promise<LedgerGrant[]> {
  const [row] = await grantsStatement(db).execute({ id, from: iso(from) });
  return row!.grants;
}

const FROM = sql`${sql.placeholder('from')}::timestamptz`;

const GRANTS = sql<LedgerGrant[]>`(
  select coalesce(json_agg(json_build_object('id', id, 'kind', kind, 'amount', amount, 'remaining', remaining, 'held', held,
    'effectiveAt', ms(effective_at), 'expiresAt', ms(expires_at), 'made', made, 'chargeId', charge_id, 'reason', reason)
    order by made), '[]')
  from grants where subscription_id = ledgers.subscription_id and (open or expires_at > ${FROM}))`;

/**
 * Entries are numbered without gaps, so the newest ones are a range of the primary key. On real time an entry is recorded at its
 * instant or later, so older months are not searched. A day more allows for a database's clock that was set back.
 */
const IS_OF_PAST = sql`subscription_id = ledgers.subscription_id and seq > ledgers.seq - ${sql.raw(`${MOST_ENTRIES}`)}
  and recorded_at > case when test_clock is null then ${FROM} - interval '24 hours' else '-infinity' end
  and effective_at > ${FROM}`;

const IS_OF_CALENDAR = sql`kind in ('grant', 'expiry', 'forfeiture', 'revocation')`;

/**
 * The changes of the balance, by grant. Grants and ends stand at their instants. All use of a day between two of them is one
 * change, at its last instant, so that a busy month is as small as a quiet one. The sum is exact at the end of each day and at
 * each grant and end. A stretch of use is looked up in one array: a window over all entries costs twice as much.
 */
const CHANGES = sql<Change[]>`(
  select coalesce(json_agg(change), '[]') from (
    select json_build_object('at', ms(max(effective_at)), 'grantId', grant_id, 'credits', sum(credits), 'kind', sort) as change
    from (
      select array_agg(at + interval '1 ms' order by at) as begins from (
        select effective_at as at from entries where ${IS_OF_PAST} and ${IS_OF_CALENDAR}
        union
        select generate_series(${FROM}, ledger_now(test_clock), interval '24 hours')
      ) ends
    ) stretches
    cross join lateral (
      select *, width_bucket(effective_at, begins) as stretch, case when ${IS_OF_CALENDAR} then kind else 'use' end as sort
      from entries where ${IS_OF_PAST}
    ) e
    group by stretch, sort, grant_id
  ) changes)`;

const grantsStatement = besideLedger('grants', { grants: GRANTS });
// One value for each part: an object of the driver for each of thousands of rows costs more than the rest of the page.
const walletStatement = besideLedger('wallet', {
  grants: GRANTS,
  changes: CHANGES,
  holds: OPEN_HOLDS,
  activity: NEWEST_ENTRIES,
});

/** A text of a row of `ledgers` that differs after any change of the subscription. */
export const VERSION = sql<string>`concat_ws('.', ledgers.seq, ledgers.step, ms(ledgers.test_clock))`;

/** The version of each of these ledgers. */
export async function versionsOf(db: Database, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await db.execute<{ id: string; version: string }>(sql`
    select subscription_id as id, ${VERSION} as version from ledgers where subscription_id in ${ids}`);
  return new Map(rows.map(({ id, version }) => [id, version]));
}
