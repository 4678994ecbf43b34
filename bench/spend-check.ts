import { type Broken, brokenInvariants } from '../src/db/audit/invariants.ts';
import type { Database } from '../src/db/client.ts';

// Checks that the measured ledger kept its invariants, in two ways. `countedUp` is one pass over any number of entries. The work
// of the invariants' own SQL grows with the square of a subscription's entries: it checks a few at a time, while there is time.

/** Subscriptions and entries for one statement of the invariants at most. */
const AT_ONCE = { subscriptions: 20, entries: 1_000 };

/** The extent of a check. */
export interface Asked {
  /** Subscriptions for `countedUp`. */
  most: number;
  /** Seconds for the invariants' own SQL. */
  seconds: number;
  stopping: AbortSignal;
}

/** The result of a check. */
export interface Checked {
  broken: Broken | null;
  /** Subscriptions that `countedUp` checked. */
  counted: number;
  read: number;
}

/** Checks some of the subscriptions in random order; the first wrong row ends it. */
export async function check(db: Database, ids: string[], asked: Asked): Promise<Checked> {
  const chosen = shuffled(ids).slice(0, asked.most);
  const [wrong] = await countedUp(db, chosen);
  if (wrong) return { broken: wrong, counted: chosen.length, read: 0 };
  const until = performance.now() + asked.seconds * 1_000;
  let read = 0;
  for (const some of await inChunks(db, chosen)) {
    asked.stopping.throwIfAborted();
    if (performance.now() > until) break;
    const [broken] = await brokenInvariants(db, some);
    read += some.length;
    if (broken) return { broken, counted: chosen.length, read };
  }
  return { broken: null, counted: chosen.length, read };
}

function shuffled(ids: string[]): string[] {
  return ids
    .map((id) => ({ id, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ id }) => id);
}

/** Chunks for the invariants' SQL; a subscription with more entries than fit is left to `countedUp`. */
async function inChunks(db: Database, ids: string[]): Promise<string[][]> {
  const rows = await db.$client<{ id: string; seq: number }[]>`
    select subscription_id as id, seq::int from ledgers where subscription_id = any(${ids})`;
  const chunks: string[][] = [];
  let entries = Number.POSITIVE_INFINITY;
  for (const { id, seq } of rows) {
    if (seq > AT_ONCE.entries * 2) continue;
    entries += seq;
    if (entries <= AT_ONCE.entries && chunks.at(-1)!.length < AT_ONCE.subscriptions) chunks.at(-1)!.push(id);
    else {
      chunks.push([id]);
      entries = seq;
    }
  }
  return chunks;
}

/** The check of one pass: no gap, running sums, remainders, usages. */
const countedUp = (db: Database, ids: string[]): Promise<Broken[]> =>
  db.$client<Broken[]>`
    with e as (
      select *, row_number() over w as nth, sum(credits) over w as running from entries
      where subscription_id = any(${ids}) window w as (partition by subscription_id order by seq)
    )
    select 'seq has no gap, balance_after is the running sum' as invariant, subscription_id, concat_ws(' ', 'seq', seq, balance_after) as row
    from e where seq <> nth or balance_after <> running
    union all
    select 'a ledger’s row is the sum of its entries', l.subscription_id, concat_ws(' ', l.seq, l.balance, x.*)
    from ledgers l join (select subscription_id, count(*) as n, sum(credits) as credits from e group by 1) x using (subscription_id)
    where (l.seq, l.balance) <> (x.n, x.credits)
    union all
    select 'a grant is the sum of its entries', g.subscription_id, concat_ws(' ', g.id, g.remaining, g.held, x.credits)
    from grants g join (select subscription_id, grant_id as id, sum(credits) as credits from e group by 1, 2) x using (subscription_id, id)
    where g.remaining <> x.credits
    union all
    select 'a usage is the sum of its debits', u.subscription_id, concat_ws(' ', u.id, u.credits, x.credits)
    from usages u left join (select usage_id as id, -sum(credits) as credits from e where kind = 'debit' group by 1) x using (id)
    where u.subscription_id = any(${ids}) and (u.credits is distinct from x.credits or (u.answer->>'credits')::bigint <> u.credits)
      and u.hold_id is null`;

/** Entries of all ledgers. A leg must add exactly as many as its answers state: otherwise a spend was lost or booked twice. */
export async function booked(db: Database): Promise<number> {
  const [row] = await db.$client<{ n: number }[]>`select sum(seq)::int as n from ledgers`;
  return row!.n;
}
