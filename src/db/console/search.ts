import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../../domain/calendar.ts';
import type { Database } from '../client.ts';

// From what somebody has in hand (an id, a customer, a key, a reference) to the subscription it belongs to. No index is kept
// for this, so that a spend pays nothing for it: ids and keys are looked up once in each of the newest subscriptions.

export interface Hit {
  kind:
    | 'subscription'
    | 'usage'
    | 'hold'
    | 'purchase'
    | 'charge'
    | 'grant'
    | 'refund'
    | 'event'
    /** A command that the workflow carried out: its key is on record, and what came of it is told on the timeline. */
    | 'command';
  id: string;
  subscription_id: string;
  customer_id: string;
  /** What was in hand. */
  by: 'id' | 'customer' | 'key' | 'reference';
  at: Instant | null;
  /** What it is, in a few words. */
  says: string;
}

export interface SearchResult {
  hits: Hit[];
  /** There were more subscriptions than were looked through, or more uses: naming the subscription finds what is older. */
  isPartial: boolean;
}

/** Each takes 3 µs to be looked through for an id, and 10 µs for a key: a second for all of them. */
const SUBSCRIPTIONS_LOOKED_THROUGH = 100_000;
/** Of a table with references, the part that was written last: 64 MB take 25 ms. */
const PAGES_LOOKED_THROUGH = 8_192;
const MOST_HITS = 20;

/**
 * What has this id; or everything with this customer, idempotency key or reference. With a subscription only what is its
 * own, and then without a bound. The newest first.
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

/** The subscriptions that are looked through: ids sort by their making. */
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

/** Where the objects of an id's kind are, one a subscription at most. */
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
      // A purchase is its charge, whose id is made of the same letters.
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

/** As `digestOf` in src/db/spend-batches.ts makes it. */
const digest = (sub: SQL, operation: SQL, key: string): SQL => {
  const half = (of: SQL) => sql`encode(substring(sha256(convert_to(${of}, 'UTF8')) for 16), 'hex')`;
  return sql`${half(sql`${sub} || chr(10) || ${half(sql`${operation} || chr(10) || ${key}::text`)}`)}::uuid`;
};

/**
 * Uses and holds keep a digest of subscription, operation and key: it is made for each subscription and looked up. Captures,
 * releases and reversals have the id of what they settle in it, so they need the subscription. A command's key is on record.
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

/** Without a subscription: among the uses and holds that were written last. */
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
