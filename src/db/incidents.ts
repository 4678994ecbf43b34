import { and, desc, getTableColumns, inArray, sql } from 'drizzle-orm';
import type { RefusalRecord } from '../domain/errors.ts';
import type { Outcome } from '../domain/state.ts';
import type { Database } from './client.ts';
import type { CommandRef } from './ledger.ts';
import { incidents } from './schema.ts';

/** The record of a step that the ledger refused. */
export interface IncidentRecord {
  step: number;
  /** The SQLSTATE, and the constraint or message: no values. */
  code: string;
  detail: string;
  command: CommandRef | null;
  refusal: RefusalRecord;
  /** The charge of the step, and billing's answer if it was asked. A renewal's payment is not refunded. */
  charge: { id: string; attempt: number; outcome: Outcome | null } | null;
  /** The step makes a subscription's rows: giving it up deletes them. */
  isStart: boolean;
}

/** A row of `incidents`. */
type Incident = typeof incidents.$inferSelect;

/** Gives a step up, in one statement: records an incident, refuses its command, closes its charge. A repeat is counted. */
export async function giveUpStep(db: Database, id: string, record: IncidentRecord): Promise<void> {
  await db.execute(sql`select give_up_step(${id}, ${JSON.stringify(record)}::jsonb)`);
}

/** Due work that can't be booked holds up its subscription until it is booked. */
export const isHeldUp = sql<boolean>`(incidents.what = 'due' and exists (
  select from ledgers l where l.subscription_id = incidents.subscription_id and l.step < incidents.step))`;

/** The incidents: those that hold a subscription up first, then the newest. */
export function listIncidents(db: Database, limit: number): Promise<(Incident & { isHeldUp: boolean })[]> {
  return db
    .select({ ...getTableColumns(incidents), isHeldUp })
    .from(incidents)
    .orderBy(desc(isHeldUp), desc(incidents.lastAt))
    .limit(limit);
}

/** The incidents that hold subscriptions up: all of them, or those of some subscriptions. */
export function heldUp(db: Database, ids: readonly string[] | null): Promise<Incident[]> {
  const wanted = ids === null ? undefined : inArray(incidents.subscriptionId, [...ids]);
  return db.select().from(incidents).where(and(isHeldUp, wanted)).orderBy(incidents.subscriptionId);
}
