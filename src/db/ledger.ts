import { type SQL, sql } from 'drizzle-orm';
import type { Grant } from '../domain/burndown.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog.ts';
import type { Line } from '../domain/rates.ts';
import type { Charge, Effect, Outcome, State } from '../domain/state.ts';
import type { Database } from './client.ts';

/** Names one attempt at a command: the row that is taken before anything takes effect. */
export interface CommandRef {
  scope: string;
  operation: string;
  key: string;
  attempt: number;
}

export interface RefusalRecord {
  code: string;
  detail: string;
  data: Record<string, unknown>;
}

/** What every statement of a step says of itself. A step is booked once, whoever repeats it. */
export interface StepHead {
  step: number;
  /** The catalogue it was decided with, and the instant at which it must be in force (null: the newest, R-08). */
  catalogVersion: string;
  catalogAt: Instant | null;
  command: CommandRef | null;
  /** The first step of a subscription makes its rows. */
  begin: { state: State; metadata: Record<string, string> } | null;
  /** Told to a caller whose customer has another subscription. */
  conflict: RefusalRecord | null;
}

/** The row as it is after a step. */
export interface After {
  state: State;
  /** nothing can be spent from here on. */
  endsAt: Instant | null;
  blocked: boolean;
}

export interface Booking extends StepHead {
  effects: Effect[];
  after: After;
  charge: Charge | null;
  outcome: Outcome | null;
  /** The command ends with this step: done, or refused for this reason. */
  finish: boolean;
  refusal: RefusalRecord | null;
  /** the rows of a start that was declined go. */
  discard: boolean;
}

export interface Snapshot {
  version: number;
  now: Instant;
  step: number;
  grants: Grant[];
}

export type Stop =
  | ({ kind: 'replayed'; outcome: Outcome | null } & Snapshot)
  | { kind: 'stale'; catalog: Catalog }
  | { kind: 'abandoned' }
  | { kind: 'refused' };
export type Prepared = Stop | { kind: 'prepared' };
export type Settled = Stop | ({ kind: 'booked'; outcome: Outcome | null } & Snapshot);

/** Calls one SQL function and answers its one value. */
async function call<T>(db: Database, query: SQL): Promise<T> {
  const [row] = await db.execute<{ answer: T }>(query);
  return row!.answer;
}

const jsonb = (value: unknown): SQL => sql`${JSON.stringify(value)}::jsonb`;

/** Puts a charge on record before billing is asked for it. */
export function prepare(db: Database, id: string, head: StepHead & { charge: Charge }): Promise<Prepared> {
  return call(db, sql`select prepare(${id}, ${jsonb(head)}) as answer`);
}

/** Books one step of a subscription's workflow: all of it or nothing, once. */
export function settle(db: Database, id: string, booking: Booking): Promise<Settled> {
  return call(db, sql`select settle(${id}, ${jsonb(booking)}) as answer`);
}

/** moves the test clock of an ended subscription; nothing is due on it any more. */
export async function advanceEnded(db: Database, id: string, to: Instant): Promise<void> {
  await db.execute(sql`select advance_ended(${id}, instant(${to}::bigint))`);
}

export interface SpendRequest {
  id: string;
  key: string;
  bodyHash: string;
  credits: number;
  lines: Line[];
  via: string | null;
  reference: string | null;
  metadata: Record<string, string>;
  catalogVersion: string;
}

export type Spent =
  /** `answer` is the JSON that was stored, the same for ever. */
  | { kind: 'ok' | 'replay'; answer: string }
  | { kind: 'reused' | 'not_found' }
  /** Another catalogue is in force: price again with that one. */
  | { kind: 'stale' }
  | { kind: 'refused'; code: 'subscription_not_active' | 'payment_past_due'; at: Instant }
  | ({ kind: 'refused' } & Short);

/** what was needed and what was there. */
export interface Short {
  code: 'insufficient_credits';
  at: Instant;
  needed: number;
  available: number;
  held: number;
}

/** spends all lines of a request or nothing. */
export function spend(db: Database, id: string, request: SpendRequest): Promise<Spent> {
  return call(db, sql`select spend(${id}, ${JSON.stringify(request)}::json) as answer`);
}

export interface BalanceRow {
  id: string;
  kind: Grant['kind'];
  remaining: number;
  held: number;
  expiresAt: Instant;
}

export interface LedgerBalance {
  now: Instant;
  at: Instant;
  version: number;
  grants: BalanceRow[];
  /** At a past instant: the allowance that came next after it, if one did. */
  refreshed: { at: Instant; credits: number } | null;
}

/** I13: what can be spent at an instant (null: now), grant by grant, soonest expiry first; null when there is no such ledger. */
export function balanceAt(db: Database, id: string, at: Instant | null): Promise<LedgerBalance | null> {
  return call(db, sql`select balance_at(${id}, instant(${at}::bigint)) as answer`);
}

/** What the workflow is told of its ledger: version and open grants; null when there is no such ledger. */
export function snapshot(db: Database, id: string): Promise<Snapshot | null> {
  return call(db, sql`select snapshot(${id}) as answer`);
}
