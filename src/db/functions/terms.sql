-- The terms of credits: pure conditions, which PostgreSQL inlines.

-- R-12: whether credits of a grant can be spent at an instant, by its term and the end of its subscription (null:
-- none).
create or replace function is_usable(p_effective_at timestamptz, p_expires_at timestamptz, p_ends_at timestamptz,
  p_at timestamptz) returns boolean language sql immutable as $$
  select p_effective_at <= p_at and p_at < p_expires_at and (p_ends_at is null or p_at < p_ends_at)
$$;

-- R-12, R-50: the instant at which credits are gone: the end of their term or of the subscription, whichever is earlier;
-- null while neither is known (R-83). `NEVER` of src/domain/calendar.ts is the year 3000.
create or replace function gone_at(p_expires_at timestamptz, p_ends_at timestamptz) returns timestamptz
language sql immutable as $$
  select case when least(p_expires_at, p_ends_at) < timestamptz '3000-01-01T00:00:00Z'
    then least(p_expires_at, p_ends_at) end
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
