import { sql } from 'drizzle-orm';
import { callFunction, type Database } from '../client.ts';

// Extends the hash chains of ledgers (src/db/functions/seal.sql), some at a time, in statements of their own.

/** The most entries of one statement: some tenths of a second. */
const MOST_ENTRIES = 20_000;
/** The most ledgers of one statement, and of one look for new rows. */
const MOST_LEDGERS = 500;
const LOOKED_UP = 10_000;

interface Unsealed {
  sub: string;
  entries: number;
}

/** Seals ledgers, a statement at a time. */
export interface Sealer {
  /** Seals the next few ledgers with rows since their seal; answers how many are known to wait, these included. */
  next(): Promise<number>;
}

/** A sealer of a database. Several may run: their heads are the same. */
export function createSealer(db: Database): Sealer {
  let waiting: Unsealed[] = [];
  return {
    next: async () => {
      if (waiting.length === 0) waiting = await unsealed(db);
      const known = waiting.length;
      const few = takeFew(waiting);
      if (few.length > 0) await seal(db, few);
      return known;
    },
  };
}

async function unsealed(db: Database): Promise<Unsealed[]> {
  const rows = await db.execute<{ sub: string; entries: string }>(
    sql`select * from unsealed_ledgers(${LOOKED_UP}::int)`,
  );
  return rows.map(({ sub, entries }) => ({ sub, entries: Number(entries) }));
}

/** Takes the first few off the list. */
function takeFew(waiting: Unsealed[]): string[] {
  let entries = 0;
  const end = waiting.findIndex((ledger, nth) => {
    entries += ledger.entries;
    return nth > 0 && (nth === MOST_LEDGERS || entries > MOST_ENTRIES);
  });
  return waiting.splice(0, end === -1 ? waiting.length : end).map(({ sub }) => sub);
}

const seal = (db: Database, subs: string[]): Promise<number> =>
  callFunction(
    db,
    sql`select seal_ledgers(array(select json_array_elements_text(${JSON.stringify(subs)}::json)), ${MOST_ENTRIES}::bigint) as answer`,
  );
