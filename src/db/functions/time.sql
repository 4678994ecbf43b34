-- Instants and the clock. The functions are stable, as those of PostgreSQL within them are, so that they are inlined.

-- R-15: instants cross the border as whole milliseconds.
create or replace function instant(p_ms bigint) returns timestamptz language sql stable strict parallel safe as $$
  select timestamptz 'epoch' + p_ms * interval '1 millisecond'
$$;

-- The instant under a key of JSON; null where there is none.
create or replace function instant_of(p jsonb, p_key text) returns timestamptz language sql stable as $$
  select instant((p->>p_key)::bigint)
$$;

-- Milliseconds of an instant; parts of them are dropped.
create or replace function ms(p_at timestamptz) returns bigint language sql stable strict parallel safe as $$
  select floor(extract(epoch from p_at) * 1000)::bigint
$$;

-- An instant as answers and events have it.
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

-- The later of an instant in milliseconds and another, for an effect.
create or replace function latest(p_ms text, p_at timestamptz) returns jsonb language sql immutable as $$
  select to_jsonb(greatest(p_ms::bigint, ms(p_at)))
$$;
