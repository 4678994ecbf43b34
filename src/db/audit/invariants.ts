import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';

// The invariants of docs/architecture.md that a database alone can prove, read in one statement and so in one snapshot.
// The check shares no code with the writers of the rows: it replays the grants from their entries.

/** A row that breaks an invariant. */
export interface Broken {
  invariant: string;
  subscription_id: string;
  /** The row, and the numbers that break the invariant. */
  row: string;
}

/** The rows of a table that belong to the named subscriptions; null: all rows. */
export const rowsOf = (table: string, only: readonly string[] | null, column = 'subscription_id') => {
  const wanted = sql`${sql.raw(column)} = any(array(select json_array_elements_text(${JSON.stringify(only)}::json)))`;
  return sql`${sql.raw(table)} as not materialized (select * from public.${sql.raw(table)} where ${only === null ? sql`true` : wanted})`;
};

const invariants = (only: readonly string[] | null) => sql`
with
${rowsOf('ledgers', only)}, ${rowsOf('subscriptions', only, 'id')}, ${rowsOf('grants', only)}, ${rowsOf('entries', only)},
${rowsOf('usages', only)}, ${rowsOf('holds', only)}, ${rowsOf('replies', only)}, ${rowsOf('charges', only)},
${rowsOf('refunds', only)}, ${rowsOf('disputes', only)},
-- The rest of its grant after each entry, and the running sum of its subscription, in seq order.
replayed as (
  select e.*,
    row_number() over (partition by subscription_id order by seq) as nth,
    sum(credits) over (partition by subscription_id order by seq) as balance,
    sum(credits) over (partition by subscription_id, grant_id order by seq) as grant_left,
    -- The same by instant instead of by booking: a late booking belongs to its instant (R-13).
    sum(credits) over (partition by subscription_id, grant_id order by effective_at, seq) as grant_left_then,
    min(seq) filter (where kind = 'forfeiture')
      over (partition by subscription_id) as forfeited_from
  from entries e
),
-- The spans of entries in which a grant had something left: a few rows a grant, for any number of spends.
open_spans as materialized (
  select subscription_id, grant_id, is_open, seq as opened, lead(seq) over (partition by subscription_id, grant_id order by seq) as closed
  from (
    select subscription_id, grant_id, seq, grant_left > 0 as is_open,
      lag(grant_left > 0) over (partition by subscription_id, grant_id order by seq) as was_open
    from replayed
  ) x where is_open is distinct from was_open
),
-- Debits and holds of one grant in a row: between them no other grant's rest changed.
runs as materialized (
  select subscription_id, grant_id, min(seq) as first, max(seq) as last
  from (
    select subscription_id, grant_id, kind, seq, seq - row_number() over (partition by subscription_id, grant_id order by seq) as run from entries
  ) x where kind in ('debit', 'hold')
  group by subscription_id, grant_id, run
),
sums as (
  select g.subscription_id, g.id,
    count(e.seq) filter (where e.kind = 'grant') as grants,
    coalesce(sum(e.credits) filter (where e.kind = 'grant'), 0) as granted,
    -coalesce(sum(e.credits) filter (where e.kind in ('debit', 'capture', 'reversal')), 0) as spent,
    -coalesce(sum(e.credits) filter (where e.kind in ('hold', 'release')), 0) as held,
    -coalesce(sum(e.credits) filter (where e.kind = 'expiry'), 0) as expired,
    -coalesce(sum(e.credits) filter (where e.kind = 'forfeiture'), 0) as forfeited,
    -coalesce(sum(e.credits) filter (where e.kind = 'revocation'), 0) as revoked
  from grants g left join entries e on e.subscription_id = g.subscription_id and e.grant_id = g.id
  group by g.subscription_id, g.id
),
ends as (
  select id as subscription_id, instant((state->>'endedAt')::bigint) as ended_at from subscriptions where status = 'ended'
)
select 'I1 granted = spent + held + expired + forfeited + revoked + available' as invariant, g.subscription_id,
  concat_ws(' ', g.id, to_jsonb(s) - 'id' - 'subscription_id', 'remaining', g.remaining, 'held', g.held) as row
from grants g join sums s on s.subscription_id = g.subscription_id and s.id = g.id
where s.grants <> 1 or s.granted <> g.amount or s.held <> g.held
   or s.granted <> s.spent + s.held + s.expired + s.forfeited + s.revoked + g.remaining
union all
select 'I2 no remainder is negative or above its grant, at any entry and at any instant', r.subscription_id,
  concat_ws(' ', 'seq', r.seq, r.kind, r.grant_id, 'leaves', r.grant_left, 'then', r.grant_left_then, 'of', g.amount)
from replayed r join grants g on g.subscription_id = r.subscription_id and g.id = r.grant_id
where r.grant_left not between 0 and g.amount or r.grant_left_then not between 0 and g.amount
union all
select 'I2 entries of a kind have its sign', subscription_id, concat_ws(' ', 'seq', seq, kind, credits)
from entries where (credits > 0) <> (kind in ('grant', 'release', 'reversal'))
union all
select 'I3 spent only while the grant is usable', e.subscription_id,
  concat_ws(' ', 'seq', e.seq, e.kind, 'at', iso(e.effective_at), e.grant_id, iso(g.effective_at), 'to', iso(g.expires_at))
from entries e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
where e.kind in ('debit', 'hold') and not (g.effective_at <= e.effective_at and e.effective_at < g.expires_at)
union all
select 'I3 nothing spent after the end', r.subscription_id,
  concat_ws(' ', 'seq', r.seq, r.kind, 'at', iso(r.effective_at), 'ended', iso(n.ended_at))
from replayed r join ends n on n.subscription_id = r.subscription_id
where r.kind in ('debit', 'hold')
  and (r.effective_at > n.ended_at or (r.effective_at = n.ended_at and r.seq > r.forfeited_from))
union all
select 'I3 expiry, forfeiture and grant are dated as the rules say', e.subscription_id,
  concat_ws(' ', 'seq', e.seq, e.kind, 'at', iso(e.effective_at), e.grant_id)
from entries e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
join ledgers l on l.subscription_id = e.subscription_id
where (e.kind = 'expiry' and e.effective_at < g.expires_at)
   or (e.kind = 'grant' and (e.effective_at <> g.effective_at or e.seq <> g.made))
   or (e.kind = 'forfeiture' and (l.ends_at is null or e.effective_at < l.ends_at or g.expires_at <= l.ends_at))
union all
select 'I4 one allowance a cycle', subscription_id, concat_ws(' ', min(id), 'and', count(*) - 1, 'more at', iso(effective_at))
from grants where kind = 'allowance'
group by subscription_id, effective_at, substring(cause from '_a([0-9]+)_[0-9]+$')
having count(*) > 1
union all
select 'I4 an allowance is named by its cycle, or by the trial', g.subscription_id, concat_ws(' ', g.id, g.cause)
from grants g left join subscriptions s on s.id = g.subscription_id
where g.kind = 'allowance' and g.cause !~ '_a[0-9]+_[0-9]+$' and (g.cause !~ '_trial$' or s.trial is not true)
union all
select 'I4 one grant for each pack of a paid purchase or renewal, and none for any other', c.subscription_id,
  concat_ws(' ', c.id, c.kind, c.status, 'sold', c.credits, 'granted', coalesce(p.credits, 0), 'in', coalesce(p.n, 0))
from charges c left join (
  select subscription_id, charge_id, count(*) as n, sum(amount) as credits from grants where kind = 'pack' group by 1, 2
) p on p.subscription_id = c.subscription_id and p.charge_id = c.id
-- A charge refunded in whole may have brought nothing (R-42), or was delivered before (R-81).
where case when c.kind in ('purchase', 'renewal') and c.status = 'paid' and c.credits > 0
      then coalesce(p.n, 0) <> greatest(1, (select count(*) from jsonb_array_elements(c.lines) line where line ? 'pack')) and (c.refunded_minor < c.amount_minor or p.n is not null) or p.credits <> c.credits
      else coalesce(p.n, 0) <> 0 end
union all
select 'I4 one allowance for each paid start, renewal or upgrade, and none for an unpaid one', c.subscription_id,
  concat_ws(' ', c.id, c.kind, c.status, 'allowances', coalesce(p.n, 0))
from charges c left join (
  select subscription_id, charge_id, count(*) as n from grants where kind = 'allowance' group by 1, 2
) p on p.subscription_id = c.subscription_id and p.charge_id = c.id
where coalesce(p.n, 0) <> (c.kind <> 'purchase' and c.status = 'paid')::int
  and not (p.n is null and c.refunded_minor = c.amount_minor)
union all
select 'I4 a pack is paid for by a charge', g.subscription_id, g.id
from grants g left join charges c on c.subscription_id = g.subscription_id and c.id = g.charge_id and c.status = 'paid'
where g.kind = 'pack' and c.id is null
union all
-- Grants that burn before the debited one had nothing left by then.
select 'I6 a spend uses the prefix of open grants in burn order', e.subscription_id,
  concat_ws(' ', 'seq', e.seq, 'took', -e.credits, 'of', e.grant_id, 'while', h.id, 'held', (
    select sum(b.credits) from entries b where b.subscription_id = h.subscription_id and b.grant_id = h.id and b.seq < e.seq))
from runs r
join grants g on g.subscription_id = r.subscription_id and g.id = r.grant_id
join grants h on h.subscription_id = g.subscription_id and h.id <> g.id
  and (h.kind <> 'allowance', h.expires_at, h.effective_at, h.made)
    < (g.kind <> 'allowance', g.expires_at, g.effective_at, g.made)
join open_spans o on o.subscription_id = h.subscription_id and o.grant_id = h.id and o.is_open
  and o.opened < r.first and (o.closed is null or r.first < o.closed)
cross join lateral (
  -- The offset makes the planner look entries up for the suspects only, and not join them first.
  select * from entries where subscription_id = r.subscription_id and seq between r.first and r.last
    and kind in ('debit', 'hold') and h.effective_at <= effective_at and effective_at < h.expires_at
  offset 0
) e
union all
select 'seq has no gap, balance_after is the running sum', subscription_id,
  concat_ws(' ', 'seq', seq, 'is number', nth, 'balance_after', balance_after, 'sum', balance)
from replayed where seq <> nth or balance_after <> balance
union all
select 'a ledger’s row is the sum of its entries and of its grants', l.subscription_id,
  concat_ws(' ', 'seq', l.seq, 'entries', e.n, 'balance', l.balance, 'sum', e.credits, 'remaining', g.remaining)
from ledgers l
cross join lateral (select count(*) as n, coalesce(sum(credits), 0) as credits from entries where subscription_id = l.subscription_id) e
cross join lateral (select coalesce(sum(remaining), 0) as remaining from grants where subscription_id = l.subscription_id) g
where l.seq <> e.n or l.balance <> e.credits or l.balance <> g.remaining
union all
select 'a usage is the sum of its debits, tells them in burn order, and no more was reversed of it', u.subscription_id,
  concat_ws(' ', u.id, 'credits', u.credits, 'reversed', u.reversed, 'of', d.reversed, 'answered', u.answer->'debits', 'booked', d.debits)
from usages u left join (
  select e.subscription_id, e.usage_id,
    -sum(e.credits) filter (where e.kind in ('debit', 'capture')) as credits,
    sum(e.credits) filter (where e.kind = 'reversal') as reversed,
    jsonb_agg(jsonb_build_object('grant_id', e.grant_id, 'kind', g.kind, 'credits', -e.credits) order by e.seq)
      filter (where e.kind in ('debit', 'capture')) as debits
  from entries e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
  where e.usage_id is not null group by e.subscription_id, e.usage_id
) d on d.subscription_id = u.subscription_id and d.usage_id = u.id
where u.credits <> coalesce(d.credits, 0) or u.reversed <> coalesce(d.reversed, 0)
   or u.answer::jsonb->'debits' <> coalesce(d.debits, '[]') or (u.answer->>'credits')::bigint <> u.credits
union all
select 'a debit, capture or reversal belongs to a usage, or is a dispute that was won', e.subscription_id, concat_ws(' ', 'seq', e.seq)
from entries e left join usages u on u.subscription_id = e.subscription_id and u.id = e.usage_id
left join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
where e.kind in ('debit', 'capture', 'reversal') and u.id is null
  and not (e.kind = 'reversal' and g.kind = 'pack' and exists (
    select from disputes d where d.subscription_id = e.subscription_id and d.charge_id = g.charge_id and d.status = 'won'))
union all
select 'R-81 what was refunded of a charge is its refunds and disputes', c.subscription_id,
  concat_ws(' ', c.id, 'refunded', c.refunded_minor, 'of', c.amount_minor, 'returned', c.returned_minor, 'asked', r.done, 'disputed', d.amount)
from charges c
cross join lateral (select coalesce(max(to_minor), 0) as done from refunds
  where subscription_id = c.subscription_id and charge_id = c.id and answer is not null) r
cross join lateral (select coalesce(sum(amount_minor), 0) as amount from disputes
  where subscription_id = c.subscription_id and charge_id = c.id and status <> 'won') d
where c.refunded_minor <> least(c.amount_minor, c.returned_minor + d.amount) or c.returned_minor < r.done
union all
-- A refund takes nothing from a renewal's packs: they are not a purchase's.
select 'R-81 of a purchase no more is taken back than its refunded part, and the ledger says how much', g.subscription_id,
  concat_ws(' ', g.id, 'taken', e.taken, 'lowest', e.lowest, 'known', c.revoked_credits, c.kind, 'refunded', c.refunded_minor, 'of', c.amount_minor)
from grants g
join charges c on c.subscription_id = g.subscription_id and c.id = g.charge_id
cross join lateral (
  select coalesce(sum(taken), 0) as taken, coalesce(min(so_far), 0) as lowest from (
    select -credits as taken, sum(-credits) over (order by seq) as so_far from entries
    where subscription_id = g.subscription_id and grant_id = g.id
      and (kind = 'revocation' or kind = 'reversal' and usage_id is null)) t
) e
where g.kind = 'pack' and (e.taken <> c.revoked_credits or e.lowest < 0
  or e.taken > case when c.kind = 'purchase' then div(c.credits::numeric * c.refunded_minor, nullif(c.amount_minor, 0)::numeric) else 0 end)
union all
select 'R-71 a hold is settled once, and wholly', h.subscription_id,
  concat_ws(' ', h.id, h.status, 'held', h.credits, d.held, 'released', d.released, 'captured', h.captured, d.captured)
from holds h left join (
  select e.subscription_id, e.hold_id,
    coalesce(-sum(e.credits) filter (where e.kind = 'hold'), 0) as held,
    coalesce(sum(e.credits) filter (where e.kind = 'release'), 0) as released,
    coalesce(-sum(e.credits) filter (where e.kind = 'capture'), 0) as captured
  from entries e where e.hold_id is not null group by e.subscription_id, e.hold_id
) d on d.subscription_id = h.subscription_id and d.hold_id = h.id
where d.held is distinct from h.credits or d.captured <> h.captured or d.released <> case when h.status = 'held' then 0 else h.credits end
   or (h.captured > 0) <> (h.status = 'captured') or (h.usage_id is null) = (h.status = 'captured')
   or (h.status <> 'held' and h.settled_at > h.deadline)
union all
select 'a hold, release or capture belongs to a hold', e.subscription_id, concat_ws(' ', 'seq', e.seq)
from entries e left join holds h on h.subscription_id = e.subscription_id and h.id = e.hold_id
where e.kind in ('hold', 'release', 'capture') and h.id is null
union all
select 'R-72 a ledger knows its next deadline', h.subscription_id, concat_ws(' ', h.id, iso(h.deadline), 'known', iso(l.next_deadline))
from holds h join ledgers l on l.subscription_id = h.subscription_id
where h.status = 'held' and (l.next_deadline is null or l.next_deadline > h.deadline)
union all
select 'an entry names a grant of its subscription', e.subscription_id, concat_ws(' ', 'seq', e.seq, e.grant_id)
from entries e left join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
where g.id is null
union all
select 'R-65 the answer to a key is there', r.subscription_id, concat_ws(' ', r.digest, r.object_id)
from replies r
where r.answer is null
  and not exists (select from usages u where u.subscription_id = r.subscription_id and u.id = r.object_id)
  and not exists (select from holds h where h.subscription_id = r.subscription_id and h.id = r.object_id)
union all
select 'what a caller asked for never goes back in time', x.subscription_id, concat_ws(' ', 'seq', x.seq, x.kind, iso(x.effective_at))
from (
  select *, max(effective_at) over (partition by subscription_id order by seq) as newest from entries
  where kind in ('debit', 'hold', 'reversal', 'capture')
) x where x.effective_at < x.newest
union all
select 'the row, its state and its ledger tell one status', s.id,
  concat_ws(' ', s.status, s.state->>'status', l.status, 'remaining', l.balance)
from subscriptions s left join ledgers l on l.subscription_id = s.id
where l.subscription_id is null or s.status <> l.status or s.status <> s.state->>'status'
   or (s.status in ('ended', 'incomplete') and l.balance <> 0)`;

/** The rows that break an invariant: none, or the database can't be trusted. Checks the named subscriptions; null: all. */
export async function brokenInvariants(
  db: Database,
  subscriptionIds: readonly string[] | null = null,
): Promise<Broken[]> {
  return [...(await db.execute<Broken & Record<string, unknown>>(invariants(subscriptionIds)))];
}
