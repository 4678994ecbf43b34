-- The rows that a batch looks up, one probe of an index each. PostgreSQL inlines these functions. `limit 1` keeps
-- each a subquery of its own: a generic plan made while the tables are empty can't choose anything else (see
-- `spend_batch`).

create or replace function ledger_of(p_sub text) returns setof ledgers language sql stable as $$
  select * from ledgers where subscription_id = p_sub limit 1
$$;

create or replace function grant_of(p_sub text, p_grant text) returns setof grants language sql stable as $$
  select * from grants where subscription_id = p_sub and id = p_grant limit 1
$$;

create or replace function hold_of(p_sub text, p_hold text) returns setof holds language sql stable as $$
  select * from holds where subscription_id = p_sub and id = p_hold limit 1
$$;

create or replace function usage_of(p_sub text, p_usage text) returns setof usages language sql stable as $$
  select * from usages where subscription_id = p_sub and id = p_usage limit 1
$$;

create or replace function charge_of(p_sub text, p_charge text) returns setof charges language sql stable as $$
  select * from charges where subscription_id = p_sub and id = p_charge limit 1
$$;

-- R-65: the reply to a key that succeeded before.
create or replace function reply_to(p_digest uuid) returns setof replies language sql stable as $$
  select * from replies where digest = p_digest limit 1
$$;

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
