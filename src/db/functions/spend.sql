-- Answers a batch of requests on any ledgers, each as if it had come alone: first the returns of credits, then the
-- spends, in their order. Locks the ledgers of p_subs, which are all of theirs. A batch on several waits for none of
-- them; one ledger alone is waited for.
--   p_returns: ord, sub, op (capture, release, reverse), object (hold or usage), credits (null: all), id (of the
--     usage that a capture makes), digest (of the key), body (digest of the request)
--   p_spends: ord, sub, op (usage, hold), credits, id, digest, body, head and tail (of the answer, around the members
--     that are decided here), catalog, via, reference, metadata, seconds (to a hold's deadline)
-- Answers for each ord one of
--   ok, replay {answer} · reused · not_found · stale · subscription_not_active · payment_past_due ·
--   insufficient_credits {at, available, held} · hold_expired · hold_already_settled · capture_exceeds_hold
--     {available} ·
--   reversal_exceeds_usage {available} · locked (nothing was done: another transaction keeps the ledger locked)
create or replace function spend_batch(p_subs text[], p_returns json, p_spends json)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint)
-- A plan is made once a connection, perhaps while the tables are empty. A probe of an index for each row is right
-- whatever they hold later, so the planner may choose nothing else: `probes.sql`.
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off
  set lock_timeout = '2s' as $$
declare
  clock timestamptz;
  locked text[];
  busy text[];
  with_holds text[];
begin
  if cardinality(p_subs) = 1 then
    select array_agg(subscription_id), array_agg(subscription_id) filter (where next_deadline is not null) into locked, with_holds
    from (select subscription_id, next_deadline from ledgers where subscription_id = any(p_subs) for no key update) l;
  else
    select array_agg(subscription_id), array_agg(subscription_id) filter (where next_deadline is not null) into locked, with_holds
    from (select subscription_id, next_deadline from ledgers where subscription_id = any(p_subs) for no key update skip locked) l;
  end if;
  if cardinality(locked) is distinct from cardinality(p_subs) then
    busy := array(select subscription_id from ledgers where subscription_id = any(p_subs) and subscription_id <> all(coalesce(locked, '{}')));
    return query select (request->>'ord')::int, 'locked', null::text, null::bigint, null::bigint, null::bigint
    from (select json_array_elements(p_returns) union all select json_array_elements(p_spends)) requests (request)
    where request->>'sub' = any(busy);
    p_returns := requests_besides(p_returns, busy);
    p_spends := requests_besides(p_spends, busy);
  end if;
  -- Read after the wait: a grant may have expired meanwhile.
  clock := date_trunc('milliseconds', clock_timestamp());
  if with_holds is not null then
    perform release_due(subscription_id, coalesce(test_clock, clock)) from ledgers
    where subscription_id = any(with_holds) and next_deadline <= coalesce(test_clock, clock);
  end if;
  if p_returns is not null then return query select * from return_credits(p_returns, clock); end if;
  if p_spends is not null then return query select * from spend_credits(p_spends, clock); end if;
end $$;

-- The requests of a batch but for those on some ledgers; null where none is left.
create or replace function requests_besides(p_requests json, p_subs text[]) returns json language sql immutable as $$
  select json_agg(request order by place) from json_array_elements(p_requests) with ordinality requests (request, place)
  where request->>'sub' <> all(p_subs)
$$;

-- The spends of a batch with the rows that decide them.
--   outcome: as it is answered; `ok` if credits suffice
--   entry_kind, usage_id, hold_id: of the entries that it makes; `deadline` and `is_live` are a hold's
--   ids, kinds, lefts, available, held: of the ledger, as `burn_order` has them
create or replace function spend_requests(p_spends json, p_clock timestamptz) returns table (
  ord int, sub text, op text, credits bigint, id text, entry_kind text, usage_id text, hold_id text, digest uuid, body uuid,
  head text, tail text, via text, reference text, metadata json, object_id text, reply json, outcome text,
  now timestamptz, deadline timestamptz, is_live boolean, seq bigint, balance bigint, low_below bigint, level text,
  ids text[], kinds text[], lefts bigint[], available bigint, held bigint
) language sql stable as $$
  select request.ord, request.sub, request.op, request.credits, request.id,
    case request.op when 'hold' then 'hold' else 'debit' end, case request.op when 'usage' then request.id end,
    case request.op when 'hold' then request.id end, request.digest, request.body, request.head, request.tail,
    request.via, request.reference, request.metadata, reply.object_id, reply.answer,
    case
      when ledger.subscription_id is null then 'not_found'
      when reply.body_hash = request.body then 'replay'
      when reply.body_hash is not null then 'reused'
      when ledger.status not in ('trialing', 'active', 'past_due') or ledger.ends_at <= clock.now then 'subscription_not_active'
      when ledger.blocked then 'payment_past_due'
      when request.catalog <> newest.version then 'stale'
      else 'ok' end,
    clock.now, clock.now + request.seconds * interval '1 second', ledger.test_clock is null,
    ledger.seq, ledger.balance, ledger.low_below, ledger.level,
    open_grants.ids, open_grants.kinds, open_grants.lefts, open_grants.available, open_grants.held
  from json_to_recordset(p_spends) as request (ord int, sub text, op text, credits bigint, id text, digest uuid, body uuid,
    head text, tail text, catalog text, via text, reference text, metadata json, seconds int)
  left join ledger_of(request.sub) ledger on true
  left join reply_to(request.digest) reply on true
  -- Entries of callers never go back in time, should the clock do so.
  cross join lateral (select greatest(coalesce(ledger.test_clock, p_clock), ledger.asked_at) as now) clock
  left join burn_order(request.sub, clock.now) open_grants on true
  left join (select version from catalogs order by in_force_from desc limit 1) newest on true
$$;

-- The answer that a key got before.
create or replace function stored_answer(p_sub text, p_object text) returns text language sql stable as $$
  select coalesce((select answer from usages where subscription_id = p_sub and id = p_object),
    (select answer from holds where subscription_id = p_sub and id = p_object))::text
$$;

-- Takes credits for the spends of a batch. It reads all rows at once, decides one request after the other, each all
-- or nothing (R-61) and in burn order (R-60), and writes all rows at once. The ledgers are locked. Answers as
-- `spend_batch` does. An event says that credits became low or ran out.
create or replace function spend_credits(p_spends json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
#variable_conflict use_column
declare
  request record;
  -- The first request of the subscription at hand: its seq, balance and credits go on from request to request.
  ledger record;
  sub_at_hand text;
  -- The first of the ledger's grants with credits left.
  nth int;
  needed bigint;
  part bigint;
  debits text;
  made_entries entries[];
  made_usages usages[];
  made_holds holds[];
  made_replies replies[];
begin
  for request in select * from spend_requests(p_spends, p_clock) order by sub, ord loop
    if sub_at_hand is distinct from request.sub then
      sub_at_hand := request.sub;
      ledger := request;
      nth := 1;
    end if;
    ord := request.ord;
    kind := request.outcome;
    answer := case kind when 'replay' then coalesce(request.reply::text, stored_answer(request.sub, request.object_id)) end;
    if kind = 'ok' and request.credits > ledger.available then
      kind := 'insufficient_credits';
      at := ms(request.now);
      available := ledger.available;
      held := ledger.held;
    elsif kind = 'ok' then
      needed := request.credits;
      debits := '';
      while needed > 0 loop
        while ledger.lefts[nth] = 0 loop nth := nth + 1; end loop;
        part := least(needed, ledger.lefts[nth]);
        needed := needed - part;
        ledger.lefts[nth] := ledger.lefts[nth] - part;
        ledger.seq := ledger.seq + 1;
        ledger.balance := ledger.balance - part;
        debits := debits || ',' || debit_json(ledger.ids[nth], ledger.kinds[nth], part);
        made_entries := made_entries || row(request.sub, ledger.seq, request.entry_kind, -part, ledger.ids[nth], ledger.balance,
          request.now, p_clock, request.usage_id, request.hold_id)::entries;
      end loop;
      ledger.available := ledger.available - request.credits;
      if request.op = 'hold' then ledger.held := ledger.held + request.credits; end if;
      if ledger.available < ledger.low_below and (ledger.level = 'enough' or (ledger.level = 'low' and ledger.available = 0)) then
        ledger.level := case ledger.available when 0 then 'exhausted' else 'low' end;
        perform note_level(request.sub, ledger.available, request.now);
      end if;
      answer := request.head || substr(debits, 2) || '],"balance":' || balance_json(ledger.available, ledger.held) || request.tail
        || iso(request.now) || coalesce('","deadline":"' || iso(request.deadline), '') || '"}';
      if request.op = 'hold' then
        made_holds := made_holds || row(request.sub, request.id, request.now, request.deadline, request.credits, 'held', 0, null,
          null, request.via, request.reference, request.metadata, answer::json, null, request.is_live)::holds;
      else
        made_usages := made_usages || row(request.sub, request.id, request.now, request.credits, 0, null, request.via,
          request.reference, request.metadata, answer::json)::usages;
      end if;
      made_replies := made_replies || row(request.sub, request.digest, request.body, request.id, null)::replies;
    end if;
    return next;
  end loop;
  if made_replies is not null then perform book_spends(made_replies, made_usages, made_holds, made_entries, p_clock); end if;
end $$;

-- Writes the rows of the spends of a batch, and how they leave their grants and ledgers.
create or replace function book_spends(p_replies replies[], p_usages usages[], p_holds holds[], p_entries entries[],
  p_clock timestamptz) returns void language plpgsql as $$
begin
  insert into replies select * from unnest(p_replies);
  insert into usages select * from unnest(p_usages);
  if p_holds is not null then insert into holds select * from unnest(p_holds); end if;
  insert into entries select * from unnest(p_entries);
  update grants g set remaining = g.remaining + made.credits, held = g.held + made.held,
    open = g.remaining + made.credits + g.held + made.held > 0
  from (select subscription_id, grant_id, sum(credits)::bigint as credits,
               coalesce(-sum(credits) filter (where kind = 'hold'), 0)::bigint as held
        from unnest(p_entries) group by subscription_id, grant_id) made
  cross join lateral (select ctid from grants where subscription_id = made.subscription_id and id = made.grant_id limit 1) place
  where g.ctid = place.ctid;
  update ledgers l set seq = made.seq, balance = l.balance + made.credits, asked_at = made.at, touched_at = p_clock,
    workflow_behind = true, next_deadline = least(l.next_deadline,
      (select min(h.deadline) from unnest(p_holds) h where h.subscription_id = made.subscription_id))
  from (select subscription_id, max(seq) as seq, sum(credits)::bigint as credits, max(effective_at) as at
        from unnest(p_entries) group by subscription_id) made
  cross join lateral (select ctid from ledgers where subscription_id = made.subscription_id limit 1) place
  where l.ctid = place.ctid;
end $$;
