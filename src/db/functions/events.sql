-- Says what happened, in the statement that makes it happen. Ids sort by their making, roughly; `nth` orders them exactly.
create or replace function emit_event(p_sub text, p_type text, p_at timestamptz, p_data jsonb) returns void language sql as $$
  insert into events (id, subscription_id, type, at, data)
  values ('evt_' || lpad(to_hex(ms(clock_timestamp())), 11, '0') || left(replace(gen_random_uuid()::text, '-', ''), 15), p_sub, p_type, p_at,
    jsonb_strip_nulls(p_data))
$$;

-- An amount in the currency of a charge, as events have it.
create or replace function money(c charges, p_minor bigint) returns jsonb language sql immutable as $$
  select jsonb_build_object('amount_minor', p_minor, 'currency', c.currency)
$$;

-- Tells how the payment of a purchase went, or that money of it went back.
create or replace function emit_purchase_event(c charges, p_type text, p_at timestamptz, p_more jsonb default '{}') returns void language sql as $$
  select emit_event(c.subscription_id, p_type, p_at, jsonb_build_object('purchase_id', c.purchase_id, 'charge_id', c.id, 'status', c.status,
    'packs', c.packs, 'credits', c.credits, 'amount', money(c, c.amount_minor),
    'refunded', money(c, c.refunded_minor)) || p_more)
  where c.kind = 'purchase'
$$;

-- The first notice after an instant of what will be gone: seven days, then one day before it; null when there is none.
create or replace function notice_after(p_gone timestamptz, p_at timestamptz) returns timestamptz language sql immutable as $$
  select min(at) from (values (p_gone - interval '168 hours'), (p_gone - interval '24 hours')) v(at) where at > p_at
$$;

-- Dates the notices of a ledger anew when another end is in force; those due by the instant were given before.
create or replace function date_notices(p_sub text, p_at timestamptz) returns void language plpgsql as $$
begin
  update grants g set notice_at = notice_after(least(g.expires_at, l.ends_at), p_at)
  from ledgers l where l.subscription_id = p_sub and g.subscription_id = p_sub and g.expires_at > p_at;
  update ledgers set next_notice = (select min(notice_at) from grants where subscription_id = p_sub) where subscription_id = p_sub;
end $$;

-- Tells of the credits that will soon be gone, at the end of their term or of the subscription where that comes first (R-50), each
-- notice dated when it was due. The ledger's row is locked.
create or replace function emit_notices(p_sub text, p_until timestamptz) returns void language plpgsql as $$
begin
  perform emit_event(p_sub, 'grant.expiring', x.at, jsonb_build_object('grant_id', x.id, 'kind', x.kind, 'credits', x.remaining,
    'expires_at', iso(x.gone_at), 'days', x.days))
  from (select g.*, d.days, x.gone_at, n.at from grants g
        join ledgers l on l.subscription_id = p_sub
        cross join (values (7), (1)) d(days)
        cross join lateral (select least(g.expires_at, l.ends_at) as gone_at) x
        cross join lateral (select x.gone_at - d.days * interval '24 hours' as at) n
        where g.subscription_id = p_sub and g.notice_at <= n.at and n.at <= p_until and g.remaining > 0 and g.taken is null
        order by n.at, g.made) x;
  update grants g set notice_at = notice_after(least(g.expires_at, l.ends_at), p_until)
  from ledgers l where l.subscription_id = p_sub and g.subscription_id = p_sub and g.notice_at <= p_until;
  update ledgers set next_notice = (select min(notice_at) from grants where subscription_id = p_sub) where subscription_id = p_sub;
end $$;

-- The relay's part: up to so many subscriptions with notices due, the longest overdue first, each guarded on its own. Ledgers that
-- are busy or were refused leave their places to others. Answers how many had theirs.
create or replace function relay_notices(p_limit int) returns int language plpgsql as $$
declare
  v_sub text;
  given int := 0;
begin
  for v_sub in
    select l.subscription_id from ledgers l
    where l.next_notice <= clock_timestamp() and l.test_clock is null
      and not exists (select from failures f where f.kind = 'notice' and f.key = l.subscription_id and f.next_at > clock_timestamp())
    order by l.next_notice limit p_limit for no key update of l skip locked
  loop
    begin
      perform emit_notices(v_sub, ledger_now(null));
      delete from failures where kind = 'notice' and key = v_sub;
      given := given + 1;
    exception
      when query_canceled then
        -- The statement's time is used up: the others are the next statement's.
        perform note_failure('notice', v_sub, v_sub, sqlerrm);
        exit;
      when others then
        perform note_failure('notice', v_sub, v_sub, sqlerrm);
    end;
  end loop;
  return given;
end $$;
