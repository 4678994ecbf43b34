-- The terms of credits: pure conditions, which PostgreSQL inlines.

-- R-12: whether credits of a grant can be spent at an instant, by its term and the end of its subscription (null:
-- none).
create or replace function is_usable(p_effective_at timestamptz, p_expires_at timestamptz, p_ends_at timestamptz,
  p_at timestamptz) returns boolean language sql immutable as $$
  select p_effective_at <= p_at and p_at < p_expires_at and (p_ends_at is null or p_at < p_ends_at)
$$;

-- The end of a subscription that came before an instant, else null. A deadline at the very end comes before it
-- (R-14).
create or replace function ended_before(p_status text, p_ends_at timestamptz, p_at timestamptz) returns timestamptz
language sql immutable as $$
  select case when p_status = 'ended' or p_ends_at < p_at then p_ends_at end
$$;

-- How credits end that come back to a grant at an instant: they expire, are forfeited, or stay (null). p_ended is
-- from `ended_before`.
create or replace function end_of_credits(p_expires_at timestamptz, p_taken text, p_ended timestamptz, p_at timestamptz)
returns text language sql immutable as $$
  select case when p_expires_at <= p_ended then 'expiry' when p_ended is not null then 'forfeiture'
    when p_expires_at <= p_at or p_taken = 'expired' then 'expiry' end
$$;
