import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import type { Heads } from '../seals/heads.ts';
import { brokenGuards } from './guards.ts';
import { type Broken, brokenInvariants } from './invariants.ts';
import { brokenRecords, unknownZones } from './records.ts';
import { brokenSeals, goneLedgers, type SealsInAll, sealsInAll } from './seals.ts';

// Checks the invariants of all subscriptions, a few at a time, in one snapshot. The transaction only reads, so no lost
// connection can commit half of it; the check still looks that the snapshot stayed the same to the end.

/** The outcome of a check. `at` is in RFC 3339. */
export interface Verification {
  at: string;
  subscriptions: number;
  entries: number;
  /** I11: ledgers that are sealed, and those that wait for it. */
  seals: Pick<SealsInAll, 'sealed' | 'waiting'>;
  /** The rows of the first few subscriptions that have any; with `isThorough`, of all. */
  broken: Broken[];
}

/** The subscriptions to check and how. */
interface VerifyOptions {
  /** The subscriptions to check; null: all. */
  subscriptionIds: readonly string[] | null;
  /** Whether to go on after broken rows. */
  isThorough: boolean;
  /** I11: heads that were kept outside of the database, by subscription; null: none. */
  keptHeads?: ReadonlyMap<string, Heads> | null;
  onProgress(done: number, of: number): void;
}

/** Thrown when the connection of the check is lost, and its snapshot with it. */
export class SnapshotLost extends Error {
  override readonly name = 'SnapshotLost';
}

/** The most entries and subscriptions of one statement. */
const MOST_ENTRIES = 20_000;
const MOST_SUBSCRIPTIONS = 200;

interface Size {
  id: string;
  entries: number;
}

/** Checks the invariants, in one read-only transaction. Throws `SnapshotLost` when its connection is lost. */
export function verifyInvariants(db: Database, wanted: VerifyOptions): Promise<Verification> {
  return db.transaction((tx) => walk(tx as unknown as Database, wanted), {
    isolationLevel: 'repeatable read',
    accessMode: 'read only',
  });
}

async function walk(
  tx: Database,
  { subscriptionIds, isThorough, keptHeads = null, onProgress }: VerifyOptions,
): Promise<Verification> {
  const snapshot = await snapshotOf(tx);
  const sizes = await sizesOf(tx, subscriptionIds);
  const entries = sizes.reduce((sum, size) => sum + size.entries, 0);
  const { broken: unfounded, ...seals } = await sealsInAll(tx);
  const gone = keptHeads && subscriptionIds === null ? await goneLedgers(tx, keptHeads) : [];
  const outside = await outsideOfLedgers(tx, subscriptionIds);
  const broken = [...(await brokenGuards(tx)), ...outside, ...unfounded, ...gone];
  const zones = await unknownZones(tx);
  let done = 0;
  for (const few of fewAtATime(sizes)) {
    if (broken.length > 0 && !isThorough) break;
    onProgress(done, sizes.length);
    const ids = few.map(({ id }) => id);
    const found = [
      ...(await brokenInvariants(tx, ids)),
      ...(await brokenRecords(tx, ids, zones)),
      ...(await brokenSeals(tx, ids, keptHeads)),
    ];
    broken.push(...found.sort((a, b) => (a.subscription_id < b.subscription_id ? -1 : 1)));
    if ((await snapshotOf(tx)).id !== snapshot.id)
      throw new SnapshotLost('The connection to the database was lost on the way: verify again.');
    done += few.length;
  }
  return { at: snapshot.at, subscriptions: sizes.length, entries, seals, broken };
}

/** Both values belong to one transaction: over another connection they differ. */
async function snapshotOf(tx: Database): Promise<{ id: string; at: string }> {
  const [row] = await tx.execute<{ id: string; at: string }>(
    sql`select concat_ws(' ', pg_backend_pid(), now()) as id, iso(instant(ms(now()))) as at`,
  );
  return row!;
}

/** The rows of the named subscriptions; null: all. */
const subscriptionsOf = (only: readonly string[] | null) => {
  const wanted = sql`id = any(array(select json_array_elements_text(${JSON.stringify(only)}::json)))`;
  return sql`(select * from subscriptions where ${only === null ? sql`true` : wanted})`;
};

async function sizesOf(tx: Database, only: readonly string[] | null): Promise<Size[]> {
  const rows = await tx.execute<{ id: string; entries: string }>(sql`
    select s.id, coalesce(l.seq, 0) as entries from ${subscriptionsOf(only)} s left join ledgers l on l.subscription_id = s.id
    order by s.id`);
  return rows.map(({ id, entries }) => ({ id, entries: Number(entries) }));
}

function* fewAtATime(sizes: Size[]): Generator<Size[]> {
  let few: Size[] = [];
  let entries = 0;
  for (const size of sizes) {
    if (few.length === MOST_SUBSCRIPTIONS || (few.length > 0 && entries + size.entries > MOST_ENTRIES)) {
      yield few;
      [few, entries] = [[], 0];
    }
    few.push(size);
    entries += size.entries;
  }
  if (few.length > 0) yield few;
}

const TABLES = [
  'ledgers',
  'grants',
  'entries',
  'usages',
  'holds',
  'replies',
  'charges',
  'refunds',
  'disputes',
];

/**
 * Faults that no subscription's check can find: rows of no subscription, subscriptions of no start (their commands lie under one
 * scope, and are joined once), and a missing guard of the entries (I11).
 */
async function outsideOfLedgers(tx: Database, only: readonly string[] | null): Promise<Broken[]> {
  const started = sql`
    select 'R-65 a subscription was started by a command' as invariant, s.id as subscription_id, s.customer_id as row
    from ${subscriptionsOf(only)} s
    left join commands c on c.scope = 'start' and c.operation = 'start' and c.object_id = s.id and c.status in ('taken', 'done')
    where c.key is null`;
  const strays = TABLES.map(
    (table) => sql`
      select distinct 'a row belongs to a subscription that is there' as invariant, t.subscription_id, ${table}::text as row
      from ${sql.identifier(table)} t where not exists (select from subscriptions s where s.id = t.subscription_id)`,
  );
  const guards = sql`
    select 'I11 nothing can change or remove an entry, nor a grant', '', concat_ws(' ', t.name, 'lacks its guard against', t.what)
    from (
      select c.oid, c.relname as name, w.what, w.bits
      from pg_class c
      cross join (values ('update', 19), ('delete', 11), ('truncate', 34)) w(what, bits)
      where c.oid in ('entries'::regclass, 'grants'::regclass)
         or c.oid in (select inhrelid from pg_inherits where inhparent = 'entries'::regclass)
    ) t
    where not (t.name = 'grants' and t.what = 'update') and not exists (
      select from pg_trigger g join pg_proc p on p.oid = g.tgfoid
      where g.tgrelid = t.oid and g.tgenabled in ('O', 'A') and p.proname in ('entries_are_append_only', 'grants_are_kept')
        and g.tgqual is null and (g.tgtype & t.bits) = t.bits)`;
  return [
    ...(await tx.execute<Broken & Record<string, unknown>>(
      sql.join([...strays, started, guards], sql` union all `),
    )),
  ];
}

/** The balance that a workflow reports, by version and instant. */
interface Known {
  id: string;
  version: number;
  /** Milliseconds since 1970. */
  at: number;
}

/** The ledger's balance as of a version. */
interface AsOf {
  /** The ledger's version now. */
  version: number;
  available: number;
  held: number;
  by_kind: Record<'allowance' | 'pack' | 'adjustment', number>;
}

/**
 * I8: the ledger's balance as of a version and an instant. It is reckoned back from now, so archived months are not needed.
 * null for an unknown ledger.
 */
export async function balanceAsOf(db: Database, { id, version, at }: Known): Promise<AsOf | null> {
  const [row] = await db.execute<{ as_of: AsOf | null }>(sql`
    select (
      select jsonb_build_object('version', l.seq, 'available', coalesce(sum(g.remaining), 0), 'held', coalesce(sum(g.held), 0),
        'by_kind', jsonb_build_object(
          'allowance', coalesce(sum(g.remaining) filter (where g.kind = 'allowance'), 0),
          'pack', coalesce(sum(g.remaining) filter (where g.kind = 'pack'), 0),
          'adjustment', coalesce(sum(g.remaining) filter (where g.kind = 'adjustment'), 0)))
      from ledgers l left join lateral (
        select g.kind, g.remaining - coalesce(since.credits, 0) as remaining, g.held + coalesce(since.held, 0) as held
        from grants g
        left join lateral (
          select sum(e.credits) as credits, sum(e.credits) filter (where e.kind in ('hold', 'release')) as held
          from entries e where e.subscription_id = g.subscription_id and e.grant_id = g.id and e.seq > ${version}
        ) since on true
        where g.subscription_id = l.subscription_id
          and g.effective_at <= instant(${at}::bigint) and instant(${at}::bigint) < g.expires_at
      ) g on true
      where l.subscription_id = ${id} group by l.seq
    ) as as_of`);
  return row?.as_of ?? null;
}
