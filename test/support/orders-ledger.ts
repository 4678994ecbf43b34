import { eq } from 'drizzle-orm';
import type { Database } from '../../src/db/client.ts';
import { charges, entries, grants, subscriptions } from '../../src/db/schema.ts';
import { packsIn } from '../../src/domain/catalog/packs.ts';
import type { Stand } from './orders.ts';

/** The ledger's record of a subscription. */
export async function standOf(db: Database, id: string): Promise<Stand> {
  const [[subscription], money, given, booked] = await Promise.all([
    db.select().from(subscriptions).where(eq(subscriptions.id, id)),
    db.select().from(charges).where(eq(charges.subscriptionId, id)),
    db.select().from(grants).where(eq(grants.subscriptionId, id)),
    db.select().from(entries).where(eq(entries.subscriptionId, id)).orderBy(entries.seq),
  ]);
  const { status, endedAt, scheduled, addOn } = subscription!.state;
  return {
    status,
    endsAt: endedAt ?? scheduled?.at ?? null,
    packs: packsIn(addOn),
    charges: money.map((row) => ({ ...row, at: row.at.getTime() })),
    grants: given.map((row) => ({
      ...row,
      effectiveAt: row.effectiveAt.getTime(),
      expiresAt: row.expiresAt.getTime(),
    })),
    entries: booked.map((row) => ({ ...row, effectiveAt: row.effectiveAt.getTime() })),
  };
}
