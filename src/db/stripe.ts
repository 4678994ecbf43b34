import { and, asc, eq } from 'drizzle-orm';
import type { Database } from './client.ts';
import { stripeCustomers, stripePayments } from './schema.ts';

interface StripePaymentKey {
  subscriptionId: string;
  chargeId: string;
  attempt: number;
}

/** The ids of our objects at Stripe, as src/billing/stripe.ts needs them. The first id kept for an object wins. */
export function createStripeRecords(db: Database) {
  async function customer(customerId: string): Promise<string | null> {
    const [row] = await db.select().from(stripeCustomers).where(eq(stripeCustomers.customerId, customerId));
    return row?.stripeId ?? null;
  }

  async function keepCustomer(customerId: string, stripeId: string): Promise<string> {
    const [row] = await db
      .insert(stripeCustomers)
      .values({ customerId, stripeId })
      .onConflictDoUpdate({ target: stripeCustomers.customerId, set: { stripeId: stripeCustomers.stripeId } })
      .returning();
    return row!.stripeId;
  }

  async function payment({ subscriptionId, chargeId, attempt }: StripePaymentKey): Promise<string | null> {
    const [row] = await db
      .select()
      .from(stripePayments)
      .where(and(ofCharge(subscriptionId, chargeId), eq(stripePayments.attempt, attempt)));
    return row?.stripeId ?? null;
  }

  async function keepPayment(key: StripePaymentKey, made: string): Promise<string> {
    const { subscriptionId, chargeId, attempt, stripeId } = stripePayments;
    const [row] = await db
      .insert(stripePayments)
      .values({ ...key, stripeId: made })
      .onConflictDoUpdate({ target: [subscriptionId, chargeId, attempt], set: { stripeId } })
      .returning();
    return row!.stripeId;
  }

  async function payments(subscriptionId: string, chargeId: string): Promise<string[]> {
    const rows = await db
      .select()
      .from(stripePayments)
      .where(ofCharge(subscriptionId, chargeId))
      .orderBy(asc(stripePayments.attempt));
    return rows.map(({ stripeId }) => stripeId);
  }

  return { customer, keepCustomer, payment, keepPayment, payments };
}

/** The charge of a payment at Stripe; undefined for a payment that is not ours. */
export async function chargeOfPayment(
  db: Database,
  stripeId: string,
): Promise<{ subscriptionId: string; chargeId: string } | undefined> {
  const { subscriptionId, chargeId } = stripePayments;
  const [row] = await db
    .select({ subscriptionId, chargeId })
    .from(stripePayments)
    .where(eq(stripePayments.stripeId, stripeId));
  return row;
}

const ofCharge = (subscriptionId: string, chargeId: string) =>
  and(eq(stripePayments.subscriptionId, subscriptionId), eq(stripePayments.chargeId, chargeId));
