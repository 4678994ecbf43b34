-- Events (docs/events.md), written by the statement that causes them, and the notices of credits that will soon be
-- gone.

-- Writes an event, with the trace of its statement. Ids sort roughly by their making; `nth` orders them exactly.
create or replace function emit_event(p_sub text, p_type text, p_at timestamptz, p_data jsonb) returns void language sql as $$
  insert into events (id, subscription_id, type, at, data, trace)
  values ('evt_' || lpad(to_hex(ms(clock_timestamp())), 11, '0') || left(replace(gen_random_uuid()::text, '-', ''), 15),
    p_sub, p_type, p_at, jsonb_strip_nulls(p_data), nullif(current_setting('drawdown.trace', true), ''))
$$;

-- An amount in the currency of a charge, as events have it.
create or replace function money(c charges, p_minor bigint) returns jsonb language sql immutable as $$
  select jsonb_build_object('amount_minor', p_minor, 'currency', c.currency)
$$;

-- Emits an event of a purchase's payment or refund; nothing for other charges.
create or replace function emit_purchase_event(c charges, p_type text, p_at timestamptz, p_more jsonb default '{}') returns void
language sql as $$
  select emit_event(c.subscription_id, p_type, p_at, jsonb_build_object('purchase_id', c.purchase_id, 'charge_id', c.id,
    'status', c.status, 'pack', c.pack, 'packs', c.packs, 'credits', c.credits, 'amount', money(c, c.amount_minor),
    'refunded', money(c, c.refunded_minor)) || p_more)
  where c.kind = 'purchase'
$$;

-- The first instant after another at which something is due for credits that will be gone: a notice seven days, then
-- one day before, then their end itself; null when there is none.
create or replace function notice_after(p_gone timestamptz, p_at timestamptz) returns timestamptz language sql immutable as $$
  select min(at) from (values (p_gone - interval '168 hours'), (p_gone - interval '24 hours'), (p_gone)) v(at) where at > p_at
$$;

-- Dates the notices of a ledger anew when another end is in force; those due by the instant were given before. The
-- ledger is locked.
create or replace function date_notices(p_sub text, p_at timestamptz) returns void language plpgsql as $$
begin
  update grants g set notice_at = notice_after(gone_at(g.expires_at, l.ends_at), p_at)
  from ledgers l where l.subscription_id = p_sub and g.subscription_id = p_sub and g.expires_at > p_at;
  update ledgers set next_notice = next_notice_of(p_sub) where subscription_id = p_sub;
end $$;

-- Emits the notices that are due until an instant: money to come (notices.sql), and credits that will be gone at the end of their
-- term, or of the subscription where that comes first (R-50). Each is dated when it was due. The ledger is locked.
create or replace function emit_notices(p_sub text, p_until timestamptz) returns void language plpgsql as $$
begin
  perform emit_money_notices(p_sub, p_until);
  perform emit_event(p_sub, 'grant.expiring', due.at, jsonb_build_object('grant_id', due.id, 'kind', due.kind,
    'credits', due.remaining, 'expires_at', iso(due.gone_at), 'days', due.days))
  from (select g.*, ahead.days, gone.at as gone_at, notice.at from grants g
        join ledgers l on l.subscription_id = p_sub
        cross join (values (7), (1)) ahead(days)
        cross join lateral (select gone_at(g.expires_at, l.ends_at) as at) gone
        cross join lateral (select gone.at - ahead.days * interval '24 hours' as at) notice
        where g.subscription_id = p_sub and g.notice_at <= notice.at and notice.at <= p_until
          and g.remaining > 0 and g.taken is null
        order by notice.at, g.made) due;
  update grants g set notice_at = notice_after(gone_at(g.expires_at, l.ends_at), p_until)
  from ledgers l where l.subscription_id = p_sub and g.subscription_id = p_sub and g.notice_at <= p_until;
  update ledgers set next_notice = next_notice_of(p_sub) where subscription_id = p_sub;
end $$;

-- Books what is due of a subscription by now without its workflow: notices, and expiries, which leave the workflow behind.
-- The ledger is locked.
create or replace function expire_overdue(p_sub text) returns void language plpgsql as $$
declare
  before ledgers;
  ledger ledgers;
begin
  select * into before from ledgers where subscription_id = p_sub;
  perform expire_until(p_sub, ledger_now(null));
  select * into ledger from ledgers where subscription_id = p_sub;
  if ledger.seq = before.seq then return; end if;
  if ledger.status in ('trialing', 'active', 'past_due') then
    perform note_level(p_sub, available_at(p_sub, ledger_now(null)),
      (select effective_at from entries where subscription_id = p_sub and seq = ledger.seq));
  end if;
  update ledgers set workflow_behind = true, touched_at = clock_timestamp() where subscription_id = p_sub;
end $$;

-- The relay's notices and expiries: of up to so many subscriptions, the longest overdue first, each guarded on its own.
-- Locks their ledgers, but waits for none; ledgers that are busy or were refused leave their places to others. What is due
-- when the workflow wakes is left to it for ten minutes: an expiry and the refresh of one instant are one step (R-14).
-- Answers the number of subscriptions.
create or replace function relay_notices(p_limit int) returns int language plpgsql as $$
declare
  sub text;
  done boolean;
  relayed int := 0;
begin
  for sub in
    select l.subscription_id from ledgers l
    where l.next_notice <= clock_timestamp() and l.test_clock is null
      and not coalesce(l.wakes_at between clock_timestamp() - interval '10 minutes' and l.next_notice, false) and not exists (
      select from failures f where f.kind = 'notice' and f.key = l.subscription_id and f.next_at > clock_timestamp())
    order by l.next_notice limit p_limit for no key update of l skip locked
  loop
    done := relay_one('notice', sub);
    exit when done is null;
    relayed := relayed + done::int;
  end loop;
  return relayed;
end $$;
