-- Captures, releases and reversals of a batch (`op`), in rounds: of each subscription the first, then the second of
-- those that have one, and so on. Takes and answers what `spend_batch` does, in order; `at` dates a release by its
-- deadline, which no caller asked for. The ledgers are locked.
create or replace function return_credits(p_returns json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
declare v_round json;
begin
  for v_round in
    select json_agg(x.request order by x.place)
    from (select request, place, row_number() over (partition by request->>'sub' order by place) as nth
          from json_array_elements(p_returns) with ordinality as r(request, place)) x
    group by x.nth order by x.nth
  loop
    return query select * from return_round(v_round, p_clock);
  end loop;
end $$;

-- The requests of a round with the rows that decide them.
--   outcome: as it is answered; `moves` says that it moves credits: a hold that was settled before moves none
--   wanted, most: the credits to be captured or reversed, and the most that could be
--   usage_id: of the entries: the usage that a capture makes, or that is reversed
--   debits, low, high: as `returned_lines` takes them
--   available, held: of the ledger, before the round
create or replace function return_requests(p_returns json, p_clock timestamptz) returns table (
  ord int, sub text, op text, usage_id text, digest uuid, body uuid, is_asked boolean, now timestamptz,
  ledger ledgers, hold holds, usage usages, reply json, outcome text, moves boolean, wanted bigint, most bigint,
  debits json, low bigint, high bigint, available bigint, held bigint
) language sql stable as $$
  with requests as (
    select request.*, ledger, hold, usage, usage.credits - usage.reversed as unreversed, reply.answer as reply,
      reply.body_hash,
      -- Entries of callers never go back in time, should the clock do so.
      coalesce(request.at, greatest(coalesce(ledger.test_clock, p_clock), ledger.asked_at)) as now
    from json_to_recordset(p_returns) as request (ord int, sub text, op text, object text, credits bigint, id text,
      digest uuid, body uuid, at timestamptz)
    left join ledger_of(request.sub) ledger on true
    left join reply_to(request.digest) reply on true
    left join hold_of(request.sub, request.object) hold on request.op <> 'reverse'
    left join usage_of(request.sub, request.object) usage on request.op = 'reverse'
  ), sized as (
    select requests.*, standing.available, standing.held,
      case op when 'reverse' then coalesce(credits, unreversed) when 'release' then 0
        else coalesce(credits, (hold).credits) end as wanted,
      -- R-63: the running sum stays below 2^53, whatever was granted since, and all that is held comes back.
      case op when 'reverse' then least(unreversed, 9007199254740991 - (ledger).balance - standing.held)
        else (hold).credits end as most
    from requests cross join lateral standing_of(sub, now, (ledger).ends_at) standing
  ), judged as (
    select sized.*, case
      when body_hash = body then 'replay'
      when body_hash is not null then 'reused'
      when coalesce((hold).id, (usage).id) is null then 'not_found'
      when op = 'reverse' and (wanted > most or (wanted = 0 and (usage).credits > 0)) then 'reversal_exceeds_usage'
      when op = 'reverse' then 'ok'
      when (hold).status = 'held' and wanted > most then 'capture_exceeds_hold'
      -- R-71: the same settlement again; a release after the deadline asks for what has happened by itself (R-72).
      when (hold).status = 'held' or (hold).captured = wanted then 'ok'
      when (hold).settled_at = (hold).deadline then 'hold_expired'
      else 'hold_already_settled' end as outcome
    from sized
  )
  select ord, sub, op, case op when 'capture' then id when 'reverse' then object end, digest, body, at is null, now,
    ledger, hold, usage, reply, outcome, outcome = 'ok' and (op = 'reverse' or (hold).status = 'held'), wanted, most,
    coalesce((hold).answer, (usage).answer)->'debits', case op when 'reverse' then unreversed - wanted else 0 end,
    case op when 'reverse' then unreversed else (hold).credits end, available, held
  from judged
$$;

-- Of the debits of a hold or usage, laid end to end, the credits from p_low to p_high go back to their grants, but
-- for the first p_kept, which are captured (R-74). Each grant's are followed by what becomes of them there: of a
-- grant that has expired they expire at once, of a subscription that has ended they are forfeited (R-73, R-80), and
-- of a grant that owes credits to a refund they are revoked, up to what it owes (R-81).
create or replace function returned_lines(p_ledger ledgers, p_op text, p_debits json, p_low bigint, p_high bigint, p_kept bigint,
  p_now timestamptz)
returns table (kind text, credits bigint, at timestamptz, grant_id text, grant_kind text, is_usable boolean, nth bigint,
  running numeric) language sql stable as $$
  with parts as (
    select origin.*, debit.lo, least(debit.hi, p_high) - greatest(debit.lo, p_low) as credits,
      greatest(least(debit.hi, p_kept) - debit.lo, 0) as kept, ended.at as ended_at,
      end_of_credits(origin.expires_at, origin.taken, ended.at, p_now) as gone
    from debit_ranges(p_debits) debit
    cross join lateral grant_of(p_ledger.subscription_id, debit.grant_id) origin
    cross join lateral (select ended_before(p_ledger.status, p_ledger.ends_at, p_now) as at) ended
    where debit.lo < p_high and debit.hi > p_low
  )
  select line.kind, line.credits, line.at, parts.id, parts.kind,
    is_usable(parts.effective_at, parts.expires_at, p_ledger.ends_at, p_now),
    row_number() over in_order, sum(line.credits) over in_order
  from parts
  left join lateral (
    select greatest(due_back(charge) - charge.revoked_credits, 0) as credits
    from charge_of(parts.subscription_id, parts.charge_id) charge
    where parts.kind = 'pack' and parts.gone is null and charge.kind = 'purchase'
  ) owed on true
  cross join lateral (values
    (1, case p_op when 'reverse' then 'reversal' else 'release' end, parts.credits, p_now),
    (2, 'capture', -parts.kept, p_now),
    (3, parts.gone, case when parts.gone is not null then parts.kept - parts.credits end,
      greatest(p_now, least(parts.expires_at, parts.ended_at))),
    (4, 'revocation', -least(parts.credits - parts.kept, coalesce(owed.credits, 0)), p_now)
  ) line (place, kind, credits, at)
  where line.credits <> 0
  window in_order as (order by parts.lo, line.place)
$$;

-- The same lines as the next entries of their ledger, and their sums: of all credits, of those that can be spent now
-- (`usable`), and of those that are gone at once. `captured` are the debits of a capture as JSON.
create or replace function returned_entries(p_ledger ledgers, p_usage text, p_hold text, p_clock timestamptz,
  p_op text, p_debits json, p_low bigint, p_high bigint, p_kept bigint, p_now timestamptz)
returns table (entries entries[], credits bigint, usable bigint, captured text, expired bigint, forfeited bigint,
  revoked bigint) language sql stable as $$
  select array_agg(row(p_ledger.subscription_id, p_ledger.seq + nth, kind, credits, grant_id, p_ledger.balance + running, at,
      p_clock, p_usage, p_hold)::entries order by nth),
    coalesce(sum(credits), 0)::bigint, coalesce(sum(credits) filter (where is_usable), 0)::bigint,
    string_agg(debit_json(grant_id, grant_kind, -credits), ',' order by nth) filter (where kind = 'capture'),
    coalesce(-sum(credits) filter (where kind = 'expiry'), 0)::bigint,
    coalesce(-sum(credits) filter (where kind = 'forfeiture'), 0)::bigint,
    coalesce(-sum(credits) filter (where kind = 'revocation'), 0)::bigint
  from returned_lines(p_ledger, p_op, p_debits, p_low, p_high, p_kept, p_now)
$$;

-- The usage that a capture makes, with the lines and rates of its hold; `debits` are JSON.
create or replace function captured_usage(h holds, p_debits text, p_balance text) returns usages language sql stable as $$
  select row(h.subscription_id, h.usage_id, h.settled_at, h.captured, 0, h.id, h.via, h.reference, h.metadata,
    ('{"id":"' || h.usage_id || '","credits":' || h.captured || ',"lines":' || (h.answer->'lines')::text
      || ',"debits":[' || coalesce(p_debits, '') || '],"balance":' || p_balance
      || ',"catalog_version":' || (h.answer->'catalog_version')::text || ',"at":"' || iso(h.settled_at) || '"}')::json)::usages
$$;

-- Answers one round as `spend_batch` does: at most one request a subscription, so that none depends on another. It
-- reads all rows at once, decides one request after the other, and writes all rows at once. An event says that
-- credits are enough again.
create or replace function return_round(p_returns json, p_clock timestamptz)
returns table (ord int, kind text, answer text, at bigint, available bigint, held bigint) language plpgsql as $$
#variable_conflict use_column
declare
  request record;
  ledger ledgers;
  hold holds;
  usage usages;
  made_entries entries[];
  made_usages usages[];
  made_replies replies[];
  changed_ledgers ledgers[];
  changed_holds holds[];
  changed_usages usages[];
  some_revoked boolean := false;
begin
  for request in
    select asked.*, moved.*, asked.available + moved.usable as available_now,
      balance_json(asked.available + moved.usable, asked.held - coalesce((asked.hold).credits, 0)) as balance
    from return_requests(p_returns, p_clock) asked
    left join returned_entries(asked.ledger, asked.usage_id, (asked.hold).id, p_clock, asked.op, asked.debits, asked.low,
      asked.high, case asked.op when 'reverse' then 0 else asked.wanted end, asked.now) moved on asked.moves
    order by asked.ord
  loop
    ord := request.ord;
    kind := request.outcome;
    available := request.most;
    answer := case kind when 'replay' then request.reply::text end;
    if kind = 'ok' then
      ledger := request.ledger;
      hold := request.hold;
      if request.is_asked then ledger.asked_at := request.now; end if;
      if not request.moves then
        answer := hold.settlement;
      else
        ledger.seq := ledger.seq + coalesce(cardinality(request.entries), 0);
        ledger.balance := ledger.balance + request.credits;
        made_entries := made_entries || request.entries;
        some_revoked := some_revoked or request.revoked > 0;
        if ledger.level <> 'enough' and request.available_now >= ledger.low_below then
          perform note_level(request.sub, request.available_now, request.now);
        end if;
        if request.op = 'reverse' then
          usage := request.usage;
          usage.reversed := usage.reversed + request.wanted;
          changed_usages := changed_usages || usage;
          answer := reversal_json(request.credits, request.expired, request.forfeited, request.revoked, request.balance);
        else
          hold.status := case request.op when 'capture' then 'captured' else 'released' end;
          hold.captured := request.wanted;
          hold.usage_id := request.usage_id;
          hold.settled_at := request.now;
          answer := settlement_json(hold, request.balance);
          hold.settlement := answer::json;
          changed_holds := changed_holds || hold;
          if request.op = 'capture' then
            made_usages := made_usages || captured_usage(hold, request.captured, request.balance);
          end if;
        end if;
      end if;
      changed_ledgers := changed_ledgers || ledger;
      if request.digest is not null then
        made_replies := made_replies || row(request.sub, request.digest, request.body, null, answer::json)::replies;
      end if;
    end if;
    return next;
  end loop;
  if changed_ledgers is null then return; end if;
  perform book_returns(made_replies, made_usages, made_entries, changed_holds, changed_usages, changed_ledgers, p_clock);
  if some_revoked then perform book_owed(made_entries); end if;
end $$;

-- Writes the rows of a round, and how they leave their holds, usages, grants and ledgers.
create or replace function book_returns(p_replies replies[], p_usages usages[], p_entries entries[], p_holds holds[],
  p_reversed usages[], p_ledgers ledgers[], p_clock timestamptz) returns void language plpgsql as $$
declare open_again text[];
begin
  insert into replies select * from unnest(p_replies);
  insert into usages select * from unnest(p_usages);
  insert into entries select * from unnest(p_entries);
  with made as (
    select subscription_id, grant_id, sum(credits)::bigint as credits,
      coalesce(sum(credits) filter (where kind = 'release'), 0)::bigint as released
    from unnest(p_entries) group by subscription_id, grant_id
  ), returned as (
    update grants g set remaining = g.remaining + made.credits, held = g.held - made.released,
      open = g.remaining + made.credits + g.held - made.released > 0, taken = case when made.credits > 0 then null else g.taken end
    from made
    cross join lateral (
      select ctid, open from grants where subscription_id = made.subscription_id and id = made.grant_id limit 1) before
    where g.ctid = before.ctid
    returning g.subscription_id, g.open and not before.open as is_open_again
  )
  select array_agg(subscription_id) filter (where is_open_again) into open_again from returned;
  update holds h set status = settled.status, captured = settled.captured, usage_id = settled.usage_id,
    settled_at = settled.settled_at, settlement = settled.settlement
  from unnest(p_holds) settled
  cross join lateral (select ctid from holds where subscription_id = settled.subscription_id and id = settled.id limit 1) place
  where h.ctid = place.ctid;
  update usages u set reversed = reversed.reversed
  from unnest(p_reversed) reversed
  cross join lateral (select ctid from usages where subscription_id = reversed.subscription_id and id = reversed.id limit 1) place
  where u.ctid = place.ctid;
  update ledgers l set seq = moved.seq, balance = moved.balance, asked_at = moved.asked_at, touched_at = p_clock,
    workflow_behind = true
  from unnest(p_ledgers) moved
  cross join lateral (select ctid from ledgers where subscription_id = moved.subscription_id limit 1) place
  where l.ctid = place.ctid;
  -- A workflow waits for the expiry of credits that it thought gone, and after the end for the last hold.
  perform ask_nudge(subscription_id) from unnest(p_ledgers) where status = 'ended' or subscription_id = any(open_again);
end $$;

-- R-72: releases the holds of a subscription whose deadlines are past, each dated at its deadline, whenever that is
-- booked. The ledger is locked.
create or replace function release_due(p_sub text, p_until timestamptz) returns void language plpgsql as $$
declare
  releases json := (
    select json_agg(json_build_object('ord', 0, 'sub', p_sub, 'op', 'release', 'object', id, 'at', deadline)
      order by deadline, id)
    from holds where subscription_id = p_sub and status = 'held' and deadline <= p_until);
begin
  perform return_credits(releases, date_trunc('milliseconds', clock_timestamp()));
  update ledgers set workflow_behind = true, touched_at = clock_timestamp(),
    next_deadline = (select min(deadline) from holds where subscription_id = p_sub and status = 'held')
  where subscription_id = p_sub;
end $$;

-- The same until now, for a caller that reads the subscription next. Locks the ledger.
create or replace function release_overdue(p_sub text) returns void language plpgsql as $$
declare l ledgers;
begin
  select * into l from ledgers where subscription_id = p_sub for no key update;
  if l.next_deadline <= ledger_now(l.test_clock) then perform release_due(p_sub, ledger_now(l.test_clock)); end if;
end $$;

-- The relay's releases: of up to so many subscriptions, the longest overdue first, each guarded on its own. Locks
-- their ledgers, but waits for none; ledgers that are busy or were refused leave their places to others. Answers the
-- number of subscriptions.
create or replace function relay_deadlines(p_limit int) returns int language plpgsql as $$
declare
  sub text;
  done boolean;
  relayed int := 0;
begin
  for sub in
    select distinct overdue.subscription_id from (
      select l.subscription_id from holds h join ledgers l on l.subscription_id = h.subscription_id
      where h.status = 'held' and h.live and h.deadline <= clock_timestamp() and not exists (
        select from failures f where f.kind = 'deadline' and f.key = h.subscription_id and f.next_at > clock_timestamp())
      order by h.deadline limit p_limit for no key update of l skip locked) overdue
  loop
    done := relay_one('deadline', sub);
    exit when done is null;
    relayed := relayed + done::int;
  end loop;
  return relayed;
end $$;
