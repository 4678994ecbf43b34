import type postgres from 'postgres';
import type { Instant } from '../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../src/domain/catalog/default.ts';

// The rows of a year, as the ledger's functions would have written them. Each subscription has a used-up grant (seq 1), an
// expired one (2, 3), the spends of the past, and last the open grants.

/** Rows that one statement makes of a growing table: enough for speed, few enough for progress. */
const CHUNK = 250_000;

/** An id of the ledger, made in SQL: 48 bits of time and 16 characters of a hash, so that ids sort by their making. */
const HELPERS = `
create function bench.id(p_prefix text, p_ms bigint, p_hash text) returns text language sql immutable as $$
  select p_prefix || '_' || ${Array.from({ length: 10 }, (_, i) => `substr('0123456789abcdefghjkmnpqrstvwxyz', (p_ms >> ${45 - 5 * i} & 31)::int + 1, 1)`).join(' || ')} || left(p_hash, 16)
$$;
-- What the first n spends of the past have cost: 2, 3, 1, and again.
create function bench.spent(n bigint) returns bigint language sql immutable as $$ select n / 3 * 6 + (array[0, 2, 5])[n % 3 + 1] $$;
create view bench.old_grants as
  select s.id as subscription_id, s.n, s.spends, x.* from bench.subscriptions s cross join bench.past p cross join lateral (values
    (1, bench.id('grt', p.ms - 366 * 86400000::bigint, md5('spent' || s.n)), bench.spent(s.spends), p.now - interval '366 days', p.now + interval '200 days', null),
    (2, bench.id('grt', p.ms - 366 * 86400000::bigint, md5('expired' || s.n)), 10::bigint, p.now - interval '366 days', p.now - interval '365 days', 'expired')
  ) x (made, id, amount, effective_at, expires_at, taken);
create view bench.open_grants as
  select s.id as subscription_id, s.n, k, s.spends + 3 + k as made, x.*, p.now as effective_at, p.now + (300 + k) * interval '1 day' as expires_at
  from bench.subscriptions s cross join bench.past p
  cross join lateral generate_series(1, case s.kind when 'many' then 50 when 'poor' then 1 else 5 end) k
  cross join lateral (select
    case k when 1 then 'allowance' else 'adjustment' end as kind,
    case k when 1 then 'grt_' || substr(s.id, 5) || '_a0_12' else bench.id('grt', p.ms, md5(s.n || 'open' || k)) end as id,
    case s.kind when 'poor' then 1 + s.n / 50 % 3 else 1000000000 end::bigint as amount) x`;

/** The growing tables are loaded without these keys, which are made afterwards. */
const KEYS = [
  ['entries', 'entries_subscription_id_seq_recorded_at_pk', 'subscription_id, seq, recorded_at'],
  ['usages', 'usages_subscription_id_id_pk', 'subscription_id, id'],
  ['replies', 'replies_pkey', 'digest'],
] as const;

/** The past to make. */
export interface Past {
  now: Instant;
  say(line: string): void;
}

/** Makes the past of the subscriptions in `bench.subscriptions`. */
export async function seedPast(sql: postgres.Sql, { now, say }: Past): Promise<void> {
  await sql.unsafe(`set work_mem = '128MB'; set maintenance_work_mem = '1GB'; set synchronous_commit = off`);
  await sql`create table bench.past as select instant(${now}) as now, ${now}::bigint as ms`;
  await sql.unsafe(HELPERS);
  await sql`select keep_months(now - interval '367 days', now + interval '6 months') from bench.past`;
  for (const [table, key] of KEYS) await sql.unsafe(`alter table ${table} drop constraint ${key}`);
  await seedGrants(sql);
  await seedAllSpends(sql, say);
  for (const [table, key, columns] of KEYS) {
    say(`key of ${table}`);
    await sql.unsafe(`alter table ${table} add constraint ${key} primary key (${columns})`);
  }
  await sql`insert into ledgers (subscription_id, status, step, seq, balance, asked_at)
    select s.id, 'active', 1, s.spends + 3 + g.n, g.credits, p.now
    from bench.subscriptions s cross join bench.past p
    join (select subscription_id, count(*) as n, sum(amount) as credits from bench.open_grants group by 1) g on g.subscription_id = s.id`;
}

async function seedGrants(sql: postgres.Sql): Promise<void> {
  await sql`insert into grants (subscription_id, id, kind, amount, remaining, effective_at, expires_at, made, cause, taken, open)
    select subscription_id, id, 'adjustment', amount, 0, effective_at, expires_at, made, substr(id, 5), taken, false from bench.old_grants
    union all
    select subscription_id, id, kind, amount, amount, effective_at, expires_at, made, substr(id, 5), null, true from bench.open_grants`;
  await sql`insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, recorded_at)
    select subscription_id, made, 'grant', amount, id, sum(amount) over w, effective_at, effective_at
    from bench.old_grants window w as (partition by subscription_id order by made)
    union all
    select subscription_id, 3, 'expiry', -amount, id, bench.spent(spends), expires_at, expires_at
    from bench.old_grants where taken = 'expired'
    union all
    select subscription_id, made, 'grant', amount, id, sum(amount) over w, effective_at, effective_at
    from bench.open_grants window w as (partition by subscription_id order by made)`;
}

/** Makes all spends: every subscription's first ones, then their next ones, so that rows of many lie side by side. */
async function seedAllSpends(sql: postgres.Sql, say: Past['say']): Promise<void> {
  const lengths = await sql<{ spends: number; n: number }[]>`
    select spends::int as spends, count(*)::int as n from bench.subscriptions group by 1 order by 1`;
  const all = lengths.reduce((sum, { spends, n }) => sum + spends * n, 0);
  const startedAt = performance.now();
  let [from, made] = [1, 0];
  for (const { spends } of lengths) {
    const count = lengths.reduce((sum, other) => sum + (other.spends >= spends ? other.n : 0), 0);
    const width = Math.max(1, Math.floor(CHUNK / count));
    for (; from <= spends; from += width) {
      const to = Math.min(spends, from + width - 1);
      await seedSpends(sql, from, to);
      made += (to - from + 1) * count;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
      say(`${made} of ${all} spends of the past after ${seconds} s`);
    }
    from = spends + 1;
  }
}

/** Makes the spends number `from` to `to` of all subscriptions with that many, each at its own moment between two steps of the year. */
async function seedSpends(sql: postgres.Sql, from: number, to: number): Promise<void> {
  const { version } = DEFAULT_CATALOG;
  await sql`
    with spend as materialized (
      select g.subscription_id as sub, g.id as grant_id, nth, 1 + nth % 3 as credits, g.amount - bench.spent(nth) as balance,
        instant(x.ms) as at, x.hash, bench.id('use', x.ms, x.hash) as id
      from (select * from bench.old_grants where made = 1 offset 0) g cross join bench.past p
      join bench.subscriptions s on s.id = g.subscription_id
      cross join generate_series(${from}::bigint, least(${to}::bigint, s.spends)) nth
      cross join lateral (select md5(g.n || '/' || nth) as hash,
        p.ms - 364 * 86400000::bigint + ((nth - 1 + s.spread) * (364 * 86400000.0::float8 / s.spends))::bigint as ms
        offset 0) x
      order by x.ms
    ), entry as (
      insert into entries (subscription_id, seq, kind, credits, grant_id, balance_after, effective_at, recorded_at, usage_id)
      select sub, 3 + nth, 'debit', -credits, grant_id, balance, at, at, id from spend
    ), usage as (
      insert into usages (subscription_id, id, at, credits, metadata, answer)
      select sub, id, at, credits, '{}', ('{"id":"' || id || '","credits":' || credits
        || ',"lines":[{"feature":"generate_look","quantity":' || credits || ',"credits":' || credits
        || '}],"debits":[{"grant_id":"' || grant_id || '","kind":"adjustment","credits":' || credits
        || '}],"balance":{"available":' || balance || ',"held":0},"catalog_version":' || ${JSON.stringify(version)}
        || ',"at":"' || iso(at) || '"}')::json
      from spend
    )
    insert into replies (subscription_id, digest, body_hash, object_id)
    select sub, hash::uuid, md5(sub || credits)::uuid, id from spend`;
}
