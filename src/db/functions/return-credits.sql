-- Captures, releases and reversals, in rounds: of each subscription the first, then the second of those that have one, and so on.
-- As `spend_batch` has them, in order, and `at` where what is booked is dated by a deadline, not asked for by a caller now.
create or replace function return_credits(p_returns json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
declare v_round json;
begin
  for v_round in
    select json_agg(x.give order by x.place)
    from (select give, place, row_number() over (partition by give->>'sub' order by place) as nth
          from json_array_elements(p_returns) with ordinality as g(give, place)) x
    group by x.nth order by x.nth
  loop
    return query select * from return_round(v_round, p_clock);
  end loop;
end $$;

-- At most one request a subscription, so that none depends on another. Of the debits of a hold or usage, laid end to end, what
-- lies from `lo` to `hi` goes back to the grants it came from; the first `kept` of a hold are captured instead (R-74). What belongs
-- to a grant that has expired expires at once, to a subscription that has ended is forfeited at once (R-73, R-80); what comes back
-- to a grant that owes credits to a refund is revoked at once, up to what it owes (R-81). What comes back may be enough again: an
-- event says so.
create or replace function return_round(p_returns json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
#variable_conflict use_column
declare
  r record;
  l ledgers;
  h holds;
  u usages;
  v_balance text;
  made_entries entries[];
  made_usages usages[];
  made_replies replies[];
  changed_ledgers ledgers[];
  changed_holds holds[];
  changed_usages usages[];
  some_revoked boolean := false;
begin
  for r in
    select x.*, y.body_hash, y.answer as reply, (b.ledger).subscription_id as found, b.ledger, s.hold, t.usage, n.now, w.wanted, w.most, k.outcome, k.moves, g.held,
      g.available + coalesce(p.usable, 0) as available, p.made, coalesce(p.credits, 0) as credits_back, p.debits,
      coalesce(p.expired, 0) as expired, coalesce(p.forfeited, 0) as forfeited, coalesce(p.revoked, 0) as revoked
    from json_to_recordset(p_returns) as x(ord int, sub text, op text, object text, credits bigint, id text, digest uuid, body uuid, at timestamptz)
    left join lateral (select * from replies where digest = x.digest limit 1) y on true
    left join lateral (select b as ledger from ledgers b where subscription_id = x.sub limit 1) b on true
    left join lateral (select s as hold from holds s where subscription_id = x.sub and id = x.object limit 1) s on x.op <> 'reverse'
    left join lateral (select t as usage from usages t where subscription_id = x.sub and id = x.object limit 1) t on x.op = 'reverse'
    -- A caller's entries never go back in time, should the clock do so.
    cross join lateral (select coalesce(x.at, greatest(coalesce((b.ledger).test_clock, p_clock), (b.ledger).asked_at)) as now) n
    cross join lateral (
      select coalesce(sum(held), 0)::bigint as held, coalesce(sum(remaining) filter (where effective_at <= n.now and n.now < expires_at
        and ((b.ledger).ends_at is null or n.now < (b.ledger).ends_at)), 0)::bigint as available
      from grants where subscription_id = x.sub and open
    ) g
    -- What is asked, and the most that could be. R-63: the running sum stays below 2^53, whatever was granted since, and
    -- whatever is held comes back.
    cross join lateral (
      select case x.op when 'reverse' then coalesce(x.credits, (t.usage).credits - (t.usage).reversed)
                       when 'release' then 0 else coalesce(x.credits, (s.hold).credits) end as wanted,
        case x.op when 'reverse' then least((t.usage).credits - (t.usage).reversed, 9007199254740991 - (b.ledger).balance - g.held)
                  else (s.hold).credits end as most
    ) w
    cross join lateral (
      select o.outcome, y.digest is null and o.outcome = 'ok' and (x.op = 'reverse' or (s.hold).status = 'held') as moves
      from (select case
        when coalesce((s.hold).id, (t.usage).id) is null then 'not_found'
        when x.op = 'reverse' then
          case when w.wanted > w.most or (w.wanted = 0 and (t.usage).credits > 0) then 'reversal_exceeds_usage' else 'ok' end
        when (s.hold).status = 'held' then case when w.wanted > w.most then 'capture_exceeds_hold' else 'ok' end
        -- R-71: the same settlement again; a release after the deadline asks for what has happened by itself (R-72).
        when (s.hold).captured = w.wanted then 'ok'
        when (s.hold).settled_at = (s.hold).deadline then 'hold_expired'
        else 'hold_already_settled' end as outcome) o
    ) k
    left join lateral (
      select array_agg(row(x.sub, (b.ledger).seq + e.nth, e.kind, e.credits, e.grant_id, (b.ledger).balance + e.running, e.at, p_clock,
            case x.op when 'capture' then x.id when 'reverse' then x.object end,
            case when x.op <> 'reverse' then x.object end)::entries order by e.nth) as made,
        sum(e.credits)::bigint as credits, (sum(e.credits) filter (where e.is_usable))::bigint as usable,
        string_agg('{"grant_id":"' || e.grant_id || '","kind":"' || e.grant_kind || '","credits":' || -e.credits || '}', ',' order by e.nth)
          filter (where e.kind = 'capture') as debits,
        -sum(e.credits) filter (where e.kind = 'expiry') as expired, -sum(e.credits) filter (where e.kind = 'forfeiture') as forfeited,
        -sum(e.credits) filter (where e.kind = 'revocation') as revoked
      from (
        select v.*, g.id as grant_id, g.kind as grant_kind, row_number() over in_order as nth, sum(v.credits) over in_order as running,
          g.effective_at <= n.now and n.now < g.expires_at and ((b.ledger).ends_at is null or n.now < (b.ledger).ends_at) as is_usable
        from (select case x.op when 'reverse' then (t.usage).credits - (t.usage).reversed - w.wanted else 0 end as lo,
                     case x.op when 'reverse' then (t.usage).credits - (t.usage).reversed else w.most end as hi,
                     case x.op when 'reverse' then 0 else w.wanted end as kept) a
        cross join lateral debit_ranges(coalesce((s.hold).answer, (t.usage).answer)->'debits') o
        cross join lateral (select * from grants where subscription_id = x.sub and id = o.grant_id limit 1) g
        cross join lateral (select least(o.hi, a.hi) - greatest(o.lo, a.lo) as credits, greatest(least(o.hi, a.kept) - o.lo, 0) as kept) part
        -- A deadline at the very end comes before it (R-14).
        cross join lateral (select case when (b.ledger).status = 'ended' or (b.ledger).ends_at < n.now then (b.ledger).ends_at end as ended_at) d
        cross join lateral (
          select case when g.expires_at <= d.ended_at then 'expiry' when d.ended_at is not null then 'forfeiture'
                      when g.expires_at <= n.now or g.taken = 'expired' then 'expiry' end as gone
        ) f
        left join lateral (
          select greatest(due_back(c) - c.revoked_credits, 0) as credits from charges c
          where g.kind = 'pack' and f.gone is null and c.subscription_id = x.sub and c.id = g.charge_id and c.kind = 'purchase'
        ) owed on true
        cross join lateral (values
          (1, case x.op when 'reverse' then 'reversal' else 'release' end, part.credits, n.now),
          (2, 'capture', -part.kept, n.now),
          (3, f.gone, case when f.gone is not null then part.kept - part.credits end, greatest(n.now, least(g.expires_at, d.ended_at))),
          (4, 'revocation', -least(part.credits - part.kept, coalesce(owed.credits, 0)), n.now)) v(n, kind, credits, at)
        where o.lo < a.hi and o.hi > a.lo and v.credits <> 0
        window in_order as (order by o.lo, v.n)
      ) e
    ) p on k.moves
    order by x.ord
  loop
    ord := r.ord;
    answer := null;
    available := r.most;
    kind := case when r.body_hash = r.body then 'replay' when r.body_hash is not null then 'reused' else r.outcome end;
    if kind = 'replay' then answer := r.reply; end if;
    if kind = 'ok' then
      l := r.ledger;
      l.seq := l.seq + coalesce(cardinality(r.made), 0);
      l.balance := l.balance + r.credits_back;
      if r.at is null then l.asked_at := r.now; end if;
      changed_ledgers := changed_ledgers || l;
      made_entries := made_entries || r.made;
      some_revoked := some_revoked or r.revoked > 0;
      if l.level <> 'enough' and r.available >= l.low_below and r.moves then perform note_level(r.sub, r.available, r.now); end if;
      h := r.hold;
      v_balance := '{"available":' || r.available || ',"held":' || r.held - case when r.op = 'reverse' then 0 else h.credits end || '}';
      if not r.moves then
        answer := h.settlement;
      elsif r.op = 'reverse' then
        u := r.usage;
        u.reversed := u.reversed + r.wanted;
        changed_usages := changed_usages || u;
        answer := '{"restored":' || r.credits_back || ',"expired_at_once":' || r.expired || ',"forfeited_at_once":' || r.forfeited
          || ',"revoked_at_once":' || r.revoked || ',"balance":' || v_balance || '}';
      else
        h.status := case r.op when 'capture' then 'captured' else 'released' end;
        h.captured := r.wanted;
        h.usage_id := case r.op when 'capture' then r.id end;
        h.settled_at := r.now;
        answer := '{"id":"' || h.id || '","status":"' || h.status || '","captured":' || h.captured || ',"released":' || h.credits - h.captured
          || ',"usage_id":' || coalesce('"' || h.usage_id || '"', 'null') || ',"balance":' || v_balance || '}';
        h.settlement := answer::json;
        changed_holds := changed_holds || h;
        -- A capture makes a usage with the lines and rates of its hold.
        if r.op = 'capture' then
          made_usages := made_usages || row(r.sub, r.id, r.now, r.wanted, 0, h.id, h.via, h.reference, h.metadata,
            ('{"id":"' || r.id || '","credits":' || r.wanted || ',"lines":' || (h.answer->'lines')::text || ',"debits":[' || coalesce(r.debits, '')
              || '],"balance":' || v_balance || ',"catalog_version":' || (h.answer->'catalog_version')::text || ',"at":"'
              || to_char(r.now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}')::json)::usages;
        end if;
      end if;
      if r.digest is not null then
        made_replies := made_replies || row(r.sub, r.digest, r.body, null, answer::json)::replies;
      end if;
    end if;
    return next;
  end loop;

  if changed_ledgers is null then return; end if;
  insert into replies select * from unnest(made_replies);
  insert into usages select * from unnest(made_usages);
  insert into entries select * from unnest(made_entries);
  if some_revoked then perform book_owed(made_entries); end if;
  update holds h set status = x.status, captured = x.captured, usage_id = x.usage_id, settled_at = x.settled_at, settlement = x.settlement
  from unnest(changed_holds) x
  cross join lateral (select ctid as place from holds where subscription_id = x.subscription_id and id = x.id limit 1) k
  where h.ctid = k.place;
  update usages u set reversed = x.reversed
  from unnest(changed_usages) x
  cross join lateral (select ctid as place from usages where subscription_id = x.subscription_id and id = x.id limit 1) k
  where u.ctid = k.place;
  update grants g set remaining = g.remaining + x.credits, held = g.held - x.released, open = g.remaining + x.credits + g.held - x.released > 0,
    taken = case when x.credits > 0 then null else g.taken end
  from (select e.subscription_id, e.grant_id, sum(e.credits)::bigint as credits,
               coalesce(sum(e.credits) filter (where e.kind = 'release'), 0)::bigint as released
        from unnest(made_entries) e group by e.subscription_id, e.grant_id) x
  cross join lateral (select ctid as place from grants where subscription_id = x.subscription_id and id = x.grant_id limit 1) k
  where g.ctid = k.place;
  update ledgers b set seq = x.seq, balance = x.balance, asked_at = x.asked_at, touched_at = p_clock, workflow_behind = true
  from unnest(changed_ledgers) x
  cross join lateral (select ctid as place from ledgers where subscription_id = x.subscription_id limit 1) k
  where b.ctid = k.place;
end $$;

-- R-72: what is past its deadline is released, dated there, whenever that is booked. The ledger's row is locked.
create or replace function release_due(p_sub text, p_until timestamptz) returns void language plpgsql as $$
declare
  v_due json := (select json_agg(json_build_object('ord', 0, 'sub', p_sub, 'op', 'release', 'object', id, 'at', deadline) order by deadline, id)
    from holds where subscription_id = p_sub and status = 'held' and deadline <= p_until);
begin
  perform return_credits(v_due, date_trunc('milliseconds', clock_timestamp()));
  update ledgers set workflow_behind = true, touched_at = clock_timestamp(),
    next_deadline = (select min(deadline) from holds where subscription_id = p_sub and status = 'held')
  where subscription_id = p_sub;
end $$;

-- Releases what is overdue of one subscription, for whoever reads it next.
create or replace function release_overdue(p_sub text) returns void language plpgsql as $$
declare l ledgers;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  if l.next_deadline <= ledger_now(l.test_clock) then perform release_due(p_sub, ledger_now(l.test_clock)); end if;
end $$;

-- The relay's part: up to so many subscriptions with overdue holds, the longest overdue first, each guarded on its own. Ledgers that
-- are busy or were refused leave their places to others. Answers how many were released.
create or replace function relay_deadlines(p_limit int) returns int language plpgsql as $$
declare
  v_sub text;
  released int := 0;
begin
  for v_sub in
    select distinct overdue.subscription_id from (
      select l.subscription_id from holds h join ledgers l on l.subscription_id = h.subscription_id
      where h.status = 'held' and h.live and h.deadline <= clock_timestamp()
        and not exists (select from failures f where f.kind = 'deadline' and f.key = h.subscription_id and f.next_at > clock_timestamp())
      order by h.deadline limit p_limit for no key update of l skip locked) overdue
  loop
    begin
      perform release_due(v_sub, ledger_now(null));
      delete from failures where kind = 'deadline' and key = v_sub;
      released := released + 1;
    exception
      when query_canceled then
        -- The statement's time is used up: the others are the next statement's.
        perform note_failure('deadline', v_sub, v_sub, sqlerrm);
        exit;
      when others then
        perform note_failure('deadline', v_sub, v_sub, sqlerrm);
    end;
  end loop;
  return released;
end $$;
