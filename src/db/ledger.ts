import { type SQL, sql } from 'drizzle-orm';
import type { Grant } from '../domain/burndown.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog.ts';
import type { RefusalRecord } from '../domain/errors.ts';
import type { Charge, Effect, Outcome, State } from '../domain/state.ts';
import { callFunction, type Database } from './client.ts';

/** Names one attempt at a command: the row that is taken before anything takes effect. */
export interface CommandRef {
  scope: string;
  operation: string;
  key: string;
  attempt: number;
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
  /** Credits are low when fewer are available. */
  lowBelow: number;
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
  /** an end that nobody scheduled is dated when it is booked; null or absent while there is none. */
  endedAt?: Instant | null;
  /** how often money of a top-up went back; null or absent where none did. */
  topUpRefunds?: number | null;
}

export type NotBooked =
  | ({ kind: 'replayed'; outcome: Outcome | null } & Snapshot)
  | { kind: 'stale'; catalog: Catalog }
  | { kind: 'abandoned' }
  | { kind: 'refused' }
  /** The ledger can't hold it: an incident says why. */
  | { kind: 'given_up' };
export type Prepared = NotBooked | { kind: 'prepared' };
export type StepOutcome = NotBooked | ({ kind: 'booked'; outcome: Outcome | null } & Snapshot);

const jsonb = (value: unknown): SQL => sql`${JSON.stringify(value)}::jsonb`;

/** Puts a charge on record before billing is asked for it. */
export function prepare(db: Database, id: string, head: StepHead & { charge: Charge }): Promise<Prepared> {
  return callFunction(db, sql`select prepare(${id}, ${jsonb(head)}) as answer`);
}

/** Books one step of a subscription's workflow: all of it or nothing, once. */
export function bookStep(db: Database, id: string, booking: Booking): Promise<StepOutcome> {
  return callFunction(db, sql`select book_step(${id}, ${jsonb(booking)}) as answer`);
}

/** moves the test clock of an ended subscription; nothing is due on it any more. */
export async function advanceEnded(db: Database, id: string, to: Instant): Promise<void> {
  await db.execute(sql`select advance_ended(${id}, instant(${to}::bigint))`);
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
  /** The entries of that past are no longer here: nothing is known. */
  archived?: true;
}

/** I13: what can be spent and what is held at an instant (null: now), grant by grant, soonest expiry first; null when there is no such ledger. */
export function balanceAt(db: Database, id: string, at: Instant | null): Promise<LedgerBalance | null> {
  return callFunction(db, sql`select balance_at(${id}, instant(${at}::bigint)) as answer`);
}

/** What the workflow is told of its ledger: version and open grants; null when there is no such ledger. */
export function snapshot(db: Database, id: string): Promise<Snapshot | null> {
  return callFunction(db, sql`select snapshot(${id}) as answer`);
}

/** releases the holds of a subscription that are past their deadlines. */
export async function releaseOverdue(db: Database, id: string): Promise<void> {
  await db.execute(sql`select release_overdue(${id})`);
}

/** A worker may be away this long before a month has no table for its entries. */
const MONTHS_AHEAD = 6;

/** Makes the months of entries ahead that are not there yet. */
export async function keepMonths(db: Pick<Database, 'execute'>): Promise<void> {
  await db.execute(sql`select keep_months(now(), now() + make_interval(months => ${MONTHS_AHEAD}))`);
}

/** releases what is overdue of up to so many subscriptions, the longest overdue first. */
export async function relayDeadlines(db: Database, limit: number): Promise<void> {
  await db.execute(sql`select relay_deadlines(${limit})`);
}

/** Tells of expiries that are near, of up to so many subscriptions, the longest overdue first. */
export async function relayNotices(db: Database, limit: number): Promise<void> {
  await db.execute(sql`select relay_notices(${limit})`);
}
