-- Grants to many subscriptions at once (R-84). A batch books each grant on the locked ledger itself, as a refund books its
-- entries, and leaves the workflow behind: the relay nudges it. So a batch costs a subscription's workflow one signal, where
-- an update costs it a step, and no queue of commands stands before the callers' own.

-- The reason why a batch skips a ledger at an instant; null where it grants. The bound is that of `issueGrant` of
-- src/domain/commands.ts (R-63): 2^53-1, less all that the calendar may still bring.
create or replace function batch_skip_code(p_ledger ledgers, p_batch grant_batches, p_at timestamptz) returns text
language sql stable as $$
  select case
    when p_ledger.subscription_id is null or p_ledger.status not in ('trialing', 'active', 'past_due')
      or p_ledger.ends_at <= p_at then 'subscription_not_active'
    when p_batch.expires_at <= p_at then 'expires_at_past'
    when p_batch.credits > 9007199254740991 - 1000000000000 - (
      select coalesce(sum(remaining + held), 0) from grants where subscription_id = p_ledger.subscription_id and open)
      then 'balance_limit' end
$$;

-- Grants the credits of a batch to one subscription, or skips it, and counts that: once, however often it is called. It is
-- dated no earlier than the newest spend, after all that was due. Locks the ledger, then the batch. Answers the outcome;
-- null when the batch is not running, so that nothing is granted after a pause was answered.
create or replace function grant_batch_item(p_batch text, p_sub text) returns text language plpgsql as $$
declare
  ledger ledgers;
  batch grant_batches;
  item grant_batch_items;
  item_at timestamptz;
  skip_code text;
begin
  select * into ledger from ledgers where subscription_id = p_sub for no key update;
  select * into batch from grant_batches where id = p_batch and state = 'running' for no key update;
  if not found then return null; end if;
  select * into item from grant_batch_items where batch_id = p_batch and subscription_id = p_sub;
  if not found or item.outcome <> 'pending' then return item.outcome; end if;

  item_at := greatest(ledger_now(ledger.test_clock), ledger.asked_at);
  skip_code := batch_skip_code(ledger, batch, item_at);
  if skip_code is not null then
    perform end_batch_item(p_batch, p_sub, 'skipped', skip_code);
    return 'skipped';
  end if;
  perform expire_until(p_sub, item_at);
  perform book_grant(p_sub, jsonb_build_object('id', item.grant_id, 'kind', 'adjustment', 'credits', batch.credits,
    'effectiveAt', ms(item_at), 'expiresAt', ms(batch.expires_at), 'cause', batch.id, 'reason', batch.reason));
  perform note_level(p_sub, available_at(p_sub, item_at), item_at);
  update ledgers set asked_at = item_at where subscription_id = p_sub;
  perform ask_nudge(p_sub);
  perform end_batch_item(p_batch, p_sub, 'granted', null);
  return 'granted';
end $$;

-- Ends a pending item of a batch and counts it. Locks the batch. A second call changes nothing.
create or replace function end_batch_item(p_batch text, p_sub text, p_outcome text, p_code text) returns void
language plpgsql as $$
begin
  perform from grant_batches where id = p_batch for no key update;
  update grant_batch_items set outcome = p_outcome, code = p_code, ended_at = clock_timestamp()
  where batch_id = p_batch and subscription_id = p_sub and outcome = 'pending';
  if found then
    update grant_batches set granted = granted + (p_outcome = 'granted')::int, skipped = skipped + (p_outcome = 'skipped')::int
    where id = p_batch;
  end if;
end $$;

-- Ends a running batch whose items have all ended, once, with an event. Answers its state; null for an unknown batch.
create or replace function finish_grant_batch(p_batch text) returns text language plpgsql as $$
declare batch grant_batches;
begin
  update grant_batches set state = 'done', finished_at = clock_timestamp()
  where id = p_batch and state = 'running' and granted + skipped = total returning * into batch;
  if found then
    perform emit_event('', 'grant_batch.finished', batch.finished_at, jsonb_build_object('grant_batch_id', batch.id,
      'credits', batch.credits, 'reason', batch.reason, 'total', batch.total, 'granted', batch.granted, 'skipped', batch.skipped));
  end if;
  return (select state from grant_batches where id = p_batch);
end $$;
