-- Entries and the grants they move. The ledgers are locked wherever these write.

-- Writes the next entry of a ledger.
create or replace function add_entry(p_sub text, p_grant text, p_kind text, p_credits bigint, p_at timestamptz) returns void
language plpgsql as $$
declare l ledgers;
begin
  update ledgers set seq = seq + 1, balance = balance + p_credits where subscription_id = p_sub returning * into l;
  insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at)
  values (p_sub, l.seq, p_kind, p_credits, p_grant, l.balance, p_at);
end $$;

-- The debits of a usage or hold laid end to end, in burn order: the credits that were taken last lie at the end
-- (R-74).
create or replace function debit_ranges(p_debits json) returns table (grant_id text, lo bigint, hi bigint)
language sql immutable as $$
  select debit->>'grant_id', (sum((debit->>'credits')::bigint) over so_far)::bigint - (debit->>'credits')::bigint,
    (sum((debit->>'credits')::bigint) over so_far)::bigint
  from json_array_elements(p_debits) with ordinality x(debit, nth)
  window so_far as (order by nth)
$$;

-- The credits of a ledger that can be spent at an instant, by its books.
create or replace function available_at(p_sub text, p_at timestamptz) returns bigint language sql stable as $$
  select standing.available from ledgers l cross join lateral standing_of(p_sub, p_at, l.ends_at) standing
  where l.subscription_id = p_sub
$$;

-- The workflow of a subscription has to act on its ledger: it gets a nudge at once, though it got another a moment ago.
create or replace function ask_nudge(p_sub text) returns void language sql as $$
  update ledgers set workflow_behind = true, nudge_now = true, told_at = null, touched_at = clock_timestamp()
  where subscription_id = p_sub
$$;

-- Emits an event when credits became low, ran out, or are enough again: each once, until there is enough again. R-39: the
-- workflow of an automatic top-up is to know at once that they sank.
create or replace function note_level(p_sub text, p_available bigint, p_at timestamptz) returns void language plpgsql as $$
declare
  l ledgers;
  new_level text;
begin
  select * into l from ledgers where subscription_id = p_sub;
  new_level := case when p_available >= l.low_below then 'enough'
    when p_available = 0 or l.level = 'exhausted' then 'exhausted' else 'low' end;
  -- Before the first credits came, none are missed (R-44).
  if new_level = l.level or l.seq = 0 then return; end if;
  update ledgers set level = new_level where subscription_id = p_sub;
  if new_level <> 'enough' and exists (select from subscriptions where id = p_sub and state->'topUp'->'wish' <> 'null') then
    perform ask_nudge(p_sub);
  end if;
  perform emit_event(p_sub, case new_level when 'enough' then 'credits.recovered' else 'credits.' || new_level end, p_at,
    jsonb_build_object('available', p_available, 'low_below', l.low_below));
end $$;

-- Takes the unused credits of a grant by an entry of p_kind and emits an event; answers how many. A second call finds
-- none. Held credits stay held (R-73): p_taken says how they end should they come back.
create or replace function take_unused(p_sub text, p_grant text, p_kind text, p_taken text, p_at timestamptz)
returns bigint language plpgsql as $$
declare g grants;
begin
  select * into g from grants where subscription_id = p_sub and id = p_grant and open;
  if not found or (g.remaining = 0 and p_kind = 'revocation') then return 0; end if;
  update grants set remaining = 0, open = held > 0, taken = p_taken where subscription_id = p_sub and id = p_grant;
  if g.remaining > 0 then
    perform add_entry(p_sub, p_grant, p_kind, -g.remaining, p_at);
    perform emit_event(p_sub, 'grant.' || p_taken, p_at,
      jsonb_build_object('grant_id', g.id, 'kind', g.kind, 'credits', g.remaining));
  end if;
  return g.remaining;
end $$;
