import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../../domain/calendar.ts';
import type { State } from '../../domain/state.ts';
import type { Database } from '../client.ts';
import { type FailureRef, STEP_RECENT } from '../failures.ts';
import { isHeldUp } from '../incidents.ts';
import { FAILURE_KINDS } from '../schema.ts';

// Numbers for an operator: of one subscription besides its timeline, and of all of them. Each is a single statement.

/** The ledger's balance in two counts that must agree (I1), and how far its workflow is behind. */
interface LedgerNumbers {
  /** The sum of `remaining` of all grants. */
  grants: number;
  /** The running sum after the newest entry, and its seq. 0 where there is none, or its month was archived. */
  entries: number;
  seq: number;
  /** the part of `grants` whose term or subscription is over, while the entry of that is not booked yet. */
  due: number;
  held: number;
  openGrants: number;
  /** Entries were made that the workflow does not know yet. */
  behind: boolean;
}

/** The numbers of one ledger; null when it does not exist. */
export async function ledgerNumbers(db: Database, id: string): Promise<LedgerNumbers | null> {
  const [row] = await db.execute<Record<keyof LedgerNumbers, string | boolean | null>>(sql`
    select coalesce(g.remaining, 0)::text as grants, coalesce(e.balance_after, l.balance)::text as entries, l.seq::text as seq,
      coalesce(g.due, 0)::text as due, coalesce(g.held, 0)::text as held, coalesce(g.open, 0)::text as "openGrants", l.workflow_behind as behind
    from ledgers l
    cross join lateral (
      select sum(remaining) as remaining, sum(held) as held, count(*) filter (where open) as open,
        sum(remaining) filter (where expires_at <= ledger_now(l.test_clock) or l.ends_at <= ledger_now(l.test_clock)) as due
      from grants where subscription_id = l.subscription_id
    ) g
    left join lateral (
      select balance_after from entries where subscription_id = l.subscription_id and seq = l.seq limit 1
    ) e on true
    where l.subscription_id = ${id}`);
  if (!row) return null;
  const count = (name: keyof LedgerNumbers) => Number(row[name]);
  return {
    grants: count('grants'),
    entries: count('entries'),
    seq: count('seq'),
    due: count('due'),
    held: count('held'),
    openGrants: count('openGrants'),
    behind: row.behind === true,
  };
}

/** A queue: the number of waiting rows, and the instant since which the oldest waits. */
export interface Backlog {
  count: number;
  since: Instant | null;
}

/** The numbers of the whole installation. */
interface FleetNumbers {
  now: Instant;
  statuses: { status: string; count: number }[];
  /** Billing's messages that are not relayed yet. */
  inbox: Backlog;
  /** Ledgers whose workflow is behind. */
  behind: Backlog;
  /** holds past their deadline that are not released yet. */
  holds: Backlog;
  /** Events that have no deliveries yet. */
  events: Backlog;
  pastDue: { id: string; customerId: string; since: Instant | null }[];
}

const MOST_PAST_DUE = 50;

/** Rows that wait: the name of one, the instant since which it waits, and the table with its condition. */
export interface WaitingOf {
  id: SQL;
  since: SQL;
  from: SQL;
}

/** The rows that wait for the relay, by kind. Each has an index of waiting rows. */
export const WAITING = {
  message: { id: sql`id::text`, since: sql`received_at`, from: sql`inbox where relayed_at is null` },
  nudge: { id: sql`subscription_id`, since: sql`touched_at`, from: sql`ledgers where workflow_behind` },
  hold: {
    id: sql`subscription_id || ' ' || id`,
    since: sql`deadline`,
    from: sql`holds where status = 'held' and live and deadline <= clock_timestamp()`,
  },
  event: { id: sql`id`, since: sql`recorded_at`, from: sql`events where relayed_at is null` },
  /** A replay waits since now, though its row is old. */
  delivery: {
    id: sql`event_id || '/' || endpoint_id`,
    since: sql`case when run = 0 then created_at end`,
    from: sql`deliveries where started_at is null`,
  },
} satisfies Record<string, WaitingOf>;

/** Sessions of Drawdown that wait for a lock. */
export const LOCKS: WaitingOf = {
  id: sql`pid::text`,
  since: sql`query_start`,
  from: sql`pg_stat_activity where datname = current_database() and application_name = 'drawdown' and wait_event_type = 'Lock'`,
};

/** Rows that wait, as a `Backlog`. */
const backlogOf = ({ since, from }: WaitingOf): SQL =>
  sql`(select jsonb_build_object('count', count(*), 'since', ms(min(${since}))) from ${from})`;
const INBOX = backlogOf(WAITING.message);
const BEHIND = backlogOf(WAITING.nudge);
const HOLDS = backlogOf(WAITING.hold);
const EVENTS = backlogOf(WAITING.event);
const DELIVERIES = backlogOf(WAITING.delivery);

/** The numbers of the fleet page, in one statement. */
export async function fleetNumbers(db: Database): Promise<FleetNumbers> {
  const [row] = await db.execute<{ fleet: FleetNumbers }>(sql`
    select jsonb_build_object(
      'now', ms(clock_timestamp()),
      'statuses', (select coalesce(jsonb_agg(x), '[]') from (select status, count(*) as count from subscriptions group by status order by status) x),
      'inbox', ${INBOX}, 'behind', ${BEHIND}, 'holds', ${HOLDS}, 'events', ${EVENTS},
      'pastDue', (select coalesce(jsonb_agg(x order by x.since), '[]') from (
        select id, customer_id as "customerId", (state->'unpaid'->'charge'->>'at')::bigint as since
        from subscriptions where status = 'past_due' order by id desc limit ${MOST_PAST_DUE}) x)
    ) as fleet`);
  return row!.fleet;
}

/** The numbers of the whole installation for monitoring. */
export interface OutsideNumbers {
  now: Instant;
  backlogs: Record<'message' | 'nudge' | 'hold' | 'event' | 'delivery', Backlog>;
  /** Refused rows by kind; every kind is there. */
  failing: Record<FailureRef['kind'], number>;
  /** Subscriptions whose due work was given up. */
  heldUp: number;
  /** Sessions of Drawdown that wait for a lock, and the start of the oldest one's statement. */
  locks: Backlog;
}

/** The numbers for monitoring, in one statement that reads indexes of waiting rows. */
export async function outsideNumbers(db: Database): Promise<OutsideNumbers> {
  const [row] = await db.execute<{ outside: OutsideNumbers }>(sql`
    select jsonb_build_object(
      'now', ms(clock_timestamp()),
      'backlogs', jsonb_build_object('message', ${INBOX}, 'nudge', ${BEHIND}, 'hold', ${HOLDS}, 'event', ${EVENTS}, 'delivery', ${DELIVERIES}),
      'failing', (select jsonb_object_agg(k.kind, (select count(*) from failures f where f.kind = k.kind and ${STEP_RECENT}))
        from unnest(string_to_array(${FAILURE_KINDS.join(',')}, ',')) k(kind)),
      'heldUp', (select count(distinct incidents.subscription_id) from incidents where ${isHeldUp}),
      'locks', ${backlogOf(LOCKS)}
    ) as outside`);
  return row!.outside;
}

/** The difference of PostgreSQL's clock to this process's, and the bound of its error: half the time of the call. */
export interface ClockReading {
  aheadMs: number;
  errorMs: number;
}

/** Reads numbers with PostgreSQL's `now`, and so its clock. */
export async function withClock<T extends { now: Instant }>(
  read: () => Promise<T>,
): Promise<{ numbers: T; clock: ClockReading }> {
  const sentAt = Date.now();
  const startedAt = performance.now();
  const numbers = await read();
  // It was read at some moment of the call.
  const errorMs = (performance.now() - startedAt) / 2;
  return { numbers, clock: { aheadMs: numbers.now - (sentAt + errorMs), errorMs } };
}

/** A subscription that may have work soon: its state, with the open grants. */
interface Candidate {
  id: string;
  customerId: string;
  state: State;
}

const MOST_CANDIDATES = 20_000;

/**
 * Subscriptions on real time that may have work due by an instant; the core decides about the work. Boundaries are reckoned in
 * UTC here, which is less than two days off.
 */
export async function dueCandidates(db: Database, until: Instant): Promise<Candidate[]> {
  const rows = await db.execute<{
    id: string;
    customer_id: string;
    state: State;
    grants: State['grants'];
  }>(sql`
    select s.id, s.customer_id, s.state, (
        select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', g.id, 'kind', g.kind, 'amount', g.amount, 'remaining', g.remaining,
          'held', g.held, 'effectiveAt', ms(g.effective_at), 'expiresAt', ms(g.expires_at), 'made', g.made, 'taken', g.taken))), '[]')
        from grants g where g.subscription_id = s.id and g.open) as grants
    from subscriptions s join ledgers l on l.subscription_id = s.id
    where s.status <> 'ended' and l.test_clock is null and (
      instant((s.state->>'anchorAt')::bigint) + make_interval(months => (s.state->>'cycle')::int + 1) <= instant(${until}::bigint) + interval '2 days'
      or jsonb_typeof(s.state->'unpaid') = 'object' or s.state->'waiting' <> '[]'::jsonb
      or exists (select from grants g where g.subscription_id = s.id and g.open and g.taken is null and g.expires_at <= instant(${until}::bigint)))
    limit ${MOST_CANDIDATES}`);
  return rows.map(({ id, customer_id, state, grants }) => ({
    id,
    customerId: customer_id,
    state: { ...state, grants },
  }));
}
