import { and, eq, isNull, sql } from 'drizzle-orm';
import type { MoneyBack, Refunded } from '../domain/refunds.ts';
import { callFunction, type Database } from './client.ts';
import { refunds } from './schema.ts';

// R-81 in the ledger: each call is a single statement under the lock of the subscription's row.

/** A report on the money of a charge. A refund may be one that an operator asked for, by its id. */
export type MoneyReport = { chargeId: string } & (MoneyBack | { kind: 'refund'; id: string });

/** The outcome of `refundCharge`. */
export type Booked = { kind: 'ok'; answer: Refunded } | { kind: 'pending' } | { kind: 'unknown' };

/** Books a report, once and in any order. `pending`: the charge is not settled, and nothing was booked. */
export function refundCharge(db: Database, subscriptionId: string, said: MoneyReport): Promise<Booked> {
  const { chargeId: charge, ...back } = said;
  const wire =
    back.kind === 'dispute'
      ? { kind: back.kind, charge, id: back.id, amount: back.amountMinor, status: back.status }
      : { kind: back.kind, charge, ...('id' in back ? { id: back.id } : { to: back.toMinor }) };
  return callFunction(
    db,
    sql`select refund_charge(${subscriptionId}, ${JSON.stringify(wire)}::jsonb) as answer`,
  );
}

/** A refund on record. `amount_minor` is in minor units of the charge's currency. */
export interface AskedRefund {
  id: string;
  charge_id: string;
  amount_minor: number;
  answer: Refunded | null;
}

/** The outcome of `askRefund`. */
type RefundRequestOutcome =
  | { kind: 'asked' | 'done' | 'other'; refund: AskedRefund }
  | { kind: 'reused' }
  | { kind: 'unpaid' }
  | { kind: 'exceeds'; left: number };

/** An operator's request for a refund. */
interface WantedRefund {
  id: string;
  charge: string;
  bodyHash: string;
  /** Minor units; null: all that is not refunded yet. */
  amount: number | null;
  reason: string;
}

/**
 * Records a refund before money moves. `other`: one of the same charge must end first. `reused`: the key had another body.
 * `unpaid`: the charge is not paid. `exceeds`: more than is left.
 */
export function askRefund(
  db: Database,
  subscriptionId: string,
  wanted: WantedRefund,
): Promise<RefundRequestOutcome> {
  return callFunction(
    db,
    sql`select ask_refund(${subscriptionId}, ${JSON.stringify(wanted)}::jsonb) as answer`,
  );
}

/** Removes a refund that billing refused: no money moved. */
export async function dropRefund(db: Database, subscriptionId: string, id: string): Promise<void> {
  await db
    .delete(refunds)
    .where(and(eq(refunds.subscriptionId, subscriptionId), eq(refunds.id, id), isNull(refunds.answer)));
}

/** A refund; undefined when the subscription has none with this id. */
export async function readRefund(
  db: Database,
  subscriptionId: string,
  id: string,
): Promise<typeof refunds.$inferSelect | undefined> {
  const [row] = await db
    .select()
    .from(refunds)
    .where(and(eq(refunds.subscriptionId, subscriptionId), eq(refunds.id, id)));
  return row;
}
