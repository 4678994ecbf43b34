import { sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import type { Heads } from '../seals/heads.ts';
import type { Broken } from './invariants.ts';

// I11: the hash chains of ledgers, computed again from their rows and compared with the heads that were sealed: those of the
// table `seals`, and those of a file that was kept outside of the database.

const SEALED = 'I11 a ledger’s rows are those that were sealed';

/**
 * The ledgers among `ids` whose rows are not those that were sealed. A chain is computed once, from its beginning over the
 * kept head to the one in `seals`.
 */
export async function brokenSeals(
  db: Database,
  ids: readonly string[],
  kept: ReadonlyMap<string, Heads> | null,
): Promise<Broken[]> {
  const outside = ids.flatMap((id) => kept?.get(id) ?? []);
  return [
    ...(await db.execute<Broken & Record<string, unknown>>(sql`
      with asked as (select json_array_elements_text(${JSON.stringify(ids)}::json) as id),
      kept as (select * from json_to_recordset(${JSON.stringify(outside)}::json)
        k(sub text, seq bigint, entries text, step int, steps text, event bigint, events text)),
      -- Where nothing was kept, its place is the beginning of the chain.
      places as materialized (
        select l.subscription_id as sub, l.seq as newest_entry, l.step as newest_step, k.sub is not null as is_kept,
          coalesce(k.seq, 0) as seq, coalesce(k.step, 0) as step, coalesce(k.event, 0) as event,
          coalesce(k.entries, l.subscription_id) as entries, coalesce(k.steps, l.subscription_id) as steps,
          coalesce(k.events, l.subscription_id) as events,
          s.seq as sealed_seq, s.step as sealed_step, s.event as sealed_event, s.entries_head, s.steps_head, s.events_head
        from asked a join ledgers l on l.subscription_id = a.id
        left join seals s on s.subscription_id = l.subscription_id left join kept k on k.sub = l.subscription_id
      ),
      until_kept as materialized (
        select p.*, chain_entries(sub, sub, 0, seq) as entries_then, chain_steps(sub, sub, 0, step) as steps_then,
          chain_events(sub, sub, 0, event) as events_then
        from places p
      ),
      until_sealed as materialized (
        select k.*, case when sealed_seq >= seq then chain_entries(sub, entries_then, seq, sealed_seq) end as entries_now,
          case when sealed_step >= step then chain_steps(sub, steps_then, step, sealed_step) end as steps_now,
          case when sealed_event >= event then chain_events(sub, events_then, event, sealed_event) end as events_now
        from until_kept k
      )
      select ${SEALED}::text as invariant, c.sub as subscription_id, found.what as row
      from until_sealed c
      cross join lateral (values
        (c.is_kept and c.newest_entry < c.seq, concat('ends at entry ', c.newest_entry, '; the kept heads know ', c.seq)),
        (c.is_kept and c.newest_step < c.step, concat('ends at step ', c.newest_step, '; the kept heads know ', c.step)),
        (c.is_kept and c.sealed_seq is null, 'has no seal; the kept heads know one'),
        (c.entries_then <> c.entries, concat('entries 1 to ', c.seq, ', or their grants, holds and usages, are not those of the kept heads')),
        (c.steps_then <> c.steps, concat('charges or notes of steps 1 to ', c.step, ' are not those of the kept heads')),
        (c.events_then <> c.events, concat('events up to number ', c.event, ' are not those of the kept heads')),
        (c.sealed_seq > c.newest_entry, concat('ends at entry ', c.newest_entry, '; its seal knows ', c.sealed_seq)),
        (c.sealed_step > c.newest_step, concat('ends at step ', c.newest_step, '; its seal knows ', c.sealed_step)),
        (c.sealed_seq < c.seq or c.sealed_step < c.step or c.sealed_event < c.event, 'has an older seal than the kept heads'),
        (c.entries_then = c.entries and c.sealed_seq between c.seq and c.newest_entry and c.entries_now is distinct from c.entries_head,
          concat('entries ', c.seq + 1, ' to ', c.sealed_seq, ', or their grants, holds and usages, are not those that were sealed')),
        (c.steps_then = c.steps and c.sealed_step between c.step and c.newest_step and c.steps_now is distinct from c.steps_head,
          concat('charges or notes of steps ', c.step + 1, ' to ', c.sealed_step, ' are not those that were sealed')),
        (c.events_then = c.events and c.sealed_event >= c.event and c.events_now is distinct from c.events_head,
          concat('events from number ', c.event + 1, ' to ', c.sealed_event, ' are not those that were sealed'))
      ) found (is_broken, what)
      where found.is_broken
      order by c.sub`)),
  ];
}

/** The kept heads of ledgers that are gone. */
export async function goneLedgers(db: Database, kept: ReadonlyMap<string, Heads>): Promise<Broken[]> {
  return [
    ...(await db.execute<Broken & Record<string, unknown>>(sql`
      select ${SEALED}::text as invariant, k.id as subscription_id,
        'is gone; the kept heads know it' as row
      from json_array_elements_text(${JSON.stringify([...kept.keys()])}::json) k(id)
      where not exists (select from ledgers where subscription_id = k.id) order by k.id`)),
  ];
}

/** The seals of ledgers that are gone, and the ledgers that wait for a seal. */
export interface SealsInAll {
  broken: Broken[];
  /** Ledgers with a seal. */
  sealed: number;
  /** Ledgers with rows since their seal. */
  waiting: number;
}

/** Looks at the seals of a database in all. */
export async function sealsInAll(db: Database): Promise<SealsInAll> {
  const [row] = await db.execute<Record<keyof SealsInAll, unknown>>(sql`
    select (select coalesce(json_agg(json_build_object('invariant', ${SEALED}::text,
        'subscription_id', s.subscription_id, 'row', 'is gone; its seal is there') order by s.subscription_id), '[]')
      from seals s where not exists (select from ledgers l where l.subscription_id = s.subscription_id)) as broken,
      (select count(*)::int from seals) as sealed, (select count(*)::int from unsealed_ledgers(null)) as waiting`);
  return row as unknown as SealsInAll;
}
