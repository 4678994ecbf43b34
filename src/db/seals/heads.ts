import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';

/** The heads of one ledger's chains: the newest sealed entry, step and event, each with its head. */
export interface Heads {
  sub: string;
  seq: number;
  entries: string;
  step: number;
  steps: string;
  event: number;
  events: string;
}

/** Ledgers of one page. */
const A_PAGE = 5_000;

/** All heads in the order of their subscriptions, a page at a time. */
export async function* pagesOfHeads(db: Database): AsyncGenerator<Heads[]> {
  let after = '';
  while (true) {
    const rows = await db.execute<{ heads: Heads } & Record<string, unknown>>(sql`
      select json_build_object('sub', subscription_id, 'seq', seq, 'entries', entries_head, 'step', step, 'steps', steps_head,
        'event', event, 'events', events_head) as heads
      from seals where subscription_id > ${after} order by subscription_id limit ${A_PAGE}`);
    if (rows.length > 0) yield rows.map(({ heads }) => heads);
    if (rows.length < A_PAGE) return;
    after = rows.at(-1)!.heads.sub;
  }
}
