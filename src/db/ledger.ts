import { type SQL, sql } from 'drizzle-orm';
import type { Grant } from '../domain/burndown.ts';
import type { Instant } from '../domain/calendar.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import type { RefusalRecord } from '../domain/errors.ts';
import type { MoneyNotice } from '../domain/notices.ts';
import type { Charge, Effect, Outcome, State } from '../domain/state.ts';
import { callFunction, type Database } from './client.ts';

/** One attempt at a command: a step takes its row before anything takes effect. */
export interface CommandRef {
  scope: string;
  operation: string;
  key: string;
  attempt: number;
}

/** The common part of all statements of a step. A step is booked once, at any number of repeats. */
export interface StepHead {
  step: number;
  /** The catalogue of the decision, and the instant at which it must be in force (null: it must be the newest, R-08). */
  catalogVersion: string;
  catalogAt: Instant | null;
  command: CommandRef | null;
  /** The state and metadata of a new subscription: the first step makes its rows. */
  begin: { state: State; metadata: Record<string, string> } | null;
  /** The refusal for a customer who has another subscription. */
  conflict: RefusalRecord | null;
}

/** The subscription's row after a step. */
export interface After {
  state: State;
  /** nothing can be spent from this instant on. */
  endsAt: Instant | null;
  blocked: boolean;
  /** The instant at which the workflow acts next; null when it waits for messages alone. */
  wakesAt: Instant | null;
  /** Credits are low when fewer are available. */
  lowBelow: number;
  /** Notices of money to come. */
  notices: MoneyNotice[];
}

/** A step to book, with billing's answer if it asked for money. */
export interface Booking extends StepHead {
  effects: Effect[];
  after: After;
  charge: Charge | null;
  outcome: Outcome | null;
  /** Whether the command ends with this step: done, or refused for the reason below. */
  finish: boolean;
  refusal: RefusalRecord | null;
  /** whether to delete the rows of a declined start. */
  discard: boolean;
}

/** The ledger as the workflow knows it. */
export interface Snapshot {
  version: number;
  now: Instant;
  step: number;
  grants: Grant[];
  /** an end that nobody scheduled is dated at its booking; null or absent before it. */
  endedAt?: Instant | null;
  /** how often money of a top-up went back; null or absent where none did. */
  topUpRefunds?: number | null;
}

/** Why a step was not booked: it was before, its catalogue is stale, its command was taken or refused, or it is given up. */
type NotBooked =
  | ({ kind: 'replayed'; outcome: Outcome | null } & Snapshot)
  | { kind: 'stale'; catalog: Catalog }
  | { kind: 'abandoned' }
  | { kind: 'refused' }
  /** The ledger can't hold it: an incident has the reason. */
  | { kind: 'given_up' };
/** The outcome of `prepare`. */
type Prepared = NotBooked | { kind: 'prepared' };
/** The outcome of `bookStep`. */
export type StepOutcome = NotBooked | ({ kind: 'booked'; outcome: Outcome | null } & Snapshot);

const jsonb = (value: unknown): SQL => sql`${JSON.stringify(value)}::jsonb`;

/** Milliseconds by which PostgreSQL's clock may differ from this process's when the calendar is booked by it. */
const CLOCKS_AGREE_MS = 60_000;

/** The condition that both clocks agree, of the very statement that books: a clock may be set at any moment. */
const whileClocksAgree = (): SQL =>
  sql`where abs(ms(clock_timestamp()) - ${Date.now()}::bigint) <= ${CLOCKS_AGREE_MS}`;

/** Calls one SQL function that books the calendar by PostgreSQL's clock. Throws while the clocks differ: nothing was booked. */
export async function callByTheClock<T>(db: Database, query: SQL): Promise<T> {
  const [row] = await db.execute<{ answer: T }>(sql`${query} ${whileClocksAgree()}`);
  if (row === undefined)
    throw new Error(
      'PostgreSQL’s clock and this process’s differ by more than a minute: nothing was booked.',
    );
  return row.answer;
}

/** Records a charge before billing is asked for it, under the lock of the ledger's row. */
export function prepare(db: Database, id: string, head: StepHead & { charge: Charge }): Promise<Prepared> {
  return callByTheClock(db, sql`select prepare(${id}, ${jsonb(head)}) as answer`);
}

/**
 * Books one step of a subscription's workflow, under the lock of the ledger's row: all of it or nothing, once. Its events carry
 * the trace, a `traceparent`. It expires by PostgreSQL's clock all that is due by then.
 */
export function bookStep(
  db: Database,
  id: string,
  booking: Booking,
  trace: string | null = null,
): Promise<StepOutcome> {
  // The setting ends with the statement; `emit_event` reads it.
  const traced = trace === null ? sql`` : sql`set_config('drawdown.trace', ${trace}, true),`;
  return callByTheClock(db, sql`select ${traced} book_step(${id}, ${jsonb(booking)}) as answer`);
}

/** moves the test clock of an ended subscription, where nothing is due any more. */
export async function advanceEnded(db: Database, id: string, to: Instant): Promise<void> {
  await db.execute(sql`select advance_ended(${id}, instant(${to}::bigint))`);
}

/** A grant's part of a balance. */
export interface BalanceRow {
  id: string;
  kind: Grant['kind'];
  remaining: number;
  held: number;
  expiresAt: Instant;
}

/** The balance of a ledger at an instant. */
export interface LedgerBalance {
  now: Instant;
  at: Instant;
  version: number;
  grants: BalanceRow[];
  /** For a past instant: the next allowance after it, if one came. */
  refreshed: { at: Instant; credits: number } | null;
  /** The entries of that past are archived: its balance is unknown. */
  archived?: true;
}

/**
 * I13: the spendable and the held credits at an instant (null: now), grant by grant, soonest expiry first. null for an
 * unknown ledger.
 */
export function balanceAt(db: Database, id: string, at: Instant | null): Promise<LedgerBalance | null> {
  return callFunction(db, sql`select balance_at(${id}, instant(${at}::bigint)) as answer`);
}

/** The ledger's version and open grants, for its workflow. null for an unknown ledger. */
export function snapshot(db: Database, id: string): Promise<Snapshot | null> {
  return callFunction(db, sql`select snapshot(${id}) as answer`);
}

/** releases the holds of a subscription that are past their deadlines. */
export async function releaseOverdue(db: Database, id: string): Promise<void> {
  await db.execute(sql`select release_overdue(${id})`);
}

/** The longest absence of all workers, in months, before a month lacks a table for its entries. */
const MONTHS_AHEAD = 6;

/** Makes the missing tables for the coming months of entries. */
export async function keepMonths(db: Pick<Database, 'execute'>): Promise<void> {
  await db.execute(sql`select keep_months(now(), now() + make_interval(months => ${MONTHS_AHEAD}))`);
}

/**
 * releases overdue holds of at most `limit` subscriptions, the longest overdue first. False when the clocks differ, and nothing
 * was booked.
 */
export async function relayDeadlines(db: Database, limit: number): Promise<boolean> {
  const rows = await db.execute(sql`select relay_deadlines(${limit}) ${whileClocksAgree()}`);
  return rows.length > 0;
}

/**
 * Books due notices and expiries of at most `limit` subscriptions, the longest overdue first. False when the clocks differ, and
 * nothing was booked.
 */
export async function relayNotices(db: Database, limit: number): Promise<boolean> {
  const rows = await db.execute(sql`select relay_notices(${limit}) ${whileClocksAgree()}`);
  return rows.length > 0;
}
