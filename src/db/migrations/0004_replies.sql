-- R-65: the index of all keys there ever were is met in no order, so it is as narrow as it can be: the digest covers the
-- subscription now, and stands alone.
ALTER TABLE "replies" DROP CONSTRAINT "replies_subscription_id_digest_pk";--> statement-breakpoint
UPDATE "replies" SET digest = encode(substring(
  sha256(convert_to(subscription_id || chr(10) || replace(digest::text, '-', ''), 'UTF8')) for 16), 'hex')::uuid;--> statement-breakpoint
ALTER TABLE "replies" ADD PRIMARY KEY ("digest");--> statement-breakpoint
-- The functions of migration 0003 that decided set by set or row by row. What gives back, like what spends, is read once, decided,
-- and written together now. Read first: serve, serve_spends, serve_round.
drop function can_spend(ledgers, timestamptz);
--> statement-breakpoint
drop aggregate fit_sum(bigint, bigint);
--> statement-breakpoint
drop function fit_step(bigint, bigint, bigint);
--> statement-breakpoint
drop function give(text, text, text, bigint, text, timestamptz);
--> statement-breakpoint
drop function reverse_usage(usages, bigint, timestamptz);
--> statement-breakpoint
drop function settle_hold(holds, bigint, timestamptz, text);
--> statement-breakpoint
drop function give_back(text, text, text, bigint, bigint, timestamptz, text, text);
--> statement-breakpoint
-- R-72: what is past its deadline is released, dated there, whenever that is booked. The ledger's row is locked.
create or replace function release_due(p_sub text, p_until timestamptz) returns void language plpgsql as $$
declare
  v_due json := (select json_agg(json_build_object('ord', 0, 'sub', p_sub, 'op', 'release', 'object', id, 'at', deadline) order by deadline, id)
    from holds where subscription_id = p_sub and status = 'held' and deadline <= p_until);
begin
  perform serve_gives(v_due, date_trunc('milliseconds', clock_timestamp()));
  update ledgers set untold = true, touched_at = clock_timestamp(),
    next_deadline = (select min(deadline) from holds where subscription_id = p_sub and status = 'held')
  where subscription_id = p_sub;
end $$;
--> statement-breakpoint
-- The relay's part: up to so many subscriptions with overdue holds, the longest overdue first. A busy one is left to those
-- who keep it busy.
create or replace function relay_deadlines(p_limit int) returns int language plpgsql as $$
declare
  v_sub text;
  released int := 0;
begin
  for v_sub in
    select l.subscription_id from ledgers l
    where l.subscription_id in (select h.subscription_id from holds h
      where h.status = 'held' and h.live and h.deadline <= clock_timestamp() order by h.deadline limit p_limit)
    order by l.subscription_id for no key update skip locked
  loop
    begin
      perform release_due(v_sub, ledger_now(null));
      released := released + 1;
    exception when others then
      -- One ledger that is broken must not keep the holds of all others.
      raise warning 'the holds of % could not be released: %', v_sub, sqlerrm;
    end;
  end loop;
  return released;
end $$;
--> statement-breakpoint
-- A batch of requests on any ledgers, each answered as if it had come alone: what gives back first, then what spends, in
-- their order. `p_subs` are their subscriptions, which are locked first, in one order, so that batches never wait in a circle.
--   p_gives: ord, sub, op (capture, release, reverse), object, credits (null: all), id (of the usage a capture makes), digest, body
--   p_spends: ord, sub, op (usage, hold), credits, id, digest, body, head and tail (of the answer, around what is decided
--     here), catalog, via, reference, metadata, seconds (to a hold's deadline)
-- Answers for each ord one of
--   ok, replay {answer} · reused · not_found · stale · subscription_not_active · payment_past_due ·
--   insufficient_credits {at, available, held} · hold_expired · hold_already_settled · capture_exceeds_hold {available} ·
--   reversal_exceeds_usage {available}
create or replace function serve(p_subs text[], p_gives json, p_spends json)
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
  if p_gives is not null then return query select * from serve_gives(p_gives, v_clock); end if;
  if p_spends is not null then return query select * from serve_spends(p_spends, v_clock); end if;
end $$;
--> statement-breakpoint
-- Captures, releases and reversals, in rounds: of each subscription the first, then the second of those that have one, and so on.
-- As `serve` has them, in order, and `at` where what is booked is dated by a deadline, not asked for by a caller now.
create function serve_gives(p_gives json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
declare v_round json;
begin
  for v_round in
    select json_agg(x.give order by x.place)
    from (select give, place, row_number() over (partition by give->>'sub' order by place) as nth
          from json_array_elements(p_gives) with ordinality as g(give, place)) x
    group by x.nth order by x.nth
  loop
    return query select * from serve_round(v_round, p_clock);
  end loop;
end $$;
--> statement-breakpoint
-- At most one request a subscription, so that none depends on another. Of the debits of a hold or usage, laid end to end, what
-- lies from `lo` to `hi` goes back to the grants it came from; the first `kept` of a hold are captured instead (R-74). What belongs to a
-- grant that has expired expires at once, to a subscription that has ended is forfeited at once (R-73, R-80).
create function serve_round(p_gives json, p_clock timestamptz)
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
begin
  for r in
    select x.*, y.body_hash, y.answer as reply, (b.ledger).subscription_id as found, b.ledger, s.hold, t.usage, n.now, w.wanted, w.most, k.outcome, k.moves, g.held,
      g.available + coalesce(p.usable, 0) as available, p.made, coalesce(p.credits, 0) as credits_back, p.debits,
      coalesce(p.expired, 0) as expired, coalesce(p.forfeited, 0) as forfeited
    from json_to_recordset(p_gives) as x(ord int, sub text, op text, object text, credits bigint, id text, digest uuid, body uuid, at timestamptz)
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
        -sum(e.credits) filter (where e.kind = 'expiry') as expired, -sum(e.credits) filter (where e.kind = 'forfeiture') as forfeited
      from (
        select v.*, g.id as grant_id, g.kind as grant_kind, row_number() over in_order as nth, sum(v.credits) over in_order as running,
          g.effective_at <= n.now and n.now < g.expires_at and ((b.ledger).ends_at is null or n.now < (b.ledger).ends_at) as is_usable
        from (select case x.op when 'reverse' then (t.usage).credits - (t.usage).reversed - w.wanted else 0 end as lo,
                     case x.op when 'reverse' then (t.usage).credits - (t.usage).reversed else w.most end as hi,
                     case x.op when 'reverse' then 0 else w.wanted end as kept) a
        cross join lateral laid_out(coalesce((s.hold).answer, (t.usage).answer)->'debits') o
        cross join lateral (select * from grants where subscription_id = x.sub and id = o.grant_id limit 1) g
        cross join lateral (select least(o.hi, a.hi) - greatest(o.lo, a.lo) as credits, greatest(least(o.hi, a.kept) - o.lo, 0) as kept) part
        -- A deadline at the very end comes before it (R-14).
        cross join lateral (select case when (b.ledger).status = 'ended' or (b.ledger).ends_at < n.now then (b.ledger).ends_at end as ended_at) d
        cross join lateral (values
          (1, case x.op when 'reverse' then 'reversal' else 'release' end, part.credits, n.now),
          (2, 'capture', -part.kept, n.now),
          (3, case when g.expires_at <= d.ended_at then 'expiry' when d.ended_at is not null then 'forfeiture'
                   when g.expires_at <= n.now or g.taken = 'expired' then 'expiry' end,
            part.kept - part.credits, greatest(n.now, least(g.expires_at, d.ended_at)))) v(n, kind, credits, at)
        where o.lo < a.hi and o.hi > a.lo and v.kind is not null and v.credits <> 0
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
      h := r.hold;
      v_balance := '{"available":' || r.available || ',"held":' || r.held - case when r.op = 'reverse' then 0 else h.credits end || '}';
      if not r.moves then
        answer := h.settlement;
      elsif r.op = 'reverse' then
        u := r.usage;
        u.reversed := u.reversed + r.wanted;
        changed_usages := changed_usages || u;
        answer := '{"restored":' || r.credits_back || ',"expired_at_once":' || r.expired || ',"forfeited_at_once":' || r.forfeited
          || ',"balance":' || v_balance || '}';
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
          made_usages := made_usages || row(r.sub, r.id, r.wanted, h.via, h.reference, h.metadata, r.now,
            ('{"id":"' || r.id || '","credits":' || r.wanted || ',"lines":' || (h.answer->'lines')::text || ',"debits":[' || coalesce(r.debits, '')
              || '],"balance":' || v_balance || ',"catalog_version":' || (h.answer->'catalog_version')::text || ',"at":"'
              || to_char(r.now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}')::json, 0, h.id)::usages;
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
  update ledgers b set seq = x.seq, balance = x.balance, asked_at = x.asked_at, touched_at = p_clock, untold = true
  from unnest(changed_ledgers) x
  cross join lateral (select ctid as place from ledgers where subscription_id = x.subscription_id limit 1) k
  where b.ctid = k.place;
end $$;
--> statement-breakpoint
-- The spends of a batch: decided one by one on what is read once of each subscription, written together.
create function serve_spends(p_spends json, p_clock timestamptz)
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
    select x.*, b.subscription_id as found, b.seq, b.balance, b.status, b.ends_at, b.blocked, b.test_clock is null as live, n.now,
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
    if r.op = 'hold' then
      s.held := s.held + r.credits;
      v_deadline := r.now + r.seconds * interval '1 second';
      answer := r.head || v_debits || '],"balance":{"available":' || s.available || ',"held":' || s.held || '}' || r.tail || v_iso
        || '","deadline":"' || to_char(v_deadline at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}';
      made_holds := made_holds || row(r.sub, r.id, r.now, v_deadline, r.credits, 'held', 0, null, null, r.via, r.reference, r.metadata,
        answer::json, null, r.live)::holds;
    else
      answer := r.head || v_debits || '],"balance":{"available":' || s.available || ',"held":' || s.held || '}' || r.tail || v_iso || '"}';
      made_usages := made_usages || row(r.sub, r.id, r.credits, r.via, r.reference, r.metadata, r.now, answer::json, 0, null)::usages;
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
  update ledgers b set seq = x.seq, balance = b.balance + x.credits, asked_at = x.at, touched_at = p_clock, untold = true,
    next_deadline = least(b.next_deadline, (select min(h.deadline) from unnest(made_holds) h where h.subscription_id = x.subscription_id))
  from (select e.subscription_id, max(e.seq) as seq, sum(e.credits)::bigint as credits, max(e.effective_at) as at
        from unnest(made_entries) e group by e.subscription_id) x
  cross join lateral (select ctid as place from ledgers where subscription_id = x.subscription_id limit 1) k
  where b.ctid = k.place;
end $$;
--> statement-breakpoint
-- As before; what comes before an effect is worked before it (R-14), and an end is dated by `dated`.
create or replace function settle(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  stop jsonb := open_step(p_sub, p);
  e jsonb;
  l ledgers;
  line int := 0;
  after jsonb := p->'after';
  v_asked timestamptz := instant((p->>'catalogAt')::bigint);
  v_now timestamptz;
begin
  if stop is not null then return stop; end if;
  if (p->>'discard')::boolean then -- R-43: a declined first payment starts nothing
    perform finish_command(p->'command', p->'refusal');
    delete from charges where subscription_id = p_sub;
    delete from ledgers where subscription_id = p_sub;
    delete from subscriptions where id = p_sub;
    return jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome', 'version', 0, 'now', p->'after'->'now', 'step', p->'step', 'grants', '[]'::jsonb);
  end if;
  if jsonb_typeof(p->'charge') = 'object' then perform book_charge(p_sub, p->'charge', p->>'outcome', (p->>'step')::int); end if;
  select * into l from ledgers where subscription_id = p_sub;
  v_now := case when l.test_clock is null then ledger_now(null) else greatest(l.test_clock, instant((after->'state'->>'now')::bigint)) end;
  for e in select * from jsonb_array_elements(p->'effects') loop
    e := dated(e, l, v_asked);
    perform pass(p_sub, least(v_now, instant(coalesce(e->>'effectiveAt', e->>'at')::bigint)));
    if e->>'type' = 'forfeit' then
      after := after || jsonb_build_object('endsAt', e->'at', 'state', after->'state' || jsonb_build_object('endedAt', e->'at'));
    end if;
    perform book_effect(p_sub, e, (p->>'step')::int, line);
    line := line + 1;
  end loop;
  update subscriptions set plan = after->'state'->>'plan', interval = after->'state'->>'interval',
    status = after->'state'->>'status', state = after->'state'
  where id = p_sub;
  update ledgers set step = (p->>'step')::int, status = after->'state'->>'status', untold = false,
    ends_at = instant((after->>'endsAt')::bigint), blocked = (after->>'blocked')::boolean,
    test_clock = case when test_clock is null then null else greatest(test_clock, instant((after->'state'->>'now')::bigint)) end
  where subscription_id = p_sub
  returning * into l;
  perform pass(p_sub, ledger_now(l.test_clock));
  update ledgers set untold = false where subscription_id = p_sub and untold;
  if jsonb_typeof(p->'command') = 'object' and (p->>'finish')::boolean then
    perform finish_command(p->'command', nullif(p->'refusal', 'null'));
  end if;
  return snapshot(p_sub) || jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome');
end $$;
--> statement-breakpoint
-- I13: what each grant could give at an instant (null: now), and what was held of it. A past instant is told backwards from
-- now, by what was in force after it, so that archived months are not needed for later ones. Once some are gone, what was
-- before the oldest entry that a caller asked for is `archived`: nothing that is gone can be dated after that one. R-12 is applied as a predicate, so nothing needs to have been booked.
-- `refreshed` is the allowance that came next after a past instant.
create or replace function balance_at(p_sub text, p_at timestamptz) returns jsonb language plpgsql stable as $$
declare
  l ledgers;
  v_now timestamptz;
  v_at timestamptz;
  rows jsonb;
begin
  select * into l from ledgers where subscription_id = p_sub;
  if not found then return null; end if;
  v_now := ledger_now(l.test_clock);
  v_at := coalesce(p_at, v_now);
  if v_at < v_now and l.seq > 0
    and coalesce((select seq from entries where subscription_id = p_sub order by seq limit 1), 2) > 1
    and v_at < coalesce((select effective_at from entries
      where subscription_id = p_sub and kind in ('debit', 'hold', 'capture', 'reversal') order by seq limit 1), 'infinity')
  then
    return jsonb_build_object('now', ms(v_now), 'at', ms(v_at), 'version', l.seq, 'grants', '[]'::jsonb, 'refreshed', null, 'archived', true);
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'kind', g.kind, 'remaining', y.usable, 'held', x.held,
           'expiresAt', ms(g.expires_at)) order by g.expires_at, g.made), '[]') into rows
  from grants g
  cross join lateral (
    select g.remaining, g.held where v_at >= v_now
    union all
    select g.remaining - coalesce(sum(e.credits), 0)::bigint,
           g.held + coalesce(sum(e.credits) filter (where e.kind in ('hold', 'release')), 0)::bigint
    from entries e where v_at < v_now and e.subscription_id = p_sub and e.grant_id = g.id and e.effective_at > v_at
    having v_at < v_now
  ) x
  cross join lateral (
    select case when v_at < g.expires_at and (l.ends_at is null or v_at < l.ends_at) then x.remaining else 0 end as usable
  ) y
  where g.subscription_id = p_sub and g.effective_at <= v_at and y.usable + x.held > 0;
  return jsonb_build_object('now', ms(v_now), 'at', ms(v_at), 'version', l.seq, 'grants', rows, 'refreshed', (
    select jsonb_build_object('at', ms(g.effective_at), 'credits', g.amount) from grants g
    where v_at < v_now and g.subscription_id = p_sub and g.kind = 'allowance' and g.effective_at > v_at
    order by g.effective_at limit 1));
end $$;
