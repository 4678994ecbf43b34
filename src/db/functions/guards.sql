-- Triggers that guard the tables, and the months of entries.

-- Entries are never changed or deleted (I11).
create or replace function entries_are_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'entries are append-only (I11)';
end $$;

-- Entries name their grants without a foreign key, whose check would cost each of them a read and a row lock: grants
-- are never taken away instead, and verification looks for entries without one.
create or replace function grants_are_kept() returns trigger language plpgsql as $$
begin
  raise exception 'grants are never deleted: entries name them (I11)';
end $$;

-- Made only where they are missing: making a trigger waits for all writers of its table, and stops them. PostgreSQL
-- clones the trigger of a row to every month; `keep_months` makes the other.
do $$
begin
  if not exists (select from pg_trigger where tgrelid = 'entries'::regclass and tgname = 'entries_append_only') then
    create trigger entries_append_only before update or delete on entries for each row execute function entries_are_append_only();
    create trigger entries_no_truncate before truncate on entries for each statement execute function entries_are_append_only();
    create trigger grants_kept before delete on grants for each row execute function grants_are_kept();
    create trigger grants_no_truncate before truncate on grants for each statement execute function grants_are_kept();
  end if;
end $$;

-- Makes the months of entries from one instant to another that are not there, in UTC; answers how many it made.
-- Attached, not made in place: a spend goes on meanwhile. Several may ask at once.
create or replace function keep_months(p_from timestamptz, p_to timestamptz) returns int language plpgsql as $$
declare
  v_month timestamp;
  v_name text;
  made int := 0;
begin
  perform pg_advisory_xact_lock(hashtext('keep_months'));
  for v_month in
    select generate_series(date_trunc('month', p_from at time zone 'UTC'), p_to at time zone 'UTC', interval '1 month')
  loop
    v_name := 'entries_' || to_char(v_month, 'YYYY_MM');
    continue when to_regclass(v_name) is not null;
    execute format('create table %I (like entries including defaults including constraints)', v_name);
    execute format('create trigger entries_no_truncate before truncate on %I
      for each statement execute function entries_are_append_only()', v_name);
    execute format('alter table entries attach partition %I for values from (%L) to (%L)', v_name,
      v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
    made := made + 1;
  end loop;
  return made;
end $$;
