import { sql } from 'drizzle-orm';
import type { Instant } from '../../domain/calendar.ts';
import type { Catalog } from '../../domain/catalog/catalog.ts';
import type { ChargeKind, ChargeLine, State } from '../../domain/state.ts';
import type { Database } from '../client.ts';
import type { CommandRef, Snapshot } from '../ledger.ts';

/** The number of deliveries that have a workflow and have not ended. */
export async function countUnderWay(db: Database): Promise<number> {
  const [row] = await db.execute<{ n: string }>(sql`select count(*) as n from deliveries where ${UNDER_WAY}`);
  return Number(row!.n);
}

/**
 * Hands them to the relay again, which starts the missing workflows. One that still runs refuses the second start. Answers
 * how many.
 */
export async function startDeliveriesAgain(db: Database): Promise<number> {
  const { count } = await db.execute(
    sql`update deliveries set started_at = null, claimed_until = null where ${UNDER_WAY}`,
  );
  return count;
}

const UNDER_WAY = sql`status = 'pending' and started_at is not null`;

/** A pending charge that is not in the state: billing was asked for it when its step was lost. */
export interface UnbookedCharge {
  id: string;
  kind: ChargeKind;
  lines: ChargeLine[];
  pack: string | null;
  packs: number;
  purchase_id: string | null;
  attempt_at: Instant;
  payment_method: string;
}

/** A signal of billing, as the inbox keeps it. */
interface SignalRecord {
  kind: string;
  payload: Record<string, unknown>;
}

/** All that the ledger's database knows of a subscription's workflow. */
export interface Remains {
  state: State;
  metadata: Record<string, string>;
  snapshot: Snapshot;
  catalog: Catalog;
  charge: UnbookedCharge | null;
  /** The command of the caller who had asked for that charge. */
  ref: CommandRef | null;
  /** Billing's signals, in order. */
  signals: SignalRecord[];
}

/**
 * The data from which a workflow is started again, read in one statement; null for an unknown subscription. All settlements and
 * withdrawals are signalled again: they change nothing the second time. A cancel or a change of plan is signalled again only if
 * it was relayed since `since`: an older one may have been undone. The catalogue is that of the unbooked charge, which is asked
 * for as before.
 */
export async function remainsOf(db: Database, id: string, since: Instant | null): Promise<Remains | null> {
  const [row] = await db.execute<Remains & Record<string, unknown>>(sql`
    select s.state, s.metadata, snapshot(s.id) as snapshot,
      (select c.content from catalogs c order by c.version = charge.catalog_version desc nulls last, c.in_force_from desc limit 1) as catalog,
      to_jsonb(charge) - 'catalog_version' as charge,
      (select jsonb_build_object('scope', c.scope, 'operation', c.operation, 'key', c.key, 'attempt', c.attempt)
       from commands c where c.subscription_id = s.id and c.status = 'taken' and c.operation <> 'advance' and charge.id is not null
       order by c.step desc nulls last limit 1) as ref,
      coalesce((
        select jsonb_agg(jsonb_build_object('kind', i.kind, 'payload', i.payload) order by i.id) from inbox i
        where i.subscription_id = s.id and i.outcome = 'signalled'
          and (i.kind in ('paymentSettled', 'packsWithdrawn') or i.relayed_at >= instant(${since}::bigint))), '[]') as signals
    from subscriptions s
    left join lateral (
      select c.id, c.kind, c.lines, c.pack, c.packs, c.purchase_id, c.catalog_version,
        (c.attempts->-1->>'at')::bigint as attempt_at, c.attempts->-1->>'payment_method' as payment_method
      from charges c
      where c.subscription_id = s.id and c.status = 'pending'
        and not ((s.state->'unpaid'->>'pending')::boolean is true and c.id = s.state->'unpaid'->'charge'->>'id')
        and not exists (select from jsonb_array_elements(s.state->'waiting') w where w->'charge'->>'id' = c.id)
      order by c.step desc limit 1
    ) charge on true
    where s.id = ${id}`);
  return row ? { ...row, charge: row.charge?.id ? row.charge : null } : null;
}
