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
