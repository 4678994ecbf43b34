-- Reads. They lock nothing and wait for nobody.

-- The ledger as its workflow knows it: version (the newest entry), now, step, end, refunds of top-ups, and the open
-- grants in order of making, those whose term was booked with the credits still held of them (R-73).
create or replace function snapshot(p_sub text) returns jsonb language sql stable as $$
  select jsonb_build_object('version', l.seq, 'now', ms(ledger_now(l.test_clock)), 'step', l.step,
    'endedAt', case when l.status = 'ended' then ms(l.ends_at) end, 'topUpRefunds', nullif(l.top_up_refunds, 0),
    'grants', coalesce((
      select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', g.id, 'kind', g.kind, 'amount', g.amount,
          'remaining', g.remaining, 'held', g.held, 'effectiveAt', ms(g.effective_at), 'expiresAt', ms(g.expires_at),
          'made', g.made, 'taken', g.taken)) order by g.made)
      from grants g where g.subscription_id = p_sub and g.open), '[]'))
  from ledgers l where l.subscription_id = p_sub
$$;

-- Whether entries are gone that a look back to an instant would need: once months are archived, all before the oldest
-- entry that a caller asked for. No entry that is gone can be dated after that one.
create or replace function is_archived(p_sub text, p_at timestamptz) returns boolean language sql stable as $$
  select coalesce((select seq from entries where subscription_id = p_sub order by seq limit 1), 2) > 1
    and p_at < coalesce((select effective_at from entries
      where subscription_id = p_sub and kind in ('debit', 'hold', 'capture', 'reversal') order by seq limit 1), 'infinity')
$$;

-- I13: the credits that each grant could give at an instant (null: now), and those held of it. A past instant is
-- counted backwards from now, by the entries in force after it, so that archived months are not needed for later
-- ones. R-12 is a condition here, so nothing needs to have been booked. `refreshed` is the allowance that came next
-- after a past instant. Answers null when there is no such ledger, and no grants but `archived` where the entries of
-- that past are gone.
create or replace function balance_at(p_sub text, p_at timestamptz) returns jsonb language plpgsql stable as $$
declare
  l ledgers;
  v_now timestamptz;
  v_at timestamptz;
  head jsonb;
  rows jsonb;
begin
  select * into l from ledgers where subscription_id = p_sub;
  if not found then return null; end if;
  v_now := ledger_now(l.test_clock);
  v_at := coalesce(p_at, v_now);
  head := jsonb_build_object('now', ms(v_now), 'at', ms(v_at), 'version', l.seq);
  if v_at < v_now and l.seq > 0 and is_archived(p_sub, v_at) then
    return head || '{"grants":[],"refreshed":null,"archived":true}';
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'kind', g.kind, 'remaining', spendable.credits, 'held', then_left.held,
      'expiresAt', ms(g.expires_at)) order by g.expires_at, g.made), '[]') into rows
  from grants g
  cross join lateral (
    select g.remaining, g.held where v_at >= v_now
    union all
    select g.remaining - coalesce(sum(e.credits), 0)::bigint,
           g.held + coalesce(sum(e.credits) filter (where e.kind in ('hold', 'release')), 0)::bigint
    from entries e where v_at < v_now and e.subscription_id = p_sub and e.grant_id = g.id and e.effective_at > v_at
    having v_at < v_now
  ) then_left
  cross join lateral (
    select case when is_usable(g.effective_at, g.expires_at, l.ends_at, v_at) then then_left.remaining else 0 end as credits
  ) spendable
  where g.subscription_id = p_sub and g.effective_at <= v_at and spendable.credits + then_left.held > 0;
  return head || jsonb_build_object('grants', rows, 'refreshed', (
    select jsonb_build_object('at', ms(g.effective_at), 'credits', g.amount) from grants g
    where v_at < v_now and g.subscription_id = p_sub and g.kind = 'allowance' and g.effective_at > v_at
    order by g.effective_at limit 1));
end $$;

-- The subscriptions asked for, each with its ledger and its balance now, as `balance_at` has it: `ord` is the place of the id
-- among those asked for, and an unknown one has no row. `version` differs after any change of the subscription, its ledger
-- or its balance. It counts the instants that changed them without a row: terms of grants that began or ended, the end of
-- the subscription, a top-up's month or pause (R-39). A reader who knows the version gets nothing more (`state` is null),
-- unless a hold is past its deadline (`is_overdue`, R-72).
create or replace function read_subscriptions(p_subs text[], p_known text[])
returns table (ord bigint, version text, now bigint, is_overdue boolean, seq bigint, test_clock bigint, next_deadline bigint,
  state jsonb, metadata jsonb, grants json) language sql stable as $$
  select wanted.ord, head.version, ms(clock.now), head.is_overdue, l.seq, ms(l.test_clock), ms(l.next_deadline),
    case when head.is_news then s.state end, case when head.is_news then s.metadata end, balance.grants
  from unnest(p_subs, p_known) with ordinality wanted (sub, known, ord)
  join ledgers l on l.subscription_id = wanted.sub
  join subscriptions s on s.id = wanted.sub
  cross join lateral (select ledger_now(l.test_clock) as now) clock
  cross join lateral (
    select count(*) filter (where effective_at <= clock.now) + count(*) filter (where expires_at <= clock.now) as instants
    from grants where subscription_id = l.subscription_id and open
  ) terms
  cross join lateral (
    select version, is_overdue, is_overdue or version <> wanted.known as is_news
    from (select coalesce(l.next_deadline <= clock.now, false) as is_overdue,
      concat_ws('-', l.seq, l.step, ms(l.test_clock), terms.instants + (l.ends_at is not null and l.ends_at <= clock.now)::int
        + coalesce(instant_of(s.state->'topUp', 'month') <= clock.now, false)::int
        + coalesce(instant_of(s.state->'topUp', 'notBefore') <= clock.now, false)::int) as version) of_now
    offset 0  -- made once, and not at each use
  ) head
  cross join lateral (
    select coalesce(json_agg(json_build_array(g.id, g.kind, g.spendable, g.held, ms(g.expires_at))
      order by g.expires_at, g.made), '[]') as grants
    from (
      select id, kind, held, expires_at, made,
        case when is_usable(effective_at, expires_at, l.ends_at, clock.now) then remaining else 0 end as spendable
      from grants where head.is_news and subscription_id = l.subscription_id and open and effective_at <= clock.now
    ) g
    where g.spendable + g.held > 0
  ) balance
$$;
