-- R-81: floor(credits × refunded ÷ price), exact.
create or replace function due_back(c charges) returns bigint language sql immutable as $$
  select case when c.amount_minor = 0 then 0 else div(c.credits::numeric * c.refunded_minor, c.amount_minor::numeric)::bigint end
$$;

-- Takes back of a purchase's grant what is due and unused; answers how much. The ledger's row is locked. What can't be spent
-- any more is not there to be taken (R-12): it expires or is forfeited.
create or replace function revoke_credits(l ledgers, c charges, g grants, p_at timestamptz) returns bigint language plpgsql as $$
declare v_credits bigint;
begin
  if p_at >= g.expires_at or l.status = 'ended' or l.ends_at <= p_at then return 0; end if;
  v_credits := least(greatest(due_back(c) - c.revoked_credits, 0), g.remaining);
  if v_credits = 0 then return 0; end if;
  update grants set remaining = remaining - v_credits, open = (remaining - v_credits + held > 0),
    taken = case when remaining = v_credits then 'revoked' else taken end
  where subscription_id = g.subscription_id and id = g.id;
  perform add_entry(g.subscription_id, g.id, 'revocation', -v_credits, p_at);
  return v_credits;
end $$;

-- What came back to grants and was revoked at once, as owed to their refunds: the charges know of it, and it is told.
create or replace function book_owed(p_made entries[]) returns void language plpgsql as $$
begin
  update charges c set revoked_credits = c.revoked_credits - x.credits
  from (select g.subscription_id, g.charge_id, sum(e.credits)::bigint as credits
        from unnest(p_made) e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
        where e.kind = 'revocation' group by g.subscription_id, g.charge_id) x
  where c.subscription_id = x.subscription_id and c.id = x.charge_id;
  perform emit_event(e.subscription_id, 'grant.revoked', e.effective_at,
    jsonb_build_object('grant_id', e.grant_id, 'kind', 'pack', 'credits', -e.credits))
  from unnest(p_made) e where e.kind = 'revocation';
end $$;

-- Gives back what was taken and is not due any more: the reversal has the grant's own expiry. Answers what became of it.
create or replace function restore_credits(l ledgers, c charges, g grants, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  v_credits bigint := greatest(c.revoked_credits - due_back(c), 0);
  -- A deadline at the very end comes before it (R-14).
  v_ended timestamptz := case when l.status = 'ended' or l.ends_at < p_at then l.ends_at end;
  v_gone text := case when g.expires_at <= v_ended then 'expiry' when v_ended is not null then 'forfeiture'
                      when g.expires_at <= p_at or g.taken = 'expired' then 'expiry' end;
begin
  if v_credits > 0 then
    perform add_entry(g.subscription_id, g.id, 'reversal', v_credits, p_at);
    if v_gone is null then
      update grants set remaining = remaining + v_credits, open = true, taken = null where subscription_id = g.subscription_id and id = g.id;
    else
      perform add_entry(g.subscription_id, g.id, v_gone, -v_credits, greatest(p_at, least(g.expires_at, v_ended)));
    end if;
    update ledgers set asked_at = p_at where subscription_id = g.subscription_id;
  end if;
  return jsonb_build_object(
    'restored', case when v_gone is null then v_credits else 0 end,
    'expired_at_once', case when v_gone = 'expiry' then v_credits else 0 end,
    'forfeited_at_once', case when v_gone = 'forfeiture' then v_credits else 0 end,
    'revoked_at_once', 0);
end $$;

-- R-39: by its id: a top-up, whose packs are no part of the add-on.
create or replace function is_top_up(c charges) returns boolean language sql immutable as $$ select c.id ~ '_t[0-9]+$' $$;

-- Tells the workflow, through the inbox, how many packs its add-on has lost to refunds. Answers the packs it will have.
create or replace function emit_withdrawal(p_sub text) returns int language plpgsql as $$
declare
  s jsonb := (select state from subscriptions where id = p_sub);
  v_packs int := (select coalesce(sum(c.packs), 0) from charges c join grants g on g.subscription_id = p_sub and g.charge_id = c.id and g.kind = 'pack'
    where c.subscription_id = p_sub and c.kind = 'purchase' and c.refunded_minor = c.amount_minor
      and not is_top_up(c));
  v_nth int;
  v_change int := v_packs - coalesce((s->'withdrawn'->>'packs')::int, 0);
begin
  if s->>'status' <> 'ended' then
    update ledgers set withdrawals = withdrawals + 1 where subscription_id = p_sub returning withdrawals into v_nth;
    insert into inbox (provider, event_id, subscription_id, kind, payload)
    values ('ledger', p_sub || '/withdrawal/' || v_nth, p_sub, 'packsWithdrawn', jsonb_build_object('packs', v_packs, 'nth', v_nth));
  end if;
  return case when v_change > 0 then greatest((s->>'packs')::int - v_change, 0)
    else (s->>'packs')::int + least(-v_change, coalesce((s->'withdrawn'->>'lowered')::int, 0)) end;
end $$;

-- R-81: what is said of the money of a charge, once and in any order. `kind` is
--   refund: `to` is all that was refunded of it; `id` where an operator asked for it, whose amount is on record
--   dispute: `id`, `amount` and `status` (open, won, lost), whose end is never undone
-- Answers {kind: unknown}, {kind: pending} (nothing is booked: come again when the charge is settled), or {kind: ok, answer}.
create or replace function refund_charge(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  l ledgers;
  c charges;
  g grants;
  r refunds;
  v_now timestamptz;
  v_before bigint;
  v_seq bigint;
  v_revoked bigint := 0;
  v_given jsonb := '{"restored":0,"expired_at_once":0,"forfeited_at_once":0,"revoked_at_once":0}';
  v_packs int;
  v_answer jsonb;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  select * into c from charges where subscription_id = p_sub and id = p->>'charge';
  if c.id is null then return '{"kind":"unknown"}'; end if;
  -- R-42: of a charge that is open only what is owed back can go back.
  if c.status = 'pending' and (c.owed_minor = 0 or coalesce((p->>'to')::bigint, c.owed_minor + 1) > c.owed_minor) then
    return '{"kind":"pending"}';
  end if;
  if p->>'kind' = 'refund' and p->>'id' is not null then
    select * into r from refunds where subscription_id = p_sub and id = p->>'id';
    if r.id is null then raise exception 'no refund % of %', p->>'id', p_sub; end if;
    if r.answer is not null then return jsonb_build_object('kind', 'ok', 'answer', r.answer); end if;
  end if;
  v_now := greatest(ledger_now(l.test_clock), l.asked_at);
  v_seq := l.seq;
  -- What would expire after a scheduled end is forfeited at it, once that is booked.
  perform expire_until(p_sub, least(v_now, l.ends_at));
  select * into l from ledgers where subscription_id = p_sub;
  v_before := c.refunded_minor;
  if p->>'kind' = 'dispute' then
    insert into disputes (subscription_id, id, charge_id, amount_minor, status)
    values (p_sub, p->>'id', c.id, (p->>'amount')::bigint, p->>'status')
    on conflict (subscription_id, id) do update set status = excluded.status,
      amount_minor = case when excluded.status = 'open' then greatest(disputes.amount_minor, excluded.amount_minor) else excluded.amount_minor end
    where disputes.status = 'open';
  end if;
  update charges set owed_returned_minor = least(owed_minor, x.back), returned_minor = x.back - least(owed_minor, x.back),
    refunded_minor = least(amount_minor, x.back - least(owed_minor, x.back) + x.disputed)
  from (select least(c.amount_minor + c.owed_minor,
                 greatest(c.returned_minor + c.owed_returned_minor, r.to_minor, (p->>'to')::bigint)) as back,
               (select coalesce(sum(amount_minor), 0) from disputes where subscription_id = p_sub and charge_id = c.id and status <> 'won') as disputed) x
  where subscription_id = p_sub and id = c.id
  returning charges.* into c;
  -- A start, renewal or upgrade: no credits move.
  select * into g from grants where subscription_id = p_sub and charge_id = c.id and kind = 'pack' and c.kind = 'purchase';
  v_packs := (select (state->>'packs')::int from subscriptions where id = p_sub);
  if g.id is not null then
    if c.refunded_minor > v_before then v_revoked := revoke_credits(l, c, g, v_now); end if;
    if c.refunded_minor < v_before then v_given := restore_credits(l, c, g, v_now); end if;
    update charges set revoked_credits = revoked_credits + v_revoked - (v_given->>'restored')::bigint
      - (v_given->>'expired_at_once')::bigint - (v_given->>'forfeited_at_once')::bigint
    where subscription_id = p_sub and id = c.id
    returning * into c;
    if is_top_up(c) then
      -- R-39: it stops the wish. The workflow hears of it with the next news of its ledger.
      update ledgers set top_up_refunds = top_up_refunds + 1, workflow_behind = true, touched_at = clock_timestamp()
      where subscription_id = p_sub and c.refunded_minor > v_before;
    elsif (c.refunded_minor = c.amount_minor) <> (v_before = c.amount_minor) then
      v_packs := emit_withdrawal(p_sub);
    end if;
  end if;
  if c.refunded_minor <> v_before then
    perform emit_purchase_event(c, 'purchase.refunded', v_now, jsonb_build_object('revoked', v_revoked, 'restored', v_given->'restored'));
  end if;
  if l.status in ('active', 'past_due') then perform note_level(p_sub, available_at(p_sub, v_now), v_now); end if;
  update ledgers set workflow_behind = true, touched_at = clock_timestamp() where subscription_id = p_sub and seq > v_seq;
  -- Billing's own word of a refund that an operator asked for may have come first.
  if r.id is not null then v_revoked := greatest(c.revoked_credits - r.revoked_before, 0); end if;
  v_answer := v_given || jsonb_build_object('refunded_minor', c.refunded_minor, 'revoked', v_revoked,
    'unrecoverable', case when g.id is null then 0 else greatest(due_back(c) - c.revoked_credits, 0) end, 'packs', v_packs);
  update refunds set answer = v_answer where subscription_id = p_sub and id = r.id;
  return jsonb_build_object('kind', 'ok', 'answer', v_answer);
end $$;

-- R-81: puts a refund on record before money moves; its amount is decided here, once. Answers one of
--   asked, done {refund}: this one, now or before · other {refund}: one of the same charge must end first
--   reused (another body) · unpaid · exceeds {left}
create or replace function ask_refund(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  l ledgers;
  c charges;
  r refunds;
  v_left bigint;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  select * into r from refunds where subscription_id = p_sub and id = p->>'id';
  if r.id is not null then
    if r.body_hash <> p->>'bodyHash' then return '{"kind":"reused"}'; end if;
    return jsonb_build_object('kind', case when r.answer is null then 'asked' else 'done' end, 'refund', to_jsonb(r));
  end if;
  select * into c from charges where subscription_id = p_sub and id = p->>'charge';
  if c.status <> 'paid' then return '{"kind":"unpaid"}'; end if;
  select * into r from refunds where subscription_id = p_sub and charge_id = c.id and answer is null;
  if r.id is not null then return jsonb_build_object('kind', 'other', 'refund', to_jsonb(r)); end if;
  v_left := c.amount_minor - c.refunded_minor;
  if v_left = 0 or (p->>'amount')::bigint > v_left then return jsonb_build_object('kind', 'exceeds', 'left', v_left); end if;
  insert into refunds (subscription_id, id, charge_id, body_hash, amount_minor, to_minor, revoked_before, reason, asked_at)
  values (p_sub, p->>'id', c.id, p->>'bodyHash', coalesce((p->>'amount')::bigint, v_left),
    c.returned_minor + coalesce((p->>'amount')::bigint, v_left), c.revoked_credits, p->>'reason', greatest(ledger_now(l.test_clock), l.asked_at))
  returning * into r;
  return jsonb_build_object('kind', 'asked', 'refund', to_jsonb(r));
end $$;
