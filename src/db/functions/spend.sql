-- A batch of requests on any ledgers, each answered as if it had come alone: what gives back first, then what spends, in
-- their order. `p_subs` are their subscriptions, which are locked first, in one order, so that batches never wait in a circle.
--   p_returns: ord, sub, op (capture, release, reverse), object, credits (null: all), id (of the usage a capture makes), digest, body
--   p_spends: ord, sub, op (usage, hold), credits, id, digest, body, head and tail (of the answer, around what is decided
--     here), catalog, via, reference, metadata, seconds (to a hold's deadline)
-- Answers for each ord one of
--   ok, replay {answer} · reused · not_found · stale · subscription_not_active · payment_past_due ·
--   insufficient_credits {at, available, held} · hold_expired · hold_already_settled · capture_exceeds_hold {available} ·
--   reversal_exceeds_usage {available}
create or replace function spend_batch(p_subs text[], p_returns json, p_spends json)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint)
-- Plans are made once a connection, perhaps while the tables are empty. What is right whatever they hold later is to probe an
-- index for each row: so nothing else may be chosen, and every probe is a lateral subquery, which can't be planned otherwise.
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off
  -- A ledger that somebody else keeps locked must not keep those that travel with it: the batch is taken apart.
  set lock_timeout = '2s' as $$
declare
  v_clock timestamptz;
  v_late text[];
begin
  select array_agg(subscription_id) filter (where next_deadline is not null) into v_late from (
    select subscription_id, next_deadline from ledgers where subscription_id = any(p_subs) order by subscription_id for no key update
  ) locked;
  -- Only now: a grant may have expired during the wait.
  v_clock := date_trunc('milliseconds', clock_timestamp());
  if v_late is not null then
    perform release_due(subscription_id, coalesce(test_clock, v_clock)) from ledgers
    where subscription_id = any(v_late) and next_deadline <= coalesce(test_clock, v_clock);
  end if;
  if p_returns is not null then return query select * from return_credits(p_returns, v_clock); end if;
  if p_spends is not null then return query select * from spend_credits(p_spends, v_clock); end if;
end $$;

-- The spends of a batch: decided one by one on what is read once of each subscription, written together. The spend after which
-- credits are low, and the one that exhausts them, say so in an event.
create or replace function spend_credits(p_spends json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
#variable_conflict use_column
declare
  r record;
  -- The first request's row of the subscription at hand; its balance, seq and what is left of its grants go on from there.
  s record;
  v_sub text;
  v_catalog text;
  v_iso text;
  v_deadline timestamptz;
  -- The first grant with something left, for this request and those after it.
  i int;
  v_needed bigint;
  v_part bigint;
  v_debits text;
  made_entries entries[];
  made_usages usages[];
  made_holds holds[];
  made_replies replies[];
begin
  select version into v_catalog from catalogs order by in_force_from desc limit 1;
  for r in
    -- A caller's entries never go back in time, should the clock do so.
    select x.*, b.subscription_id as found, b.seq, b.balance, b.status, b.ends_at, b.blocked, b.low_below, b.level, b.test_clock is null as live, n.now,
      k.body_hash, k.object_id, k.answer as reply, p.*
    from json_to_recordset(p_spends) as x(ord int, sub text, op text, credits bigint, id text, digest uuid, body uuid,
      head text, tail text, catalog text, via text, reference text, metadata json, seconds int)
    left join lateral (select * from ledgers where subscription_id = x.sub limit 1) b on true
    left join lateral (select * from replies where digest = x.digest limit 1) k on true
    cross join lateral (select greatest(coalesce(b.test_clock, p_clock), b.asked_at) as now) n
    -- R-60: the open grants in burn order; what can't be spent now counts as nothing (R-12).
    left join lateral (
      select array_agg(g.id) as ids, array_agg(g.kind) as kinds, array_agg(g.usable) as lefts,
        coalesce(sum(g.usable), 0)::bigint as available, coalesce(sum(g.held), 0)::bigint as held
      from (
        select g.id, g.kind, g.held, case when g.effective_at <= n.now and n.now < g.expires_at then g.remaining else 0 end as usable
        from grants g where g.subscription_id = x.sub and g.open
        order by g.kind <> 'allowance', g.expires_at, g.effective_at, g.made
      ) g
    ) p on true
    order by x.sub, x.ord
  loop
    ord := r.ord;
    answer := null;
    kind := case
      when r.found is null then 'not_found'
      when r.body_hash = r.body then 'replay'
      when r.body_hash is not null then 'reused'
      when r.status not in ('active', 'past_due') or r.ends_at <= r.now then 'subscription_not_active'
      when r.blocked then 'payment_past_due'
      when r.catalog <> v_catalog then 'stale'
      else 'ok' end;
    if kind = 'replay' then
      answer := coalesce(r.reply, (select u.answer from usages u where u.subscription_id = r.sub and u.id = r.object_id),
        (select h.answer from holds h where h.subscription_id = r.sub and h.id = r.object_id));
    end if;
    if kind <> 'ok' then
      return next;
      continue;
    end if;
    if r.sub is distinct from v_sub then
      v_sub := r.sub;
      s := r;
      v_iso := to_char(r.now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
      i := 1;
    end if;
    -- R-61: all or nothing.
    if r.credits > s.available then
      kind := 'insufficient_credits';
      at := extract(epoch from r.now) * 1000;
      available := s.available;
      held := s.held;
      return next;
      continue;
    end if;

    v_needed := r.credits;
    v_debits := '';
    while v_needed > 0 loop
      v_part := least(v_needed, s.lefts[i]);
      if v_part = 0 then
        i := i + 1;
        continue;
      end if;
      s.lefts[i] := s.lefts[i] - v_part;
      v_needed := v_needed - v_part;
      s.seq := s.seq + 1;
      s.balance := s.balance - v_part;
      v_debits := v_debits || case v_debits when '' then '' else ',' end
        || '{"grant_id":"' || s.ids[i] || '","kind":"' || s.kinds[i] || '","credits":' || v_part || '}';
      made_entries := made_entries || row(r.sub, s.seq, case r.op when 'hold' then 'hold' else 'debit' end, -v_part, s.ids[i], s.balance,
        r.now, p_clock, case r.op when 'usage' then r.id end, case r.op when 'hold' then r.id end)::entries;
    end loop;
    s.available := s.available - r.credits;
    if s.available < s.low_below and (s.level = 'enough' or (s.level = 'low' and s.available = 0)) then
      s.level := case s.available when 0 then 'exhausted' else 'low' end;
      perform note_level(r.sub, s.available, r.now);
    end if;
    if r.op = 'hold' then
      s.held := s.held + r.credits;
      v_deadline := r.now + r.seconds * interval '1 second';
      answer := r.head || v_debits || '],"balance":{"available":' || s.available || ',"held":' || s.held || '}' || r.tail || v_iso
        || '","deadline":"' || to_char(v_deadline at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}';
      made_holds := made_holds || row(r.sub, r.id, r.now, v_deadline, r.credits, 'held', 0, null, null, r.via, r.reference, r.metadata,
        answer::json, null, r.live)::holds;
    else
      answer := r.head || v_debits || '],"balance":{"available":' || s.available || ',"held":' || s.held || '}' || r.tail || v_iso || '"}';
      made_usages := made_usages || row(r.sub, r.id, r.now, r.credits, 0, null, r.via, r.reference, r.metadata, answer::json)::usages;
    end if;
    made_replies := made_replies || row(r.sub, r.digest, r.body, r.id, null)::replies;
    return next;
  end loop;

  if made_replies is null then return; end if;
  insert into replies select * from unnest(made_replies);
  insert into usages select * from unnest(made_usages);
  if made_holds is not null then insert into holds select * from unnest(made_holds); end if;
  insert into entries select * from unnest(made_entries);
  update grants g set remaining = g.remaining + x.credits, held = g.held + x.held, open = g.remaining + x.credits + g.held + x.held > 0
  from (select e.subscription_id, e.grant_id, sum(e.credits)::bigint as credits,
               coalesce(-sum(e.credits) filter (where e.kind = 'hold'), 0)::bigint as held
        from unnest(made_entries) e group by e.subscription_id, e.grant_id) x
  cross join lateral (select ctid as place from grants where subscription_id = x.subscription_id and id = x.grant_id limit 1) k
  where g.ctid = k.place;
  update ledgers b set seq = x.seq, balance = b.balance + x.credits, asked_at = x.at, touched_at = p_clock, workflow_behind = true,
    next_deadline = least(b.next_deadline, (select min(h.deadline) from unnest(made_holds) h where h.subscription_id = x.subscription_id))
  from (select e.subscription_id, max(e.seq) as seq, sum(e.credits)::bigint as credits, max(e.effective_at) as at
        from unnest(made_entries) e group by e.subscription_id) x
  cross join lateral (select ctid as place from ledgers where subscription_id = x.subscription_id limit 1) k
  where b.ctid = k.place;
end $$;
