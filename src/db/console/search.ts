import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../../domain/calendar.ts';
import type { Database } from '../client.ts';

// From an id, a customer, a key or a reference to its subscription. The search has no index of its own, so that spends pay
// nothing for it: an id or key is looked up once in each of the newest subscriptions.

/** An object that a search found. */
interface Hit {
  kind:
    | 'subscription'
    | 'usage'
    | 'hold'
    | 'purchase'
    | 'charge'
    | 'grant'
    | 'refund'
    | 'event'
    /** A command that the workflow carried out. The timeline shows its key and its outcome. */
    | 'command';
  id: string;
  subscription_id: string;
  customer_id: string;
  /** The member that matched the text. */
  by: 'id' | 'customer' | 'key' | 'reference';
  at: Instant | null;
  /** A description in a few words. */
  says: string;
}

/** The outcome of a search. */
interface SearchResult {
  hits: Hit[];
  /** There were more subscriptions or usages than the search covers. A search within one subscription finds older objects. */
  isPartial: boolean;
}

/** The most subscriptions of one search. Each takes 3 µs for an id and 10 µs for a key: at most a second in all. */
const SUBSCRIPTIONS_LOOKED_THROUGH = 100_000;
/** The newest pages of a table with references, 8 KiB each: these 64 MB take 25 ms. */
const PAGES_LOOKED_THROUGH = 8_192;
const MOST_HITS = 20;

/**
 * Finds the object with this id; or every object with this customer, idempotency key or reference, the newest first. Within a
 * subscription it finds only that subscription's objects, without a bound.
 */
export async function search(
  db: Database,
  text: string,
  subscriptionId: string | null,
): Promise<SearchResult> {
  const ask = async (query: SQL | null) => (query ? (await db.execute<HitRow>(query)).map(hitOf) : []);
  const named = await ask(byId(text, subscriptionId));
  if (named.length > 0) return { hits: named, isPartial: false };
  const ways = [byCustomer, byKey, byReference].map((way) => ask(way(text, subscriptionId)));
  const found = (await Promise.all(ways)).flat();
  return { hits: found, isPartial: found.length === 0 && subscriptionId === null && (await isPartial(db)) };
}

type HitRow = Omit<Hit, 'at'> & { at: string | null } & Record<string, unknown>;

const hitOf = ({ kind, id, subscription_id, customer_id, by, at, says }: HitRow): Hit => ({
  kind,
  id,
  subscription_id,
  customer_id,
  by,
  at: at === null ? null : Number(at),
  says,
});

async function isPartial(db: Database): Promise<boolean> {
  const [row] = await db.execute<{ partial: boolean }>(sql`
    select exists (select from subscriptions offset ${SUBSCRIPTIONS_LOOKED_THROUGH})
      or pg_relation_size('usages') > ${PAGES_LOOKED_THROUGH * 8_192}::bigint
      or pg_relation_size('holds') > ${PAGES_LOOKED_THROUGH * 8_192}::bigint as partial`);
  return row!.partial;
}

/** The subscriptions of the search: ids sort by their time of making. */
const lookedThrough = (id: string | null): SQL =>
  id === null
    ? sql`(select id, customer_id from subscriptions order by id desc limit ${SUBSCRIPTIONS_LOOKED_THROUGH}) s`
    : sql`(select id, customer_id from subscriptions where id = ${id}) s`;

const hits = (from: SQL): SQL => sql`
  select f.kind, f.id, s.id as subscription_id, s.customer_id, f.by, ms(f.at)::text as at, f.says from ${from}
  order by f.at desc nulls last, f.id desc limit ${MOST_HITS}`;

const subscriptionSays = sql`s.plan || ', by the ' || s.interval || ', ' || replace(s.status, '_', ' ')`;
const usageSays = sql`u.credits || ' credits' || case when u.reversed > 0 then ', ' || u.reversed || ' of them given back' else '' end`;
const holdSays = sql`h.credits || ' credits, ' || h.status`;
const chargeSays = sql`c.kind || ' of ' || c.currency || ' ' || to_char(c.amount_minor / 100.0, 'FM999999990.00') || ', ' || replace(c.status, '_', ' ')`;
const grantSays = sql`g.kind || ' of ' || g.amount || ', ' || g.remaining || ' left'`;

function idPrefix(text: string): string | null {
  return /^(sub|use|hld|pur|chg|grt|rfd|evt)_[A-Za-z0-9_]+$/.exec(text)?.[1] ?? null;
}

/** The rows with an id, by its prefix: at most one a subscription. */
function objectWith(prefix: string, id: string): SQL | null {
  switch (prefix) {
    case 'use':
      return sql`select 'usage' as kind, u.id, 'id' as by, u.at, ${usageSays} as says from usages u where u.subscription_id = s.id and u.id = ${id}`;
    case 'hld':
      return sql`select 'hold' as kind, h.id, 'id' as by, h.at, ${holdSays} as says from holds h where h.subscription_id = s.id and h.id = ${id}`;
    case 'chg':
      return sql`select 'charge' as kind, c.id, 'id' as by, c.at, ${chargeSays} as says from charges c where c.subscription_id = s.id and c.id = ${id}`;
    case 'grt':
      return sql`select 'grant' as kind, g.id, 'id' as by, g.effective_at as at, ${grantSays} as says from grants g where g.subscription_id = s.id and g.id = ${id}`;
    case 'rfd':
      return sql`select 'refund' as kind, r.id, 'id' as by, r.asked_at as at, r.reason as says from refunds r where r.subscription_id = s.id and r.id = ${id}`;
    case 'pur':
      // A purchase is its charge, and both ids have the same letters.
      return sql`select 'purchase' as kind, c.purchase_id as id, 'id' as by, c.at, ${chargeSays} as says from charges c
        where c.subscription_id = s.id and c.id = ${id.replace(/^pur_/, 'chg_')} and c.purchase_id = ${id}`;
    default:
      return null;
  }
}

function byId(text: string, subscriptionId: string | null): SQL | null {
  const prefix = idPrefix(text);
  if (prefix === 'sub')
    return hits(sql`subscriptions s cross join lateral (
      select 'subscription' as kind, s.id, 'id' as by, s.created_at as at, ${subscriptionSays} as says) f where s.id = ${text}`);
  if (prefix === 'evt')
    return hits(sql`events v join subscriptions s on s.id = v.subscription_id cross join lateral (
      select 'event' as kind, v.id, 'id' as by, v.at, v.type as says) f where v.id = ${text}`);
  const object = prefix && objectWith(prefix, text);
  return object ? hits(sql`${lookedThrough(subscriptionId)} cross join lateral (${object} limit 1) f`) : null;
}

const byCustomer = (text: string, subscriptionId: string | null): SQL =>
  hits(sql`subscriptions s cross join lateral (
    select 'subscription' as kind, s.id, 'customer' as by, s.created_at as at, ${subscriptionSays} as says) f
    where s.customer_id = ${text} and ${subscriptionId === null ? sql`true` : sql`s.id = ${subscriptionId}`}`);

/** The digest that `digestOf` in src/db/spend-batches.ts makes. */
const digest = (sub: SQL, operation: SQL, key: string): SQL => {
  const half = (of: SQL) => sql`encode(substring(sha256(convert_to(${of}, 'UTF8')) for 16), 'hex')`;
  return sql`${half(sql`${sub} || chr(10) || ${half(sql`${operation} || chr(10) || ${key}::text`)}`)}::uuid`;
};

/**
 * Finds usages and holds by a digest of subscription, operation and key, made for each subscription. The digest of a capture,
 * release or reversal holds the id of its hold or usage too, so it needs the subscription. A command's key is on record.
 */
function byKey(key: string, subscriptionId: string | null): SQL {
  const own =
    subscriptionId === null
      ? sql``
      : sql`
      union all select v.op || h.id, h.id, v.op from holds h, (values ('capture/'), ('release/')) v(op) where h.subscription_id = s.id
      union all select 'reverse/' || u.id, u.id, 'reverse/' from usages u where u.subscription_id = s.id`;
  const replied = sql`
    select case when u.id is not null then 'usage' else 'hold' end as kind, coalesce(u.id, h.id) as id, 'key' as by,
      coalesce(case when o.way is null then null else h.settled_at end, u.at, h.at) as at,
      coalesce(case o.way when 'reverse/' then 'reversal: ' when 'capture/' then 'capture: ' when 'release/' then 'release: ' end, '')
        || case when u.id is not null then ${usageSays} else ${holdSays} end as says
    from (select 'usage' as operation, null as object, null as way union all select 'hold', null, null ${own}) o
    cross join lateral (select * from replies r where r.digest = ${digest(sql`s.id`, sql`o.operation`, key)} limit 1) r
    left join usages u on u.subscription_id = s.id and u.id = coalesce(o.object, r.object_id)
    left join holds h on h.subscription_id = s.id and h.id = coalesce(o.object, r.object_id)`;
  return hits(sql`(
    select s.id, s.customer_id, f.kind, f.id as object, f.by, f.at, f.says from ${lookedThrough(subscriptionId)} cross join lateral (${replied}) f
    union all
    select s.id, s.customer_id, 'command', k.operation || '/' || k.key, 'key', coalesce(k.from_at, k.created_at), replace(k.operation, '_', ' ') || ', ' || k.status
    from commands k join subscriptions s on s.id = k.subscription_id
    where k.key = ${key} and ${subscriptionId === null ? sql`true` : sql`k.subscription_id = ${subscriptionId}`}
  ) s cross join lateral (select s.kind, s.object as id, s.by, s.at, s.says) f`);
}

/** Finds usages and holds by their reference. Without a subscription it reads only the newest pages of both tables. */
function byReference(reference: string, subscriptionId: string | null): SQL {
  const where = (table: string) =>
    subscriptionId === null
      ? sql`x.ctid >= (select format('(%s,0)', greatest(0, pg_relation_size(${table}) / 8192 - ${PAGES_LOOKED_THROUGH}))::tid)`
      : sql`x.subscription_id = ${subscriptionId}`;
  return hits(sql`(
    select x.subscription_id, 'usage' as kind, x.id, x.at, (select ${usageSays} from (select x.*) u) as says from usages x
    where x.reference = ${reference} and ${where('usages')}
    union all
    select x.subscription_id, 'hold', x.id, x.at, (select ${holdSays} from (select x.*) h) from holds x where x.reference = ${reference} and ${where('holds')}
  ) x join subscriptions s on s.id = x.subscription_id
  cross join lateral (select x.kind, x.id, 'reference' as by, x.at, x.says) f`);
}
