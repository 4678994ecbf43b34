-- What every step begins with. Answers null when the step may go on, else why not:
--   replayed: the step was booked before, with the outcome of its charge
--   stale: another catalogue is in force at the instant (R-08); decide again with it
--   abandoned: the command's caller was told 503, or it ended before
--   refused: the customer has a subscription
create or replace function open_step(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  l ledgers;
  c catalogs;
  taken_before boolean;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  if found and l.step >= (p->>'step')::int then
    return snapshot(p_sub) || jsonb_build_object('kind', 'replayed', 'outcome', (
      select a->>'outcome' from charges ch, jsonb_array_elements(ch.attempts) a
      where ch.subscription_id = p_sub and ch.id = p->'charge'->>'id' and (
        a->>'attempt' = p->'charge'->>'attempt'
        -- R-45: the attempt that was to be cancelled turned out paid, and no other was made.
        or a->>'attempt' = p->'charge'->>'cancels' and a->>'outcome' = 'paid')));
  end if;
  if found and l.step <> (p->>'step')::int - 1 then
    raise exception 'step % of % follows step %: a broken invariant', p->>'step', p_sub, l.step;
  end if;
  c := catalog_in_force(instant((p->>'catalogAt')::bigint));
  -- What billing may have been asked for already is not decided anew: an attempt on record keeps its catalogue.
  if c.version <> p->>'catalogVersion' and not exists (
    select from charges ch, jsonb_array_elements(ch.attempts) a
    where ch.subscription_id = p_sub and ch.id = p->'charge'->>'id' and a->>'attempt' = p->'charge'->>'attempt'
  ) then
    return jsonb_build_object('kind', 'stale', 'catalog', c.content);
  end if;
  if jsonb_typeof(p->'command') = 'object' and not take_command(p_sub, p->'command', (p->>'step')::int) then
    return jsonb_build_object('kind', 'abandoned');
  end if;
  if l.subscription_id is null then
    if jsonb_typeof(p->'begin') <> 'object' then raise exception 'no ledger of %', p_sub; end if;
    if not begin_subscription(p_sub, p->'begin') then
      perform finish_command(p->'command', p->'conflict');
      return jsonb_build_object('kind', 'refused');
    end if;
  end if;
  return null;
end $$;

-- Takes a command for a step: pending becomes taken, and stays so until a step finishes it. False when its caller was
-- told 503 (abandoned), or when it ended before: steps of one subscription come one by one, so only the command's own
-- steps can find it taken.
create or replace function take_command(p_sub text, c jsonb, p_step int) returns boolean language plpgsql as $$
begin
  update commands set status = 'taken', step = coalesce(step, p_step),
    from_seq = coalesce(from_seq, (select seq from ledgers where subscription_id = p_sub), 0),
    from_at = coalesce(from_at, (select ledger_now(test_clock) from ledgers where subscription_id = p_sub))
  where scope = c->>'scope' and operation = c->>'operation' and key = c->>'key' and attempt = (c->>'attempt')::int
    and status in ('pending', 'taken');
  return found;
end $$;

create or replace function finish_command(c jsonb, p_refusal jsonb) returns void language sql as $$
  update commands set status = case when p_refusal is null then 'done' else 'refused' end, refusal = p_refusal
  where scope = c->>'scope' and operation = c->>'operation' and key = c->>'key' and attempt = (c->>'attempt')::int
$$;

-- Gives up a step that the ledger can't hold: an incident, the command refused, and no charge left open that no step knows of. A
-- renewal's stays: its boundary is due again, and asks for the same charge. A start leaves nothing (R-43).
create or replace function give_up_step(p_sub text, p jsonb) returns void language plpgsql as $$
begin
  insert into incidents (subscription_id, step, what, code, detail, charge_id, outcome)
  values (p_sub, (p->>'step')::int, coalesce(p->'command'->>'operation', 'due'), p->>'code', p->>'detail', p->'charge'->>'id', p->'charge'->>'outcome')
  on conflict (subscription_id, step, what, code) do update set tries = incidents.tries + 1, last_at = clock_timestamp(), outcome = excluded.outcome;
  if jsonb_typeof(p->'command') = 'object' then perform finish_command(p->'command', p->'refusal'); end if;
  if (p->>'isStart')::boolean then
    delete from charges where subscription_id = p_sub;
    delete from ledgers where subscription_id = p_sub and step = 0;
    delete from subscriptions where id = p_sub and status = 'incomplete';
    return;
  end if;
  update charges set status = case p->'charge'->>'outcome' when 'paid' then 'refunded' else 'given_up' end,
    refunded_minor = case p->'charge'->>'outcome' when 'paid' then amount_minor else refunded_minor end,
    returned_minor = case p->'charge'->>'outcome' when 'paid' then amount_minor else returned_minor end,
    attempts = attempt_ended(attempts, (p->'charge'->>'attempt')::int, coalesce(p->'charge'->>'outcome', 'given_up'))
  where subscription_id = p_sub and id = p->'charge'->>'id' and status = 'pending' and kind <> 'renewal';
end $$;

-- The rows of a new subscription; false when its customer has one that is not ended.
create or replace function begin_subscription(p_sub text, b jsonb) returns boolean language plpgsql as $$
begin
  insert into subscriptions (id, customer_id, plan, interval, status, state, metadata, created_at)
  values (p_sub, b->'state'->>'customerId', b->'state'->>'plan', b->'state'->>'interval', 'incomplete', b->'state',
          b->'metadata', instant((b->'state'->>'now')::bigint))
  on conflict (customer_id) where status <> 'ended' do nothing;
  if not found then return false; end if;
  insert into ledgers (subscription_id, status, test_clock)
  values (p_sub, 'incomplete', case when (b->'state'->>'testClock')::boolean then instant((b->'state'->>'now')::bigint) end);
  return true;
end $$;

-- The first statement of a step that charges: what is about to be asked is on record before money can move.
create or replace function prepare(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare stop jsonb := open_step(p_sub, p);
begin
  if stop is not null then return stop; end if;
  perform book_charge(p_sub, p->'charge', 'pending', (p->>'step')::int);
  return jsonb_build_object('kind', 'prepared');
end $$;

-- I4: makes a grant with its first entry and the date of its first notice; nothing where its id or its cause was granted before.
create or replace function book_grant(p_sub text, e jsonb) returns void language plpgsql as $$
declare
  next_seq bigint;
  v_gone timestamptz;
  v_notice timestamptz;
begin
  select seq + 1, least(instant((e->>'expiresAt')::bigint), ends_at) into next_seq, v_gone from ledgers where subscription_id = p_sub;
  v_notice := notice_after(v_gone, instant((e->>'effectiveAt')::bigint));
  insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, charge_id, reason, notice_at)
  values (p_sub, e->>'id', e->>'kind', (e->>'credits')::bigint, (e->>'credits')::bigint,
          instant((e->>'effectiveAt')::bigint), instant((e->>'expiresAt')::bigint),
          next_seq, e->>'cause', e->>'chargeId', e->>'reason', v_notice)
  on conflict do nothing; -- I4: granted before, by id or by cause
  if found then
    perform add_entry(p_sub, e->>'id', 'grant', (e->>'credits')::bigint, instant((e->>'effectiveAt')::bigint));
    update ledgers set next_notice = least(next_notice, v_notice) where subscription_id = p_sub;
    perform emit_event(p_sub, 'grant.made', instant((e->>'effectiveAt')::bigint), jsonb_build_object('grant_id', e->>'id', 'kind', e->>'kind',
      'credits', (e->>'credits')::bigint, 'expires_at', iso(v_gone), 'reason', e->>'reason'));
  end if;
end $$;

-- R-50: at the end all that is unused goes; a grant whose own term ended before expired, whenever that is booked.
create or replace function book_forfeit(p_sub text, p_at timestamptz) returns void language plpgsql as $$
declare g grants;
begin
  for g in select * from grants where subscription_id = p_sub and open order by expires_at > p_at, made loop -- R-14
    if g.expires_at <= p_at then
      perform take_unused(p_sub, g.id, 'expiry', 'expired', g.expires_at);
    else
      perform take_unused(p_sub, g.id, 'forfeiture', 'forfeited', p_at);
    end if;
  end loop;
end $$;

-- An attempt of a charge has ended. That one was paid says of others that nothing came of them.
create or replace function attempt_ended(p_attempts jsonb, p_attempt int, p_outcome text) returns jsonb language sql immutable as $$
  select jsonb_agg(case
      when (a->>'attempt')::int = p_attempt then a || jsonb_build_object('outcome', p_outcome)
      when a->>'outcome' = 'pending' and p_outcome <> 'declined' then a || '{"outcome":"given_up"}'
      else a end order by (a->>'attempt')::int)
  from jsonb_array_elements(p_attempts) a
$$;

-- Puts an attempt at a charge on record: what billing answered, or `pending` before it is asked. The answer to a purchase is told.
-- An attempt on record that is later than this one was not made after all; one that this one cancels is cancelled (R-45).
create or replace function book_charge(p_sub text, c jsonb, p_outcome text, p_step int) returns void language plpgsql as $$
declare
  v_charge charges;
  this_attempt jsonb := jsonb_build_object('attempt', (c->>'attempt')::int, 'at', (c->>'attemptAt')::bigint,
    'payment_method', c->>'paymentMethod', 'outcome', p_outcome);
begin
  insert into charges (subscription_id, id, kind, at, status, amount_minor, currency, lines, attempts,
                       catalog_version, step, purchase_id, packs, credits)
  values (p_sub, c->>'id', c->>'kind', instant((c->>'at')::bigint), p_outcome, (c->>'amountMinor')::bigint, c->>'currency',
          c->'lines', jsonb_build_array(this_attempt), c->>'catalogVersion', p_step, c->>'purchaseId',
          (c->'buys'->>'packs')::int, (c->'buys'->>'packCredits')::bigint)
  on conflict (subscription_id, id) do update set
    status = p_outcome,
    attempts = (
      select coalesce(jsonb_agg(case when a->>'attempt' = c->>'cancels' and a->>'outcome' = 'pending'
          then a || '{"outcome":"cancelled"}' else a end order by (a->>'attempt')::int), '[]')
      from jsonb_array_elements(charges.attempts) a where (a->>'attempt')::int < (c->>'attempt')::int)
      || (coalesce((select a from jsonb_array_elements(charges.attempts) a where a->>'attempt' = c->>'attempt'), this_attempt)
          || jsonb_build_object('outcome', p_outcome))
  returning * into v_charge;
  if p_outcome in ('paid', 'declined') then perform emit_purchase_event(v_charge, 'purchase.' || p_outcome, instant((c->>'attemptAt')::bigint)); end if;
end $$;

-- How a charge that was pending ended, by its newest attempt, or by any that was paid. A renewal that was declined may be paid
-- after all, before its next attempt.
create or replace function settle_charge(p_sub text, e jsonb) returns void language plpgsql as $$
declare
  c charges;
  v_ends boolean;
begin
  select * into c from charges where subscription_id = p_sub and id = e->>'chargeId';
  v_ends := (c.status = 'pending' or c.kind = 'renewal' and c.status = 'declined' and e->>'status' = 'paid')
    and (e->>'status' = 'paid' or (e->>'attempt')::int >= jsonb_array_length(c.attempts));
  update charges set attempts = attempt_ended(attempts, (e->>'attempt')::int, e->>'status'),
    status = case when v_ends then e->>'status' else status end
  where subscription_id = p_sub and id = e->>'chargeId' returning * into c;
  if v_ends then
    perform emit_purchase_event(c, case c.status when 'paid' then 'purchase.paid' else 'purchase.declined' end, instant((e->>'at')::bigint));
  end if;
end $$;

-- Books one effect of a step (src/domain/state.ts); what happened to a purchase, and to the subscription, is told.
create or replace function book_effect(p_sub text, e jsonb, p_step int, p_line int) returns void language plpgsql as $$
declare c charges;
begin
  case e->>'type'
    when 'grant' then
      perform book_grant(p_sub, e);
    when 'expire' then
      perform take_unused(p_sub, e->>'grantId', 'expiry', 'expired', instant((e->>'at')::bigint));
    when 'forfeit' then
      perform book_forfeit(p_sub, instant((e->>'at')::bigint));
    when 'revoke' then
      perform take_unused(p_sub, g.id, 'revocation', 'revoked', instant((e->>'at')::bigint))
      from grants g where g.subscription_id = p_sub and g.id = e->>'grantId' and g.kind = 'adjustment'; -- R-82
      insert into notes (subscription_id, step, line, at, kind, rule, detail)
      values (p_sub, p_step, p_line, instant((e->>'at')::bigint), 'revoked', 'R-82', e->>'reason');
    when 'settle_charge' then
      perform settle_charge(p_sub, e);
    when 'refund' then -- R-42: paid when nothing could come of it any more
      update charges set status = 'refunded', refunded_minor = amount_minor, returned_minor = amount_minor,
        attempts = attempt_ended(attempts, jsonb_array_length(attempts), 'paid')
      where subscription_id = p_sub and id = e->>'chargeId' returning * into c;
      perform emit_purchase_event(c, 'purchase.refunded', instant((e->>'at')::bigint));
    when 'owe_back' then -- R-42: what was paid and is not what the charge asks for
      update charges set owed_minor = owed_minor + (e->>'owedMinor')::bigint
      where subscription_id = p_sub and id = e->>'chargeId' returning * into c;
      perform emit_event(p_sub, 'payment.' || (e->>'kind'), instant((e->>'at')::bigint), jsonb_build_object(
        'charge_id', c.id, 'charge_kind', c.kind, 'paid', money(c, (e->>'paidMinor')::bigint),
        'billed', money(c, c.amount_minor), 'owed_back', money(c, (e->>'owedMinor')::bigint)));
    when 'note' then
      insert into notes (subscription_id, step, line, at, kind, rule, detail)
      values (p_sub, p_step, p_line, instant((e->>'at')::bigint), e->>'kind', e->>'rule', e->>'detail');
      if e ? 'plan' then -- a turn of the subscription
        perform emit_event(p_sub, 'subscription.' || (e->>'kind'), instant((e->>'at')::bigint),
          jsonb_build_object('plan', e->>'plan', 'interval', e->>'interval', 'rule', e->>'rule', 'detail', e->>'detail',
            'scheduled_change', nullif(jsonb_strip_nulls(jsonb_build_object('kind', e->'change'->>'kind',
              'at', iso(instant((e->'change'->>'at')::bigint)), 'plan', e->'change'->>'plan', 'interval', e->'change'->>'interval')), '{}')));
      elsif e->>'kind' = 'top_up_skipped' then
        perform emit_event(p_sub, 'top_up.skipped', instant((e->>'at')::bigint), jsonb_build_object('reason', e->>'reason', 'detail', e->>'detail'));
      elsif e->>'kind' = 'payment_refused' then
        perform emit_event(p_sub, 'payment.refused', instant((e->>'at')::bigint), jsonb_build_object('charge_id', e->>'chargeId', 'detail', e->>'detail'));
      elsif e->>'kind' = 'payment_method_changed' then
        perform emit_event(p_sub, 'subscription.payment_method_changed', instant((e->>'at')::bigint),
          jsonb_build_object('payment_method', e->>'paymentMethod', 'charge_id', e->>'chargeId'));
      end if;
    else
      raise exception 'unknown effect %', e->>'type';
  end case;
end $$;

-- A step is decided a moment before it is booked, and what was spent meanwhile is booked first. So what a caller asked for is
-- dated no earlier than that, and neither is an end that nobody scheduled (R-13: dated when it is booked).
create or replace function date_effect(e jsonb, l ledgers, p_asked timestamptz) returns jsonb language plpgsql stable as $$
begin
  if l.asked_at is null then return e; end if;
  if (e->>'type' = 'forfeit' or e->>'kind' = 'ended') and instant((e->>'at')::bigint) is distinct from l.ends_at then
    return jsonb_set(e, '{at}', latest(e->>'at', l.asked_at));
  elsif e->>'type' = 'revoke' and instant((e->>'at')::bigint) = p_asked then
    return jsonb_set(e, '{at}', latest(e->>'at', l.asked_at));
  elsif e->>'type' = 'grant' and e->>'kind' <> 'allowance' and instant((e->>'effectiveAt')::bigint) = p_asked then
    return jsonb_set(e, '{effectiveAt}', latest(e->>'effectiveAt', least(l.asked_at, instant((e->>'expiresAt')::bigint - 1))));
  end if;
  return e;
end $$;

-- R-14: books what is due by an instant: deadlines of holds, notices of what will expire, expiries.
create or replace function expire_until(p_sub text, p_until timestamptz) returns void language plpgsql as $$
begin
  if exists (select from ledgers where subscription_id = p_sub and next_deadline <= p_until) then
    perform release_due(p_sub, p_until);
  end if;
  if exists (select from ledgers where subscription_id = p_sub and next_notice <= p_until) then
    perform emit_notices(p_sub, p_until);
  end if;
  perform take_unused(p_sub, id, 'expiry', 'expired', expires_at)
  from (select id, expires_at from grants
        where subscription_id = p_sub and open and taken is null and expires_at <= p_until order by expires_at, made) g;
end $$;

-- Books a step: its charge's outcome, its effects in order (each after what was due before it), the subscription's row as it is
-- afterwards, the end of its command. How many credits there are is noted instant by instant, not in between. Answers a snapshot
-- with kind `booked`, or as `open_step` does.
create or replace function book_step(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  stop jsonb := open_step(p_sub, p);
  e jsonb;
  l ledgers;
  line int := 0;
  after jsonb := p->'after';
  v_asked timestamptz := instant((p->>'catalogAt')::bigint);
  v_now timestamptz;
  v_at timestamptz;
  -- The instant whose effects are being booked.
  v_here timestamptz;
  v_ends timestamptz;
begin
  if stop is not null then return stop; end if;
  if (p->>'discard')::boolean then -- R-43: a declined first payment starts nothing
    perform finish_command(p->'command', p->'refusal');
    delete from charges where subscription_id = p_sub;
    delete from ledgers where subscription_id = p_sub;
    delete from subscriptions where id = p_sub;
    return jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome', 'version', 0, 'now', p->'after'->'now', 'step', p->'step', 'grants', '[]'::jsonb);
  end if;
  if jsonb_typeof(p->'charge') = 'object' then perform book_charge(p_sub, p->'charge', p->>'outcome', (p->>'step')::int); end if;
  select * into l from ledgers where subscription_id = p_sub;
  v_now := case when l.test_clock is null then ledger_now(null) else greatest(l.test_clock, instant((after->'state'->>'now')::bigint)) end;
  for e in select * from jsonb_array_elements(p->'effects') loop
    e := date_effect(e, l, v_asked);
    v_at := least(v_now, instant(coalesce(e->>'effectiveAt', e->>'at')::bigint));
    if v_here < v_at then perform note_level(p_sub, available_at(p_sub, v_here), v_here); end if;
    v_here := greatest(v_here, v_at);
    perform expire_until(p_sub, v_at);
    if e->>'type' = 'forfeit' then
      after := after || jsonb_build_object('endsAt', e->'at', 'state', after->'state' || jsonb_build_object('endedAt', e->'at'));
    end if;
    perform book_effect(p_sub, e, (p->>'step')::int, line);
    line := line + 1;
  end loop;
  v_ends := l.ends_at;
  update subscriptions set plan = after->'state'->>'plan', interval = after->'state'->>'interval',
    status = after->'state'->>'status', state = after->'state'
  where id = p_sub;
  update ledgers set step = (p->>'step')::int, status = after->'state'->>'status', workflow_behind = false,
    ends_at = instant((after->>'endsAt')::bigint), blocked = (after->>'blocked')::boolean,
    low_below = greatest(coalesce((after->>'lowBelow')::bigint, low_below), 1),
    test_clock = case when test_clock is null then null else greatest(test_clock, instant((after->'state'->>'now')::bigint)) end
  where subscription_id = p_sub
  returning * into l;
  if l.ends_at is distinct from v_ends then perform date_notices(p_sub, coalesce(v_here, v_now)); end if;
  perform expire_until(p_sub, ledger_now(l.test_clock));
  if l.status in ('active', 'past_due') then
    perform note_level(p_sub, available_at(p_sub, ledger_now(l.test_clock)), coalesce(v_here, ledger_now(l.test_clock)));
  end if;
  update ledgers set workflow_behind = false where subscription_id = p_sub and workflow_behind;
  if jsonb_typeof(p->'command') = 'object' and (p->>'finish')::boolean then
    perform finish_command(p->'command', nullif(p->'refusal', 'null'));
  end if;
  return snapshot(p_sub) || jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome');
end $$;

create or replace function advance_ended(p_sub text, p_to timestamptz) returns void language plpgsql as $$
begin
  update ledgers set test_clock = greatest(test_clock, p_to)
  where subscription_id = p_sub and status = 'ended' and test_clock is not null;
  perform release_overdue(p_sub);
end $$;
