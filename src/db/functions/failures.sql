-- Counts one more failure of a row that the relay or a step was refused. The row is tried again after a pause that
-- doubles, from a second to five minutes.
create or replace function note_failure(p_kind text, p_key text, p_sub text, p_reason text) returns void language sql as $$
  insert into failures as f (kind, key, subscription_id, attempts, reason, next_at)
  values (p_kind, p_key, p_sub, 1, left(p_reason, 500), clock_timestamp() + interval '1 second')
  on conflict (kind, key) do update set attempts = f.attempts + 1, reason = excluded.reason,
    next_at = clock_timestamp() + least(interval '5 minutes', interval '1 second' * power(2, least(f.attempts, 10)))
$$;

-- The relay's work on one subscription whose ledger is locked (`deadline`, `notice`), guarded: an error is noted, and undoes this
-- subscription's work alone. Answers whether it was done; null when the statement's time is used up: the others are the next
-- statement's.
create or replace function relay_one(p_kind text, p_sub text) returns boolean language plpgsql as $$
begin
  case p_kind
    when 'deadline' then perform release_due(p_sub, ledger_now(null));
    when 'notice' then perform expire_overdue(p_sub);
  end case;
  delete from failures where kind = p_kind and key = p_sub;
  return true;
exception
  when query_canceled then
    perform note_failure(p_kind, p_sub, p_sub, sqlerrm);
    return null;
  when others then
    perform note_failure(p_kind, p_sub, p_sub, sqlerrm);
    return false;
end $$;
