import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../../domain/calendar.ts';
import type { Database } from '../client.ts';
import { STEP_RECENT } from '../failures.ts';
import { isHeldUp } from '../incidents.ts';
import { LOCKS, WAITING, type WaitingOf } from './fleet.ts';

// Rows of the ledger that do not move, in one statement.

/** Rows that stand: their number, the instant since which the oldest does, and the first ones. */
export interface StandingRows {
  count: number;
  since: Instant | null;
  rows: string[];
}

/** The ledger's part of the facts about an installation. */
export interface LedgerFacts {
  now: Instant;
  /** Rows that wait. Those that were refused, or that a relay has claimed, are not among them. */
  late: Record<
    'message' | 'nudge' | 'hold' | 'event' | 'delivery' | 'notice' | 'boundary' | 'batch' | 'lock',
    StandingRows
  >;
  /** Refused rows by kind; `tries` is the most of one. */
  refused: ({ kind: string; tries: number } & StandingRows)[];
  /** Subscriptions whose due work was given up. */
  heldUp: StandingRows;
  /** Other steps that were given up within a day. */
  incidents: StandingRows;
  /** Of this and the next month of entries, those without a table. */
  missingMonths: { name: string; isNow: boolean }[];
  connections: { used: number; most: number };
  /** Transaction ids since the oldest row that is not frozen. */
  transactionIds: number;
}

const MOST_ROWS = 20;

const standing = ({ id, since, from }: WaitingOf, more: SQL = sql`true`): SQL => sql`(
  select jsonb_build_object('count', count(*), 'since', ms(min(w.since)),
    'rows', coalesce(to_jsonb((array_agg(w.id order by w.since))[1:${sql.raw(String(MOST_ROWS))}]), '[]'))
  from (select ${id} as id, ${since} as since from ${from} and ${more}) w)`;

const isNotRefused = (kind: string, key: SQL): SQL =>
  sql`not exists (select from failures f where f.kind = ${kind} and f.key = ${key})`;
/** A claim ends by itself, and a message that waits for the settlement of its charge is claimed again and again. */
const UNCLAIMED = sql`coalesce(claimed_until, '-infinity') < clock_timestamp()`;

/** A boundary belongs to the workflow; the relay leaves an expiry of the same instant to it for ten minutes. */
const NOTICES: WaitingOf = {
  id: sql`subscription_id`,
  since: sql`next_notice`,
  from: sql`ledgers where test_clock is null and next_notice <= clock_timestamp()
    and not coalesce(wakes_at between clock_timestamp() - interval '10 minutes' and next_notice, false)`,
};
const BOUNDARIES: WaitingOf = {
  id: sql`subscription_id`,
  since: sql`wakes_at`,
  from: sql`ledgers where test_clock is null and status <> 'ended' and wakes_at <= clock_timestamp()`,
};
const BATCHES: WaitingOf = {
  id: sql`id`,
  since: sql`coalesce((select max(ended_at) from grant_batch_items where batch_id = grant_batches.id), created_at)`,
  from: sql`grant_batches where state = 'running'`,
};
const HELD_UP: WaitingOf = {
  id: sql`subscription_id || ' ' || code || ' ' || detail`,
  since: sql`first_at`,
  from: sql`incidents where ${isHeldUp}`,
};
const INCIDENTS: WaitingOf = {
  id: sql`subscription_id || ' ' || what || ': ' || code || ' ' || detail`,
  since: sql`last_at`,
  from: sql`incidents where not ${isHeldUp} and last_at > clock_timestamp() - interval '1 day'`,
};

/** Reads the rows of the ledger that do not move. */
export async function ledgerFacts(db: Database): Promise<LedgerFacts> {
  const [row] = await db.execute<{ facts: LedgerFacts }>(sql`
    select jsonb_build_object(
      'now', ms(clock_timestamp()),
      'late', jsonb_build_object(
        'message', ${standing(WAITING.message, sql`${UNCLAIMED} and ${isNotRefused('message', sql`inbox.id::text`)}`)},
        'nudge', ${standing(WAITING.nudge, sql`nudge_now and ${isNotRefused('nudge', sql`ledgers.subscription_id`)}`)},
        'hold', ${standing(WAITING.hold, isNotRefused('deadline', sql`holds.subscription_id`))},
        'event', ${standing(WAITING.event, isNotRefused('event', sql`nth::text`))},
        'delivery', ${standing(WAITING.delivery, sql`${UNCLAIMED} and ${isNotRefused('delivery', sql`event_id || '/' || endpoint_id`)}`)},
        'notice', ${standing(NOTICES, isNotRefused('notice', sql`ledgers.subscription_id`))},
        'boundary', ${standing(BOUNDARIES)}, 'batch', ${standing(BATCHES)}, 'lock', ${standing(LOCKS)}),
      'refused', (select coalesce(jsonb_agg(x order by x.tries desc), '[]') from (
        select f.kind, max(f.attempts) as tries, count(*) as count, ms(min(f.since)) as since,
          (array_agg(f.kind || ' ' || f.key || ' (' || f.reason || ')' order by f.attempts desc))[1:${sql.raw(String(MOST_ROWS))}] as rows
        from failures f where ${STEP_RECENT} group by f.kind) x),
      'heldUp', ${standing(HELD_UP)}, 'incidents', ${standing(INCIDENTS)},
      'missingMonths', (select coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'isNow', m.nth = 0) order by m.nth), '[]')
        from (select n as nth, 'entries_' || to_char((clock_timestamp() at time zone 'UTC') + n * interval '1 month', 'YYYY_MM') as name
          from generate_series(0, 1) n) m
        where to_regclass(m.name) is null),
      'connections', jsonb_build_object(
        'used', (select count(*) from pg_stat_activity where backend_type = 'client backend'),
        'most', current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int),
      'transactionIds', (select max(age(datfrozenxid)) from pg_database)
    ) as facts`);
  return row!.facts;
}
