import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../../domain/calendar.ts';

// The one statement that reads a page of a timeline. Read first: lines, shown; then place and standing.

/** The kinds of lines. */
export const TIMELINE_KINDS = ['credits', 'spending', 'money', 'messages', 'workflow', 'requests'] as const;
/** One of `TIMELINE_KINDS`. */
export type TimelineKind = (typeof TIMELINE_KINDS)[number];

/** The end of a page. The first four members order the list, so that no line is shown twice or left out. */
export interface TimelineCursor {
  at: Instant;
  place: number;
  rank: number;
  tie: string;
  /** The oldest entry of a caller's spend on the pages so far; null: none was shown. */
  before: number | null;
}

/** The page of a timeline to read. */
export interface TimelineWanted {
  limit: number;
  after: TimelineCursor | null;
  /** The kind of lines; null: all. */
  kind: TimelineKind | null;
  /** The id of a usage, hold, grant, charge, purchase or refund: only lines about it and its parts. null: all. */
  about: string | null;
}

/** The most entries of each sort that are read for a page: one request makes an entry for each grant it touches. */
const ENTRIES_A_PAGE = 1_000;

/**
 * The kinds of entries that callers cause. They are never dated before an older one, so the order of the ledger is also that of
 * their instants. The calendar's entries and releases may be booked late, so indexes have them by instant.
 */
export const SPENT = ['debit', 'hold', 'capture', 'reversal'];
const isSpent = sql.raw(`e.kind in (${SPENT.map((kind) => `'${kind}'`).join(', ')})`);
const isOfCalendar = sql`e.usage_id is null and e.hold_id is null`;

/**
 * The statement of one page. At one instant lines stand in the order of causes: by `place`, the newest entry before them, then
 * by `rank`. A test clock stands still while much is done, so there the place is looked up; on real time only the calendar does
 * several things at one instant. A line that has only an instant of the real clock is placed on a test clock by the commands
 * around it.
 */
export function timeline(id: string, { limit, after, kind, about }: TimelineWanted) {
  const is = (...kinds: TimelineKind[]) => sql`${kind === null || kinds.includes(kind)}::boolean`;
  const at = after && sql`instant(${after.at}::bigint)`;
  const entriesBefore =
    after &&
    sql`(e.effective_at, e.seq) < (${at}, ${after.place + (after.rank > 0 || after.tie !== '' ? 1 : 0)}::bigint)`;
  const newest = (where: SQL, order: SQL) => sql`(
    select e.seq, e.kind, e.effective_at, e.recorded_at, e.usage_id, e.hold_id from entries e
    where e.subscription_id = ${id} and ${where} and ${entriesBefore ?? sql`true`}
      and (${about}::text is null or e.usage_id in (select id from about) or e.hold_id in (select id from about) or e.grant_id in (select id from about))
    order by ${order} limit ${ENTRIES_A_PAGE})`;
  const byInstant = sql`e.effective_at desc, e.seq desc`;
  // Each source gives no more rows than a page may need, before a place is looked up for each. Ties stay: places order
  // them.
  const latest = (rows: SQL) => {
    if (about !== null) return sql`(${rows})`;
    const first = sql`order by r.at desc fetch first ${limit + 1} rows with ties`;
    return at === null
      ? sql`(select * from (${rows}) r ${first})`
      : sql`(select * from (${rows}) r where r.at = ${at} union all (select * from (${rows}) r where r.at < ${at} ${first}))`;
  };
  return sql`
with
sub as materialized (
  select s.id, s.plan, s.interval, s.created_at, l.test_clock is not null as stands
  from subscriptions s join ledgers l on l.subscription_id = s.id where s.id = ${id}
),
-- The object in question and its parts: a purchase's charge and grant, a hold's usage.
about as materialized (
  select distinct x.id from (select ${about}::text as id) o cross join lateral (
    select o.id
    union all select unnest(array[c.id, c.purchase_id, g.id]) from charges c
      left join grants g on g.subscription_id = c.subscription_id and g.charge_id = c.id
      where c.subscription_id = ${id} and o.id in (c.id, c.purchase_id, g.id)
    union all select unnest(array[u.id, u.hold_id]) from usages u where u.subscription_id = ${id} and u.id = o.id
    union all select unnest(array[h.id, h.usage_id]) from holds h where h.subscription_id = ${id} and h.id = o.id
    union all select r.charge_id from refunds r where r.subscription_id = ${id} and r.id = o.id
  ) x where x.id is not null
),
cmds as materialized (
  select c.*, case when c.operation = 'advance' then (c.answer::json->>'now')::timestamptz end as advanced_to,
    -- Effects of a command have their place right after it. Work during an advance of a clock has its own place.
    case when c.operation <> 'advance' then c.step end as causes,
    lpad(ms(c.created_at)::text, 15, '0') || '/' || c.operation || '/' || c.key as stamp
  from commands c where c.scope = ${id}
),
newest as materialized (
  ${newest(sql`${is('spending')} and ${isSpent} and e.seq < ${after?.before ?? Number.MAX_SAFE_INTEGER}::bigint`, sql`e.seq desc`)}
  union all ${newest(sql`${is('spending')} and not ${isSpent} and not (${isOfCalendar})`, byInstant)}
  union all ${newest(sql`${is('credits')} and not ${isSpent} and ${isOfCalendar}`, byInstant)}
),
-- Entries in a row that one request made are one line: a usage with its debits, a capture with its release, the end.
runs as (
  select min(seq) as seq, max(seq) as upto, min(effective_at) as at, min(recorded_at) as recorded from (
    select *, count(*) filter (where begins) over (order by seq) as nth from (
      select *, case
        when usage_id is not null or hold_id is not null
          then (usage_id, hold_id, recorded_at) is distinct from (lag(usage_id) over w, lag(hold_id) over w, lag(recorded_at) over w)
        else kind <> 'forfeiture' or (kind, effective_at) is distinct from (lag(kind) over w, lag(effective_at) over w) end as begins
      from newest window w as (order by seq)
    ) marked
  ) numbered group by nth
),
lines as (
  select 'entries' as source, seq::text as id, at, recorded, seq as place, 0 as rank, '' as tie, upto as nth from runs
  union all
  -- Ids sort by their time of making.
  select 'free', u.id, u.at, null, case when b.stands then coalesce((select e.seq from entries e
      where e.subscription_id = ${id} and e.usage_id < u.id order by e.seq desc limit 1), 0) else 0 end, 0, u.id, null
  from sub b cross join ${latest(sql`select id, at from usages where subscription_id = ${id} and credits = 0 and ${is('spending')}`)} u
  union all
  select 'charge', c.id, c.at, null,
    coalesce(k.from_seq, case when c.nth = c.attempts then (select min(g.made) - 1 from grants g where g.subscription_id = ${id} and g.charge_id = c.id) end,
             ${place(id, sql`true`, null, sql`c.at`)}),
    case when k.key is null then 2 else 1 end, coalesce(k.stamp || '/charge/', '') || c.id || '/' || c.attempt, c.nth
  from ${latest(sql`
    select c.id, c.step, instant((a.value->>'at')::bigint) as at, a.value->>'attempt' as attempt, a.nth, jsonb_array_length(c.attempts) as attempts
    from charges c cross join jsonb_array_elements(c.attempts) with ordinality as a(value, nth)
    where c.subscription_id = ${id} and ${is('money')}`)} c
  left join cmds k on k.causes = c.step and c.nth = 1
  union all
  select 'refund', r.id, r.at, k.created_at, ${place(id, sql`b.stands`, sql`k.created_at`, sql`r.at`)}, 3, r.id, null
  from sub b cross join ${latest(sql`select id, asked_at as at from refunds where subscription_id = ${id} and ${is('money')}`)} r
  left join cmds k on k.object_id = r.id
  union all
  select 'message', m.id::text, m.at, m.received_at, ${place(id, sql`b.stands`, sql`m.received_at`, sql`m.received_at`)}, 4, m.id::text, m.id
  from sub b cross join ${latest(sql`
    select m.id, m.received_at, case when b.stands then coalesce(instant((m.payload->>'at')::bigint), t.at) else m.received_at end as at
    from sub b cross join inbox m cross join lateral ${standing(sql`m.received_at`)} t
    where m.subscription_id = ${id} and ${is('messages')}`)} m
  union all
  select 'note', n.id, n.at, null, coalesce(k.from_seq, ${place(id, sql`true`, null, sql`n.at`)}), case when k.key is null then 5 else 1 end,
    coalesce(k.stamp || '/note/', '') || n.id, null
  from ${latest(sql`select step || '/' || line as id, step, at from notes where subscription_id = ${id} and ${is('workflow')}`)} n
  left join cmds k on k.causes = n.step
  union all
  select 'command', k.operation || '/' || k.key, k.at, k.created_at,
    coalesce(k.from_seq, ${place(id, sql`b.stands`, sql`k.created_at`, sql`k.created_at`)}), 1, k.stamp, null
  from sub b cross join ${latest(sql`
    select k.operation, k.key, k.created_at, k.from_seq, k.stamp, coalesce(k.from_at, case when b.stands then t.at else k.created_at end) as at
    from sub b cross join cmds k cross join lateral ${standing(sql`k.created_at`)} t where ${is('requests')}`)} k
  union all
  select 'event', v.id, v.at, v.recorded_at, case when b.stands then ${place(id, sql`true`, sql`v.recorded_at`, sql`v.at`)} else 9007199254740991 end,
    6, v.id, null
  -- Without a kind, only events that have a delivery.
  from sub b cross join ${latest(sql`
    select v.id, v.at, v.recorded_at from events v where v.subscription_id = ${id} and ${is('messages')}
      and (${kind}::text is not null or exists (select from deliveries d where d.event_id = v.id))`)} v
  union all
  select 'started', b.id, b.created_at, null, 0, 0, '', null from sub b
  where ${is('workflow')} and not exists (select from notes n where n.subscription_id = b.id and n.kind = 'started')
),
shown as (
  select * from lines l
  where (${about}::text is null or case l.source
      when 'entries' then true
      when 'free' then l.id in (select id from about)
      when 'charge' then l.id in (select id from about)
      when 'refund' then exists (select from refunds r where r.subscription_id = ${id} and r.id = l.id and (r.id = ${about}::text or r.charge_id in (select id from about)))
      when 'message' then exists (select from inbox m where m.id = l.nth and m.payload->>'chargeId' in (select id from about))
      when 'command' then exists (select from cmds k where k.operation || '/' || k.key = l.id
        and (k.object_id in (select id from about) or split_part(k.operation, '/', 2) in (select id from about)))
      else false end)
    and ${after === null ? sql`true` : sql`(at, place, rank, tie) < (instant(${after.at}::bigint), ${after.place}::bigint, ${after.rank}::int, ${after.tie}::text)`}
  order by at desc, place desc, rank desc, tie desc limit ${limit + 1}
)
select s.source, s.id, ms(s.at)::text as at, ms(s.recorded)::text as recorded, s.place::text as place, s.rank, s.tie, case s.source
  when 'entries' then (${entriesData(id)})
  when 'free' then (select ${usageData} from usages u where u.subscription_id = ${id} and u.id = s.id)
  when 'charge' then (${chargeData(id)})
  when 'refund' then (
    select jsonb_build_object('charge_id', r.charge_id, 'amount_minor', r.amount_minor, 'currency', c.currency, 'reason', r.reason, 'done', r.answer is not null)
    from refunds r join charges c on c.subscription_id = r.subscription_id and c.id = r.charge_id where r.subscription_id = ${id} and r.id = s.id)
  when 'message' then (
    select jsonb_build_object('provider', m.provider, 'kind', m.kind, 'payload', m.payload, 'outcome', m.outcome) from inbox m where m.id = s.nth)
  when 'note' then (
    select jsonb_build_object('kind', n.kind, 'rule', n.rule, 'detail', n.detail) from notes n
    where n.subscription_id = ${id} and n.step || '/' || n.line = s.id)
  when 'command' then (
    select jsonb_build_object('operation', k.operation, 'key', k.key, 'status', k.status, 'attempt', k.attempt, 'object_id', k.object_id,
      'refusal', k.refusal) from cmds k where k.operation || '/' || k.key = s.id)
  when 'event' then (
    select jsonb_build_object('type', v.type, 'deliveries', coalesce((select jsonb_agg(x) from (
        select d.status, count(*) as count from deliveries d where d.event_id = v.id group by d.status) x), '[]'))
    from events v where v.subscription_id = ${id} and v.id = s.id)
  when 'started' then (select jsonb_build_object('plan', b.plan, 'interval', b.interval) from sub b)
  end as data
from shown s order by s.at desc, s.place desc, s.rank desc, s.tie desc`;
}

/**
 * The newest entry before a line: by the time of recording where it is known, else by the line's instant, at which the
 * calendar's own work comes first (R-14). 0 where the instant alone orders the lines. On real time only the calendar's entries
 * of that very instant need an order, and an index has them.
 */
function place(id: string, isNeeded: SQL, recorded: SQL | null, at: SQL): SQL {
  const newestOf = (by: SQL) => sql`(
    select e.seq from entries e where e.subscription_id = ${id} and ${by} order by e.seq desc limit 1)`;
  if (recorded !== null)
    return sql`case when ${isNeeded} then coalesce(${newestOf(sql`e.recorded_at <= coalesce(${recorded}, 'infinity')`)}, 0) else 0 end`;
  const isDone = sql`e.effective_at = ${at} and e.kind in ('expiry', 'forfeiture') and ${isOfCalendar}`;
  const first = sql`(
    select min(e.seq) - 1 from entries e where e.subscription_id = ${id} and e.effective_at = ${at} and not ${isSpent} and ${isOfCalendar})`;
  return sql`case when ${isNeeded} then coalesce(case when (select stands from sub)
    then ${newestOf(sql`(e.effective_at < ${at} or ${isDone})`)} else coalesce(${newestOf(isDone)}, ${first}) end, 0) else 0 end`;
}

/** The instant at which a test clock stood at an instant of the real clock. Only commands move a test clock. */
const standing = (real: SQL): SQL => sql`(
  select coalesce((select greatest(q.from_at, case when q.created_at < ${real} then q.advanced_to end) from cmds q
    where b.stands and q.created_at <= ${real} and q.from_at is not null order by q.created_at desc limit 1), b.created_at) as at)`;

const usageData = sql`jsonb_build_object('id', u.id, 'credits', u.credits, 'reversed', u.reversed, 'hold_id', u.hold_id, 'via', u.via,
  'reference', u.reference, 'lines', u.answer->'lines')`;

const entriesData = (id: string): SQL => sql`
  select jsonb_build_object(
    'entries', jsonb_agg(jsonb_build_object('seq', e.seq, 'kind', e.kind, 'credits', e.credits, 'grant_id', e.grant_id,
      'grant_kind', g.kind, 'balance_after', e.balance_after, 'effective_at', ms(e.effective_at)) order by e.seq),
    'grant', (select jsonb_build_object('id', g.id, 'kind', g.kind, 'cause', g.cause, 'charge_id', g.charge_id, 'charge_kind', c.kind,
        'reason', g.reason, 'expires_at', ms(gone_at(g.expires_at, (select l.ends_at from ledgers l where l.subscription_id = g.subscription_id))))
      from grants g left join charges c on c.subscription_id = g.subscription_id and c.id = g.charge_id
      where g.subscription_id = ${id} and g.id = min(e.grant_id)),
    'usage', (select ${usageData} from usages u where u.subscription_id = ${id} and u.id = min(e.usage_id)),
    'hold', (select jsonb_build_object('id', h.id, 'credits', h.credits, 'status', h.status, 'captured', h.captured, 'deadline', ms(h.deadline),
        'settled_at', ms(h.settled_at), 'via', h.via, 'reference', h.reference, 'lines', h.answer->'lines', 'settlement', h.settlement)
      from holds h where h.subscription_id = ${id} and h.id = min(e.hold_id)))
  from entries e left join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
  where e.subscription_id = ${id} and e.seq between s.place and s.nth`;

const chargeData = (id: string): SQL => sql`
  select jsonb_build_object('id', c.id, 'kind', c.kind, 'status', c.status, 'outcome', a->>'outcome', 'attempt', a->'attempt',
    'attempts', jsonb_array_length(c.attempts), 'payment_method', a->>'payment_method', 'amount_minor', c.amount_minor,
    'refunded_minor', c.refunded_minor, 'currency', c.currency, 'lines', c.lines, 'purchase_id', c.purchase_id,
    'disputes', coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'amount_minor', d.amount_minor, 'status', d.status) order by d.id)
      from disputes d where d.subscription_id = c.subscription_id and d.charge_id = c.id), '[]'))
  from charges c cross join lateral (select c.attempts->(s.nth::int - 1) as a) a
  where c.subscription_id = ${id} and c.id = s.id`;
