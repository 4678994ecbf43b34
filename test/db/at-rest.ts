import { sql } from 'drizzle-orm';
import { expect } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import { balanceAt } from '../../src/db/ledger.ts';
import type { Instant } from '../../src/domain/calendar.ts';
import type { Book } from '../../src/domain/model/book.ts';
import { type RawLedger, T0 } from './raw-ledger.ts';

// The points in which a ledger and its double in the core must agree at rest: every entry, every grant, every usage, and the
// balance at every second of their life.

const SECOND = 1_000;

export async function expectEqual(
  db: Database,
  { id, now }: RawLedger,
  core: Book,
  endsAt: Instant | null,
): Promise<void> {
  expect(await entriesOf(db, id)).toEqual(core.entries);
  expect(await grantsOf(db, id)).toEqual(
    [...core.grants.values()].map(({ id, remaining, held }) => ({ id, remaining, held })),
  );
  expect(await usagesOf(db, id)).toEqual(new Map(core.usages));
  const instants: Instant[] = [];
  for (let at = T0 - 4 * SECOND; at <= now + 2 * SECOND; at += SECOND) instants.push(at);
  const reported = await Promise.all(instants.map((at) => balanceOf(db, id, at)));
  expect(reported).toEqual(instants.map((at) => coreBalance(core, endsAt, at)));
}

async function entriesOf(db: Database, id: string): Promise<unknown[]> {
  const rows = await db.execute(sql`
    select e.seq::int, e.kind, e.credits::int, e.grant_id as "grantId", g.kind as "grantKind",
      e.balance_after::int as "balanceAfter", ms(e.effective_at)::float8 as "effectiveAt"
    from entries e join grants g on g.subscription_id = e.subscription_id and g.id = e.grant_id
    where e.subscription_id = ${id} order by e.seq`);
  return [...rows];
}

async function grantsOf(db: Database, id: string): Promise<unknown[]> {
  const rows = await db.execute(sql`
    select id, remaining::int, held::int from grants where subscription_id = ${id} order by made`);
  return [...rows];
}

async function usagesOf(db: Database, id: string): Promise<Map<string, unknown>> {
  const rows = await db.execute<{ id: string }>(sql`
    select id, credits::int, reversed::int, answer->'debits' as debits from usages where subscription_id = ${id}`);
  return new Map(rows.map((row) => [row.id, { ...row }]));
}

interface Reported {
  /** Since the clock's first instant. */
  at: number;
  available: number;
  held: number;
}

async function balanceOf(db: Database, id: string, at: Instant): Promise<Reported> {
  const { grants } = (await balanceAt(db, id, at))!;
  const sum = (what: 'remaining' | 'held') => grants.reduce((total, grant) => total + grant[what], 0);
  return { at: at - T0, available: sum('remaining'), held: sum('held') };
}

/** I13, in another way than the SQL's: by the entries up to then, of the grants usable then. */
function coreBalance({ entries, grants }: Book, endsAt: Instant | null, at: Instant): Reported {
  const until = entries.filter(({ effectiveAt }) => effectiveAt <= at);
  const usable = until.filter(({ grantId }) => {
    const { effectiveAt, expiresAt } = grants.get(grantId)!;
    return effectiveAt <= at && at < expiresAt && (endsAt === null || at < endsAt);
  });
  const aside = until.filter(({ kind }) => kind === 'hold' || kind === 'release');
  const sum = (of: { credits: number }[]) => of.reduce((total, { credits }) => total + credits, 0);
  return { at: at - T0, available: sum(usable), held: 0 - sum(aside) };
}
