import { sql } from 'drizzle-orm';
import { rowsOf } from './invariants.ts';

// The columns of a subscription and of its ledger beside the state that its workflow booked, and that state beside the notes
// and events of its transitions. One row a subscription; its events come from their index by type.

/** Changes of a subscription that are a note and an event at once (`Transition` of src/domain/state.ts). */
export const TRANSITIONS = sql`('started', 'activated', 'renewed', 'past_due', 'changed', 'cancel_scheduled', 'change_scheduled', 'resumed', 'ended')`;

export const standing = (only: readonly string[] | null) => sql`
with
${rowsOf('subscriptions', only, 'id')}, ${rowsOf('ledgers', only)}, ${rowsOf('notes', only)}, ${rowsOf('events', only)},
-- What the catalogues ever said: the catalogue of a step is not on record.
blocking as (select distinct content->'policies'->>'past_due_spending' = 'block' as blocks from catalogs),
low as (
  select distinct greatest((p->>'credits')::bigint / 10, 1) as below from catalogs, jsonb_array_elements(content->'plans') p
),
booked as (
  select s.*, l.status as ledger_status, l.ends_at, l.blocked, l.test_clock, l.low_below,
    instant((s.state->>'now')::bigint) as now,
    instant(coalesce(s.state->>'endedAt', case s.state->'scheduled'->>'kind' when 'cancel' then s.state->'scheduled'->>'at' end)::bigint) as will_end
  from subscriptions s join ledgers l on l.subscription_id = s.id
),
newest as (
  select distinct on (subscription_id) subscription_id, type, at, data->>'plan' as plan, data->>'interval' as interval
  from events where type like 'subscription.%' and data ? 'plan' order by subscription_id, nth desc
),
newest_note as (
  select distinct on (subscription_id) subscription_id, kind, at from notes where kind in ${TRANSITIONS} order by subscription_id, step desc, line desc
)
select 'the row of a subscription is its state' as invariant, b.id as subscription_id,
  concat_ws(' ', b.customer_id, b.plan, b.interval, 'the state', b.state->>'customerId', b.state->>'plan', b.state->>'interval') as row
from booked b
where (b.id, b.customer_id, b.plan, b.interval, b.trial)
  is distinct from (b.state->>'id', b.state->>'customerId', b.state->>'plan', b.state->>'interval', b.state ? 'trialEndsAt')
union all
select 'R-53 a subscription has the plan of its newest transition', b.id,
  concat_ws(' ', b.state->>'plan', b.state->>'interval', n.type, n.plan, n.interval)
from booked b join newest n on n.subscription_id = b.id
-- The event of the newest note may be deleted, and an older one not.
join newest_note o on o.subscription_id = b.id and n.type = 'subscription.' || o.kind and n.at = o.at
where (n.plan, n.interval) is distinct from (b.state->>'plan', b.state->>'interval')
union all
select 'R-12 a ledger ends when its subscription does', b.id, concat_ws(' ', 'ends', iso(b.ends_at), 'the state', iso(b.will_end))
from booked b where b.ends_at is distinct from b.will_end
union all
select 'R-41 spending is blocked as the catalogue says', b.id, concat_ws(' ', b.status, 'blocked', b.blocked)
from booked b
where b.blocked and b.status <> 'past_due' or b.status = 'past_due' and not exists (select from blocking where blocks = b.blocked)
union all
select 'R-90 a test clock stands where its subscription does', b.id, concat_ws(' ', 'clock', iso(b.test_clock), 'the state', iso(b.now))
from booked b
-- After the end only the ledger's clock goes on (R-52).
where (b.test_clock is not null) <> (b.state->>'testClock')::boolean or b.test_clock < b.now or b.test_clock > b.now and b.status <> 'ended'
union all
select 'R-39 credits are low below the threshold, or a tenth of the allowance', b.id, concat_ws(' ', 'low below', b.low_below)
from booked b
where b.low_below <> 1 and case when b.state->'topUp'->'wish'->>'threshold' is not null
    then b.low_below <> greatest((b.state->'topUp'->'wish'->>'threshold')::bigint, 1)
    else b.low_below <> all(array[(b.state->'kept'->>'credits')::bigint / 10, (b.state->>'allowance')::bigint / 10])
      is not false and not exists (select from low where below = b.low_below) end
union all
select 'a subscription has the note of its status', b.id, b.status
from booked b
where b.status <> 'incomplete' and not exists (
  select from notes n where n.subscription_id = b.id
    and n.kind = case when b.status in ('ended', 'past_due') then b.status else 'started' end)`;
