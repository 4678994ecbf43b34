-- R-60: the open grants of a ledger in burn order, side by side in arrays; `lefts` are the credits that can be spent
-- of each at an instant (R-12), `available` is their sum, `held` the sum of all holds on them.
create or replace function burn_order(p_sub text, p_at timestamptz)
returns table (ids text[], kinds text[], lefts bigint[], available bigint, held bigint) language sql stable as $$
  select array_agg(id), array_agg(kind), array_agg(usable), coalesce(sum(usable), 0)::bigint, coalesce(sum(held), 0)::bigint
  from (
    select id, kind, held, case when effective_at <= p_at and p_at < expires_at then remaining else 0 end as usable
    from grants where subscription_id = p_sub and open
    order by kind <> 'allowance', expires_at, effective_at, made
  ) in_burn_order
$$;

-- Credits of a ledger: those that can be spent at an instant, and those that are held.
create or replace function standing_of(p_sub text, p_at timestamptz, p_ends_at timestamptz)
returns table (available bigint, held bigint) language sql stable as $$
  select coalesce(sum(remaining) filter (where is_usable(effective_at, expires_at, p_ends_at, p_at)), 0)::bigint,
    coalesce(sum(held), 0)::bigint
  from grants where subscription_id = p_sub and open
$$;
