-- The JSON of answers, written as text: a stored answer equals the sent one byte for byte (R-65). PostgreSQL inlines
-- these functions, so none is strict or immutable.

create or replace function balance_json(p_available bigint, p_held bigint) returns text language sql stable as $$
  select '{"available":' || p_available || ',"held":' || p_held || '}'
$$;

-- One member of `debits`.
create or replace function debit_json(p_grant text, p_kind text, p_credits bigint) returns text language sql stable as $$
  select '{"grant_id":"' || p_grant || '","kind":"' || p_kind || '","credits":' || p_credits || '}'
$$;

-- Of a hold that was captured or released (R-71).
create or replace function settlement_json(p_hold holds, p_balance text) returns text language sql stable as $$
  select '{"id":"' || p_hold.id || '","status":"' || p_hold.status || '","captured":' || p_hold.captured
    || ',"released":' || p_hold.credits - p_hold.captured || ',"usage_id":' || coalesce('"' || p_hold.usage_id || '"', 'null')
    || ',"balance":' || p_balance || '}'
$$;

-- Of a reversal (R-80).
create or replace function reversal_json(p_restored bigint, p_expired bigint, p_forfeited bigint, p_revoked bigint,
  p_balance text) returns text language sql stable as $$
  select '{"restored":' || p_restored || ',"expired_at_once":' || p_expired || ',"forfeited_at_once":' || p_forfeited
    || ',"revoked_at_once":' || p_revoked || ',"balance":' || p_balance || '}'
$$;
