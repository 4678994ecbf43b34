-- Opens a step: locks the ledger (or makes it, with the first step) and takes the command. Answers null when the step
-- may go on, else `kind`, why not:
--   replayed: the step was booked before, with the outcome of its charge
--   stale: another catalogue is in force at the instant (R-08); decide again with it
--   abandoned: the command's caller was told 503, or it ended before
--   refused: the customer has a subscription, or had a trial
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
  -- An attempt on record keeps its catalogue: billing may have been asked for it already.
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
      perform finish_command(p->'command', case when exists (
          select from subscriptions where customer_id = p->'begin'->'state'->>'customerId' and status <> 'ended')
        then p->'conflict' else '{"code":"trial_used","detail":"The customer had a trial before: start without one.","data":{}}' end);
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

-- Ends a command: done, or refused for a reason.
create or replace function finish_command(c jsonb, p_refusal jsonb) returns void language sql as $$
  update commands set status = case when p_refusal is null then 'done' else 'refused' end, refusal = p_refusal
  where scope = c->>'scope' and operation = c->>'operation' and key = c->>'key' and attempt = (c->>'attempt')::int
$$;

-- Gives up a step that the ledger can't hold. Writes an incident, refuses the command, and leaves no charge open that
-- no step knows of. A renewal's stays: its boundary is due again, and asks for the same charge. A start leaves
-- nothing (R-43).
create or replace function give_up_step(p_sub text, p jsonb) returns void language plpgsql as $$
begin
  insert into incidents (subscription_id, step, what, code, detail, charge_id, outcome)
  values (p_sub, (p->>'step')::int, coalesce(p->'command'->>'operation', 'due'), p->>'code', p->>'detail', p->'charge'->>'id',
    p->'charge'->>'outcome')
  on conflict (subscription_id, step, what, code) do update set tries = incidents.tries + 1, last_at = clock_timestamp(),
    outcome = excluded.outcome;
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

-- Makes the rows of a new subscription. False when its customer has one that is not ended, or had the trial that it
-- would begin with (R-23).
create or replace function begin_subscription(p_sub text, b jsonb) returns boolean language plpgsql as $$
begin
  insert into subscriptions (id, customer_id, plan, interval, status, trial, state, metadata, created_at)
  values (p_sub, b->'state'->>'customerId', b->'state'->>'plan', b->'state'->>'interval', 'incomplete', b->'state' ? 'trialEndsAt',
          b->'state', b->'metadata', instant((b->'state'->>'now')::bigint))
  on conflict do nothing;
  if not found then return false; end if;
  insert into ledgers (subscription_id, status, test_clock)
  values (p_sub, 'incomplete', case when (b->'state'->>'testClock')::boolean then instant((b->'state'->>'now')::bigint) end);
  return true;
end $$;

-- The first statement of a step that charges: puts the charge on record before billing is asked, before money can
-- move. Locks the ledger. Answers {kind: prepared}, or as `open_step` does.
create or replace function prepare(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare stop jsonb := open_step(p_sub, p);
begin
  if stop is not null then return stop; end if;
  perform book_charge(p_sub, p->'charge', 'pending', (p->>'step')::int);
  return jsonb_build_object('kind', 'prepared');
end $$;

-- Books the effects of a step in order, each after all that was due before it. Events say which level the credits
-- reached instant by instant, not in between. Answers `after` of the step, with the date of an end as it was booked,
-- and the newest instant that was booked.
create or replace function book_effects(p_sub text, p_ledger ledgers, p_step jsonb, p_now timestamptz,
  out after jsonb, out booked_until timestamptz) language plpgsql as $$
declare
  effect jsonb;
  effect_at timestamptz;
  line int := 0;
begin
  after := p_step->'after';
  for effect in select * from jsonb_array_elements(p_step->'effects') loop
    effect := date_effect(effect, p_ledger, instant_of(p_step, 'catalogAt'));
    effect_at := least(p_now, instant(coalesce(effect->>'effectiveAt', effect->>'at')::bigint));
    if booked_until < effect_at then perform note_level(p_sub, available_at(p_sub, booked_until), booked_until); end if;
    booked_until := greatest(booked_until, effect_at);
    perform expire_until(p_sub, effect_at);
    if effect->>'type' = 'forfeit' then
      after := after || jsonb_build_object('endsAt', effect->'at',
        'state', after->'state' || jsonb_build_object('endedAt', effect->'at'));
    end if;
    perform book_effect(p_sub, effect, (p_step->>'step')::int, line);
    line := line + 1;
  end loop;
end $$;

-- Writes the subscription as it is after a step (`After` of src/db/ledger.ts). Answers its ledger.
create or replace function book_after(p_sub text, p_after jsonb, p_step int, p_now timestamptz) returns ledgers language plpgsql as $$
declare
  after_state jsonb := p_after->'state';
  ledger ledgers;
begin
  update subscriptions set plan = after_state->>'plan', interval = after_state->>'interval', status = after_state->>'status',
    state = after_state, notices = notices_after(p_after->'notices', p_now)
  where id = p_sub;
  update ledgers set step = p_step, status = after_state->>'status', workflow_behind = false, nudge_now = false,
    next_notice = next_notice_of(p_sub), wakes_at = instant_of(p_after, 'wakesAt'), ends_at = instant_of(p_after, 'endsAt'), blocked = (p_after->>'blocked')::boolean,
    low_below = greatest(coalesce((p_after->>'lowBelow')::bigint, low_below), 1),
    test_clock = case when test_clock is null then null else greatest(test_clock, instant_of(after_state, 'now')) end
  where subscription_id = p_sub
  returning * into ledger;
  return ledger;
end $$;

-- R-43: a declined first payment starts nothing. Its rows go.
create or replace function discard_start(p_sub text, p jsonb) returns jsonb language plpgsql as $$
begin
  perform finish_command(p->'command', p->'refusal');
  delete from charges where subscription_id = p_sub;
  delete from ledgers where subscription_id = p_sub;
  delete from subscriptions where id = p_sub;
  return jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome', 'version', 0, 'now', p->'after'->'now', 'step', p->'step',
    'grants', '[]'::jsonb);
end $$;

-- Books a step of a subscription's workflow (`Booking` of src/db/ledger.ts), all of it or nothing, once: the outcome
-- of its charge, its effects, the subscription after it, the end of its command. Locks the ledger. Answers a snapshot
-- with kind `booked`, or as `open_step` does.
create or replace function book_step(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  stop jsonb := open_step(p_sub, p);
  ledger ledgers;
  old_end timestamptz;
  step_now timestamptz;
  after jsonb;
  booked_until timestamptz;
begin
  if stop is not null then return stop; end if;
  if (p->>'discard')::boolean then return discard_start(p_sub, p); end if;
  if jsonb_typeof(p->'charge') = 'object' then perform book_charge(p_sub, p->'charge', p->>'outcome', (p->>'step')::int); end if;

  select * into ledger from ledgers where subscription_id = p_sub;
  old_end := ledger.ends_at;
  step_now := case when ledger.test_clock is null then ledger_now(null)
    else greatest(ledger.test_clock, instant_of(p->'after'->'state', 'now')) end;
  select * into after, booked_until from book_effects(p_sub, ledger, p, step_now);
  -- Notices of the term that ends are due before those of the next take their place.
  perform expire_until(p_sub, step_now);
  ledger := book_after(p_sub, after, (p->>'step')::int, step_now);
  if ledger.ends_at is distinct from old_end then perform date_notices(p_sub, coalesce(booked_until, step_now)); end if;

  perform expire_until(p_sub, ledger_now(ledger.test_clock));
  if ledger.status in ('trialing', 'active', 'past_due') then
    perform note_level(p_sub, available_at(p_sub, ledger_now(ledger.test_clock)),
      coalesce(booked_until, ledger_now(ledger.test_clock)));
  end if;
  -- The snapshot below tells the workflow all of it.
  update ledgers set workflow_behind = false, nudge_now = false where subscription_id = p_sub and (workflow_behind or nudge_now);
  if jsonb_typeof(p->'command') = 'object' and (p->>'finish')::boolean then
    perform finish_command(p->'command', nullif(p->'refusal', 'null'));
  end if;
  return snapshot(p_sub) || jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome');
end $$;

-- R-52: moves the test clock of an ended subscription, where nothing is due any more but deadlines of holds. Locks
-- the ledger.
create or replace function advance_ended(p_sub text, p_to timestamptz) returns void language plpgsql as $$
begin
  update ledgers set test_clock = greatest(test_clock, p_to)
  where subscription_id = p_sub and status = 'ended' and test_clock is not null;
  perform release_overdue(p_sub);
end $$;
