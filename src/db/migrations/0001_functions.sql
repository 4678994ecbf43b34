-- The ledger's verbs. Each is called in one round trip as one statement: it locks the one fixed row of its
-- subscription first and reads in later statements, whose snapshots see what was committed during the wait.

-- R-15: instants cross the border as whole milliseconds.
create function instant(p_ms bigint) returns timestamptz language sql immutable strict parallel safe as $$
  select timestamptz 'epoch' + p_ms * interval '1 millisecond'
$$;
--> statement-breakpoint
create function ms(p_at timestamptz) returns bigint language sql immutable strict parallel safe as $$
  select floor(extract(epoch from p_at) * 1000)::bigint
$$;
--> statement-breakpoint
create function iso(p_at timestamptz) returns text language sql immutable strict parallel safe as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
--> statement-breakpoint
-- R-90: a test clock stands still; everything else runs on the database's clock, read after the lock was had.
create function ledger_now(p_test_clock timestamptz) returns timestamptz language sql volatile as $$
  select coalesce(p_test_clock, instant(ms(clock_timestamp())))
$$;
--> statement-breakpoint
-- R-08: the catalogue in force at an instant; the newest for a test clock (null).
create function catalog_in_force(p_at timestamptz) returns catalogs language sql stable as $$
  select c from catalogs c
  order by (p_at is null or c.in_force_from <= p_at) desc,
           case when p_at is null or c.in_force_from <= p_at then c.in_force_from end desc,
           c.in_force_from
  limit 1
$$;
--> statement-breakpoint
create function entries_are_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'entries are append-only (I11)';
end $$;
--> statement-breakpoint
create trigger entries_append_only before update or delete on entries
  for each row execute function entries_are_append_only();
--> statement-breakpoint
create trigger entries_no_truncate before truncate on entries
  for each statement execute function entries_are_append_only();
--> statement-breakpoint
-- The next entry of a locked ledger.
create function enter(p_sub text, p_grant text, p_kind text, p_credits bigint, p_at timestamptz, p_usage text default null)
returns void language plpgsql as $$
declare l ledgers;
begin
  update ledgers set seq = seq + 1, balance = balance + p_credits where subscription_id = p_sub returning * into l;
  insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, usage_id)
  values (p_sub, l.seq, p_kind, p_credits, p_grant, l.balance, p_at, p_usage);
end $$;
--> statement-breakpoint
-- Takes what is unused of a grant; answers how much. A second call finds nothing.
create function take_unused(p_sub text, p_grant text, p_kind text, p_taken text, p_at timestamptz)
returns bigint language plpgsql as $$
declare g grants;
begin
  select * into g from grants where subscription_id = p_sub and id = p_grant;
  if not found or g.remaining = 0 then return 0; end if;
  update grants set remaining = 0, open = held > 0, taken = p_taken where subscription_id = p_sub and id = p_grant;
  perform enter(p_sub, p_grant, p_kind, -g.remaining, p_at);
  return g.remaining;
end $$;
--> statement-breakpoint
create function book_grant(p_sub text, e jsonb) returns void language plpgsql as $$
declare next_seq bigint;
begin
  select seq + 1 into next_seq from ledgers where subscription_id = p_sub;
  insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, charge_id, reason)
  values (p_sub, e->>'id', e->>'kind', (e->>'credits')::bigint, (e->>'credits')::bigint,
          instant((e->>'effectiveAt')::bigint), instant((e->>'expiresAt')::bigint),
          next_seq, e->>'cause', e->>'chargeId', e->>'reason')
  on conflict do nothing; -- I4: granted before, by id or by cause
  if found then
    perform enter(p_sub, e->>'id', 'grant', (e->>'credits')::bigint, instant((e->>'effectiveAt')::bigint));
  end if;
end $$;
--> statement-breakpoint
-- R-50: at the end all that is unused goes; a grant whose own term ended before expired, whenever that is booked.
create function book_forfeit(p_sub text, p_at timestamptz) returns void language plpgsql as $$
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
--> statement-breakpoint
create function book_effect(p_sub text, e jsonb, p_step int, p_line int) returns void language plpgsql as $$
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
      update charges set status = e->>'status' where subscription_id = p_sub and id = e->>'chargeId' and status = 'pending';
    when 'refund' then
      update charges set refunded_minor = amount_minor where subscription_id = p_sub and id = e->>'chargeId';
    when 'note' then
      insert into notes (subscription_id, step, line, at, kind, rule, detail)
      values (p_sub, p_step, p_line, instant((e->>'at')::bigint), e->>'kind', e->>'rule', e->>'detail');
    else
      raise exception 'unknown effect %', e->>'type';
  end case;
end $$;
--> statement-breakpoint
-- A charge as asked, or its next attempt, or the answer to an attempt: one row a charge.
create function book_charge(p_sub text, c jsonb, p_outcome text, p_step int) returns void language plpgsql as $$
declare this_attempt jsonb := jsonb_build_object('attempt', (c->>'attempt')::int, 'at', (c->>'attemptAt')::bigint,
                                                 'payment_method', c->>'paymentMethod', 'outcome', p_outcome);
begin
  insert into charges (subscription_id, id, kind, at, status, amount_minor, currency, lines, attempts,
                       catalog_version, step, purchase_id, packs, credits)
  values (p_sub, c->>'id', c->>'kind', instant((c->>'at')::bigint), p_outcome, (c->>'amountMinor')::bigint, c->>'currency',
          c->'lines', jsonb_build_array(this_attempt), c->>'catalogVersion', p_step, c->>'purchaseId',
          (c->'buys'->>'packs')::int, (c->'buys'->>'packCredits')::bigint)
  on conflict (subscription_id, id) do update set
    status = p_outcome,
    attempts = (select coalesce(jsonb_agg(a order by (a->>'attempt')::int), '[]') from jsonb_array_elements(charges.attempts) a
                where (a->>'attempt')::int <> (c->>'attempt')::int) || this_attempt;
end $$;
--> statement-breakpoint
-- What the workflow needs to know of the ledger after a statement: version, open grants, now.
create function snapshot(p_sub text) returns jsonb language sql stable as $$
  select jsonb_build_object('version', l.seq, 'now', ms(ledger_now(l.test_clock)), 'step', l.step, 'grants', coalesce((
      select jsonb_agg(jsonb_build_object('id', g.id, 'kind', g.kind, 'amount', g.amount, 'remaining', g.remaining,
               'held', g.held, 'effectiveAt', ms(g.effective_at), 'expiresAt', ms(g.expires_at), 'made', g.made)
             order by g.made)
      from grants g where g.subscription_id = p_sub and g.open), '[]'))
  from ledgers l where l.subscription_id = p_sub
$$;
--> statement-breakpoint
-- Takes a command for a step: pending becomes taken, and stays so until a step finishes it. False when its caller was
-- told 503 (abandoned), or when it ended before: steps of one subscription come one by one, so only the command's own
-- steps can find it taken.
create function take_command(p_sub text, c jsonb, p_step int) returns boolean language plpgsql as $$
begin
  update commands set status = 'taken', step = coalesce(step, p_step),
    from_seq = coalesce(from_seq, (select seq from ledgers where subscription_id = p_sub), 0),
    from_at = coalesce(from_at, (select ledger_now(test_clock) from ledgers where subscription_id = p_sub))
  where scope = c->>'scope' and operation = c->>'operation' and key = c->>'key' and attempt = (c->>'attempt')::int
    and status in ('pending', 'taken');
  return found;
end $$;
--> statement-breakpoint
create function finish_command(c jsonb, p_refusal jsonb) returns void language sql as $$
  update commands set status = case when p_refusal is null then 'done' else 'refused' end, refusal = p_refusal
  where scope = c->>'scope' and operation = c->>'operation' and key = c->>'key' and attempt = (c->>'attempt')::int
$$;
--> statement-breakpoint
-- The rows of a new subscription; false when its customer has one that is not ended.
create function begin_subscription(p_sub text, b jsonb) returns boolean language plpgsql as $$
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
--> statement-breakpoint
-- What every step begins with. Answers null when the step may go on, else why not:
--   replayed: the step was booked before, with the outcome of its charge
--   stale: another catalogue is in force at the instant (R-08); decide again with it
--   abandoned: the command's caller was told 503, or it ended before
--   refused: the customer has a subscription
create function open_step(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  l ledgers;
  c catalogs;
  taken_before boolean;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  if found and l.step >= (p->>'step')::int then
    return snapshot(p_sub) || jsonb_build_object('kind', 'replayed', 'outcome', (
      select a->>'outcome' from charges ch, jsonb_array_elements(ch.attempts) a
      where ch.subscription_id = p_sub and ch.id = p->'charge'->>'id' and a->>'attempt' = p->'charge'->>'attempt'));
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
--> statement-breakpoint
-- The first statement of a step that charges: what is about to be asked is on record before money can move.
create function prepare(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare stop jsonb := open_step(p_sub, p);
begin
  if stop is not null then return stop; end if;
  perform book_charge(p_sub, p->'charge', 'pending', (p->>'step')::int);
  return jsonb_build_object('kind', 'prepared');
end $$;
--> statement-breakpoint
-- Books one step of the workflow: its effects in order, its charge's outcome, the row as it is after, the end of
-- its command. All or nothing, once.
create function settle(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  stop jsonb := open_step(p_sub, p);
  e jsonb;
  line int := 0;
  after jsonb := p->'after';
  result jsonb;
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
  for e in select * from jsonb_array_elements(p->'effects') loop
    perform book_effect(p_sub, e, (p->>'step')::int, line);
    line := line + 1;
  end loop;
  update subscriptions set plan = after->'state'->>'plan', interval = after->'state'->>'interval',
    status = after->'state'->>'status', state = after->'state'
  where id = p_sub;
  update ledgers set step = (p->>'step')::int, status = after->'state'->>'status', untold = false,
    ends_at = instant((after->>'endsAt')::bigint), blocked = (after->>'blocked')::boolean,
    test_clock = case when test_clock is null then null else greatest(test_clock, instant((after->'state'->>'now')::bigint)) end
  where subscription_id = p_sub;
  if jsonb_typeof(p->'command') = 'object' and (p->>'finish')::boolean then
    perform finish_command(p->'command', nullif(p->'refusal', 'null'));
  end if;
  return snapshot(p_sub) || jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome');
end $$;
--> statement-breakpoint
-- R-52: the clock of an ended subscription is moved by the caller alone; nothing is due on it.
create function advance_ended(p_sub text, p_to timestamptz) returns void language sql as $$
  update ledgers set test_clock = greatest(test_clock, p_to)
  where subscription_id = p_sub and status = 'ended' and test_clock is not null
$$;
--> statement-breakpoint
-- R-12: whether credits can be spent at an instant, whatever has run.
create function can_spend(l ledgers, p_at timestamptz) returns boolean language sql immutable as $$
  select l.status in ('active', 'past_due') and (l.ends_at is null or p_at < l.ends_at)
$$;
--> statement-breakpoint
-- R-60 to R-65: one request spends all its lines or nothing; as json, which keeps the order of members in its answer.
-- Answers one of
--   ok, replay {answer} · reused · stale {catalog_version} · not_found ·
--   refused {code, at, needed, available, held}
create function spend(p_sub text, p json) returns jsonb language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  l ledgers;
  u usages;
  g record;
  v_now timestamptz;
  needed bigint := (p->>'credits')::bigint;
  left_over bigint := needed;
  v_available bigint;
  v_held bigint;
  v_taken bigint;
  debits json[] := '{}';
  answer json;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  if not found then return jsonb_build_object('kind', 'not_found'); end if;
  select * into u from usages where subscription_id = p_sub and key = p->>'key';
  if found then
    if u.body_hash <> p->>'bodyHash' then return jsonb_build_object('kind', 'reused'); end if;
    return jsonb_build_object('kind', 'replay', 'answer', u.answer::text);
  end if;
  v_now := ledger_now(l.test_clock);
  if not can_spend(l, v_now) then
    return jsonb_build_object('kind', 'refused', 'code', 'subscription_not_active', 'at', ms(v_now));
  end if;
  if l.blocked then
    return jsonb_build_object('kind', 'refused', 'code', 'payment_past_due', 'at', ms(v_now));
  end if;
  if (catalog_in_force(null)).version <> p->>'catalogVersion' then
    return jsonb_build_object('kind', 'stale');
  end if;
  select coalesce(sum(remaining), 0), coalesce(sum(held), 0) into v_available, v_held
  from grants where subscription_id = p_sub and open and effective_at <= v_now and v_now < expires_at;
  if v_available < needed then
    return jsonb_build_object('kind', 'refused', 'code', 'insufficient_credits', 'at', ms(v_now),
      'needed', needed, 'available', v_available, 'held', v_held);
  end if;
  for g in
    select id, kind, remaining from grants
    where subscription_id = p_sub and open and remaining > 0 and effective_at <= v_now and v_now < expires_at
    order by kind <> 'allowance', expires_at, effective_at, made
  loop
    exit when left_over = 0;
    v_taken := least(left_over, g.remaining);
    left_over := left_over - v_taken;
    update grants set remaining = remaining - v_taken, open = (remaining - v_taken + held > 0)
    where subscription_id = p_sub and id = g.id;
    perform enter(p_sub, g.id, 'debit', -v_taken, v_now, p->>'id');
    debits := debits || json_build_object('grant_id', g.id, 'kind', g.kind, 'credits', v_taken);
  end loop;
  answer := json_build_object('id', p->>'id', 'credits', needed, 'lines', p->'lines', 'debits', array_to_json(debits),
    'balance', json_build_object('available', v_available - needed, 'held', v_held),
    'catalog_version', p->>'catalogVersion', 'at', iso(v_now));
  insert into usages (subscription_id, id, credits, lines, via, reference, metadata, catalog_version, at, key, body_hash, answer)
  values (p_sub, p->>'id', needed, (p->'lines')::jsonb, p->>'via', p->>'reference', (p->'metadata')::jsonb, p->>'catalogVersion', v_now,
          p->>'key', p->>'bodyHash', answer);
  if needed > 0 then
    update ledgers set untold = true, touched_at = clock_timestamp() where subscription_id = p_sub;
  end if;
  return jsonb_build_object('kind', 'ok', 'answer', answer::text);
end $$;
--> statement-breakpoint
-- I13: what each grant could give at an instant (null: now). Past remainders are summed from the entries in force by
-- then; R-12 is applied as a predicate, so nothing needs to have been booked. `refreshed` is the allowance that came
-- next after a past instant.
create function balance_at(p_sub text, p_at timestamptz) returns jsonb language plpgsql stable as $$
declare
  l ledgers;
  v_now timestamptz;
  v_at timestamptz;
  rows jsonb;
begin
  select * into l from ledgers where subscription_id = p_sub;
  if not found then return null; end if;
  v_now := ledger_now(l.test_clock);
  v_at := coalesce(p_at, v_now);
  select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'kind', g.kind, 'remaining', x.remaining, 'held', x.held,
           'expiresAt', ms(g.expires_at)) order by g.expires_at, g.made), '[]') into rows
  from grants g
  cross join lateral (
    select g.remaining, g.held where v_at >= v_now
    union all
    select g.amount + coalesce(sum(e.credits) filter (where e.kind <> 'grant'), 0)::bigint,
           -coalesce(sum(e.credits) filter (where e.kind in ('hold', 'release')), 0)::bigint
    from entries e where v_at < v_now and e.subscription_id = p_sub and e.grant_id = g.id and e.effective_at <= v_at
    having v_at < v_now
  ) x
  where g.subscription_id = p_sub and g.effective_at <= v_at and v_at < g.expires_at and x.remaining + x.held > 0
    and (l.ends_at is null or v_at < l.ends_at);
  return jsonb_build_object('now', ms(v_now), 'at', ms(v_at), 'version', l.seq, 'grants', rows, 'refreshed', (
    select jsonb_build_object('at', ms(g.effective_at), 'credits', g.amount) from grants g
    where v_at < v_now and g.subscription_id = p_sub and g.kind = 'allowance' and g.effective_at > v_at
    order by g.effective_at limit 1));
end $$;
