-- R-65: the index of all keys there ever were is met in no order, so it is as narrow as it can be: the digest covers the
-- subscription now, and stands alone.
ALTER TABLE "replies" DROP CONSTRAINT "replies_subscription_id_digest_pk";--> statement-breakpoint
UPDATE "replies" SET digest = encode(substring(
  sha256(convert_to(subscription_id || chr(10) || replace(digest::text, '-', ''), 'UTF8')) for 16), 'hex')::uuid;--> statement-breakpoint
ALTER TABLE "replies" ADD PRIMARY KEY ("digest");--> statement-breakpoint
-- What gives back does it for all its grants in one statement.
drop function give(text, text, text, bigint, text, timestamptz);
--> statement-breakpoint
drop function reverse_usage(usages, bigint, timestamptz);
--> statement-breakpoint
drop function give_back(text, text, text, bigint, bigint, timestamptz, text, text);
--> statement-breakpoint
-- Gives credits back to the grants they came from: of debits laid end to end, what lies from `p_from` to `p_to`. The first
-- `p_kept` of all are captured instead. What belongs to a grant that has expired expires at once, to a subscription that has ended is
-- forfeited at once (R-73, R-80). Answers what was kept, as debits, and what became of the rest.
create function give_back(p_sub text, p_kind text, p_debits json, p_from bigint, p_to bigint, p_kept bigint, p_at timestamptz,
                          p_usage text, p_hold text,
                          out debits text, out restored bigint, out expired bigint, out forfeited bigint)
language plpgsql as $$
begin
  with l as (select * from ledgers where subscription_id = p_sub),
  parts as (
    select g.ctid as place, o.lo, g.id, g.kind, x.part, x.kept, x.part - x.kept as back, e.what as gone,
      greatest(p_at, least(g.expires_at, case when d.ended then l.ends_at end)) as gone_at
    from l, laid_out(p_debits) o
    cross join lateral (select ctid, * from grants where subscription_id = p_sub and id = o.grant_id limit 1) g
    cross join lateral (select least(o.hi, p_to) - greatest(o.lo, p_from) as part,
                               greatest(least(o.hi, p_kept) - o.lo, 0) as kept) x
    -- A deadline at the very end comes before it (R-14).
    cross join lateral (select coalesce(l.status = 'ended' or l.ends_at < p_at, false) as ended) d
    cross join lateral (select case when d.ended then case when g.expires_at <= l.ends_at then 'expiry' else 'forfeiture' end
                                    when g.expires_at <= p_at or g.taken = 'expired' then 'expiry' end as what) e
    where o.lo < p_to and o.hi > p_from
  ),
  made as (
    select p.id, x.*, row_number() over w as nth, (sum(x.credits) over w)::bigint as running
    from parts p
    cross join lateral (values (1, p_kind, p.part, p_at), (2, 'capture', -p.kept, p_at), (3, p.gone, -p.back, p.gone_at)) x(n, kind, credits, at)
    where x.kind is not null and x.credits <> 0
    window w as (order by p.lo, x.n)
  ),
  booked as (
    insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, usage_id, hold_id)
    select p_sub, l.seq + m.nth, m.kind, m.credits, m.id, l.balance + m.running, m.at, p_usage, p_hold from l, made m
  ),
  counted as (
    update ledgers b set seq = b.seq + x.n, balance = b.balance + x.credits
    from (select count(*) as n, coalesce(sum(credits), 0)::bigint as credits from made) x
    where b.subscription_id = p_sub
  ),
  put_back as (
    update grants g set held = g.held - x.released, remaining = g.remaining + x.restored,
      open = g.remaining + x.restored + g.held - x.released > 0,
      taken = case when x.restored > 0 then null else g.taken end
    from (select place, case p_kind when 'release' then part else 0 end as released, case when gone is null then back else 0 end as restored
          from parts) x
    where g.ctid = x.place
  )
  select coalesce(string_agg(format('{"grant_id":"%s","kind":"%s","credits":%s}', id, kind, kept), ',' order by lo) filter (where kept > 0), ''),
    coalesce(sum(back) filter (where gone is null), 0)::bigint, coalesce(sum(back) filter (where gone = 'expiry'), 0)::bigint,
    coalesce(sum(back) filter (where gone = 'forfeiture'), 0)::bigint
  into debits, restored, expired, forfeited
  from parts;
end $$;
--> statement-breakpoint
-- Settles an open hold: its first `p_captured` credits are spent, the rest goes back (R-71, R-74). A capture makes a usage
-- with the lines and rates of its hold.
create or replace function settle_hold(h holds, p_captured bigint, p_at timestamptz, p_usage text) returns json language plpgsql as $$
declare
  given record;
  v_balance text;
  v_settlement json;
begin
  given := give_back(h.subscription_id, 'release', h.answer->'debits', 0, h.credits, p_captured, p_at, p_usage, h.id);
  select balance_json(l, p_at) into v_balance from ledgers l where subscription_id = h.subscription_id;
  v_settlement := format('{"id":"%s","status":"%s","captured":%s,"released":%s,"usage_id":%s,"balance":%s}', h.id,
    case when p_usage is null then 'released' else 'captured' end, p_captured, h.credits - p_captured,
    coalesce('"' || p_usage || '"', 'null'), v_balance)::json;
  update holds set status = case when p_usage is null then 'released' else 'captured' end, captured = p_captured, usage_id = p_usage,
    settled_at = p_at, settlement = v_settlement
  where subscription_id = h.subscription_id and id = h.id;
  if p_usage is not null then
    insert into usages (subscription_id, id, at, credits, hold_id, via, reference, metadata, answer)
    values (h.subscription_id, p_usage, p_at, p_captured, h.id, h.via, h.reference, h.metadata,
      format('{"id":"%s","credits":%s,"lines":%s,"debits":[%s],"balance":%s,"catalog_version":%s,"at":"%s"}', p_usage, p_captured,
        h.answer->'lines', given.debits, v_balance, h.answer->'catalog_version', iso(p_at))::json);
  end if;
  return v_settlement;
end $$;
--> statement-breakpoint
-- R-80: gives back the last `p_credits` of what a usage still has.
create function reverse_usage(u usages, p_credits bigint, p_at timestamptz) returns json language plpgsql as $$
declare
  v_left bigint := u.credits - u.reversed;
  given record;
  v_balance text;
begin
  given := give_back(u.subscription_id, 'reversal', u.answer->'debits', v_left - p_credits, v_left, 0, p_at, u.id, null);
  update usages set reversed = reversed + p_credits where subscription_id = u.subscription_id and id = u.id;
  select balance_json(l, p_at) into v_balance from ledgers l where subscription_id = u.subscription_id;
  return format('{"restored":%s,"expired_at_once":%s,"forfeited_at_once":%s,"balance":%s}', given.restored, given.expired,
    given.forfeited, v_balance)::json;
end $$;
--> statement-breakpoint
-- One capture, release or reversal on a locked ledger, at an instant: what became of it, and the answer where it succeeded.
-- `most` is what a refusal names: the credits that there are to capture or to reverse.
create function give(l ledgers, p_op text, p_object text, p_credits bigint, p_usage text, p_at timestamptz,
                     out kind text, out answer json, out most bigint)
language plpgsql as $$
declare
  h holds;
  u usages;
  v_wanted bigint;
begin
  kind := 'ok';
  if p_op = 'reverse' then
    select * into u from usages where subscription_id = l.subscription_id and id = p_object;
    -- R-63: the running sum stays below 2^53, whatever was granted since, and whatever is held comes back.
    select least(u.credits - u.reversed, 9007199254740991 - l.balance - coalesce(sum(g.held), 0)) into most
    from grants g where g.subscription_id = l.subscription_id and g.open;
    v_wanted := coalesce(p_credits, u.credits - u.reversed);
    if u.id is null then kind := 'not_found';
    elsif v_wanted > most or (v_wanted = 0 and u.credits > 0) then kind := 'reversal_exceeds_usage';
    else answer := reverse_usage(u, v_wanted, p_at);
    end if;
    return;
  end if;
  select * into h from holds where subscription_id = l.subscription_id and id = p_object;
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
create or replace function serve_gives(p_gives json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
declare
  l ledgers;
  y replies;
  r record;
  given record;
  v_at timestamptz;
begin
  for r in
    select * from json_to_recordset(p_gives)
      as x(ord int, sub text, op text, object text, credits bigint, id text, digest uuid, body uuid) order by x.ord
  loop
    ord := r.ord;
    select * into y from replies where digest = r.digest;
    if y.digest is not null then
      kind := case when y.body_hash = r.body then 'replay' else 'reused' end;
      answer := y.answer;
    else
      select * into l from ledgers where subscription_id = r.sub;
      -- A caller's entries never go back in time, should the clock do so.
      v_at := greatest(coalesce(l.test_clock, p_clock), l.asked_at);
      given := give(l, r.op, r.object, r.credits, r.id, v_at);
      kind := given.kind;
      answer := given.answer;
      available := given.most;
      if kind = 'ok' then
        insert into replies (subscription_id, digest, body_hash, answer) values (r.sub, r.digest, r.body, given.answer);
        update ledgers set asked_at = v_at, untold = true, touched_at = p_clock where subscription_id = r.sub;
      end if;
    end if;
    return next;
  end loop;
end $$;
--> statement-breakpoint
-- The spends of a batch: decided one by one on what is read once of each subscription, written together.
create or replace function serve_spends(p_spends json, p_clock timestamptz)
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
