-- Instants and the clock. Of every function in this folder that writes: one call is one statement, which locks the ledger's
-- row of its subscription first and reads in later statements, whose snapshots see what was committed during the wait.

-- R-15: instants cross the border as whole milliseconds.
create or replace function instant(p_ms bigint) returns timestamptz language sql immutable strict parallel safe as $$
  select timestamptz 'epoch' + p_ms * interval '1 millisecond'
$$;

create or replace function ms(p_at timestamptz) returns bigint language sql stable strict parallel safe as $$
  select floor(extract(epoch from p_at) * 1000)::bigint
$$;

create or replace function iso(p_at timestamptz) returns text language sql stable strict parallel safe as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- R-90: a test clock stands still; everything else runs on the database's clock, read after the lock was had.
create or replace function ledger_now(p_test_clock timestamptz) returns timestamptz language sql volatile as $$
  select coalesce(p_test_clock, instant(ms(clock_timestamp())))
$$;

-- R-08: the catalogue in force at an instant; the newest for a test clock (null).
create or replace function catalog_in_force(p_at timestamptz) returns catalogs language sql stable as $$
  select c from catalogs c
  order by (p_at is null or c.in_force_from <= p_at) desc,
           case when p_at is null or c.in_force_from <= p_at then c.in_force_from end desc,
           c.in_force_from
  limit 1
$$;

create or replace function latest(p_ms text, p_at timestamptz) returns jsonb language sql immutable as $$
  select to_jsonb(greatest(p_ms::bigint, ms(p_at)))
$$;

-- R-12: whether credits of a grant can be spent at an instant, by its term and the end of its subscription (null: none).
create or replace function is_usable(p_effective_at timestamptz, p_expires_at timestamptz, p_ends_at timestamptz, p_at timestamptz)
returns boolean language sql immutable as $$
  select p_effective_at <= p_at and p_at < p_expires_at and (p_ends_at is null or p_at < p_ends_at)
$$;

-- The end of a subscription that came before an instant, else null. A deadline at the very end comes before it (R-14).
create or replace function ended_before(p_status text, p_ends_at timestamptz, p_at timestamptz) returns timestamptz language sql immutable as $$
  select case when p_status = 'ended' or p_ends_at < p_at then p_ends_at end
$$;

-- How credits end that come back to a grant at an instant: they expire, are forfeited, or stay (null). `ended` is from ended_before.
create or replace function end_of_credits(p_expires_at timestamptz, p_taken text, p_ended timestamptz, p_at timestamptz)
returns text language sql immutable as $$
  select case when p_expires_at <= p_ended then 'expiry' when p_ended is not null then 'forfeiture'
    when p_expires_at <= p_at or p_taken = 'expired' then 'expiry' end
$$;
