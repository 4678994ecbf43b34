import { and, desc, getTableColumns, inArray, sql } from 'drizzle-orm';
import type { RefusalRecord } from '../domain/errors.ts';
import type { Outcome } from '../domain/state.ts';
import type { Database } from './client.ts';
import type { CommandRef } from './ledger.ts';
import { incidents } from './schema.ts';

/** What is put on record of a step that the ledger refused. */
export interface IncidentRecord {
  step: number;
  /** SQLSTATE, and what it is about: no values. */
  code: string;
  detail: string;
  command: CommandRef | null;
  refusal: RefusalRecord;
  /** The charge that the step asked for, and billing's answer, where it was asked. Money taken for a renewal is not given back. */
  charge: { id: string; attempt: number; outcome: Outcome | null } | null;
  /** The step that makes a subscription's rows: they go. */
  isStart: boolean;
}

export type Incident = typeof incidents.$inferSelect;

/** Gives a step up, in one statement: an incident, its command refused, its charge closed. Repeated, it is counted. */
export async function giveUpStep(db: Database, id: string, record: IncidentRecord): Promise<void> {
  await db.execute(sql`select give_up_step(${id}, ${JSON.stringify(record)}::jsonb)`);
}

/** What is due and can't be booked holds its subscription up until it is. */
const isHeldUp = sql<boolean>`(incidents.what = 'due' and exists (
  select from ledgers l where l.subscription_id = incidents.subscription_id and l.step < incidents.step))`;

/** Those that hold a subscription up, then the newest. */
export function listIncidents(db: Database, limit: number): Promise<(Incident & { isHeldUp: boolean })[]> {
  return db
    .select({ ...getTableColumns(incidents), isHeldUp })
    .from(incidents)
    .orderBy(desc(isHeldUp), desc(incidents.lastAt))
    .limit(limit);
}

/** What holds subscriptions up: all of them, or some. */
export function heldUp(db: Database, ids: readonly string[] | null): Promise<Incident[]> {
  const wanted = ids === null ? undefined : inArray(incidents.subscriptionId, [...ids]);
  return db.select().from(incidents).where(and(isHeldUp, wanted)).orderBy(incidents.subscriptionId);
}
