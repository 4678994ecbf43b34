import { sql } from 'drizzle-orm';
import type { Database } from '../../src/db/client.ts';
import type { Acknowledged } from './spending-load.ts';

// The effects that must follow from the acknowledged requests, and the effects in the ledger.

/** Every effect by the id of the object that it made or changed. */
export interface Effects {
  uses: string[];
  holds: string[];
  /** `hold: credits captured`; 0 is a release. */
  settled: string[];
  /** `usage: credits reversed`. */
  reversed: string[];
  /** Keys that were answered. */
  keys: number;
}

type Body = Record<'id' | 'usage_id', string> & Record<'captured' | 'credits' | 'restored', number>;
const bodyOf = ({ text }: Acknowledged): Body => JSON.parse(text) as Body;

export function expected(acknowledged: Acknowledged[]): Effects {
  const of = (...ops: Acknowledged['op'][]) => acknowledged.filter(({ op }) => ops.includes(op));
  const ids = (op: Acknowledged['op']) => of(op).map((each) => bodyOf(each).id);
  // Two callers may have asked for the same settlement: one effect.
  const settled = of('capture', 'release').map(({ object, text }) => {
    const { captured, usage_id } = JSON.parse(text) as Body;
    return `${object}: ${captured} ${usage_id}`;
  });
  const reversed = new Map<string, number>();
  for (const each of of('reverse'))
    reversed.set(each.object!, (reversed.get(each.object!) ?? 0) + bodyOf(each).restored);
  return {
    uses: ids('usage').sort(),
    holds: ids('hold').sort(),
    settled: [...new Set(settled)].sort(),
    reversed: [...reversed].map(([id, credits]) => `${id}: ${credits}`).sort(),
    keys: acknowledged.length,
  };
}

export async function booked(db: Database, subs: string[]): Promise<Effects> {
  const ours = sql`subscription_id in ${subs}`;
  const list = async (query: ReturnType<typeof sql>) =>
    [...(await db.execute<{ line: string }>(query))].map(({ line }) => line).sort();
  const [keys] = await db.execute<{ n: number }>(sql`select count(*)::int as n from replies where ${ours}`);
  return {
    uses: await list(sql`select id as line from usages where hold_id is null and ${ours}`),
    holds: await list(sql`select id as line from holds where ${ours}`),
    settled: await list(
      sql`select concat(id, ': ', captured, ' ', coalesce(usage_id, 'null')) as line from holds where status <> 'held' and ${ours}`,
    ),
    reversed: await list(
      sql`select concat(usage_id, ': ', sum(credits)) as line from entries where kind = 'reversal' and ${ours} group by usage_id`,
    ),
    keys: keys!.n,
  };
}

/** The rest: the granted credits without the acknowledged spends. */
export function left(
  acknowledged: Acknowledged[],
  sub: string,
  granted: number,
): { available: number; held: number } {
  let [available, held] = [granted, 0];
  const settled = new Set<string | null>();
  const holds = new Map<string, number>();
  for (const each of acknowledged.filter((one) => one.sub === sub)) {
    const { id, credits, restored, captured } = bodyOf(each);
    if (each.op === 'usage') available -= credits;
    else if (each.op === 'hold') holds.set(id, credits);
    else if (each.op === 'reverse') available += restored;
    else if (!settled.has(each.object)) {
      settled.add(each.object);
      available -= captured;
    }
  }
  for (const [id, credits] of holds) if (!settled.has(id)) held += credits;
  return { available: available - held, held };
}
