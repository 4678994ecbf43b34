import { sql } from 'drizzle-orm';
import { rowsOf } from './invariants.ts';

// Usages, holds and the replies to keys, each beside its copies: the answer that was stored with it, its entries, its reply.
// One hash join of the rows of a statement for each check; each stored answer is read once.

export const storedAnswers = (only: readonly string[] | null) => sql`
with
${rowsOf('ledgers', only)}, ${rowsOf('entries', only)}, ${rowsOf('usages', only)}, ${rowsOf('holds', only)}, ${rowsOf('replies', only)}
select 'R-65 a usage is as it was answered' as invariant, u.subscription_id,
  concat_ws(' ', u.id, u.credits, 'at', iso(u.at), 'answered', u.answer->>'id', u.answer->>'credits', 'at', u.answer->>'at') as row
from usages u
where u.answer->>'id' is distinct from u.id or u.answer->>'at' is distinct from iso(u.at)
   or u.hold_id is null and u.credits <> (select coalesce(sum((line->>'credits')::bigint), 0) from json_array_elements(u.answer->'lines') line)
union all
select 'R-65 a hold is as it was answered', h.subscription_id,
  concat_ws(' ', h.id, h.credits, 'at', iso(h.at), 'to', iso(h.deadline), 'answered', h.answer->>'id', h.answer->>'credits', 'at', h.answer->>'at', 'to', h.answer->>'deadline')
from holds h
where h.answer->>'id' is distinct from h.id or h.answer->>'at' is distinct from iso(h.at) or h.answer->>'deadline' is distinct from iso(h.deadline)
   or (h.answer->>'credits')::bigint is distinct from h.credits
union all
select 'R-71 a hold is settled as it was answered', h.subscription_id,
  concat_ws(' ', h.id, h.status, h.captured, h.usage_id, 'answered', h.settlement)
from holds h
where (h.status = 'held') <> (h.settlement is null)
   or h.settlement is not null and (h.settlement->>'id', h.settlement->>'status', (h.settlement->>'captured')::bigint, (h.settlement->>'released')::bigint, h.settlement->>'usage_id')
     is distinct from (h.id, h.status, h.captured, h.credits - h.captured, h.usage_id)
union all
select 'R-71 a capture keeps what its hold says', u.subscription_id, concat_ws(' ', u.id, 'of', h.id)
from usages u join holds h on h.subscription_id = u.subscription_id and h.id = u.hold_id
where (u.via, u.reference, u.metadata::text, u.at, u.credits) is distinct from (h.via, h.reference, h.metadata::text, h.settled_at, h.captured)
   or (u.answer->'lines')::text is distinct from (h.answer->'lines')::text
union all
select 'R-65 each usage and hold has one reply', o.subscription_id, concat_ws(' ', o.id, 'has', coalesce(r.n, 0))
from (
  select subscription_id, id from usages where hold_id is null union all select subscription_id, id from holds
) o
left join (
  select subscription_id, object_id, count(*) as n from replies where object_id is not null group by subscription_id, object_id
) r on r.subscription_id = o.subscription_id and r.object_id = o.id
where r.n is distinct from 1
union all
select 'R-71 a hold that a caller settled has its reply', h.subscription_id, concat_ws(' ', h.id, h.status, 'at', iso(h.settled_at))
from holds h left join (
  select distinct subscription_id, answer->>'id' as id, answer::text as answer from replies where object_id is null
) r on r.subscription_id = h.subscription_id and r.id = h.id and r.answer = h.settlement::text
-- A deadline releases without a caller (R-72).
where h.settled_at < h.deadline and r.id is null
union all
select 'R-71 a reply to a settlement is the one of its hold', r.subscription_id, concat_ws(' ', r.digest, r.answer->>'id')
from replies r left join holds h on h.subscription_id = r.subscription_id and h.id = r.answer->>'id'
where r.object_id is null and r.answer->>'id' is not null and h.settlement::text is distinct from r.answer::text
union all
select 'R-80 the replies to reversals are what was reversed', coalesce(u.subscription_id, r.subscription_id),
  concat_ws(' ', 'reversed', coalesce(u.credits, 0), 'answered', coalesce(r.credits, 0))
from (select subscription_id, sum(reversed) as credits from usages group by subscription_id) u
full join (
  select subscription_id, sum((answer->>'restored')::bigint + (answer->>'expired_at_once')::bigint + (answer->>'forfeited_at_once')::bigint
    + (answer->>'revoked_at_once')::bigint) as credits
  from replies where object_id is null and answer->>'id' is null group by subscription_id
) r on r.subscription_id = u.subscription_id
where coalesce(u.credits, 0) <> coalesce(r.credits, 0)
union all
select 'R-64 an entry is dated as its usage or hold', e.subscription_id, concat_ws(' ', 'seq', e.seq, e.kind, 'at', iso(e.effective_at), coalesce(u.id, h.id), iso(coalesce(u.at, h.at)))
from entries e
left join usages u on u.subscription_id = e.subscription_id and u.id = e.usage_id and e.kind in ('debit', 'capture')
left join holds h on h.subscription_id = e.subscription_id and h.id = e.hold_id and e.kind in ('hold', 'release')
where e.effective_at <> case e.kind when 'release' then h.settled_at when 'hold' then h.at else u.at end
union all
-- The server's clock may be set back a little, so a smaller step is left to a seal. A spend on real time is never recorded
-- after its own instant: that instant is the clock's, or later where the clock went back.
select 'I11 entries were recorded in their order', e.subscription_id, concat_ws(' ', 'seq', e.seq, e.kind, 'at', iso(e.effective_at), 'recorded', iso(e.recorded_at))
from (
  select *, max(recorded_at) over (partition by subscription_id order by seq) as newest from entries
) e join ledgers l on l.subscription_id = e.subscription_id
where e.recorded_at < e.newest - interval '1 day' or e.recorded_at > clock_timestamp() + interval '1 day'
   or l.test_clock is null and e.kind in ('debit', 'hold') and e.effective_at < e.recorded_at`;
