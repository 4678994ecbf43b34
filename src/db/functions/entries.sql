-- The next entry of a locked ledger.
create or replace function add_entry(p_sub text, p_grant text, p_kind text, p_credits bigint, p_at timestamptz,
                      p_usage text default null, p_hold text default null)
returns void language plpgsql as $$
declare l ledgers;
begin
  update ledgers set seq = seq + 1, balance = balance + p_credits where subscription_id = p_sub returning * into l;
  insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, usage_id, hold_id)
  values (p_sub, l.seq, p_kind, p_credits, p_grant, l.balance, p_at, p_usage, p_hold);
end $$;

-- Writes entries of callers on locked ledgers, and their sums to the grants: what a hold takes is held, what a release brings no longer is.
create or replace function book_entries(p_entries entries[]) returns void language plpgsql as $$
begin
  insert into entries select * from unnest(p_entries);
  update grants g set remaining = g.remaining + made.credits, held = g.held - made.released, open = g.remaining + made.credits + g.held - made.released > 0,
    taken = case when made.credits > 0 then null else g.taken end
  from (select subscription_id, grant_id, sum(credits)::bigint as credits,
               coalesce(sum(credits) filter (where kind in ('hold', 'release')), 0)::bigint as released
        from unnest(p_entries) group by subscription_id, grant_id) made
  cross join lateral (select ctid from grants where subscription_id = made.subscription_id and id = made.grant_id limit 1) place
  where g.ctid = place.ctid;
end $$;

-- Debits laid end to end, in burn order: what was taken last lies at the end (R-74).
create or replace function debit_ranges(p_debits json) returns table (grant_id text, lo bigint, hi bigint) language sql immutable as $$
  select d->>'grant_id', (sum((d->>'credits')::bigint) over w)::bigint - (d->>'credits')::bigint,
         (sum((d->>'credits')::bigint) over w)::bigint
  from json_array_elements(p_debits) with ordinality x(d, nth)
  window w as (order by nth)
$$;

-- What can be spent of a ledger at an instant, by what is booked.
create or replace function available_at(p_sub text, p_at timestamptz) returns bigint language sql stable as $$
  select coalesce(sum(g.remaining), 0)::bigint from grants g join ledgers l on l.subscription_id = p_sub
  where g.subscription_id = p_sub and g.open and g.effective_at <= p_at and p_at < g.expires_at and (l.ends_at is null or p_at < l.ends_at)
$$;

-- Tells that credits became low, ran out, or are enough again: each once, until there is enough again. The workflow is told of
-- what sank soon, though its ledger be busy.
create or replace function note_level(p_sub text, p_available bigint, p_at timestamptz) returns void language plpgsql as $$
declare
  l ledgers;
  v_level text;
begin
  select * into l from ledgers where subscription_id = p_sub;
  v_level := case when p_available >= l.low_below then 'enough' when p_available = 0 or l.level = 'exhausted' then 'exhausted' else 'low' end;
  -- Before the first credits came, none are missed (R-44).
  if v_level = l.level or l.seq = 0 then return; end if;
  update ledgers set level = v_level, told_at = case when v_level = 'enough' then told_at else '-infinity' end where subscription_id = p_sub;
  perform emit_event(p_sub, case v_level when 'enough' then 'credits.recovered' else 'credits.' || v_level end, p_at,
    jsonb_build_object('available', p_available, 'low_below', l.low_below));
end $$;

-- Takes what is unused of a grant and says so in an event; answers how much. A second call finds nothing. What is held of it
-- stays held (R-73); `taken` says what becomes of it should it be given back.
create or replace function take_unused(p_sub text, p_grant text, p_kind text, p_taken text, p_at timestamptz)
returns bigint language plpgsql as $$
declare g grants;
begin
  select * into g from grants where subscription_id = p_sub and id = p_grant and open;
  if not found or (g.remaining = 0 and p_kind = 'revocation') then return 0; end if;
  update grants set remaining = 0, open = held > 0, taken = p_taken where subscription_id = p_sub and id = p_grant;
  if g.remaining > 0 then
    perform add_entry(p_sub, p_grant, p_kind, -g.remaining, p_at);
    perform emit_event(p_sub, 'grant.' || p_taken, p_at, jsonb_build_object('grant_id', g.id, 'kind', g.kind, 'credits', g.remaining));
  end if;
  return g.remaining;
end $$;
