-- Spending at the speed of the disk: one call carries a batch, answers each request by itself, and is as strict as one call
-- a request. What spends (usages, holds) is worked as a set; what gives back (captures, releases, reversals) row by row
-- before it. Read first: laid_out, give_back, settle_hold, serve.

drop function spend(text, json);
--> statement-breakpoint
drop function enter(text, text, text, bigint, timestamptz, text);
--> statement-breakpoint
-- The next entry of a locked ledger.
create function enter(p_sub text, p_grant text, p_kind text, p_credits bigint, p_at timestamptz,
                      p_usage text default null, p_hold text default null)
returns void language plpgsql as $$
declare l ledgers;
begin
  update ledgers set seq = seq + 1, balance = balance + p_credits where subscription_id = p_sub returning * into l;
  insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, usage_id, hold_id)
  values (p_sub, l.seq, p_kind, p_credits, p_grant, l.balance, p_at, p_usage, p_hold);
end $$;
--> statement-breakpoint
-- Takes what is unused of a grant; answers how much. A second call finds nothing. What is held of it stays held (R-73);
-- `taken` says what becomes of it should it be given back.
create or replace function take_unused(p_sub text, p_grant text, p_kind text, p_taken text, p_at timestamptz)
returns bigint language plpgsql as $$
declare g grants;
begin
  select * into g from grants where subscription_id = p_sub and id = p_grant and open;
  if not found or (g.remaining = 0 and p_kind = 'revocation') then return 0; end if;
  update grants set remaining = 0, open = held > 0, taken = p_taken where subscription_id = p_sub and id = p_grant;
  if g.remaining > 0 then perform enter(p_sub, p_grant, p_kind, -g.remaining, p_at); end if;
  return g.remaining;
end $$;
--> statement-breakpoint
-- Debits laid end to end, in burn order: what was taken last lies at the end (R-74).
create function laid_out(p_debits json) returns table (grant_id text, lo bigint, hi bigint) language sql immutable as $$
  select d->>'grant_id', (sum((d->>'credits')::bigint) over w)::bigint - (d->>'credits')::bigint,
         (sum((d->>'credits')::bigint) over w)::bigint
  from json_array_elements(p_debits) with ordinality x(d, nth)
  window w as (order by nth)
$$;
--> statement-breakpoint
-- Gives credits back to the grant they came from: a release or a reversal, of which `p_kept` are captured. What belongs to
-- a grant that has expired expires at once, to a subscription that has ended is forfeited at once (R-73, R-80). Answers
-- what became of it: restored, expiry or forfeiture.
create function give_back(p_sub text, p_grant text, p_kind text, p_credits bigint, p_kept bigint, p_at timestamptz,
                          p_usage text, p_hold text)
returns text language plpgsql as $$
declare
  l ledgers;
  g grants;
  v_back bigint := p_credits - p_kept;
  v_end text := 'restored';
  v_end_at timestamptz;
begin
  select * into l from ledgers where subscription_id = p_sub;
  select * into g from grants where subscription_id = p_sub and id = p_grant;
  -- A deadline at the very end comes before it (R-14).
  if l.status = 'ended' or l.ends_at < p_at then
    v_end := case when g.expires_at <= l.ends_at then 'expiry' else 'forfeiture' end;
    v_end_at := greatest(p_at, least(g.expires_at, l.ends_at));
  elsif g.expires_at <= p_at or g.taken = 'expired' then
    v_end := 'expiry';
    v_end_at := greatest(p_at, g.expires_at);
  end if;
  update grants set
    held = held - case when p_kind = 'release' then p_credits else 0 end,
    remaining = remaining + case when v_end = 'restored' then v_back else 0 end,
    open = remaining + held - case when p_kind = 'release' then p_credits else 0 end
           + case when v_end = 'restored' then v_back else 0 end > 0,
    taken = case when v_end <> 'restored' then case v_end when 'expiry' then 'expired' else 'forfeited' end
                 when v_back > 0 then null else taken end
  where subscription_id = p_sub and id = p_grant;
  perform enter(p_sub, p_grant, p_kind, p_credits, p_at, p_usage, p_hold);
  if p_kept > 0 then perform enter(p_sub, p_grant, 'capture', -p_kept, p_at, p_usage, p_hold); end if;
  if v_back > 0 and v_end <> 'restored' then perform enter(p_sub, p_grant, v_end, -v_back, v_end_at, p_usage, p_hold); end if;
  return v_end;
end $$;
--> statement-breakpoint
-- What can be spent of a ledger at an instant, and what is held of it, as answers say it.
create function balance_json(l ledgers, p_at timestamptz) returns text language sql stable as $$
  select format('{"available":%s,"held":%s}',
    coalesce(sum(remaining) filter (where effective_at <= p_at and p_at < expires_at and (l.ends_at is null or p_at < l.ends_at)), 0),
    coalesce(sum(held), 0))
  from grants where subscription_id = l.subscription_id and open
$$;
--> statement-breakpoint
-- Settles an open hold: its first `p_captured` credits are spent, the rest goes back (R-71, R-74). A capture makes a usage
-- with the lines and rates of its hold.
create function settle_hold(h holds, p_captured bigint, p_at timestamptz, p_usage text) returns json language plpgsql as $$
declare
  d record;
  l ledgers;
  v_part bigint;
  v_debits text[] := '{}';
  v_balance text;
  v_settlement json;
begin
  for d in select o.*, g.kind from laid_out(h.answer->'debits') o
           join grants g on g.subscription_id = h.subscription_id and g.id = o.grant_id order by o.lo loop
    v_part := least(greatest(p_captured - d.lo, 0), d.hi - d.lo);
    perform give_back(h.subscription_id, d.grant_id, 'release', d.hi - d.lo, v_part, p_at, p_usage, h.id);
    if v_part > 0 then
      v_debits := v_debits || format('{"grant_id":"%s","kind":"%s","credits":%s}', d.grant_id, d.kind, v_part);
    end if;
  end loop;
  select * into l from ledgers where subscription_id = h.subscription_id;
  v_balance := balance_json(l, p_at);
  v_settlement := format('{"id":"%s","status":"%s","captured":%s,"released":%s,"usage_id":%s,"balance":%s}', h.id,
    case when p_usage is null then 'released' else 'captured' end, p_captured, h.credits - p_captured,
    coalesce('"' || p_usage || '"', 'null'), v_balance)::json;
  update holds set status = v_settlement->>'status', captured = p_captured, usage_id = p_usage, settled_at = p_at,
    settlement = v_settlement
  where subscription_id = h.subscription_id and id = h.id;
  if p_usage is not null then
    insert into usages (subscription_id, id, at, credits, hold_id, via, reference, metadata, answer)
    values (h.subscription_id, p_usage, p_at, p_captured, h.id, h.via, h.reference, h.metadata,
      format('{"id":"%s","credits":%s,"lines":%s,"debits":[%s],"balance":%s,"catalog_version":%s,"at":"%s"}', p_usage, p_captured,
        h.answer->'lines', array_to_string(v_debits, ','), v_balance, h.answer->'catalog_version', iso(p_at))::json);
  end if;
  return v_settlement;
end $$;
--> statement-breakpoint
-- R-72: what is past its deadline is released, dated there, whenever that is booked. The ledger's row is locked.
create function release_due(p_sub text, p_until timestamptz) returns void language plpgsql as $$
declare h holds;
begin
  for h in select * from holds where subscription_id = p_sub and status = 'held' and deadline <= p_until order by deadline, id loop
    perform settle_hold(h, 0, h.deadline, null);
  end loop;
  update ledgers set untold = true, touched_at = clock_timestamp(),
    next_deadline = (select min(deadline) from holds where subscription_id = p_sub and status = 'held')
  where subscription_id = p_sub;
end $$;
--> statement-breakpoint
-- Releases what is overdue of one subscription, for whoever reads it next.
create function release_overdue(p_sub text) returns void language plpgsql as $$
declare l ledgers;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  if l.next_deadline <= ledger_now(l.test_clock) then perform release_due(p_sub, ledger_now(l.test_clock)); end if;
end $$;
--> statement-breakpoint
-- The relay's part: up to so many subscriptions with overdue holds, the longest overdue first. A busy one is left to those
-- who keep it busy.
create function relay_deadlines(p_limit int) returns int language plpgsql as $$
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
    perform release_due(v_sub, ledger_now(null));
    released := released + 1;
  end loop;
  return released;
end $$;
--> statement-breakpoint
-- R-80: gives back the last `p_credits` of what a usage still has.
create function reverse_usage(u usages, p_credits bigint, p_at timestamptz) returns json language plpgsql as $$
declare
  d record;
  l ledgers;
  v_to bigint := u.credits - u.reversed;
  v_from bigint := v_to - p_credits;
  v_end text;
  restored bigint := 0;
  expired bigint := 0;
  forfeited bigint := 0;
begin
  for d in select o.grant_id, least(o.hi, v_to) - greatest(o.lo, v_from) as part from laid_out(u.answer->'debits') o
           where o.lo < v_to and o.hi > v_from order by o.lo loop
    v_end := give_back(u.subscription_id, d.grant_id, 'reversal', d.part, 0, p_at, u.id, null);
    restored := restored + case v_end when 'restored' then d.part else 0 end;
    expired := expired + case v_end when 'expiry' then d.part else 0 end;
    forfeited := forfeited + case v_end when 'forfeiture' then d.part else 0 end;
  end loop;
  update usages set reversed = reversed + p_credits where subscription_id = u.subscription_id and id = u.id;
  select * into l from ledgers where subscription_id = u.subscription_id;
  return format('{"restored":%s,"expired_at_once":%s,"forfeited_at_once":%s,"balance":%s}', restored, expired, forfeited,
    balance_json(l, p_at))::json;
end $$;
--> statement-breakpoint
-- One capture, release or reversal on a locked ledger, at an instant: what became of it, and the answer where it succeeded.
-- `most` is what a refusal names: the credits that there are to capture or to reverse.
create function give(p_sub text, p_op text, p_object text, p_credits bigint, p_usage text, p_at timestamptz,
                     out kind text, out answer json, out most bigint)
language plpgsql as $$
declare
  h holds;
  u usages;
  v_wanted bigint;
begin
  kind := 'ok';
  if p_op = 'reverse' then
    select * into u from usages where subscription_id = p_sub and id = p_object;
    most := u.credits - u.reversed;
    v_wanted := coalesce(p_credits, most);
    if u.id is null then kind := 'not_found';
    elsif v_wanted > most or (v_wanted = 0 and u.credits > 0) then kind := 'reversal_exceeds_usage';
    else answer := reverse_usage(u, v_wanted, p_at);
    end if;
    return;
  end if;
  select * into h from holds where subscription_id = p_sub and id = p_object;
  most := h.credits;
  v_wanted := case when p_op = 'release' then 0 else coalesce(p_credits, h.credits) end;
  if h.id is null then kind := 'not_found';
  elsif h.status = 'held' and v_wanted > h.credits then kind := 'capture_exceeds_hold';
  elsif h.status = 'held' then answer := settle_hold(h, v_wanted, p_at, case when p_op = 'capture' then p_usage end);
  -- R-71: the same settlement again; a release after the deadline asks for what has happened by itself (R-72).
  elsif h.captured = v_wanted then answer := h.settlement;
  elsif h.settled_at = h.deadline then kind := 'hold_expired';
  else kind := 'hold_already_settled';
  end if;
end $$;
--> statement-breakpoint
-- Runs of a sum that passes over what does not fit: one-by-one semantics for a set of requests.
create function fit_step(p_sum bigint, p_credits bigint, p_limit bigint) returns bigint language plpgsql immutable strict as $$
begin
  if p_credits <= p_limit - p_sum then return p_sum + p_credits; end if;
  return p_sum;
end $$;
--> statement-breakpoint
create aggregate fit_sum(bigint, bigint) (sfunc = fit_step, stype = bigint, initcond = '0');
--> statement-breakpoint
-- A batch of requests on any ledgers, each answered as if it had come alone, in their order, what gives back before what
-- spends. `p_subs` are their subscriptions, which are locked first, in one order, so that batches never wait in a circle.
--   p_gives: ord, sub, op (capture, release, reverse), object, credits (null: all), id (of the usage a capture makes), digest, body
--   p_spends: ord, sub, op (usage, hold), credits, id, digest, body, head and tail (of the answer, around what is decided
--     here), catalog, via, reference, metadata, seconds (to a hold's deadline)
-- Answers for each ord one of
--   ok, replay {answer} · reused · not_found · stale · subscription_not_active · payment_past_due ·
--   insufficient_credits {at, available, held} · hold_expired · hold_already_settled · capture_exceeds_hold {available} ·
--   reversal_exceeds_usage {available}
create function serve(p_subs text[], p_gives json, p_spends json)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  l ledgers;
  y replies;
  r record;
  given record;
  v_late text[] := '{}';
  v_clock timestamptz;
  v_at timestamptz;
  v_catalog text;
begin
  for l in select * from ledgers where subscription_id = any(p_subs) order by subscription_id for no key update loop
    if l.next_deadline <= ledger_now(l.test_clock) then v_late := v_late || l.subscription_id; end if;
  end loop;
  -- Only now: a grant may have expired during the wait.
  v_clock := ledger_now(null);
  perform release_due(subscription_id, coalesce(test_clock, v_clock)) from ledgers where subscription_id = any(v_late);

  for r in
    select * from json_to_recordset(p_gives)
      as x(ord int, sub text, op text, object text, credits bigint, id text, digest uuid, body uuid) order by ord
  loop
    select * into l from ledgers where subscription_id = r.sub;
    select * into y from replies where subscription_id = r.sub and digest = r.digest;
    if y.digest is not null then
      return query select r.ord, case when y.body_hash = r.body then 'replay' else 'reused' end, y.answer::text, null::bigint, null::bigint, null::bigint;
      continue;
    end if;
    v_at := greatest(coalesce(l.test_clock, v_clock), l.asked_at);
    given := give(r.sub, r.op, r.object, r.credits, r.id, v_at);
    if given.kind = 'ok' then
      insert into replies (subscription_id, digest, body_hash, answer) values (r.sub, r.digest, r.body, given.answer);
      update ledgers set asked_at = v_at, untold = true, touched_at = v_clock where subscription_id = r.sub;
    end if;
    return query select r.ord, given.kind, given.answer::text, ms(v_at), given.most, null::bigint;
  end loop;

  if p_spends is null then return; end if;
  select c.version into v_catalog from catalog_in_force(null) c;
  return query
  with asked as materialized (
    select x.*, n.at, b.seq, b.balance,
      case when b.subscription_id is null then 'not_found'
           when k.body_hash = x.body then 'replay'
           when k.body_hash is not null then 'reused'
           when not can_spend(b, n.at) then 'subscription_not_active'
           when b.blocked then 'payment_past_due'
           when x.catalog <> v_catalog then 'stale' end as verdict,
      coalesce(k.answer, (select u.answer from usages u where u.subscription_id = x.sub and u.id = k.object_id),
                         (select o.answer from holds o where o.subscription_id = x.sub and o.id = k.object_id)) as before
    from json_to_recordset(p_spends) as x(ord int, sub text, op text, credits bigint, id text, digest uuid, body uuid,
      head text, tail text, catalog text, via text, reference text, metadata json, seconds int)
    left join ledgers b on b.subscription_id = x.sub
    left join replies k on k.subscription_id = x.sub and k.digest = x.digest
    -- A caller's entries never go back in time, should the clock do so.
    cross join lateral (select greatest(coalesce(b.test_clock, v_clock), b.asked_at) as at) n
  ), pile as materialized (
    -- R-60: open grants laid end to end in burn order; what cannot be spent now has no length (R-12).
    select s.sub, g.id, g.kind, g.held, (sum(g.left_over) over burning)::bigint - g.left_over as lo, (sum(g.left_over) over burning)::bigint as hi
    from (select distinct sub, at from asked where verdict is null) s
    cross join lateral (
      select g.*, case when g.effective_at <= s.at and s.at < g.expires_at then g.remaining else 0 end as left_over
      from grants g where g.subscription_id = s.sub and g.open offset 0
    ) g
    window burning as (partition by s.sub order by g.kind <> 'allowance', g.expires_at, g.effective_at, g.made)
  ), total as (
    select sub, max(hi) as credits, sum(held)::bigint as held from pile group by sub
  ), ranged as (
    -- R-61: each request its range of the pile, if it fits behind those before it.
    select a.*, coalesce(t.credits, 0) as total, coalesce(t.held, 0) as held,
      fit_sum(a.credits, coalesce(t.credits, 0)) over (partition by a.sub order by a.ord) as hi
    from asked a left join total t on t.sub = a.sub where a.verdict is null
  ), decided as materialized (
    select r.*, r.hi - lag(r.hi, 1, 0::bigint) over (partition by r.sub order by r.ord) = r.credits as fits from ranged r
  ), done as materialized (
    select d.*, d.held + (sum(case when d.fits and d.op = 'hold' then d.credits else 0 end) over (partition by d.sub order by d.ord))::bigint as held_after
    from decided d
  ), taken as materialized (
    -- The overlap of the two is the split.
    select d.ord, d.sub, d.op, d.id, d.at, d.seq, d.balance, p.id as grant_id, p.kind as grant_kind, p.lo,
      least(d.hi, p.hi) - greatest(d.hi - d.credits, p.lo) as credits
    from done d join pile p on p.sub = d.sub and p.lo < d.hi and p.hi > d.hi - d.credits
    where d.fits and p.lo < p.hi
  ), answers as materialized (
    select d.*, case when d.op = 'hold' then d.at + d.seconds * interval '1 second' end as deadline,
      d.head || coalesce(t.debits, '') || '],"balance":{"available":' || d.total - d.hi || ',"held":' || d.held_after || '}' || d.tail || iso(d.at) || '"'
      || case when d.op = 'hold' then ',"deadline":"' || iso(d.at + d.seconds * interval '1 second') || '"}' else '}' end as answer
    from done d left join (
      select ord, string_agg('{"grant_id":"' || grant_id || '","kind":"' || grant_kind || '","credits":' || credits || '}', ',' order by lo) as debits
      from taken group by ord
    ) t on t.ord = d.ord
    where d.fits
  ), burn as (
    update grants g set remaining = g.remaining - x.credits, held = g.held + x.held, open = g.remaining - x.credits + g.held + x.held > 0
    from (select sub, grant_id, sum(credits)::bigint as credits, sum(case when op = 'hold' then credits else 0 end)::bigint as held
          from taken group by sub, grant_id) x
    where g.subscription_id = x.sub and g.id = x.grant_id
  ), count_up as (
    update ledgers b set seq = b.seq + x.entries, balance = b.balance - x.credits, asked_at = x.at, touched_at = v_clock,
      untold = b.untold or x.credits > 0, next_deadline = least(b.next_deadline, x.deadline)
    from (select a.sub, max(a.at) as at, min(a.deadline) as deadline, max(a.hi) as credits,
                 (select count(*) from taken t where t.sub = a.sub) as entries
          from answers a group by a.sub) x
    where b.subscription_id = x.sub
  ), enter as (
    insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, usage_id, hold_id)
    select t.sub, t.seq + row_number() over w, case when t.op = 'hold' then 'hold' else 'debit' end, -t.credits, t.grant_id,
      t.balance - (sum(t.credits) over w)::bigint, t.at, case when t.op = 'usage' then t.id end, case when t.op = 'hold' then t.id end
    from taken t window w as (partition by t.sub order by t.ord, t.lo)
  ), use as (
    insert into usages (subscription_id, id, at, credits, via, reference, metadata, answer)
    select sub, id, at, credits, via, reference, metadata, answer::json from answers where op = 'usage'
  ), set_aside as (
    insert into holds (subscription_id, id, at, deadline, credits, status, via, reference, metadata, answer, live)
    select a.sub, a.id, a.at, a.deadline, a.credits, 'held', a.via, a.reference, a.metadata, a.answer::json,
      (select b.test_clock is null from ledgers b where b.subscription_id = a.sub)
    from answers a where a.op = 'hold'
  ), remember as (
    insert into replies (subscription_id, digest, body_hash, object_id) select sub, digest, body, id from answers
  )
  select a.ord, 'ok', a.answer, ms(a.at), a.total - a.hi, a.held_after from answers a
  union all
  select d.ord, 'insufficient_credits', null, ms(d.at), d.total - d.hi, d.held_after from done d where not d.fits
  union all
  select a.ord, a.verdict, a.before::text, ms(a.at), null, null from asked a where a.verdict is not null;
end $$;
--> statement-breakpoint
-- As before, with what is held of a grant whose term was booked.
create or replace function snapshot(p_sub text) returns jsonb language sql stable as $$
  select jsonb_build_object('version', l.seq, 'now', ms(ledger_now(l.test_clock)), 'step', l.step,
    'endedAt', case when l.status = 'ended' then ms(l.ends_at) end, 'grants', coalesce((
      select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', g.id, 'kind', g.kind, 'amount', g.amount, 'remaining', g.remaining,
               'held', g.held, 'effectiveAt', ms(g.effective_at), 'expiresAt', ms(g.expires_at), 'made', g.made, 'taken', g.taken))
             order by g.made)
      from grants g where g.subscription_id = p_sub and g.open), '[]'))
  from ledgers l where l.subscription_id = p_sub
$$;
--> statement-breakpoint
create function latest(p_ms text, p_at timestamptz) returns jsonb language sql immutable as $$
  select to_jsonb(greatest(p_ms::bigint, ms(p_at)))
$$;
--> statement-breakpoint
-- A step is decided a moment before it is booked, and what was spent meanwhile is booked first. So what a caller asked for is
-- dated no earlier than that, and neither is an end that nobody scheduled (R-13: dated when it is booked).
create function dated(e jsonb, l ledgers, p_asked timestamptz) returns jsonb language plpgsql stable as $$
begin
  if l.asked_at is null then return e; end if;
  if (e->>'type' = 'forfeit' or e->>'kind' = 'ended') and instant((e->>'at')::bigint) is distinct from l.ends_at then
    return jsonb_set(e, '{at}', latest(e->>'at', l.asked_at));
  elsif e->>'type' = 'revoke' and instant((e->>'at')::bigint) = p_asked then
    return jsonb_set(e, '{at}', latest(e->>'at', l.asked_at));
  elsif e->>'type' = 'grant' and e->>'kind' <> 'allowance' and instant((e->>'effectiveAt')::bigint) = p_asked then
    return jsonb_set(e, '{effectiveAt}', latest(e->>'effectiveAt', least(l.asked_at, instant((e->>'expiresAt')::bigint - 1))));
  end if;
  return e;
end $$;
--> statement-breakpoint
-- R-14: what is due of holds and grants up to an instant: deadlines, then expiries. The workflow asks for the expiries it
-- knows of; a grant that a reversal or a release opened again a moment ago it may not know yet.
create function pass(p_sub text, p_until timestamptz) returns void language plpgsql as $$
begin
  if exists (select from ledgers where subscription_id = p_sub and next_deadline <= p_until) then
    perform release_due(p_sub, p_until);
  end if;
  perform take_unused(p_sub, id, 'expiry', 'expired', expires_at)
  from (select id, expires_at from grants
        where subscription_id = p_sub and open and taken is null and expires_at <= p_until order by expires_at, made) g;
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
  for e in select * from jsonb_array_elements(p->'effects') loop
    e := dated(e, l, v_asked);
    perform pass(p_sub, instant(coalesce(e->>'effectiveAt', e->>'at')::bigint));
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
-- R-52: the clock of an ended subscription is moved by the caller alone; nothing but a hold's deadline is due on it.
drop function advance_ended(text, timestamptz);
--> statement-breakpoint
create function advance_ended(p_sub text, p_to timestamptz) returns void language plpgsql as $$
begin
  update ledgers set test_clock = greatest(test_clock, p_to)
  where subscription_id = p_sub and status = 'ended' and test_clock is not null;
  perform release_overdue(p_sub);
end $$;
--> statement-breakpoint
-- I13: what each grant could give at an instant (null: now), and what was held of it. A past instant is told backwards from
-- now, by what was in force after it, so that archived months are not needed for later ones; before the oldest entry that is
-- there the answer is that it is `archived`. R-12 is applied as a predicate, so nothing needs to have been booked.
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
  if v_at < v_now and exists (
    select from (select seq, effective_at from entries where subscription_id = p_sub order by seq limit 1) oldest
    where oldest.seq > 1 and v_at < oldest.effective_at
  ) then
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
