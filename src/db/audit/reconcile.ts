import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { rowsOf } from './invariants.ts';

// Compares money, credits and billing's messages, read in one statement and so in one snapshot. It shares no code with the
// writers of the rows: the contents of a charge are read from its lines and its catalogue.

/** Counts of rows: all, and those with a reason. */
export interface CountedRows {
  total: number;
  explained: number;
}

/** A row without a reason. */
export interface Unexplained {
  table: 'charges' | 'grants' | 'inbox' | 'failures';
  subscription_id: string;
  /** The row's id. For a message: the provider, and its id of the event. For a refused row: its kind and key. */
  row: string;
  rule: string;
  /** The problem, in a sentence. */
  problem: string;
}

/** The outcome of a reconciliation. `at` is in RFC 3339. */
export interface Reconciliation {
  at: string;
  all: CountedRows;
  charges: CountedRows;
  grants: CountedRows;
  inbox: CountedRows;
  /** The refused rows of the relay, and failing steps of workflows; messages are counted under `inbox`. */
  failures: CountedRows;
  /** Ids that were asked for and belong to no subscription. */
  not_here: string[];
  /** Sorted by subscription, at most `limit` rows. */
  unexplained: Unexplained[];
}

/** The rows to check and the patience with them. */
export interface ReconcileOptions {
  /** The subscriptions to check; null: all. */
  subscriptionIds?: readonly string[] | null;
  /** The most unexplained rows to name; null: all. */
  limit?: number | null;
  /** Milliseconds on real time for which a row may be on its way. A test clock stands still, so nothing is on its way there. */
  patienceMs?: number;
}

/** A running worker handles a message and a due instant within seconds; a restarted one within a minute. */
const PATIENCE_MS = 10 * 60 * 1_000;
/** A row refused so often, within half a minute, counts as stuck. */
const PATIENCE_TRIES = 5;

/** The longest time of the statement, in milliseconds. It needs a pool whose statement timeout is not shorter. */
export const BOOKS_TIMEOUT_MS = 10 * 60 * 1_000;

/** An amount in minor units, as text for a sentence. */
const money = (minor: string) => sql.raw(`to_char(${minor} / 100.0, 'FM999999999999990.00')`);

const reconciliation = (only: readonly string[] | null, limit: number | null, patienceMs: number) => sql`
with
clock as (select instant(ms(clock_timestamp())) as now, ${patienceMs}::bigint * interval '1 ms' as patience),
${rowsOf('ledgers', only)}, ${rowsOf('subscriptions', only, 'id')}, ${rowsOf('grants', only)}, ${rowsOf('charges', only)},
${rowsOf('inbox', only)}, ${rowsOf('failures', only)},
plans as (
  select version, content->'policies'->>'existing_prices' = 'keep' as keeps, p.id, price.interval, price.minor::bigint as price_minor,
    p.credits as allowance
  from catalogs, jsonb_to_recordset(content->'plans') as p(id text, prices jsonb, credits bigint),
    jsonb_each_text(p.prices) as price(interval, minor)
),
contracts as (
  select distinct p.id from catalogs, jsonb_to_recordset(content->'plans') as p(id text, contract boolean) where p.contract
),
trials as (
  select distinct (p.trial->>'credits')::bigint as credits from catalogs, jsonb_to_recordset(content->'plans') as p(trial jsonb)
),
packs as (
  select version, q.* from catalogs, jsonb_to_recordset(content->'packs') as q(id text, credits bigint, price bigint)
),
dunning as (
  select version, max(d::int) as last_days, coalesce(max(d::int) filter (where d::int < 7), 6) as last_days_weekly
  from catalogs, jsonb_array_elements_text(content->'policies'->'dunning_days') d group by version
),
-- Each line of a charge with its price and credits by its catalogue. R-08a: where prices are kept, one of any catalogue is right.
-- Packs are numbered in the order of their grants.
lines as (
  select c.subscription_id, c.id, l.plan, l.interval, l.pack, l.quantity, l."amountMinor" as amount_minor,
    coalesce(p.price_minor, q.price * l.quantity) as price_minor, p.allowances, q.credits * l.quantity as pack_credits,
    row_number() over (partition by c.subscription_id, c.id, l.pack is null order by l.nth) as nth
  from charges c
  cross join lateral rows from (jsonb_to_recordset(c.lines) as (plan text, interval text, pack text, quantity int, "amountMinor" bigint))
    with ordinality as l(plan, interval, pack, quantity, "amountMinor", nth)
  left join lateral (
    select price_minor, array_agg(distinct allowance) as allowances from plans p
    where p.id = l.plan and p.interval = l.interval and (p.version = c.catalog_version
      or exists (select from plans k where k.version = c.catalog_version and k.keeps) and p.price_minor = l."amountMinor")
    group by price_minor order by price_minor = l."amountMinor" desc limit 1
  ) p on l.plan is not null
  left join packs q on q.version = c.catalog_version and q.id = l.pack
),
sold as (
  select subscription_id, id, max(plan) as plan, max(interval) as interval, (array_agg(allowances) filter (where plan is not null))[1] as allowances,
    sum(amount_minor) as minor, case when bool_and(price_minor is not null) then sum(price_minor) end as price_minor,
    coalesce(sum(pack_credits), 0) as pack_credits, count(pack) as pack_lines, coalesce(sum(quantity) filter (where pack is not null), 0) as packs
  from (select l.subscription_id, l.id, l.plan, l.interval, l.pack, l.quantity, l.amount_minor, l.price_minor, l.pack_credits,
      to_jsonb(l.allowances) as allowances from lines l) l
  group by subscription_id, id
),
-- A zone that only JavaScript knows would fail the whole statement. UTC stands in: its wall clock is less than a day away.
zones as (
  select s.id as subscription_id, z.name as zone from subscriptions s join pg_timezone_names z on lower(z.name) = lower(s.state->>'timeZone')
),
-- Each charge with its price by its catalogue; and whether it is paid and not refunded, so that credits are due for it.
asked as (
  select c.*, c.status = 'paid' and c.refunded_minor < c.amount_minor as is_paid,
    case when c.refunded_minor = c.amount_minor then 'paid back' else replace(c.status, '_', ' ') end as stands,
    'The ' || c.kind || ' of ' || c.currency || ' ' || ${money('c.amount_minor')} || ' of ' || iso(c.at) as label,
    p.plan, p.interval, p.allowances, coalesce((p.allowances->>0)::bigint, 0) as allowance, p.pack_credits, p.pack_lines,
    case when (c.packs, c.credits) = (p.packs, p.pack_credits) then p.price_minor end as price_minor, p.minor as lines_minor, a.newest, a.asked_at,
    case c.kind when 'start' then 0 when 'renewal' then substring(c.id from '_r([0-9]+)_[0-9]+$')::int
      -- R-53: an upgrade that took effect began a series, which its allowance names. A plan that asks for no money may begin one too.
      when 'upgrade' then b.series end as series,
    case c.kind when 'renewal' then substring(c.id from '_r[0-9]+_([0-9]+)$')::int when 'purchase' then null else 0 end as cycle
  from charges c
  left join sold p on p.subscription_id = c.subscription_id and p.id = c.id
  left join (
    select subscription_id, charge_id, max(substring(cause from '_a([0-9]+)_0$')::int) as series from grants where charge_id is not null group by 1, 2
  ) b on b.subscription_id = c.subscription_id and b.charge_id = c.id
  cross join lateral (
    select max((a->>'attempt')::int) as newest, instant(max((a->>'at')::bigint)) as asked_at from jsonb_array_elements(c.attempts) a
  ) a
),
-- R-42: payments that billing reported, and that should have had their effect by now.
said_paid as (
  select subscription_id, payload->>'chargeId' as charge_id, min(instant((payload->>'at')::bigint)) as at,
    max((payload->>'amountMinor')::bigint) as minor
  from inbox, clock
  where kind = 'paymentSettled' and payload->>'outcome' = 'paid' and outcome in ('signalled', 'ended', 'dropped') and relayed_at + patience <= now
  group by 1, 2
),
-- R-42, R-43: a charge may be pending until an instant on its subscription's clock.
judged_charges as (
  select c.subscription_id, c.id, case
    when c.price_minor is null then 'R-07 ' || c.label || ' asks for what its catalogue ' || c.catalog_version || ' does not sell.'
    when c.amount_minor <> c.price_minor then 'R-07 ' || c.label || ' should be ' || c.currency || ' '
      || ${money('c.price_minor')} || ' by its catalogue ' || c.catalog_version || '.'
    when c.amount_minor is distinct from c.lines_minor then 'R-32 ' || c.label || ' has lines that add up to '
      || ${money('c.lines_minor')} || '.'
    when c.refunded_minor <> least(c.amount_minor, c.returned_minor + r.disputed) then 'R-81 ' || c.label || ' counts '
      || ${money('c.refunded_minor')} || ' as given back; refunds and disputes say '
      || ${money('least(c.amount_minor, c.returned_minor + r.disputed)')} || '.'
    when c.is_paid and (m.allowance or m.packs) then
      case c.kind when 'start' then 'R-20 ' when 'renewal' then 'R-40 ' when 'upgrade' then 'R-53 ' else 'R-30 ' end
      || c.label || ' is paid, and credits that it brings were not granted: '
      || concat_ws(' and ', case when m.allowance then c.allowance || ' of allowance' end, case when m.packs then c.pack_credits - coalesce(g.pack_credits, 0) || ' of packs' end)
      || '.'
    when c.owed_minor > c.owed_returned_minor then 'R-42 ' || c.label || ' is ' || c.stands || '; ' || c.currency || ' '
      || ${money('(c.owed_minor - c.owed_returned_minor)')} || ' more came for it, is owed back, and billing has not said that it was given back.'
    -- R-52: after the end nothing here refunds it.
    when i.at is not null and coalesce(i.minor, c.amount_minor) >= c.amount_minor and c.status in ('declined', 'given_up', 'refunded')
      and c.refunded_minor < c.amount_minor then
      case when s.status = 'ended' then 'R-52 ' else 'R-42 ' end || c.label || ' is ' || c.stands || ' here, and billing says that it was paid at '
      || iso(i.at) || ': ' || case when s.state->'unpaid'->'charge'->>'id' = c.id then 'the renewal should have been made.'
        else c.currency || ' ' || ${money('(c.amount_minor - c.refunded_minor)')} || ' was taken for nothing and is to be given back.' end
    when c.status = 'pending' and d.until + case when k.test_clock is null then x.patience else interval '0' end <= coalesce(k.test_clock, x.now)
      then case when c.kind = 'start' then 'R-43 ' else 'R-42 ' end || c.label || ' is still pending; '
        || case when c.kind = 'renewal' then 'at its last retry, ' || iso(d.until) || ', the subscription should have ended.'
           else 'it should have been given up at ' || iso(d.until) || '.' end
    end as problem
  from asked c cross join clock x
  left join subscriptions s on s.id = c.subscription_id
  left join ledgers k on k.subscription_id = c.subscription_id
  left join zones known on known.subscription_id = c.subscription_id
  left join dunning n on n.version = c.catalog_version
  left join said_paid i on i.subscription_id = c.subscription_id and i.charge_id = c.id
  left join (
    select subscription_id, charge_id, bool_or(kind = 'allowance') as allowance, count(*) filter (where kind = 'pack') as packs,
      sum(amount) filter (where kind = 'pack') as pack_credits
    from grants where charge_id is not null group by 1, 2
  ) g on g.subscription_id = c.subscription_id and g.charge_id = c.id
  cross join lateral (
    select coalesce(sum(amount_minor), 0) as disputed from disputes
    where subscription_id = c.subscription_id and charge_id = c.id and status <> 'won'
  ) r
  cross join lateral (
    select c.allowance > 0 and g.allowance is not true as allowance, coalesce(g.packs, 0) < c.pack_lines as packs
  ) m
  cross join lateral (
    select case when c.kind <> 'renewal' then c.asked_at + interval '24 hours'
      else greatest(c.asked_at, ((c.at at time zone z.zone)
          + make_interval(days => case c.interval when 'week' then n.last_days_weekly else n.last_days end)) at time zone z.zone) end as until
    from (select coalesce(known.zone, 'UTC') as zone) z
  ) d
),
-- The cause of an allowance names its series and cycle.
given as (
  select g.*, iso(g.effective_at) as since, substring(g.cause from '_a([0-9]+)_[0-9]+$')::int as series,
    substring(g.cause from '_a[0-9]+_([0-9]+)$')::int as cycle,
    row_number() over (partition by g.subscription_id, g.charge_id, g.kind order by g.made) as nth
  from grants g
),
anchors as (
  select id as subscription_id, (state->>'series')::int as series, instant((state->>'anchorAt')::bigint) as at from subscriptions
  union all
  select g.subscription_id, g.series, g.effective_at from given g join subscriptions s on s.id = g.subscription_id
  where g.kind = 'allowance' and g.cycle = 0 and g.series <> (s.state->>'series')::int
),
-- R-44: no charge began the running year of a subscription that moved in; its first renewal here ends that year.
terms as (
  select s.id as subscription_id, s.created_at, count(*) filter (where c.kind = 'start') = 0 and not s.trial as is_moved_in,
    min(c.cycle) filter (where c.kind = 'renewal' and c.series = 0) as first_renewal
  from subscriptions s left join asked c on c.subscription_id = s.id
  group by s.id, s.created_at, s.trial
),
judged_grants as (
  select g.subscription_id, g.id, case
    when g.kind = 'adjustment' then
      case when coalesce(btrim(g.reason), '') = '' then 'R-36 ' || w.label || ' was issued without a reason.'
        when starts_with(g.cause, 'gbt_') and m.id is null then 'R-84 ' || w.label || ' names ' || g.cause || ', a batch that did not grant it.'
        when m.credits <> g.amount then 'R-84 ' || w.label || ' should be ' || m.credits || ' credits: that is what ' || m.id || ' grants.' end
    when g.charge_id is null and g.kind = 'pack' then 'R-30 ' || w.label || ' names no charge.'
    when g.charge_id is not null and c.id is null then 'R-56 ' || w.label || ' names ' || g.charge_id || ', and there is no such charge.'
    -- R-81: a refund takes credits, not the grant.
    when c.status <> 'paid' then case c.kind when 'start' then 'R-43 ' when 'renewal' then 'R-41 ' else 'R-35 ' end
      || w.label || ' was given for ' || c.id || ', a ' || c.kind || ' that is ' || c.stands || '.'
    when c.id is not null and case g.kind when 'pack' then c.pack_credits = 0 else c.allowances is null end then 'R-56 ' || w.label || ' was given for ' || c.id || ', a ' || c.kind || ' that sells none.'
    -- R-23.
    when g.cause ~ '_trial$' then case when not s.trial then 'R-23 ' || w.label || ' is of a trial that its subscription never had.'
      when not exists (select from trials t where t.credits = g.amount)
        then 'R-23 ' || w.label || ' is what no catalogue gives for a trial.' end
    when c.id is not null and g.nth > case g.kind when 'pack' then c.pack_lines else 1 end then 'R-56 ' || w.label || ' is a second one for ' || c.id || '.'
    when w.due <> g.amount then case when g.kind = 'allowance' then 'R-20 ' else 'R-30 ' end
      || w.label || ' should be ' || w.due || ' credits: that is what ' || c.id || ' paid for.'
    when g.kind = 'pack' then null
    when c.id is not null and (g.series, g.cycle) is distinct from (c.series, c.cycle)
      and not (c.kind = 'renewal' and (g.series, g.cycle) = (c.series + 1, 0)) then 'R-56 ' || w.label || ' is of another cycle than '
      || c.id || ', which it names.'
    when not b.is_boundary then 'R-10 ' || w.label
      || ' is of cycle ' || g.cycle || ', which begins ' || iso(b.local at time zone w.zone) || '.'
    -- R-36: paid by contract; an operator sets the amount.
    when c.id is not null or s.plan in (select id from contracts) then null
    -- R-17: a free plan asks for no money.
    when exists (select from plans f where f.price_minor = 0 and f.allowance = g.amount) then null
    -- R-20: the charge of its year covers an annual plan's refresh. R-44: a year paid elsewhere has none.
    when y.id is null and not (t.is_moved_in and g.series = 0 and g.cycle < coalesce(t.first_renewal, g.cycle + 1)
        and exists (select from unnest(w.terms) months where g.cycle % months > 0
          and w.local - make_interval(months => g.cycle % months) <= t.created_at at time zone w.zone))
      then 'R-56 ' || w.label || ' names no charge, and no annual charge that is paid covers its cycle.'
    when not exists (select from plans p where p.allowance = g.amount and p.id = coalesce(y.plan, p.id)
        and p.interval in ('quarter', 'year') and p.interval = coalesce(y.interval, p.interval))
      then 'R-01 ' || w.label || ' is what no catalogue gives' || coalesce(' to ' || y.plan || ' by the ' || y.interval, '') || '.'
    end as problem
  from given g
  left join subscriptions s on s.id = g.subscription_id
  left join asked c on c.subscription_id = g.subscription_id and c.id = g.charge_id
  left join zones known on known.subscription_id = g.subscription_id
  left join anchors n on n.subscription_id = g.subscription_id and n.series = g.series
  left join terms t on t.subscription_id = g.subscription_id
  cross join lateral (
    select case g.kind when 'pack' then 'The pack' else 'The ' || g.kind end || ' of ' || g.amount || ' credits of ' || g.since as label,
      case g.kind when 'pack' then (select l.pack_credits from lines l
          where l.subscription_id = c.subscription_id and l.id = c.id and l.pack is not null and l.nth = g.nth)
        else (select a::bigint from jsonb_array_elements_text(c.allowances) a order by a::bigint = g.amount desc limit 1) end as due,
      z.zone, g.effective_at at time zone z.zone as local,
      -- R-44: nothing says how long the year was that a subscription moved in with, once another interval may have followed it.
      case when g.series <> (s.state->>'series')::int or t.first_renewal is not null or s.plan in (select id from plans where price_minor = 0)
          or s.plan in (select id from contracts) then array[3, 12]
        when s.interval = 'quarter' then array[3] when s.interval = 'year' then array[12] end as terms,
      -- The series of a former plan that asked for no money names no interval.
      coalesce(c.interval, case when g.series = (s.state->>'series')::int then s.interval end) as interval
    from (select coalesce(known.zone, 'UTC') as zone) z
  ) w
  cross join lateral (
    select case when w.interval = 'week' then weekly.local else monthly.local end as local, case
        when w.interval = 'week' then weekly.is_near when w.interval is null then weekly.is_near or monthly.is_near
        else monthly.is_near end as is_boundary
    from (select (n.at at time zone w.zone) + make_interval(months => g.cycle) as local) at
    cross join lateral (select at.local, at.local between w.local - interval '1 day' and w.local + interval '1 day' as is_near) monthly
    cross join lateral (select (n.at at time zone w.zone) + make_interval(days => 7 * g.cycle) as local) day
    cross join lateral (select day.local, day.local between w.local - interval '1 day' and w.local + interval '1 day' as is_near) weekly
  ) b
  left join asked y on y.subscription_id = g.subscription_id and y.series = g.series and y.status = 'paid'
    and y.interval in ('quarter', 'year') and g.cycle % (case y.interval when 'quarter' then 3 else 12 end) > 0
    and y.cycle = g.cycle - g.cycle % (case y.interval when 'quarter' then 3 else 12 end)
  left join grant_batch_items i on i.batch_id = g.cause and i.subscription_id = g.subscription_id and i.grant_id = g.id and i.outcome = 'granted'
  left join grant_batches m on m.id = i.batch_id
),
judged_inbox as (
  select i.subscription_id, i.provider || ' ' || i.event_id as id, case
    when i.relayed_at is null then
      case when f.attempts >= ${PATIENCE_TRIES} then 'R-42 ' || w.label || ' was refused ' || f.attempts || ' times: ' || f.reason
        when i.received_at + x.patience <= x.now then 'R-42 ' || w.label || ' still waits for a worker to tell it to its subscription.' end
    -- docs/billing.md: kept on record, with no effect.
    when i.outcome in ('ignored', 'unknown', 'superseded', 'dropped') then null
    -- R-42: unexplained until billing reports on the same charge again.
    when i.outcome = 'mismatched' then case when not exists (select from inbox j where j.subscription_id = i.subscription_id and j.id > i.id
        and j.payload->>'chargeId' = i.payload->'data'->>'charge')
      then 'R-42 ' || w.label || ' names another amount than ' || (i.payload->'data'->>'charge') || ' asks for: nothing was booked.' end
    when i.outcome = 'ended' and s.status <> 'ended' then 'R-52 ' || w.label || ' found no workflow, and its subscription is '
      || replace(s.status, '_', ' ') || '.'
    -- R-52: it changes nothing. Payments after the end are checked below.
    when i.outcome = 'ended' and i.kind <> 'paymentSettled' then null
    when i.outcome is distinct from 'signalled' and i.outcome is distinct from 'ended' and (i.kind, i.outcome) is distinct from ('moneyBack', 'booked') then 'R-42 ' || w.label || ' came to an outcome that is not known: '
      || coalesce(i.outcome, 'none') || '.'
    -- R-51, R-54: a later change undoes them, so they leave no sure trace.
    when i.kind in ('cancelled', 'planChanged') and s.id is not null then null
    -- R-81: the ledger booked it, or lowered the add-on.
    when i.kind = 'moneyBack' and i.outcome = 'booked' then null
    when i.kind = 'packsWithdrawn' then case when s.status <> 'ended' and i.relayed_at + x.patience <= x.now
        and coalesce((s.state->'withdrawn'->>'nth')::int, 0) < (i.payload->>'nth')::int
      then 'R-81 ' || w.label || ' should have lowered the add-on, which has not heard of it.' end
    when i.kind <> 'paymentSettled' then 'R-42 ' || w.label || ' is of a kind whose effect is not known: ' || i.kind || '.'
    when i.relayed_at + x.patience > x.now then null
    -- R-43: a first payment declined at once leaves nothing here.
    -- R-42: it waits for a renewal that is still to come.
    when c.id is null and (substring(w.charge from '_r([0-9]{1,6})_[0-9]{1,6}$')::int, substring(w.charge from '_r[0-9]{1,6}_([0-9]{1,6})$')::int)
      > ((s.state->>'series')::int, (s.state->>'cycle')::int) and s.status <> 'ended' then null
    -- R-52: a payment of a renewal that will never come is named once, until billing reports its refund.
    when c.id is null and (s.status = 'ended' and w.says = 'declined' or exists (
        select from inbox j where j.subscription_id = i.subscription_id and (j.kind = i.kind and j.payload->>'chargeId' = w.charge
          and j.payload->>'outcome' = w.says and j.id < i.id or j.kind = 'payment.refunded' and j.payload->'data'->>'charge' = w.charge)))
      then null
    when c.id is null then case when s.id is not null or w.says <> 'declined'
      then case when s.status = 'ended' then 'R-52 ' else 'R-42 ' end || w.label || ' says that ' || w.charge || ' is ' || w.says || ', and there is no such charge.' end
    when w.minor <> c.amount_minor and c.owed_minor = 0 then case when not exists (select from inbox j
        where j.subscription_id = i.subscription_id and j.id > i.id and j.payload->>'chargeId' = c.id)
      then 'R-42 ' || w.label || ' names another amount than ' || c.id || ' asks for: nothing was booked.' end
    when w.minor < c.amount_minor then null
    -- A payment of a declined or given-up charge is named with its charge.
    when w.says = 'paid' then case when c.status = 'pending'
      then 'R-42 ' || w.label || ' says that ' || c.id || ' is paid; here it is still pending.' end
    when w.says = 'declined' then case when c.status = 'pending' and c.newest <= coalesce(w.attempt, c.newest)
        and (w.attempt is not null or c.newest = 1 or c.asked_at < w.at)
      then 'R-42 ' || w.label || ' says that ' || c.id || ' is declined; here it is still pending.' end
    else 'R-42 ' || w.label || ' says neither paid nor declined of ' || w.charge || '.'
    end as problem
  from inbox i cross join clock x
  cross join lateral (
    select 'The message of ' || iso(i.received_at) || ' from ' || i.provider as label, coalesce(i.payload->>'chargeId', 'no charge') as charge,
      coalesce(i.payload->>'outcome', 'nothing') as says, case when i.kind = 'paymentSettled' then (i.payload->>'attempt')::bigint end as attempt,
      case when i.kind = 'paymentSettled' then instant((i.payload->>'at')::bigint) end as at,
      case when i.kind = 'paymentSettled' then (i.payload->>'amountMinor')::bigint end as minor
  ) w
  left join subscriptions s on s.id = i.subscription_id
  left join failures f on f.kind = 'message' and f.key = i.id::text
  left join asked c on c.subscription_id = i.subscription_id and c.id = w.charge and i.kind = 'paymentSettled'
),
-- I14: no row is refused for ever in silence.
judged_failures as (
  select f.subscription_id, f.kind || ' ' || f.key as id, case when f.attempts >= ${PATIENCE_TRIES} then
      'I14  The ' || f.kind || ' was refused ' || f.attempts || ' times since ' || iso(f.since) || ': ' || f.reason end as problem
  from failures f where f.kind <> 'message'
),
judged as (
  select 'charges' as "table", * from judged_charges
  union all select 'grants', * from judged_grants
  union all select 'inbox', * from judged_inbox
  union all select 'failures', * from judged_failures
),
counted as (
  select coalesce(t."table", 'all') as name, count(j.id) as total, count(j.id) filter (where j.problem is null) as explained
  from (values ('charges'), ('grants'), ('inbox'), ('failures')) t("table") left join judged j on j."table" = t."table"
  group by rollup (t."table")
)
select iso((select now from clock)) as at,
  (select jsonb_object_agg(name, jsonb_build_object('total', total, 'explained', explained)) from counted) as counts,
  (select coalesce(jsonb_agg(w.id), '[]') from json_array_elements_text(${JSON.stringify(only ?? [])}::json) w(id)
    where not exists (select from subscriptions s where s.id = w.id)) as not_here,
  (select coalesce(jsonb_agg(u), '[]') from (
    select "table", subscription_id, id as row, rtrim(left(problem, 4)) as rule, substr(problem, 6) as problem
    from judged where problem is not null order by subscription_id, "table", id limit ${limit}::bigint) u) as unexplained`;

type ReconcileRow = Pick<Reconciliation, 'at' | 'not_here' | 'unexplained'> & {
  counts: Record<'all' | Unexplained['table'], CountedRows>;
};

/** Checks every charge, grant, message of billing and refused row, and names those without a reason. */
export async function reconcile(db: Database, wanted: ReconcileOptions = {}): Promise<Reconciliation> {
  const { subscriptionIds = null, limit = null, patienceMs = PATIENCE_MS } = wanted;
  const [row] = await db.execute<ReconcileRow & Record<string, unknown>>(
    reconciliation(subscriptionIds, limit, patienceMs),
  );
  const { at, counts, not_here, unexplained } = row!;
  return { at, ...counts, not_here, unexplained };
}
