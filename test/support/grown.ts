import { sql } from 'drizzle-orm';
import { connect, type Database } from '../../src/db/client.ts';

// A ledger that has lived long, as the ledger's functions would have left it, made by a few statements.

const YEAR = sql`interval '364 days'`;

/**
 * Gives an empty ledger a year of so many acts, each recorded in its month. Of ten acts eight spend a credit, one holds one and
 * releases it, one is a free use. Every hundredth act comes with a grant that is revoked at once, a declined purchase, and
 * their command, message, note and event. Answers the newest entry.
 */
export async function grow(databaseUrl: string, id: string, acts: number): Promise<number> {
  // A million acts take minutes, which no pool of the product waits.
  const db = connect(databaseUrl, { max: 1, statementTimeoutMs: 600_000 });
  try {
    return await grown(db, id, acts);
  } finally {
    await db.$client.end();
  }
}

async function grown(db: Database, id: string, acts: number): Promise<number> {
  const big = sql`${2 * acts + 1_000}::bigint`;
  const acted = sql`(
    select k, case k % 10 when 0 then 'hold' when 9 then 'free' else 'debit' end as what, lpad(k::text, 26, '0') as name,
      instant(ms(now() - ${YEAR} + (k - 1) * (${YEAR} / ${acts}::float8))) as at
    from generate_series(1, ${acts}::bigint) k) act`;
  const rare = sql`${acted} where k % 100 = 1`;
  const answer = (prefix: string) => sql`json_build_object('id', ${prefix}::text || name, 'credits', 1,
    'lines', json_build_array(json_build_object('feature', case when k % 2 = 0 then 'generate_look' else 'avatar_iv' end, 'quantity', 1, 'credits', 1)),
    'debits', json_build_array(json_build_object('grant_id', 'grt_big', 'kind', 'adjustment', 'credits', 1)),
    'balance', json_build_object('available', 1, 'held', 0), 'catalog_version', 'x', 'at', iso(at))`;

  await db.execute(sql`select keep_months(now() - interval '366 days', now())`);
  await db.execute(sql`
    insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, recorded_at, usage_id, hold_id)
    select ${id}, row_number() over w, kind, credits, grant_id, sum(credits) over w, at, at, usage_id, hold_id
    from (
      select 0 as k, 0 as rank, now() - ${YEAR} as at, 'grant' as kind, ${big} as credits, 'grt_big' as grant_id, null as usage_id, null as hold_id
      union all select k, 1, at, 'debit', -1, 'grt_big', 'use_' || name, null from ${acted} where what = 'debit'
      union all select k, 1, at, 'hold', -1, 'grt_big', null, 'hld_' || name from ${acted} where what = 'hold'
      union all select k, 2, at, 'release', 1, 'grt_big', null, 'hld_' || name from ${acted} where what = 'hold'
      union all select k, 3, at, 'grant', 5, 'grt_' || name, null, null from ${rare}
      union all select k, 4, at, 'revocation', -5, 'grt_' || name, null, null from ${rare}
    ) made window w as (order by k, rank)`);
  await db.execute(sql`
    insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, reason, taken, open)
    select e.subscription_id, e.grant_id, 'adjustment', e.credits, case when e.seq = 1 then last.balance_after else 0 end, e.effective_at,
      e.effective_at + interval '2 years', e.seq, e.grant_id, 'a gift', case when e.seq = 1 then null else 'revoked' end, e.seq = 1
    from entries e, (select balance_after from entries where subscription_id = ${id} order by seq desc limit 1) last
    where e.subscription_id = ${id} and e.kind = 'grant'`);
  await db.execute(sql`
    insert into usages (subscription_id, id, at, credits, metadata, answer)
    select ${id}, 'use_' || name, at, case what when 'free' then 0 else 1 end, '{}', ${answer('use_')}
    from ${acted} where what <> 'hold'`);
  await db.execute(sql`
    insert into holds (subscription_id, id, at, deadline, credits, status, settled_at, metadata, answer, live)
    select ${id}, 'hld_' || name, at, at + interval '1 hour', 1, 'released', at, '{}', ${answer('hld_')}, true
    from ${acted} where what = 'hold'`);
  await db.execute(sql`
    insert into charges (subscription_id, id, kind, at, status, amount_minor, currency, lines, attempts, catalog_version, step, purchase_id, packs, credits)
    select ${id}, 'chg_' || name, 'purchase', at, 'declined', 1500, 'USD', '[]', jsonb_build_array(jsonb_build_object(
      'attempt', 1, 'at', ms(at), 'payment_method', 'sandbox_declined', 'outcome', 'declined')),
      (select version from catalogs limit 1), 10 + k / 100, 'pur_' || name, 1, 300 from ${rare}`);
  await db.execute(sql`
    insert into commands (scope, operation, key, body_hash, status, attempt, subscription_id, object_id, step, from_seq, from_at, created_at, answer, http_status)
    select ${id}, 'issue_grant', 'key-' || k, '', 'done', 1, ${id}, 'grt_' || name, 10 + k / 100, 1, at, at, '{}', 201 from ${rare}`);
  await db.execute(sql`
    insert into inbox (provider, event_id, subscription_id, kind, payload, received_at, relayed_at, outcome)
    select 'sandbox', ${id} || name, ${id}, 'payment_settled', jsonb_build_object('chargeId', 'chg_' || name, 'at', ms(at)), at, at, 'signalled'
    from ${rare} order by k`);
  await db.execute(sql`
    insert into notes (subscription_id, step, line, at, kind, rule, detail)
    select ${id}, 10 + k / 100, 0, at, 'top_up_skipped', 'R-39', 'declined' from ${rare}`);
  await db.execute(sql`
    insert into events (id, subscription_id, type, at, data, recorded_at, relayed_at)
    select 'evt_' || substr(${id}::text, 5) || k, ${id}, case k when 1 then 'subscription.changed' else 'grant.made' end, at, '{}', at, at
    from ${rare} order by k`);
  const [ledger] = await db.execute<{ seq: string }>(sql`
    update ledgers l set seq = e.seq, balance = e.balance_after
    from (select seq, balance_after from entries where subscription_id = ${id} order by seq desc limit 1) e
    where l.subscription_id = ${id} returning l.seq`);
  await db.execute(sql`analyze`);
  return Number(ledger!.seq);
}
