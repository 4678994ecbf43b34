-- Notices of money to come (`MoneyNotice` of src/domain/notices.ts): the end of a trial, and a renewal that costs another
-- amount than the last. A subscription keeps those that are not due yet; `next_notice` of its ledger names the first.

-- The notices that are due after an instant, the earliest first.
create or replace function notices_after(p_notices jsonb, p_at timestamptz) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(n order by n->'at'), '[]') from jsonb_array_elements(p_notices) n where instant_of(n, 'at') > p_at
$$;

-- The earliest instant at which a notice or an expiry of a ledger can be due.
create or replace function next_notice_of(p_sub text) returns timestamptz language sql stable as $$
  select least((select min(notice_at) from grants where subscription_id = p_sub),
    (select instant_of(notices->0, 'at') from subscriptions where id = p_sub))
$$;

-- The price of a plan by a catalogue, in minor units, unless prices are kept (R-08a).
create or replace function plan_price_by(p_catalog jsonb, p_last jsonb) returns bigint language sql stable as $$
  select coalesce(case when p_catalog->'policies'->>'existing_prices' <> 'keep' or (p_last->>'isRepriced')::boolean then (
      select (plan->'prices'->>(p_last->>'interval'))::bigint from jsonb_array_elements(p_catalog->'plans') plan
      where plan->>'id' = p_last->>'plan') end, (p_last->>'planMinor')::bigint)
$$;

-- The price of a term by a catalogue, in minor units: its plan and each pack. R-17: no pack renews on a free plan.
create or replace function price_by(p_catalog jsonb, p_last jsonb) returns bigint language sql stable as $$
  select case when plan_price_by(p_catalog, p_last) = 0 then 0 else plan_price_by(p_catalog, p_last)
    + coalesce(sum((bought->>'quantity')::bigint * coalesce((sold->>'price')::bigint, (bought->>'priceMinor')::bigint)), 0)::bigint end
  from jsonb_array_elements(p_last->'packs') bought
  left join jsonb_array_elements(p_catalog->'packs') sold on sold->>'id' = bought->>'pack'
$$;

-- Emits one notice that is due. A price that is the last one needs none.
create or replace function emit_notice(p_sub text, p_notice jsonb, p_catalog catalogs) returns void language plpgsql as $$
declare
  last_minor bigint;
  next_minor bigint;
  currency text := p_catalog.content->>'currency';
begin
  if p_notice->>'kind' = 'trial_ending' then
    perform emit_event(p_sub, 'subscription.trial_ending', instant_of(p_notice, 'at'), jsonb_build_object(
      'days', p_notice->'days', 'trial_ends_at', iso(instant_of(p_notice, 'endsAt')), 'will_charge', p_notice->'willCharge'));
    return;
  end if;
  select (p_notice->'last'->>'planMinor')::bigint + coalesce(sum((p->>'quantity')::bigint * (p->>'priceMinor')::bigint), 0)
  into last_minor from jsonb_array_elements(p_notice->'last'->'packs') p;
  next_minor := price_by(p_catalog.content, p_notice->'last');
  if next_minor <> last_minor then
    perform emit_event(p_sub, 'subscription.price_changing', instant_of(p_notice, 'at'), jsonb_build_object(
      'days', p_notice->'days', 'renewal_at', iso(instant_of(p_notice, 'renewalAt')),
      'last', jsonb_build_object('amount_minor', last_minor, 'currency', currency),
      'next', jsonb_build_object('amount_minor', next_minor, 'currency', currency), 'catalog_version', p_catalog.version));
  end if;
end $$;

-- Emits the notices of a subscription that are due until an instant, each dated when it was due, and keeps the others.
-- R-08: by the catalogue in force then. The ledger is locked.
create or replace function emit_money_notices(p_sub text, p_until timestamptz) returns void language plpgsql as $$
declare notice jsonb;
begin
  for notice in
    select n from subscriptions s, jsonb_array_elements(s.notices) n
    where s.id = p_sub and instant_of(n, 'at') <= p_until order by n->'at'
  loop
    perform emit_notice(p_sub, notice, catalog_in_force(
      (select instant_of(notice, 'at') from ledgers where subscription_id = p_sub and test_clock is null)));
  end loop;
  if notice is not null then update subscriptions set notices = notices_after(notices, p_until) where id = p_sub; end if;
end $$;
