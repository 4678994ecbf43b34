import { sql } from 'drizzle-orm';
import { rowsOf } from './invariants.ts';
import { TRANSITIONS } from './standing.ts';

// The cause of each grant and purchase, and the events that were written with the rows. Commands, batches and notes stay for
// ever. Events may be deleted once they are 90 days old (docs/operating.md), so only younger ones are missed. The rows of
// commands come from their key, those of events from their index by type.

/** Rows recorded since then still have their events. */
const YOUNG = sql`clock_timestamp() - interval '89 days'`;

export const causes = (only: readonly string[] | null) => sql`
with
${rowsOf('ledgers', only)}, ${rowsOf('grants', only)}, ${rowsOf('entries', only)}, ${rowsOf('charges', only)}, ${rowsOf('notes', only)},
${rowsOf('events', only)}, ${rowsOf('commands', only, 'scope')}, ${rowsOf('grant_batch_items', only)}, ${rowsOf('inbox', only)},
asked as (
  select scope as subscription_id, operation, object_id, nullif(answer, '')::jsonb as answer from commands
  where status in ('taken', 'done') and operation in ('issue_grant', 'buy_packs', 'change_plan', 'activate')
),
-- An end that is scheduled comes before the expiry of later grants (R-50).
with_an_end as (select distinct subscription_id from notes where kind in ('cancel_scheduled', 'cancel_asked', 'ended')),
granted as (
  select g.*, e.recorded_at > ${YOUNG} as is_young, iso(gone_at(g.expires_at, null)) as gone, n.subscription_id is not null as had_an_end
  from grants g
  left join entries e on e.subscription_id = g.subscription_id and e.seq = g.made
  left join with_an_end n on n.subscription_id = g.subscription_id
),
made as (
  select subscription_id, data->>'grant_id' as grant_id, count(*) as n, min(at) as at, min(data->>'kind') as kind,
    min((data->>'credits')::bigint) as credits, min(data->>'reason') as reason, min(data->>'expires_at') as gone
  from events where type = 'grant.made' group by 1, 2
),
-- The newest event of each purchase.
paid_for as (
  select distinct on (subscription_id, data->>'charge_id') subscription_id, data->>'charge_id' as charge_id, recorded_at,
    (data->'refunded'->>'amount_minor')::bigint as refunded_minor
  from events where type like 'purchase.%' order by subscription_id, data->>'charge_id', nth desc
),
-- Unused credits that went at the end of their term or of the subscription, and the events of it. Credits that came back and
-- went at once have none.
gone as (
  select e.subscription_id, e.grant_id, e.effective_at as at, e.kind, -e.credits as credits, e.recorded_at > ${YOUNG} as is_young, count(*) as n
  from entries e
  left join entries before on before.subscription_id = e.subscription_id and before.seq = e.seq - 1
  where e.kind in ('expiry', 'forfeiture') and e.usage_id is null and e.hold_id is null
    and not (before.kind is not distinct from 'reversal' and before.usage_id is null and before.grant_id = e.grant_id)
  group by 1, 2, 3, 4, 5, 6
),
said_gone as (
  select subscription_id, data->>'grant_id' as grant_id, at, case type when 'grant.expired' then 'expiry' else 'forfeiture' end as kind,
    (data->>'credits')::bigint as credits, count(*) as n
  from events where type in ('grant.expired', 'grant.forfeited') group by 1, 2, 3, 4, 5
),
-- Notes that are events too. The event of a payment method does not repeat the sentence.
noted as (
  select subscription_id, kind, at, case when kind <> 'payment_method_changed' then detail end as detail, count(*) as n
  from notes where kind in ${TRANSITIONS} or kind in ('payment_method_changed', 'top_up_skipped', 'payment_refused')
  group by 1, 2, 3, 4
),
said_noted as (
  select subscription_id, case when type like 'subscription.%' then substr(type, 14) else replace(type, '.', '_') end as kind, at,
    data->>'detail' as detail, count(*) as n
  from events
  where type in ('top_up.skipped', 'payment.refused', 'subscription.payment_method_changed')
     or type like 'subscription.%' and substr(type, 14) in ${TRANSITIONS}
  group by 1, 2, 3, 4
),
young as (select subscription_id from entries where seq = 1 and recorded_at > ${YOUNG})
select 'R-36 an adjustment was asked for by a command or a batch, as it stands' as invariant, g.subscription_id,
  concat_ws(' ', g.id, g.amount, 'to', g.gone, g.reason, 'asked', coalesce(a.answer->>'amount', b.credits::text), 'to', coalesce(a.answer->>'expires_at', iso(b.expires_at)), coalesce(a.answer->>'cause', b.reason)) as row
from granted g
left join asked a on a.subscription_id = g.subscription_id and a.operation = 'issue_grant' and a.object_id = g.id
left join grant_batch_items i on i.subscription_id = g.subscription_id and i.batch_id = g.cause and i.grant_id = g.id and i.outcome = 'granted'
left join grant_batches b on b.id = i.batch_id
where g.kind = 'adjustment' and case
  when b.id is not null then (g.amount, g.expires_at, g.reason) is distinct from (b.credits, b.expires_at, b.reason)
  when a.object_id is null then true
  -- A command may wait for its answer.
  when a.answer is null then false
  else ((a.answer->>'amount')::bigint, a.answer->>'cause') is distinct from (g.amount, g.reason)
    or a.answer->>'expires_at' is distinct from g.gone and not (g.had_an_end and a.answer->>'expires_at' < iso(g.expires_at)) end
union all
select 'R-84 a batch granted what it says', i.subscription_id, concat_ws(' ', i.batch_id, i.grant_id)
from grant_batch_items i left join grants g on g.subscription_id = i.subscription_id and g.id = i.grant_id
where (i.outcome = 'granted') <> (g.id is not null)
union all
select 'R-30 a paid purchase was asked for by a command', c.subscription_id, concat_ws(' ', c.id, c.purchase_id)
from charges c left join asked a on a.subscription_id = c.subscription_id and a.operation = 'buy_packs' and a.object_id = c.purchase_id
-- R-39: the workflow buys top-ups by itself.
where c.kind = 'purchase' and c.status = 'paid' and not is_top_up(c) and a.object_id is null
union all
select 'R-53 a paid upgrade was asked for by a command', c.subscription_id, c.id
from charges c left join asked a on a.subscription_id = c.subscription_id and a.operation in ('change_plan', 'activate') and a.object_id = c.id
-- Billing may change a plan too.
where c.kind = 'upgrade' and c.status = 'paid' and a.object_id is null
  and not exists (select from inbox i where i.subscription_id = c.subscription_id and i.kind = 'planChanged')
union all
select 'a grant is as its event says', g.subscription_id,
  concat_ws(' ', g.id, g.kind, g.amount, 'at', iso(g.effective_at), 'to', g.gone, g.reason, 'events', coalesce(m.n, 0), m.kind, m.credits, 'at', iso(m.at), 'to', m.gone, m.reason)
from granted g left join made m on m.subscription_id = g.subscription_id and m.grant_id = g.id
where g.is_young and m.n is null or m.n > 1
   or (m.kind, m.credits, m.at, m.reason) is distinct from (g.kind, g.amount, g.effective_at, g.reason) and m.n = 1
   or m.n = 1 and m.gone is distinct from g.gone and not (g.had_an_end and m.gone < iso(g.expires_at))
union all
select 'an event names a grant that was made', m.subscription_id, m.grant_id
from made m left join grants g on g.subscription_id = m.subscription_id and g.id = m.grant_id
where g.id is null
union all
select 'R-81 the refunded part of a purchase is as its newest event says', c.subscription_id,
  concat_ws(' ', c.id, 'refunded', c.refunded_minor, 'the event', p.refunded_minor)
from charges c
left join paid_for p on p.subscription_id = c.subscription_id and p.charge_id = c.id
left join granted g on g.subscription_id = c.subscription_id and g.charge_id = c.id
where c.kind = 'purchase' and c.status = 'paid'
  and (p.recorded_at > ${YOUNG} and p.refunded_minor <> c.refunded_minor or g.is_young and p.charge_id is null)
union all
-- Credits that can't be spent any more are left to expire or be forfeited.
select 'R-81 a refund took the unused credits that were due back', c.subscription_id,
  concat_ws(' ', c.id, 'due', due_back(c), 'taken', c.revoked_credits, g.id, 'has', g.remaining)
from charges c
join grants g on g.subscription_id = c.subscription_id and g.charge_id = c.id and g.kind = 'pack'
join ledgers l on l.subscription_id = c.subscription_id
cross join lateral (select greatest(coalesce(l.test_clock, clock_timestamp()), l.asked_at) as at) now
where c.kind = 'purchase' and due_back(c) > c.revoked_credits and g.remaining > 0
  and l.status <> 'ended' and is_usable(g.effective_at, g.expires_at, l.ends_at, now.at)
union all
select 'credits that went have their event, and no event is of others', coalesce(e.subscription_id, s.subscription_id),
  concat_ws(' ', coalesce(e.grant_id, s.grant_id), coalesce(e.kind, s.kind), coalesce(e.credits, s.credits), 'at', iso(coalesce(e.at, s.at)), 'entries', coalesce(e.n, 0), 'events', coalesce(s.n, 0))
from gone e full join said_gone s on s.subscription_id = e.subscription_id and s.grant_id = e.grant_id and s.at = e.at and s.kind = e.kind and s.credits = e.credits
where coalesce(s.n, 0) > coalesce(e.n, 0) or e.is_young and coalesce(s.n, 0) < e.n
union all
select 'a note has its event, and no event is of another', coalesce(n.subscription_id, s.subscription_id),
  concat_ws(' ', coalesce(n.kind, s.kind), 'at', iso(coalesce(n.at, s.at)), 'notes', coalesce(n.n, 0), 'events', coalesce(s.n, 0))
from noted n full join said_noted s on s.subscription_id = n.subscription_id and s.kind = n.kind and s.at = n.at and s.detail is not distinct from n.detail
where coalesce(s.n, 0) > coalesce(n.n, 0)
   or coalesce(s.n, 0) < n.n and n.subscription_id in (select subscription_id from young)`;
