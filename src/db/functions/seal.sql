-- The hash chains of a ledger (I11): docs/ledger.md, "Seals", is the canonical form. A sealer extends them after the
-- fact, and no spend does. Nothing is locked: a statement sees one snapshot, and all rows up to a ledger's seq and step are
-- committed with it.

-- A link: the head before it and a line, hashed. The first head is the id of the subscription.
create or replace function chain_link(p_head text, p_line text) returns text language sql stable as $$
  select encode(sha256(convert_to(p_head || p_line, 'UTF8')), 'hex')
$$;

-- Extends a chain of entries from one seq to another; answers the new head. A line ends with the row that the entry brought
-- about, by the columns that never change: a grant, a hold, the outcome of a hold, or a usage.
create or replace function chain_entries(p_sub text, p_head text, p_after bigint, p_upto bigint) returns text
language plpgsql stable set plan_cache_mode = force_generic_plan as $$
declare next_line text;
begin
  if p_upto <= p_after then return p_head; end if;
  for next_line in
    select json_build_array('entry', seq, kind, credits, grant_id, balance_after, ms(effective_at), ms(recorded_at), usage_id,
      hold_id, case
        when kind in ('debit', 'capture') then (
          select json_build_array(ms(at), credits, hold_id, via, reference, metadata, answer)
          from usages where subscription_id = p_sub and id = e.usage_id)
        when kind = 'hold' then (
          select json_build_array(ms(at), ms(deadline), credits, via, reference, metadata, answer, live)
          from holds where subscription_id = p_sub and id = e.hold_id)
        when kind = 'release' then (
          select json_build_array(status, captured, usage_id, ms(settled_at), settlement)
          from holds where subscription_id = p_sub and id = e.hold_id)
        when kind = 'grant' then (
          select json_build_array(kind, amount, ms(effective_at), ms(expires_at), made, cause, charge_id, reason)
          from grants where subscription_id = p_sub and id = e.grant_id)
        end)
    from entries e where subscription_id = p_sub and seq > p_after and seq <= p_upto order by seq
  loop
    p_head := chain_link(p_head, next_line);
  end loop;
  return p_head;
end $$;

-- Extends a chain of what steps wrote, from one step to another: charges and notes. A command's row is not among
-- them: one that was refused begins again with its key.
create or replace function chain_steps(p_sub text, p_head text, p_after int, p_upto int) returns text
language plpgsql stable set plan_cache_mode = force_generic_plan as $$
declare next_line text;
begin
  if p_upto <= p_after then return p_head; end if;
  for next_line in
    select made.text from (
      select step, 'charge' as what, id as key, json_build_array('charge', step, id, kind, ms(at), amount_minor, currency, lines,
        catalog_version, purchase_id, pack, renews, packs, credits)::text as text
      from charges where subscription_id = p_sub and step > p_after and step <= p_upto
      union all
      select step, 'note', to_char(line, 'FM000000'), json_build_array('note', step, line, ms(at), kind, rule, detail)::text
      from notes where subscription_id = p_sub and step > p_after and step <= p_upto
    ) made order by step, what, key collate "C"
  loop
    p_head := chain_link(p_head, next_line);
  end loop;
  return p_head;
end $$;

-- Extends a chain of events from one number to another.
create or replace function chain_events(p_sub text, p_head text, p_after bigint, p_upto bigint) returns text
language plpgsql stable set plan_cache_mode = force_generic_plan as $$
declare next_line text;
begin
  if p_upto <= p_after then return p_head; end if;
  for next_line in
    select json_build_array('event', id, type, ms(at), ms(recorded_at), data)
    from events where subscription_id = p_sub and nth > p_after and nth <= p_upto order by nth
  loop
    p_head := chain_link(p_head, next_line);
  end loop;
  return p_head;
end $$;

-- Seals ledgers up to their newest rows, but at most so many entries of each; the next call goes on. Locks no ledger. Two
-- sealers make the same heads, and the longer chain stays. Answers the number of ledgers.
create or replace function seal_ledgers(p_subs text[], p_most bigint) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off as $$
declare sealed int;
begin
  insert into seals as old (subscription_id, seq, entries_head, step, steps_head, event, events_head, sealed_at)
  select l.subscription_id, upto.seq, chain_entries(l.subscription_id, since.entries_head, since.seq, upto.seq),
    l.step, chain_steps(l.subscription_id, since.steps_head, since.step, l.step),
    upto.event, chain_events(l.subscription_id, since.events_head, since.event, upto.event), clock_timestamp()
  from unnest(p_subs) sub (id)
  cross join lateral (select subscription_id, seq, step from ledgers where subscription_id = sub.id) l
  left join lateral (select * from seals where subscription_id = l.subscription_id) s on true
  cross join lateral (select coalesce(s.seq, 0) as seq, coalesce(s.step, 0) as step, coalesce(s.event, 0) as event,
    coalesce(s.entries_head, l.subscription_id) as entries_head, coalesce(s.steps_head, l.subscription_id) as steps_head,
    coalesce(s.events_head, l.subscription_id) as events_head) since
  cross join lateral (select least(l.seq, since.seq + p_most) as seq, greatest(since.event, coalesce((
    select max(nth) from events where subscription_id = l.subscription_id), 0)) as event) upto
  on conflict (subscription_id) do update set seq = excluded.seq, entries_head = excluded.entries_head, step = excluded.step,
    steps_head = excluded.steps_head, event = excluded.event, events_head = excluded.events_head, sealed_at = excluded.sealed_at
  where excluded.seq >= old.seq and excluded.step >= old.step and excluded.event >= old.event;
  get diagnostics sealed = row_count;
  return sealed;
end $$;

-- The ledgers with rows since their seal, with the number of their new entries; at most so many. Reads all ledgers. One that
-- is behind its seal lost rows: it is for `verify` to name, and is not sealed.
create or replace function unsealed_ledgers(p_limit int) returns table (sub text, entries bigint) language sql stable as $$
  select l.subscription_id, l.seq - coalesce(s.seq, 0)
  from ledgers l left join seals s on s.subscription_id = l.subscription_id
  where l.step > 0 and l.seq >= coalesce(s.seq, 0) and l.step >= coalesce(s.step, 0)
    and (s.subscription_id is null or l.seq > s.seq or l.step > s.step
      -- Some events come without an entry or a step.
      or l.touched_at > s.sealed_at and exists (select from events where subscription_id = l.subscription_id and nth > s.event))
  order by s.sealed_at nulls first
  limit p_limit
$$;
