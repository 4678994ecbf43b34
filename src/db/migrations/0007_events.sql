CREATE TABLE "deliveries" (
	"event_id" text NOT NULL,
	"endpoint_id" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"response_status" integer,
	"failure" text,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "deliveries_event_id_endpoint_id_pk" PRIMARY KEY("event_id","endpoint_id"),
	CONSTRAINT "deliveries_status" CHECK (status in ('pending', 'delivered', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "events" (
	"nth" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_nth_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"id" text NOT NULL,
	"subscription_id" text NOT NULL,
	"type" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"data" jsonb NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"relayed_at" timestamp (3) with time zone,
	CONSTRAINT "events_id" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"id" text PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"description" text,
	"types" text[],
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"disabled_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "grants" ADD COLUMN "notice_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "low_below" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "level" text DEFAULT 'enough' NOT NULL;--> statement-breakpoint
ALTER TABLE "ledgers" ADD COLUMN "next_notice" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "deliveries_of_endpoint" ON "deliveries" USING btree ("endpoint_id","created_at");--> statement-breakpoint
CREATE INDEX "events_of_subscription" ON "events" USING btree ("subscription_id","nth");--> statement-breakpoint
CREATE INDEX "events_waiting" ON "events" USING btree ("nth") WHERE relayed_at is null;--> statement-breakpoint
CREATE INDEX "ledgers_notice" ON "ledgers" USING btree ("next_notice") WHERE next_notice is not null and test_clock is null;--> statement-breakpoint
ALTER TABLE "ledgers" ADD CONSTRAINT "ledgers_level" CHECK (level in ('enough', 'low', 'exhausted'));--> statement-breakpoint
-- Says what happened, in the statement that makes it happen. Ids sort by their making, roughly; `nth` orders them exactly.
create function tell(p_sub text, p_type text, p_at timestamptz, p_data jsonb) returns void language sql as $$
  insert into events (id, subscription_id, type, at, data)
  values ('evt_' || lpad(to_hex(ms(clock_timestamp())), 11, '0') || left(replace(gen_random_uuid()::text, '-', ''), 15), p_sub, p_type, p_at,
    jsonb_strip_nulls(p_data))
$$;
--> statement-breakpoint
-- What can be spent of a ledger at an instant, by what is booked.
create function available_at(p_sub text, p_at timestamptz) returns bigint language sql stable as $$
  select coalesce(sum(g.remaining), 0)::bigint from grants g join ledgers l on l.subscription_id = p_sub
  where g.subscription_id = p_sub and g.open and g.effective_at <= p_at and p_at < g.expires_at and (l.ends_at is null or p_at < l.ends_at)
$$;
--> statement-breakpoint
-- Tells that credits became low, ran out, or are enough again: each once, until there is enough again. The workflow is told of
-- what sank soon, though its ledger be busy.
create function note_level(p_sub text, p_available bigint, p_at timestamptz) returns void language plpgsql as $$
declare
  l ledgers;
  v_level text;
begin
  select * into l from ledgers where subscription_id = p_sub;
  v_level := case when p_available >= l.low_below then 'enough' when p_available = 0 or l.level = 'exhausted' then 'exhausted' else 'low' end;
  -- Before the first credits came, none are missed (R-44).
  if v_level = l.level or l.seq = 0 then return; end if;
  update ledgers set level = v_level, told_at = case when v_level = 'enough' then told_at else '-infinity' end where subscription_id = p_sub;
  perform tell(p_sub, case v_level when 'enough' then 'credits.recovered' else 'credits.' || v_level end, p_at,
    jsonb_build_object('available', p_available, 'low_below', l.low_below));
end $$;
--> statement-breakpoint
-- The first notice of an expiry after an instant: seven days, then one day before it; null when there is none.
create function notice_after(p_expires timestamptz, p_at timestamptz) returns timestamptz language sql immutable as $$
  select min(at) from (values (p_expires - interval '168 hours'), (p_expires - interval '24 hours')) v(at) where at > p_at
$$;
--> statement-breakpoint
-- Tells of the expiries that are near at an instant, each notice dated when it was due. The ledger's row is locked.
create function give_notice(p_sub text, p_until timestamptz) returns void language plpgsql as $$
begin
  perform tell(p_sub, 'grant.expiring', x.at, jsonb_build_object('grant_id', x.id, 'kind', x.kind, 'credits', x.remaining,
    'expires_at', iso(x.expires_at), 'days', x.days))
  from (select g.*, d.days, n.at from grants g
        join ledgers l on l.subscription_id = p_sub
        cross join (values (7), (1)) d(days)
        cross join lateral (select g.expires_at - d.days * interval '24 hours' as at) n
        where g.subscription_id = p_sub and g.notice_at <= n.at and n.at <= p_until and g.remaining > 0 and g.taken is null
          and (l.ends_at is null or n.at < l.ends_at)
        order by n.at, g.made) x;
  update grants set notice_at = notice_after(expires_at, p_until) where subscription_id = p_sub and notice_at <= p_until;
  update ledgers set next_notice = (select min(notice_at) from grants where subscription_id = p_sub) where subscription_id = p_sub;
end $$;
--> statement-breakpoint
-- The relay's part: up to so many subscriptions with notices due, the longest overdue first. A busy one comes later.
create function relay_notices(p_limit int) returns int language plpgsql as $$
declare
  v_sub text;
  given int := 0;
begin
  for v_sub in
    select l.subscription_id from ledgers l
    where l.subscription_id in (select n.subscription_id from ledgers n
      where n.next_notice <= clock_timestamp() and n.test_clock is null order by n.next_notice limit p_limit)
    order by l.subscription_id for no key update skip locked
  loop
    perform give_notice(v_sub, ledger_now(null));
    given := given + 1;
  end loop;
  return given;
end $$;
--> statement-breakpoint
-- As before, and tells of it.
create or replace function take_unused(p_sub text, p_grant text, p_kind text, p_taken text, p_at timestamptz)
returns bigint language plpgsql as $$
declare g grants;
begin
  select * into g from grants where subscription_id = p_sub and id = p_grant and open;
  if not found or (g.remaining = 0 and p_kind = 'revocation') then return 0; end if;
  update grants set remaining = 0, open = held > 0, taken = p_taken where subscription_id = p_sub and id = p_grant;
  if g.remaining > 0 then
    perform enter(p_sub, p_grant, p_kind, -g.remaining, p_at);
    perform tell(p_sub, 'grant.' || p_taken, p_at, jsonb_build_object('grant_id', g.id, 'kind', g.kind, 'credits', g.remaining));
  end if;
  return g.remaining;
end $$;
--> statement-breakpoint
-- As before, with its notices.
create or replace function book_grant(p_sub text, e jsonb) returns void language plpgsql as $$
declare
  next_seq bigint;
  v_notice timestamptz := notice_after(instant((e->>'expiresAt')::bigint), instant((e->>'effectiveAt')::bigint));
begin
  select seq + 1 into next_seq from ledgers where subscription_id = p_sub;
  insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, charge_id, reason, notice_at)
  values (p_sub, e->>'id', e->>'kind', (e->>'credits')::bigint, (e->>'credits')::bigint,
          instant((e->>'effectiveAt')::bigint), instant((e->>'expiresAt')::bigint),
          next_seq, e->>'cause', e->>'chargeId', e->>'reason', v_notice)
  on conflict do nothing; -- I4: granted before, by id or by cause
  if found then
    perform enter(p_sub, e->>'id', 'grant', (e->>'credits')::bigint, instant((e->>'effectiveAt')::bigint));
    update ledgers set next_notice = least(next_notice, v_notice) where subscription_id = p_sub;
    perform tell(p_sub, 'grant.made', instant((e->>'effectiveAt')::bigint), jsonb_build_object('grant_id', e->>'id', 'kind', e->>'kind',
      'credits', (e->>'credits')::bigint, 'expires_at', iso(instant((e->>'expiresAt')::bigint)), 'reason', e->>'reason'));
  end if;
end $$;
--> statement-breakpoint
-- Tells how the payment of a purchase went, or that money of it went back.
create function tell_purchase(c charges, p_type text, p_at timestamptz, p_more jsonb default '{}') returns void language sql as $$
  select tell(c.subscription_id, p_type, p_at, jsonb_build_object('purchase_id', c.purchase_id, 'charge_id', c.id, 'status', c.status,
    'packs', c.packs, 'credits', c.credits, 'amount', jsonb_build_object('amount_minor', c.amount_minor, 'currency', c.currency),
    'refunded', jsonb_build_object('amount_minor', c.refunded_minor, 'currency', c.currency)) || p_more)
  where c.kind = 'purchase'
$$;
--> statement-breakpoint
-- As before; what happened to a purchase, and to the subscription, is told.
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
      update charges set status = e->>'status' where subscription_id = p_sub and id = e->>'chargeId'
        and (status = 'pending' or (kind = 'renewal' and status = 'declined' and e->>'status' = 'paid')) returning * into c;
      perform tell_purchase(c, case c.status when 'paid' then 'purchase.paid' else 'purchase.declined' end, instant((e->>'at')::bigint));
    when 'refund' then
      update charges set refunded_minor = amount_minor, returned_minor = amount_minor
      where subscription_id = p_sub and id = e->>'chargeId' returning * into c;
      perform tell_purchase(c, 'purchase.refunded', instant((e->>'at')::bigint));
    when 'note' then
      insert into notes (subscription_id, step, line, at, kind, rule, detail)
      values (p_sub, p_step, p_line, instant((e->>'at')::bigint), e->>'kind', e->>'rule', e->>'detail');
      if e->>'kind' in ('started', 'renewed', 'past_due', 'changed', 'ended') then
        perform tell(p_sub, 'subscription.' || (e->>'kind'), instant((e->>'at')::bigint),
          jsonb_build_object('plan', e->>'plan', 'interval', e->>'interval', 'rule', e->>'rule', 'detail', e->>'detail'));
      elsif e->>'kind' = 'top_up_skipped' then
        perform tell(p_sub, 'top_up.skipped', instant((e->>'at')::bigint), jsonb_build_object('reason', e->>'reason', 'detail', e->>'detail'));
      end if;
    else
      raise exception 'unknown effect %', e->>'type';
  end case;
end $$;
--> statement-breakpoint
-- As before, and the answer to a purchase is told.
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
    attempts = (select coalesce(jsonb_agg(a order by (a->>'attempt')::int), '[]') from jsonb_array_elements(charges.attempts) a
                where (a->>'attempt')::int <> (c->>'attempt')::int) || this_attempt
  returning * into v_charge;
  if p_outcome in ('paid', 'declined') then perform tell_purchase(v_charge, 'purchase.' || p_outcome, instant((c->>'attemptAt')::bigint)); end if;
end $$;
--> statement-breakpoint
-- R-14: as before, and the notices of what will expire.
create or replace function pass(p_sub text, p_until timestamptz) returns void language plpgsql as $$
begin
  if exists (select from ledgers where subscription_id = p_sub and next_deadline <= p_until) then
    perform release_due(p_sub, p_until);
  end if;
  if exists (select from ledgers where subscription_id = p_sub and next_notice <= p_until) then
    perform give_notice(p_sub, p_until);
  end if;
  perform take_unused(p_sub, id, 'expiry', 'expired', expires_at)
  from (select id, expires_at from grants
        where subscription_id = p_sub and open and taken is null and expires_at <= p_until order by expires_at, made) g;
end $$;
--> statement-breakpoint
-- As before; how many credits there are is noted instant by instant, not in between.
create or replace function settle(p_sub text, p jsonb) returns jsonb language plpgsql as $$
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
    e := dated(e, l, v_asked);
    v_at := least(v_now, instant(coalesce(e->>'effectiveAt', e->>'at')::bigint));
    if v_here < v_at then perform note_level(p_sub, available_at(p_sub, v_here), v_here); end if;
    v_here := greatest(v_here, v_at);
    perform pass(p_sub, v_at);
    if e->>'type' = 'forfeit' then
      after := after || jsonb_build_object('endsAt', e->'at', 'state', after->'state' || jsonb_build_object('endedAt', e->'at'));
    end if;
    perform book_effect(p_sub, e, (p->>'step')::int, line);
    line := line + 1;
  end loop;
  update subscriptions set plan = after->'state'->>'plan', interval = after->'state'->>'interval',
    status = after->'state'->>'status', state = after->'state'
  where id = p_sub;
  update ledgers set step = (p->>'step')::int, status = after->'state'->>'status', untold = false,
    ends_at = instant((after->>'endsAt')::bigint), blocked = (after->>'blocked')::boolean,
    low_below = greatest(coalesce((after->>'lowBelow')::bigint, low_below), 1),
    test_clock = case when test_clock is null then null else greatest(test_clock, instant((after->'state'->>'now')::bigint)) end
  where subscription_id = p_sub
  returning * into l;
  perform pass(p_sub, ledger_now(l.test_clock));
  if l.status in ('active', 'past_due') then
    perform note_level(p_sub, available_at(p_sub, ledger_now(l.test_clock)), coalesce(v_here, ledger_now(l.test_clock)));
  end if;
  update ledgers set untold = false where subscription_id = p_sub and untold;
  if jsonb_typeof(p->'command') = 'object' and (p->>'finish')::boolean then
    perform finish_command(p->'command', nullif(p->'refusal', 'null'));
  end if;
  return snapshot(p_sub) || jsonb_build_object('kind', 'booked', 'outcome', p->>'outcome');
end $$;
--> statement-breakpoint
-- As before, and tells of it.
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
  v_given jsonb := '{"restored":0,"expired_at_once":0,"forfeited_at_once":0}';
  v_packs int;
  v_answer jsonb;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  select * into c from charges where subscription_id = p_sub and id = p->>'charge';
  if c.id is null then return '{"kind":"unknown"}'; end if;
  if c.status = 'pending' then return '{"kind":"pending"}'; end if;
  if p->>'kind' = 'refund' and p->>'id' is not null then
    select * into r from refunds where subscription_id = p_sub and id = p->>'id';
    if r.id is null then raise exception 'no refund % of %', p->>'id', p_sub; end if;
    if r.answer is not null then return jsonb_build_object('kind', 'ok', 'answer', r.answer); end if;
  end if;
  v_now := greatest(ledger_now(l.test_clock), l.asked_at);
  v_seq := l.seq;
  -- What would expire after a scheduled end is forfeited at it, once that is booked.
  perform pass(p_sub, least(v_now, l.ends_at));
  select * into l from ledgers where subscription_id = p_sub;
  v_before := c.refunded_minor;
  if p->>'kind' = 'dispute' then
    insert into disputes (subscription_id, id, charge_id, amount_minor, status)
    values (p_sub, p->>'id', c.id, (p->>'amount')::bigint, p->>'status')
    on conflict (subscription_id, id) do update set status = excluded.status,
      amount_minor = case when excluded.status = 'open' then greatest(disputes.amount_minor, excluded.amount_minor) else excluded.amount_minor end
    where disputes.status = 'open';
  end if;
  update charges set returned_minor = x.returned, refunded_minor = least(amount_minor, x.returned + x.disputed)
  from (select least(c.amount_minor, greatest(c.returned_minor, r.to_minor, (p->>'to')::bigint)) as returned,
               (select coalesce(sum(amount_minor), 0) from disputes where subscription_id = p_sub and charge_id = c.id and status <> 'won') as disputed) x
  where subscription_id = p_sub and id = c.id
  returning charges.* into c;
  -- A start, renewal or upgrade: no credits move.
  select * into g from grants where subscription_id = p_sub and charge_id = c.id and kind = 'pack' and c.kind = 'purchase';
  v_packs := (select (state->>'packs')::int from subscriptions where id = p_sub);
  if g.id is not null then
    if c.refunded_minor > v_before then v_revoked := take_back(l, c, g, v_now); end if;
    if c.refunded_minor < v_before then v_given := give_again(l, c, g, v_now); end if;
    update charges set revoked_credits = revoked_credits + v_revoked - (v_given->>'restored')::bigint
      - (v_given->>'expired_at_once')::bigint - (v_given->>'forfeited_at_once')::bigint
    where subscription_id = p_sub and id = c.id
    returning * into c;
    if (c.refunded_minor = c.amount_minor) <> (v_before = c.amount_minor) then v_packs := tell_withdrawn(p_sub); end if;
  end if;
  if c.refunded_minor <> v_before then
    perform tell_purchase(c, 'purchase.refunded', v_now, jsonb_build_object('revoked', v_revoked, 'restored', v_given->'restored'));
  end if;
  if l.status in ('active', 'past_due') then perform note_level(p_sub, available_at(p_sub, v_now), v_now); end if;
  update ledgers set untold = true, touched_at = clock_timestamp() where subscription_id = p_sub and seq > v_seq;
  -- Billing's own word of a refund that an operator asked for may have come first.
  if r.id is not null then v_revoked := greatest(c.revoked_credits - r.revoked_before, 0); end if;
  v_answer := v_given || jsonb_build_object('refunded_minor', c.refunded_minor, 'revoked', v_revoked,
    'unrecoverable', case when g.id is null then 0 else greatest(due_back(c) - c.revoked_credits, 0) end, 'packs', v_packs);
  update refunds set answer = v_answer where subscription_id = p_sub and id = r.id;
  return jsonb_build_object('kind', 'ok', 'answer', v_answer);
end $$;
--> statement-breakpoint
-- As before; what comes back may be enough again.
create or replace function serve_round(p_gives json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
#variable_conflict use_column
declare
  r record;
  l ledgers;
  h holds;
  u usages;
  v_balance text;
  made_entries entries[];
  made_usages usages[];
  made_replies replies[];
  changed_ledgers ledgers[];
  changed_holds holds[];
  changed_usages usages[];
begin
  for r in
    select x.*, y.body_hash, y.answer as reply, (b.ledger).subscription_id as found, b.ledger, s.hold, t.usage, n.now, w.wanted, w.most, k.outcome, k.moves, g.held,
      g.available + coalesce(p.usable, 0) as available, p.made, coalesce(p.credits, 0) as credits_back, p.debits,
      coalesce(p.expired, 0) as expired, coalesce(p.forfeited, 0) as forfeited
    from json_to_recordset(p_gives) as x(ord int, sub text, op text, object text, credits bigint, id text, digest uuid, body uuid, at timestamptz)
    left join lateral (select * from replies where digest = x.digest limit 1) y on true
    left join lateral (select b as ledger from ledgers b where subscription_id = x.sub limit 1) b on true
    left join lateral (select s as hold from holds s where subscription_id = x.sub and id = x.object limit 1) s on x.op <> 'reverse'
    left join lateral (select t as usage from usages t where subscription_id = x.sub and id = x.object limit 1) t on x.op = 'reverse'
    -- A caller's entries never go back in time, should the clock do so.
    cross join lateral (select coalesce(x.at, greatest(coalesce((b.ledger).test_clock, p_clock), (b.ledger).asked_at)) as now) n
    cross join lateral (
      select coalesce(sum(held), 0)::bigint as held, coalesce(sum(remaining) filter (where effective_at <= n.now and n.now < expires_at
        and ((b.ledger).ends_at is null or n.now < (b.ledger).ends_at)), 0)::bigint as available
      from grants where subscription_id = x.sub and open
    ) g
    -- What is asked, and the most that could be. R-63: the running sum stays below 2^53, whatever was granted since, and
    -- whatever is held comes back.
    cross join lateral (
      select case x.op when 'reverse' then coalesce(x.credits, (t.usage).credits - (t.usage).reversed)
                       when 'release' then 0 else coalesce(x.credits, (s.hold).credits) end as wanted,
        case x.op when 'reverse' then least((t.usage).credits - (t.usage).reversed, 9007199254740991 - (b.ledger).balance - g.held)
                  else (s.hold).credits end as most
    ) w
    cross join lateral (
      select o.outcome, y.digest is null and o.outcome = 'ok' and (x.op = 'reverse' or (s.hold).status = 'held') as moves
      from (select case
        when coalesce((s.hold).id, (t.usage).id) is null then 'not_found'
        when x.op = 'reverse' then
          case when w.wanted > w.most or (w.wanted = 0 and (t.usage).credits > 0) then 'reversal_exceeds_usage' else 'ok' end
        when (s.hold).status = 'held' then case when w.wanted > w.most then 'capture_exceeds_hold' else 'ok' end
        -- R-71: the same settlement again; a release after the deadline asks for what has happened by itself (R-72).
        when (s.hold).captured = w.wanted then 'ok'
        when (s.hold).settled_at = (s.hold).deadline then 'hold_expired'
        else 'hold_already_settled' end as outcome) o
    ) k
    left join lateral (
      select array_agg(row(x.sub, (b.ledger).seq + e.nth, e.kind, e.credits, e.grant_id, (b.ledger).balance + e.running, e.at, p_clock,
            case x.op when 'capture' then x.id when 'reverse' then x.object end,
            case when x.op <> 'reverse' then x.object end)::entries order by e.nth) as made,
        sum(e.credits)::bigint as credits, (sum(e.credits) filter (where e.is_usable))::bigint as usable,
        string_agg('{"grant_id":"' || e.grant_id || '","kind":"' || e.grant_kind || '","credits":' || -e.credits || '}', ',' order by e.nth)
          filter (where e.kind = 'capture') as debits,
        -sum(e.credits) filter (where e.kind = 'expiry') as expired, -sum(e.credits) filter (where e.kind = 'forfeiture') as forfeited
      from (
        select v.*, g.id as grant_id, g.kind as grant_kind, row_number() over in_order as nth, sum(v.credits) over in_order as running,
          g.effective_at <= n.now and n.now < g.expires_at and ((b.ledger).ends_at is null or n.now < (b.ledger).ends_at) as is_usable
        from (select case x.op when 'reverse' then (t.usage).credits - (t.usage).reversed - w.wanted else 0 end as lo,
                     case x.op when 'reverse' then (t.usage).credits - (t.usage).reversed else w.most end as hi,
                     case x.op when 'reverse' then 0 else w.wanted end as kept) a
        cross join lateral laid_out(coalesce((s.hold).answer, (t.usage).answer)->'debits') o
        cross join lateral (select * from grants where subscription_id = x.sub and id = o.grant_id limit 1) g
        cross join lateral (select least(o.hi, a.hi) - greatest(o.lo, a.lo) as credits, greatest(least(o.hi, a.kept) - o.lo, 0) as kept) part
        -- A deadline at the very end comes before it (R-14).
        cross join lateral (select case when (b.ledger).status = 'ended' or (b.ledger).ends_at < n.now then (b.ledger).ends_at end as ended_at) d
        cross join lateral (values
          (1, case x.op when 'reverse' then 'reversal' else 'release' end, part.credits, n.now),
          (2, 'capture', -part.kept, n.now),
          (3, case when g.expires_at <= d.ended_at then 'expiry' when d.ended_at is not null then 'forfeiture'
                   when g.expires_at <= n.now or g.taken = 'expired' then 'expiry' end,
            part.kept - part.credits, greatest(n.now, least(g.expires_at, d.ended_at)))) v(n, kind, credits, at)
        where o.lo < a.hi and o.hi > a.lo and v.kind is not null and v.credits <> 0
        window in_order as (order by o.lo, v.n)
      ) e
    ) p on k.moves
    order by x.ord
  loop
    ord := r.ord;
    answer := null;
    available := r.most;
    kind := case when r.body_hash = r.body then 'replay' when r.body_hash is not null then 'reused' else r.outcome end;
    if kind = 'replay' then answer := r.reply; end if;
    if kind = 'ok' then
      l := r.ledger;
      l.seq := l.seq + coalesce(cardinality(r.made), 0);
      l.balance := l.balance + r.credits_back;
      if r.at is null then l.asked_at := r.now; end if;
      changed_ledgers := changed_ledgers || l;
      made_entries := made_entries || r.made;
      if l.level <> 'enough' and r.available >= l.low_below and r.moves then perform note_level(r.sub, r.available, r.now); end if;
      h := r.hold;
      v_balance := '{"available":' || r.available || ',"held":' || r.held - case when r.op = 'reverse' then 0 else h.credits end || '}';
      if not r.moves then
        answer := h.settlement;
      elsif r.op = 'reverse' then
        u := r.usage;
        u.reversed := u.reversed + r.wanted;
        changed_usages := changed_usages || u;
        answer := '{"restored":' || r.credits_back || ',"expired_at_once":' || r.expired || ',"forfeited_at_once":' || r.forfeited
          || ',"balance":' || v_balance || '}';
      else
        h.status := case r.op when 'capture' then 'captured' else 'released' end;
        h.captured := r.wanted;
        h.usage_id := case r.op when 'capture' then r.id end;
        h.settled_at := r.now;
        answer := '{"id":"' || h.id || '","status":"' || h.status || '","captured":' || h.captured || ',"released":' || h.credits - h.captured
          || ',"usage_id":' || coalesce('"' || h.usage_id || '"', 'null') || ',"balance":' || v_balance || '}';
        h.settlement := answer::json;
        changed_holds := changed_holds || h;
        -- A capture makes a usage with the lines and rates of its hold.
        if r.op = 'capture' then
          made_usages := made_usages || row(r.sub, r.id, r.wanted, h.via, h.reference, h.metadata, r.now,
            ('{"id":"' || r.id || '","credits":' || r.wanted || ',"lines":' || (h.answer->'lines')::text || ',"debits":[' || coalesce(r.debits, '')
              || '],"balance":' || v_balance || ',"catalog_version":' || (h.answer->'catalog_version')::text || ',"at":"'
              || to_char(r.now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}')::json, 0, h.id)::usages;
        end if;
      end if;
      if r.digest is not null then
        made_replies := made_replies || row(r.sub, r.digest, r.body, null, answer::json)::replies;
      end if;
    end if;
    return next;
  end loop;

  if changed_ledgers is null then return; end if;
  insert into replies select * from unnest(made_replies);
  insert into usages select * from unnest(made_usages);
  insert into entries select * from unnest(made_entries);
  update holds h set status = x.status, captured = x.captured, usage_id = x.usage_id, settled_at = x.settled_at, settlement = x.settlement
  from unnest(changed_holds) x
  cross join lateral (select ctid as place from holds where subscription_id = x.subscription_id and id = x.id limit 1) k
  where h.ctid = k.place;
  update usages u set reversed = x.reversed
  from unnest(changed_usages) x
  cross join lateral (select ctid as place from usages where subscription_id = x.subscription_id and id = x.id limit 1) k
  where u.ctid = k.place;
  update grants g set remaining = g.remaining + x.credits, held = g.held - x.released, open = g.remaining + x.credits + g.held - x.released > 0,
    taken = case when x.credits > 0 then null else g.taken end
  from (select e.subscription_id, e.grant_id, sum(e.credits)::bigint as credits,
               coalesce(sum(e.credits) filter (where e.kind = 'release'), 0)::bigint as released
        from unnest(made_entries) e group by e.subscription_id, e.grant_id) x
  cross join lateral (select ctid as place from grants where subscription_id = x.subscription_id and id = x.grant_id limit 1) k
  where g.ctid = k.place;
  update ledgers b set seq = x.seq, balance = x.balance, asked_at = x.asked_at, touched_at = p_clock, untold = true
  from unnest(changed_ledgers) x
  cross join lateral (select ctid as place from ledgers where subscription_id = x.subscription_id limit 1) k
  where b.ctid = k.place;
end $$;
--> statement-breakpoint
-- As before; the spend after which credits are low, and the one that exhausts them, say so.
create or replace function serve_spends(p_spends json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
#variable_conflict use_column
declare
  r record;
  -- The first request's row of the subscription at hand; its balance, seq and what is left of its grants go on from there.
  s record;
  v_sub text;
  v_catalog text;
  v_iso text;
  v_deadline timestamptz;
  -- The first grant with something left, for this request and those after it.
  i int;
  v_needed bigint;
  v_part bigint;
  v_debits text;
  made_entries entries[];
  made_usages usages[];
  made_holds holds[];
  made_replies replies[];
begin
  select version into v_catalog from catalogs order by in_force_from desc limit 1;
  for r in
    -- A caller's entries never go back in time, should the clock do so.
    select x.*, b.subscription_id as found, b.seq, b.balance, b.status, b.ends_at, b.blocked, b.low_below, b.level, b.test_clock is null as live, n.now,
      k.body_hash, k.object_id, k.answer as reply, p.*
    from json_to_recordset(p_spends) as x(ord int, sub text, op text, credits bigint, id text, digest uuid, body uuid,
      head text, tail text, catalog text, via text, reference text, metadata json, seconds int)
    left join lateral (select * from ledgers where subscription_id = x.sub limit 1) b on true
    left join lateral (select * from replies where digest = x.digest limit 1) k on true
    cross join lateral (select greatest(coalesce(b.test_clock, p_clock), b.asked_at) as now) n
    -- R-60: the open grants in burn order; what can't be spent now counts as nothing (R-12).
    left join lateral (
      select array_agg(g.id) as ids, array_agg(g.kind) as kinds, array_agg(g.usable) as lefts,
        coalesce(sum(g.usable), 0)::bigint as available, coalesce(sum(g.held), 0)::bigint as held
      from (
        select g.id, g.kind, g.held, case when g.effective_at <= n.now and n.now < g.expires_at then g.remaining else 0 end as usable
        from grants g where g.subscription_id = x.sub and g.open
        order by g.kind <> 'allowance', g.expires_at, g.effective_at, g.made
      ) g
    ) p on true
    order by x.sub, x.ord
  loop
    ord := r.ord;
    answer := null;
    kind := case
      when r.found is null then 'not_found'
      when r.body_hash = r.body then 'replay'
      when r.body_hash is not null then 'reused'
      when r.status not in ('active', 'past_due') or r.ends_at <= r.now then 'subscription_not_active'
      when r.blocked then 'payment_past_due'
      when r.catalog <> v_catalog then 'stale'
      else 'ok' end;
    if kind = 'replay' then
      answer := coalesce(r.reply, (select u.answer from usages u where u.subscription_id = r.sub and u.id = r.object_id),
        (select h.answer from holds h where h.subscription_id = r.sub and h.id = r.object_id));
    end if;
    if kind <> 'ok' then
      return next;
      continue;
    end if;
    if r.sub is distinct from v_sub then
      v_sub := r.sub;
      s := r;
      v_iso := to_char(r.now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
      i := 1;
    end if;
    -- R-61: all or nothing.
    if r.credits > s.available then
      kind := 'insufficient_credits';
      at := extract(epoch from r.now) * 1000;
      available := s.available;
      held := s.held;
      return next;
      continue;
    end if;

    v_needed := r.credits;
    v_debits := '';
    while v_needed > 0 loop
      v_part := least(v_needed, s.lefts[i]);
      if v_part = 0 then
        i := i + 1;
        continue;
      end if;
      s.lefts[i] := s.lefts[i] - v_part;
      v_needed := v_needed - v_part;
      s.seq := s.seq + 1;
      s.balance := s.balance - v_part;
      v_debits := v_debits || case v_debits when '' then '' else ',' end
        || '{"grant_id":"' || s.ids[i] || '","kind":"' || s.kinds[i] || '","credits":' || v_part || '}';
      made_entries := made_entries || row(r.sub, s.seq, case r.op when 'hold' then 'hold' else 'debit' end, -v_part, s.ids[i], s.balance,
        r.now, p_clock, case r.op when 'usage' then r.id end, case r.op when 'hold' then r.id end)::entries;
    end loop;
    s.available := s.available - r.credits;
    if s.available < s.low_below and (s.level = 'enough' or (s.level = 'low' and s.available = 0)) then
      s.level := case s.available when 0 then 'exhausted' else 'low' end;
      perform note_level(r.sub, s.available, r.now);
    end if;
    if r.op = 'hold' then
      s.held := s.held + r.credits;
      v_deadline := r.now + r.seconds * interval '1 second';
      answer := r.head || v_debits || '],"balance":{"available":' || s.available || ',"held":' || s.held || '}' || r.tail || v_iso
        || '","deadline":"' || to_char(v_deadline at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}';
      made_holds := made_holds || row(r.sub, r.id, r.now, v_deadline, r.credits, 'held', 0, null, null, r.via, r.reference, r.metadata,
        answer::json, null, r.live)::holds;
    else
      answer := r.head || v_debits || '],"balance":{"available":' || s.available || ',"held":' || s.held || '}' || r.tail || v_iso || '"}';
      made_usages := made_usages || row(r.sub, r.id, r.credits, r.via, r.reference, r.metadata, r.now, answer::json, 0, null)::usages;
    end if;
    made_replies := made_replies || row(r.sub, r.digest, r.body, r.id, null)::replies;
    return next;
  end loop;

  if made_replies is null then return; end if;
  insert into replies select * from unnest(made_replies);
  insert into usages select * from unnest(made_usages);
  if made_holds is not null then insert into holds select * from unnest(made_holds); end if;
  insert into entries select * from unnest(made_entries);
  update grants g set remaining = g.remaining + x.credits, held = g.held + x.held, open = g.remaining + x.credits + g.held + x.held > 0
  from (select e.subscription_id, e.grant_id, sum(e.credits)::bigint as credits,
               coalesce(-sum(e.credits) filter (where e.kind = 'hold'), 0)::bigint as held
        from unnest(made_entries) e group by e.subscription_id, e.grant_id) x
  cross join lateral (select ctid as place from grants where subscription_id = x.subscription_id and id = x.grant_id limit 1) k
  where g.ctid = k.place;
  update ledgers b set seq = x.seq, balance = b.balance + x.credits, asked_at = x.at, touched_at = p_clock, untold = true,
    next_deadline = least(b.next_deadline, (select min(h.deadline) from unnest(made_holds) h where h.subscription_id = x.subscription_id))
  from (select e.subscription_id, max(e.seq) as seq, sum(e.credits)::bigint as credits, max(e.effective_at) as at
        from unnest(made_entries) e group by e.subscription_id) x
  cross join lateral (select ctid as place from ledgers where subscription_id = x.subscription_id limit 1) k
  where b.ctid = k.place;
end $$;
--> statement-breakpoint
-- What is open already is told of too.
update grants set notice_at = notice_after(expires_at, clock_timestamp()) where open;
--> statement-breakpoint
update ledgers l set next_notice = (select min(g.notice_at) from grants g where g.subscription_id = l.subscription_id)
where l.status in ('active', 'past_due');
