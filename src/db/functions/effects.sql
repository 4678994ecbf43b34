-- Effects of a step (`Effect` of src/domain/state.ts), and all that comes due before them. The ledger is locked.

-- I4: makes a grant, its first entry and the date of its first notice. Does nothing where its id or its cause was
-- granted before.
create or replace function book_grant(p_sub text, p_effect jsonb) returns void language plpgsql as $$
declare
  next_seq bigint;
  gone timestamptz;
  first_notice timestamptz;
  credits bigint := (p_effect->>'credits')::bigint;
  effective_at timestamptz := instant_of(p_effect, 'effectiveAt');
begin
  select seq + 1, gone_at(instant_of(p_effect, 'expiresAt'), ends_at) into next_seq, gone
  from ledgers where subscription_id = p_sub;
  first_notice := notice_after(gone, effective_at);
  insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, charge_id, reason,
    notice_at)
  values (p_sub, p_effect->>'id', p_effect->>'kind', credits, credits, effective_at, instant_of(p_effect, 'expiresAt'), next_seq,
    p_effect->>'cause', p_effect->>'chargeId', p_effect->>'reason', first_notice)
  on conflict do nothing;
  if found then
    perform add_entry(p_sub, p_effect->>'id', 'grant', credits, effective_at);
    update ledgers set next_notice = least(next_notice, first_notice) where subscription_id = p_sub;
    perform emit_event(p_sub, 'grant.made', effective_at, jsonb_build_object('grant_id', p_effect->>'id',
      'kind', p_effect->>'kind', 'credits', credits, 'expires_at', iso(gone), 'reason', p_effect->>'reason'));
  end if;
end $$;

-- R-50: forfeits all unused credits at the end. A grant whose own term ended before has expired, whenever that is
-- booked (R-14).
create or replace function book_forfeit(p_sub text, p_at timestamptz) returns void language plpgsql as $$
declare g grants;
begin
  for g in select * from grants where subscription_id = p_sub and open order by expires_at > p_at, made loop
    if g.expires_at <= p_at then
      perform take_unused(p_sub, g.id, 'expiry', 'expired', g.expires_at);
    else
      perform take_unused(p_sub, g.id, 'forfeiture', 'forfeited', p_at);
    end if;
  end loop;
end $$;

-- Puts a line of the calendar on record. An event says it where it is a transition of the subscription, a top-up that
-- was skipped, or of a payment.
create or replace function book_note(p_sub text, p_effect jsonb, p_step int, p_line int) returns void language plpgsql as $$
declare
  note_at timestamptz := instant_of(p_effect, 'at');
  change jsonb := p_effect->'change';
begin
  insert into notes (subscription_id, step, line, at, kind, rule, detail)
  values (p_sub, p_step, p_line, note_at, p_effect->>'kind', p_effect->>'rule', p_effect->>'detail');
  if p_effect ? 'plan' then
    perform emit_event(p_sub, 'subscription.' || (p_effect->>'kind'), note_at,
      jsonb_build_object('plan', p_effect->>'plan', 'interval', p_effect->>'interval', 'rule', p_effect->>'rule',
        'detail', p_effect->>'detail', 'scheduled_change', nullif(jsonb_strip_nulls(jsonb_build_object('kind', change->>'kind',
          'at', iso(instant_of(change, 'at')), 'plan', change->>'plan', 'interval', change->>'interval')), '{}')));
  elsif p_effect->>'kind' = 'top_up_skipped' then
    perform emit_event(p_sub, 'top_up.skipped', note_at,
      jsonb_build_object('reason', p_effect->>'reason', 'detail', p_effect->>'detail'));
  elsif p_effect->>'kind' = 'payment_refused' then
    perform emit_event(p_sub, 'payment.refused', note_at,
      jsonb_build_object('charge_id', p_effect->>'chargeId', 'detail', p_effect->>'detail'));
  elsif p_effect->>'kind' = 'payment_method_changed' then
    perform emit_event(p_sub, 'subscription.payment_method_changed', note_at,
      jsonb_build_object('payment_method', p_effect->>'paymentMethod', 'charge_id', p_effect->>'chargeId'));
  end if;
end $$;

-- Books one effect of a step.
create or replace function book_effect(p_sub text, p_effect jsonb, p_step int, p_line int) returns void language plpgsql as $$
begin
  case p_effect->>'type'
    when 'grant' then
      perform book_grant(p_sub, p_effect);
    when 'expire' then
      perform take_unused(p_sub, p_effect->>'grantId', 'expiry', 'expired', instant_of(p_effect, 'at'));
    when 'forfeit' then
      perform book_forfeit(p_sub, instant_of(p_effect, 'at'));
    when 'revoke' then -- R-82: of adjustments only
      perform take_unused(p_sub, g.id, 'revocation', 'revoked', instant_of(p_effect, 'at'))
      from grants g where g.subscription_id = p_sub and g.id = p_effect->>'grantId' and g.kind = 'adjustment';
      perform book_note(p_sub, jsonb_build_object('at', p_effect->'at', 'kind', 'revoked', 'rule', 'R-82',
        'detail', p_effect->'reason'), p_step, p_line);
    when 'settle_charge' then
      perform settle_charge(p_sub, p_effect);
    when 'refund' then
      perform refund_unbooked(p_sub, p_effect);
    when 'owe_back' then
      perform owe_back(p_sub, p_effect);
    when 'note' then
      perform book_note(p_sub, p_effect, p_step, p_line);
    else
      raise exception 'unknown effect %', p_effect->>'type';
  end case;
end $$;

-- An effect with the date at which it is booked. The workflow decides a step a moment before the ledger books it, and
-- spends of that moment are booked first. So an effect that a caller asked for (at p_asked) is dated no earlier than
-- they are, and neither is an end that nobody scheduled (R-13: dated when it is booked).
create or replace function date_effect(p_effect jsonb, p_ledger ledgers, p_asked timestamptz) returns jsonb
language plpgsql stable as $$
declare
  effect_at timestamptz := instant_of(p_effect, 'at');
  is_unscheduled_end boolean := (p_effect->>'type' = 'forfeit' or p_effect->>'kind' = 'ended')
    and effect_at is distinct from p_ledger.ends_at;
  is_asked_grant boolean := p_effect->>'type' = 'grant' and p_effect->>'kind' <> 'allowance'
    and instant_of(p_effect, 'effectiveAt') = p_asked;
begin
  if p_ledger.asked_at is null then
    return p_effect;
  elsif is_unscheduled_end or (p_effect->>'type' = 'revoke' and effect_at = p_asked) then
    return jsonb_set(p_effect, '{at}', latest(p_effect->>'at', p_ledger.asked_at));
  elsif is_asked_grant then
    return jsonb_set(p_effect, '{effectiveAt}',
      latest(p_effect->>'effectiveAt', least(p_ledger.asked_at, instant((p_effect->>'expiresAt')::bigint - 1))));
  end if;
  return p_effect;
end $$;

-- R-14: books all that is due until an instant, in this order: deadlines of holds, notices of expiries to come,
-- expiries.
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
        where subscription_id = p_sub and open and taken is null and expires_at <= p_until order by expires_at, made) due;
end $$;
