import { sql } from 'drizzle-orm';
import { rowsOf } from './invariants.ts';

// The expiry of each grant that the plan or a pack brings, computed again from the rules: for allowances, R-31 and
// R-31a for packs. The catalogue of a grant is not on record, so the term of any catalogue that was ever in force is right. The
// work is a few rows a grant: a subscription has few anchors, and a pack few intervals.

/**
 * `unknownZones`: the time zones of subscriptions that PostgreSQL does not know; UTC stands in for them. In a zone PostgreSQL and
 * the workflow may read a skipped or repeated hour otherwise, so an expiry may be a few hours off there; in UTC it is exact.
 */
export const expiries = (only: readonly string[] | null, unknownZones: readonly string[]) => sql`
with
${rowsOf('subscriptions', only, 'id')}, ${rowsOf('grants', only)}, ${rowsOf('charges', only)}, ${rowsOf('notes', only)},
zoned as (
  select s.id as subscription_id, s.state, (s.state->>'series')::int as series,
    case when zone.is_known then coalesce(s.state->>'timeZone', 'UTC') else 'UTC' end as zone,
    case when s.state->>'timeZone' = 'UTC' then interval '0' when zone.is_known then interval '3 hours' else interval '4 days' end as slack
  from subscriptions s
  cross join lateral (select s.state->>'timeZone' <> all(array(select json_array_elements_text(${JSON.stringify(unknownZones)}::json))) as is_known) zone
),
-- R-44: the anchor of a subscription that moved in is known until it begins another series.
moved_in as (select distinct subscription_id from notes where kind = 'started' and rule = 'R-44'),
-- The instants from which boundaries are counted; the series is null where only a note says so.
anchors as (
  select subscription_id, series, instant((state->>'anchorAt')::bigint) as at from zoned where state->>'anchorAt' is not null
  union
  select subscription_id, substring(cause from '_a([0-9]+)_0$')::int, effective_at from grants where kind = 'allowance' and cause ~ '_a[0-9]+_0$'
  union
  select subscription_id, null, at from notes where kind in ('activated', 'changed') or (kind = 'started' and rule not in ('R-23', 'R-44'))
),
allowance_terms as (
  select distinct (term->>'days')::int as days, term = '"until_next_refresh"' as is_until_refresh
  from (select content->'policies'->'allowance_term' as term from catalogs) c
),
packs_ever as (
  select p.* from catalogs, jsonb_to_recordset(content->'packs') as p(id text, term jsonb, "on" jsonb)
),
pack_terms as (
  select distinct id as pack, (term->>'days')::int as days, (term->>'days_after_renewal')::int as days_after, term = '"subscription"' as is_endless
  from packs_ever
),
-- R-16: the time between two renewals of each plan on which a pack was ever sold.
pack_intervals as (
  select distinct p.id as pack, i.months, i.days
  from packs_ever p join (values ('week', 0, 7), ('month', 1, 0), ('quarter', 3, 0), ('year', 12, 0)) i(name, months, days) on p."on" ? i.name
),
allowances as (
  select g.subscription_id, g.id, g.cause, g.effective_at, g.expires_at, z.zone, z.slack, z.state, place.cycle, n.anchor
  from grants g join zoned z on z.subscription_id = g.subscription_id
  cross join lateral (
    select substring(g.cause from '_a([0-9]+)_[0-9]+$')::int as series, substring(g.cause from '_a[0-9]+_([0-9]+)$')::int as cycle
  ) place
  left join lateral (
    select min(at) as anchor from anchors where subscription_id = g.subscription_id and series = place.series
  ) n on true
  where g.kind = 'allowance'
),
-- Packs are granted in the order of their lines. They arrived between the instant of the charge and the one of their grant.
sold as (
  select c.subscription_id, c.id as charge_id, c.at, l.pack,
    row_number() over (partition by c.subscription_id, c.id order by l.nth) as nth
  from charges c cross join lateral rows from (jsonb_to_recordset(c.lines) as (pack text)) with ordinality as l(pack, nth)
  where l.pack is not null
),
arrived as (
  select g.subscription_id, g.id, s.pack, s.at as earliest, g.effective_at as latest, g.expires_at, z.zone, z.slack, z.series
  from (
    select *, row_number() over (partition by subscription_id, charge_id order by made) as nth from grants where kind = 'pack'
  ) g
  join sold s on s.subscription_id = g.subscription_id and s.charge_id = g.charge_id and s.nth = g.nth
  join zoned z on z.subscription_id = g.subscription_id
),
-- R-31: the ends of a pack's credits that are counted from a renewal: from the next one after its arrival, by each anchor.
ends_after_renewal as (
  select a.subscription_id, a.id, (renewal.local + make_interval(days => t.days_after)) at time zone a.zone as ends_at
  from arrived a
  join pack_terms t on t.pack = a.pack and t.days_after is not null
  join pack_intervals i on i.pack = a.pack
  join anchors n on n.subscription_id = a.subscription_id
  cross join lateral (
    select n.at at time zone a.zone as anchor, a.earliest at time zone a.zone as earliest, a.latest at time zone a.zone as latest
  ) local
  cross join lateral (
    select case when i.days > 0 then extract(day from local.earliest - local.anchor)::int / i.days
        else ((extract(year from local.earliest) - extract(year from local.anchor)) * 12
          + extract(month from local.earliest) - extract(month from local.anchor))::int / i.months end as first,
      case when i.days > 0 then extract(day from local.latest - local.anchor)::int / i.days
        else ((extract(year from local.latest) - extract(year from local.anchor)) * 12
          + extract(month from local.latest) - extract(month from local.anchor))::int / i.months end as last
  ) guess
  cross join lateral generate_series(greatest(guess.first - 1, 1), greatest(guess.last + 2, 1)) nth
  cross join lateral (
    select local.anchor + make_interval(months => i.months * nth, days => i.days * nth) as local,
      local.anchor + make_interval(months => i.months * (nth - 1), days => i.days * (nth - 1)) as before
  ) renewal
  where renewal.local at time zone a.zone > a.earliest - a.slack
    and (nth = 1 or renewal.before at time zone a.zone <= a.latest + a.slack)
)
select 'R-23 credits of a trial end with it' as invariant, g.subscription_id,
  concat_ws(' ', g.id, 'ends', iso(g.expires_at), 'the trial', iso(instant((g.state->>'trialEndsAt')::bigint))) as row
from allowances g
where g.cause ~ '_trial$' and g.expires_at is distinct from instant((g.state->>'trialEndsAt')::bigint)
union all
select 'R-21 an allowance ends as its term says', g.subscription_id, concat_ws(' ', g.id, 'of', iso(g.effective_at), 'ends', iso(g.expires_at))
from allowances g
where g.cycle is not null and exists (select from allowance_terms) and not exists (
  select from allowance_terms t
  where g.expires_at - ((g.effective_at at time zone g.zone) + make_interval(days => t.days)) at time zone g.zone between -g.slack and g.slack
     or t.is_until_refresh and g.anchor is null and g.expires_at between g.effective_at + interval '6 days' and g.effective_at + interval '32 days'
     or t.is_until_refresh and exists (
       select from (values (1, 0), (0, 7)) unit(months, days)
       where g.expires_at - ((g.anchor at time zone g.zone) + make_interval(months => unit.months * (g.cycle + 1), days => unit.days * (g.cycle + 1)))
         at time zone g.zone between -g.slack and g.slack))
union all
select 'R-31 credits of a pack end as its term says', a.subscription_id,
  concat_ws(' ', a.id, a.pack, 'of', iso(a.latest), 'ends', iso(a.expires_at))
from arrived a
where exists (select from pack_terms t where t.pack = a.pack)
  and not (a.series > 0 and exists (select from moved_in m where m.subscription_id = a.subscription_id))
  and not exists (
    select from pack_terms t where t.pack = a.pack and (
      t.is_endless and a.expires_at = timestamptz '3000-01-01T00:00:00Z'
      or a.expires_at + a.slack >= ((a.earliest at time zone a.zone) + make_interval(days => t.days)) at time zone a.zone
        and a.expires_at - a.slack <= ((a.latest at time zone a.zone) + make_interval(days => t.days)) at time zone a.zone))
  and not exists (
    select from ends_after_renewal r where r.subscription_id = a.subscription_id and r.id = a.id
      and a.expires_at - r.ends_at between -a.slack and a.slack)`;
