-- Charges: money asked for, and its attempts. The ledger is locked wherever these write.

-- A charge's attempts once one of them has ended. When one was paid, nothing came of the others that were pending.
create or replace function attempt_ended(p_attempts jsonb, p_attempt int, p_outcome text) returns jsonb
language sql immutable as $$
  select jsonb_agg(case
      when (a->>'attempt')::int = p_attempt then a || jsonb_build_object('outcome', p_outcome)
      when a->>'outcome' = 'pending' and p_outcome <> 'declined' then a || '{"outcome":"given_up"}'
      else a end order by (a->>'attempt')::int)
  from jsonb_array_elements(p_attempts) a
$$;

-- A charge's attempts with one more, or with a new outcome of one. Later ones than it were not made after all; the
-- one that it cancels is cancelled (R-45).
create or replace function attempts_with(p_attempts jsonb, p_attempt jsonb, p_cancels text) returns jsonb
language sql immutable as $$
  select (
    select coalesce(jsonb_agg(case when a->>'attempt' = p_cancels and a->>'outcome' = 'pending'
        then a || '{"outcome":"cancelled"}' else a end order by (a->>'attempt')::int), '[]')
    from jsonb_array_elements(p_attempts) a where (a->>'attempt')::int < (p_attempt->>'attempt')::int
  ) || (
    coalesce((select a from jsonb_array_elements(p_attempts) a where a->'attempt' = p_attempt->'attempt'), p_attempt)
    || jsonb_build_object('outcome', p_attempt->>'outcome')
  )
$$;

-- Puts an attempt at a charge (`Charge` of src/domain/state.ts) on record: billing's answer, or `pending` before it
-- is asked. An event says how the payment of a purchase ended.
create or replace function book_charge(p_sub text, p_charge jsonb, p_outcome text, p_step int) returns void language plpgsql as $$
declare
  charge charges;
  attempt jsonb := jsonb_build_object('attempt', (p_charge->>'attempt')::int, 'at', (p_charge->>'attemptAt')::bigint,
    'payment_method', p_charge->>'paymentMethod', 'outcome', p_outcome);
  -- A purchase is of one pack; a renewal grants each of its packs, and its lines name them.
  bought jsonb := case p_charge->>'kind' when 'purchase' then p_charge->'buys'->'items'->0 end;
begin
  insert into charges (subscription_id, id, kind, at, status, amount_minor, currency, lines, attempts, catalog_version, step,
    purchase_id, pack, renews, packs, credits)
  values (p_sub, p_charge->>'id', p_charge->>'kind', instant_of(p_charge, 'at'), p_outcome, (p_charge->>'amountMinor')::bigint,
    p_charge->>'currency', p_charge->'lines', jsonb_build_array(attempt), p_charge->>'catalogVersion', p_step,
    p_charge->>'purchaseId', bought->>'pack', (bought->>'renews')::boolean, (p_charge->'buys'->>'packs')::int, (p_charge->'buys'->>'packCredits')::bigint)
  on conflict (subscription_id, id) do update set
    status = p_outcome, attempts = attempts_with(charges.attempts, attempt, p_charge->>'cancels')
  returning * into charge;
  if p_outcome in ('paid', 'declined') then
    perform emit_purchase_event(charge, 'purchase.' || p_outcome, instant_of(p_charge, 'attemptAt'));
  end if;
end $$;

-- Ends a charge that was pending, by its newest attempt or by any that was paid (the effect `settle_charge`). A
-- renewal that was declined may be paid after all, before its next attempt.
create or replace function settle_charge(p_sub text, p_effect jsonb) returns void language plpgsql as $$
declare
  charge charges;
  ends boolean;
begin
  select * into charge from charges where subscription_id = p_sub and id = p_effect->>'chargeId';
  ends := (charge.status = 'pending' or charge.kind = 'renewal' and charge.status = 'declined' and p_effect->>'status' = 'paid')
    and (p_effect->>'status' = 'paid' or (p_effect->>'attempt')::int >= jsonb_array_length(charge.attempts));
  update charges set attempts = attempt_ended(attempts, (p_effect->>'attempt')::int, p_effect->>'status'),
    status = case when ends then p_effect->>'status' else status end
  where subscription_id = p_sub and id = p_effect->>'chargeId' returning * into charge;
  if ends then
    perform emit_purchase_event(charge, case charge.status when 'paid' then 'purchase.paid' else 'purchase.declined' end,
      instant_of(p_effect, 'at'));
  end if;
end $$;

-- R-42: marks a charge as refunded, since it was paid when nothing could come of it any more.
create or replace function refund_unbooked(p_sub text, p_effect jsonb) returns void language plpgsql as $$
declare charge charges;
begin
  update charges set status = 'refunded', refunded_minor = amount_minor, returned_minor = amount_minor,
    attempts = attempt_ended(attempts, jsonb_array_length(attempts), 'paid')
  where subscription_id = p_sub and id = p_effect->>'chargeId' returning * into charge;
  perform emit_purchase_event(charge, 'purchase.refunded', instant_of(p_effect, 'at'));
end $$;

-- R-42: owes back money that was paid and that the charge does not ask for.
create or replace function owe_back(p_sub text, p_effect jsonb) returns void language plpgsql as $$
declare charge charges;
begin
  update charges set owed_minor = owed_minor + (p_effect->>'owedMinor')::bigint
  where subscription_id = p_sub and id = p_effect->>'chargeId' returning * into charge;
  perform emit_event(p_sub, 'payment.' || (p_effect->>'kind'), instant_of(p_effect, 'at'), jsonb_build_object(
    'charge_id', charge.id, 'charge_kind', charge.kind, 'paid', money(charge, (p_effect->>'paidMinor')::bigint),
    'billed', money(charge, charge.amount_minor), 'owed_back', money(charge, (p_effect->>'owedMinor')::bigint)));
end $$;
