-- R-81: the credits that are due back of a purchase: floor(credits × refunded ÷ price), exact.
create or replace function due_back(c charges) returns bigint language sql immutable as $$
  select case when c.amount_minor = 0 then 0 else div(c.credits::numeric * c.refunded_minor, c.amount_minor::numeric)::bigint end
$$;

-- R-39: whether a charge is a top-up: its id says so.
create or replace function is_top_up(c charges) returns boolean language sql immutable as $$
  select c.id ~ '_t[0-9]+$'
$$;

-- Revokes of a purchase's grant the unused credits that are due back; answers how many. The ledger is locked. Credits
-- that can't be spent any more (R-12) are left to expire or be forfeited.
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

-- Restores revoked credits that are not due back any more; they keep the expiry of their grant. The ledger is locked.
-- Answers {restored, expired_at_once, forfeited_at_once, revoked_at_once}.
create or replace function restore_credits(l ledgers, c charges, g grants, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  v_credits bigint := greatest(c.revoked_credits - due_back(c), 0);
  ended_at timestamptz := ended_before(l.status, l.ends_at, p_at);
  gone text := end_of_credits(g.expires_at, g.taken, ended_at, p_at);
begin
  if v_credits > 0 then
    perform add_entry(g.subscription_id, g.id, 'reversal', v_credits, p_at);
    if gone is null then
      update grants set remaining = remaining + v_credits, open = true, taken = null
      where subscription_id = g.subscription_id and id = g.id;
    else
      perform add_entry(g.subscription_id, g.id, gone, -v_credits, greatest(p_at, least(g.expires_at, ended_at)));
    end if;
    update ledgers set asked_at = p_at where subscription_id = g.subscription_id;
  end if;
  return jsonb_build_object(
    'restored', case when gone is null then v_credits else 0 end,
    'expired_at_once', case when gone = 'expiry' then v_credits else 0 end,
    'forfeited_at_once', case when gone = 'forfeiture' then v_credits else 0 end,
    'revoked_at_once', 0);
end $$;

-- Puts on their charges the credits that came back to grants and were revoked at once, and emits their events.
create or replace function book_owed(p_made entries[]) returns void language plpgsql as $$
begin
  update charges c set revoked_credits = c.revoked_credits - revoked.credits
  from (select g.subscription_id, g.charge_id, sum(e.credits)::bigint as credits
        from unnest(p_made) e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
        where e.kind = 'revocation' group by g.subscription_id, g.charge_id) revoked
  where c.subscription_id = revoked.subscription_id and c.id = revoked.charge_id;
  perform emit_event(e.subscription_id, 'grant.revoked', e.effective_at,
    jsonb_build_object('grant_id', e.grant_id, 'kind', 'pack', 'credits', -e.credits))
  from unnest(p_made) e where e.kind = 'revocation';
end $$;

-- The packs of an add-on, or of a list like it, by id: [{pack, quantity}].
create or replace function packs_in(p_items jsonb) returns table (pack text, quantity int) language sql immutable as $$
  select item->>'pack', (item->>'quantity')::int from jsonb_array_elements(p_items) item
$$;

-- The purchases that are refunded in whole and had joined the add-on (R-30a, R-39a), as a list of packs.
create or replace function packs_refunded(p_sub text) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('pack', pack, 'quantity', quantity) order by pack), '[]')
  from (
    select c.pack, sum(c.packs)::int as quantity
    from charges c join grants g on g.subscription_id = p_sub and g.charge_id = c.id and g.kind = 'pack'
    where c.subscription_id = p_sub and c.kind = 'purchase' and c.renews and c.refunded_minor = c.amount_minor
    group by c.pack) refunded
$$;

-- The packs of an add-on in all, once its workflow has heard of the refunds: each pack is lowered by those refunded
-- since, or raised again by those that a refund had lowered (`withdraw` of src/domain/refunds.ts).
create or replace function packs_after(p_state jsonb, p_refunded jsonb) returns int language sql stable as $$
  select coalesce(sum(case when change > 0 then greatest(quantity - change, 0) else quantity + least(-change, lowered) end), 0)::int
  from (
    select coalesce(added.quantity, 0) as quantity, coalesce(lowered.quantity, 0) as lowered,
      coalesce(refunded.quantity, 0) - coalesce(known.quantity, 0) as change
    from packs_in(p_refunded) refunded
    full join packs_in(coalesce(p_state->'withdrawn'->'packs', '[]')) known using (pack)
    full join packs_in(p_state->'addOn') added using (pack)
    full join packs_in(coalesce(p_state->'withdrawn'->'lowered', '[]')) lowered using (pack)) packs
$$;

-- Tells the workflow, through the inbox, which packs its add-on has lost to refunds. Answers the packs it will have.
create or replace function emit_withdrawal(p_sub text) returns int language plpgsql as $$
declare
  state jsonb := (select s.state from subscriptions s where s.id = p_sub);
  refunded jsonb := packs_refunded(p_sub);
  nth_withdrawal int;
begin
  if state->>'status' <> 'ended' then
    update ledgers set withdrawals = withdrawals + 1 where subscription_id = p_sub returning withdrawals into nth_withdrawal;
    insert into inbox (provider, event_id, subscription_id, kind, payload)
    values ('ledger', p_sub || '/withdrawal/' || nth_withdrawal, p_sub, 'packsWithdrawn',
      jsonb_build_object('packs', refunded, 'nth', nth_withdrawal));
  end if;
  return packs_after(state, refunded);
end $$;

-- Books on a charge its money that went back: all refunds, of which the money owed back comes first (R-42), and all
-- that is disputed or lost. `to` of p is the most that was said to be refunded, p_asked an operator's refund of it.
-- Answers the charge.
create or replace function book_returned_money(c charges, p_asked refunds, p jsonb) returns charges language plpgsql as $$
declare
  disputed bigint;
  refunded bigint := least(c.amount_minor + c.owed_minor,
    greatest(c.returned_minor + c.owed_returned_minor, p_asked.to_minor, (p->>'to')::bigint));
begin
  if p->>'kind' = 'dispute' then
    insert into disputes (subscription_id, id, charge_id, amount_minor, status)
    values (c.subscription_id, p->>'id', c.id, (p->>'amount')::bigint, p->>'status')
    on conflict (subscription_id, id) do update set status = excluded.status,
      amount_minor = case excluded.status when 'open' then greatest(disputes.amount_minor, excluded.amount_minor)
        else excluded.amount_minor end
    where disputes.status = 'open';
  end if;
  select coalesce(sum(amount_minor), 0) into disputed from disputes
  where subscription_id = c.subscription_id and charge_id = c.id and status <> 'won';
  update charges set owed_returned_minor = least(owed_minor, refunded), returned_minor = refunded - least(owed_minor, refunded),
    refunded_minor = least(amount_minor, refunded - least(owed_minor, refunded) + disputed)
  where subscription_id = c.subscription_id and id = c.id
  returning * into c;
  return c;
end $$;

-- Books the credits of a purchase after its money: revokes or restores those of its grant, once p_before minor units
-- of it were refunded. Answers {revoked, restored, expired_at_once, forfeited_at_once, revoked_at_once, packs};
-- `packs` are those of the add-on.
create or replace function book_returned_credits(l ledgers, c charges, g grants, p_before bigint, p_at timestamptz) returns jsonb
language plpgsql as $$
declare
  revoked bigint := 0;
  restored jsonb := '{"restored":0,"expired_at_once":0,"forfeited_at_once":0,"revoked_at_once":0}';
  packs int := (select coalesce(sum(quantity), 0) from subscriptions s, packs_in(s.state->'addOn') where s.id = l.subscription_id);
begin
  -- A start, renewal or upgrade has no grant of its own: no credits move.
  if g.id is not null then
    if c.refunded_minor > p_before then revoked := revoke_credits(l, c, g, p_at); end if;
    if c.refunded_minor < p_before then restored := restore_credits(l, c, g, p_at); end if;
    update charges set revoked_credits = revoked_credits + revoked - (restored->>'restored')::bigint
      - (restored->>'expired_at_once')::bigint - (restored->>'forfeited_at_once')::bigint
    where subscription_id = c.subscription_id and id = c.id;
    if is_top_up(c) then
      -- R-39: it stops the wish. The workflow learns of it with the next news of its ledger.
      if c.refunded_minor > p_before then
        update ledgers set top_up_refunds = top_up_refunds + 1 where subscription_id = l.subscription_id;
        perform ask_nudge(l.subscription_id);
      end if;
    elsif c.renews and (c.refunded_minor = c.amount_minor) <> (p_before = c.amount_minor) then
      packs := emit_withdrawal(l.subscription_id);
    end if;
  end if;
  return restored || jsonb_build_object('revoked', revoked, 'packs', packs);
end $$;

-- R-81: books a refund or dispute of a charge, once and in any order. Locks the ledger. `kind` of p is
--   refund: `to` is all that was refunded of it; `id` where an operator asked for it, whose amount is on record
--   dispute: `id`, `amount` and `status` (open, won, lost), whose end is never undone
-- Answers {kind: unknown}, {kind: pending} (nothing is booked: come again when the charge is settled), or {kind: ok,
-- answer}.
create or replace function refund_charge(p_sub text, p jsonb) returns jsonb language plpgsql as $$
declare
  l ledgers;
  c charges;
  g grants;
  asked refunds;
  refund_at timestamptz;
  old_seq bigint;
  old_refunded bigint;
  moved jsonb;
  result jsonb;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  select * into c from charges where subscription_id = p_sub and id = p->>'charge';
  if c.id is null then return '{"kind":"unknown"}'; end if;
  -- R-42: of a charge that is open only the money owed back can go back.
  if c.status = 'pending' and (c.owed_minor = 0 or coalesce((p->>'to')::bigint, c.owed_minor + 1) > c.owed_minor) then
    return '{"kind":"pending"}';
  end if;
  if p->>'kind' = 'refund' and p->>'id' is not null then
    select * into asked from refunds where subscription_id = p_sub and id = p->>'id';
    if asked.id is null then raise exception 'no refund % of %', p->>'id', p_sub; end if;
    if asked.answer is not null then return jsonb_build_object('kind', 'ok', 'answer', asked.answer); end if;
  end if;

  refund_at := greatest(ledger_now(l.test_clock), l.asked_at);
  old_seq := l.seq;
  old_refunded := c.refunded_minor;
  -- Credits that would expire after a scheduled end are forfeited at it, once that is booked.
  perform expire_until(p_sub, least(refund_at, l.ends_at));
  select * into l from ledgers where subscription_id = p_sub;
  c := book_returned_money(c, asked, p);
  select * into g from grants where subscription_id = p_sub and charge_id = c.id and kind = 'pack' and c.kind = 'purchase';
  moved := book_returned_credits(l, c, g, old_refunded, refund_at);
  select * into c from charges where subscription_id = p_sub and id = c.id;
  if c.refunded_minor <> old_refunded then
    perform emit_purchase_event(c, 'purchase.refunded', refund_at,
      jsonb_build_object('revoked', moved->'revoked', 'restored', moved->'restored'));
  end if;
  if l.status in ('trialing', 'active', 'past_due') then perform note_level(p_sub, available_at(p_sub, refund_at), refund_at); end if;
  -- Restored credits may expire, or revoked ones be topped up, before all that the workflow waits for.
  perform ask_nudge(p_sub) from ledgers where subscription_id = p_sub and seq > old_seq;

  result := moved || jsonb_build_object('refunded_minor', c.refunded_minor,
    'unrecoverable', case when g.id is null then 0 else greatest(due_back(c) - c.revoked_credits, 0) end);
  -- Billing's own word of a refund that an operator asked for may have come first.
  if asked.id is not null then
    result := result || jsonb_build_object('revoked', greatest(c.revoked_credits - asked.revoked_before, 0));
  end if;
  update refunds set answer = result where subscription_id = p_sub and id = asked.id;
  return jsonb_build_object('kind', 'ok', 'answer', result);
end $$;

-- R-81: puts a refund on record before money moves, and decides its amount, once. Locks the ledger. Answers one of
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
    c.returned_minor + coalesce((p->>'amount')::bigint, v_left), c.revoked_credits, p->>'reason',
    greatest(ledger_now(l.test_clock), l.asked_at))
  returning * into r;
  return jsonb_build_object('kind', 'asked', 'refund', to_jsonb(r));
end $$;
