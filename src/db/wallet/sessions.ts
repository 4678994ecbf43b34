import { eq, sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { madeOnce } from '../reading/statements.ts';
import { SUBSCRIPTION, type SubscriptionRow, toRow } from '../reads.ts';
import { ledgers, secrets, subscriptions, walletSessions } from '../schema.ts';
import { VERSION } from './reads.ts';

/** The longest session, in seconds from the opening of its link. Use does not prolong it. */
export const SESSION_SECONDS = 3_600;

/** A session in one subscription's wallet. */
export interface WalletSession {
  id: string;
  subscriptionId: string;
  isDemo: boolean;
  expiresAt: Date;
  /** The subscription and its ledger's `VERSION`, of one instant. */
  row: SubscriptionRow;
  version: string;
}

/** The secret that signs links into the wallet. Throws when it is missing. */
export async function readTicketSecret(db: Database): Promise<string> {
  const [row] = await db
    .select({ value: secrets.value })
    .from(secrets)
    .where(eq(secrets.name, 'wallet_tickets'));
  if (!row) throw new Error('the secret of wallet tickets is gone');
  return row.value;
}

/** Opens a session with a link; false when the link was used before. It also deletes sessions that ended a day ago. */
export async function openSession(
  db: Database,
  session: { id: string; ticketHash: string; subscriptionId: string; isDemo: boolean },
): Promise<boolean> {
  const { id, ticketHash, subscriptionId, isDemo } = session;
  const rows = await db.execute(sql`
    with gone as (delete from wallet_sessions where expires_at < clock_timestamp() - interval '1 day')
    insert into wallet_sessions (id, ticket_hash, subscription_id, is_demo, expires_at)
    values (${id}, ${ticketHash}, ${subscriptionId}, ${isDemo}, clock_timestamp() + make_interval(secs => ${SESSION_SECONDS}))
    on conflict (ticket_hash) do nothing
    returning id`);
  return rows.length > 0;
}

/** A session that is not over; else undefined. */
export async function readSession(db: Database, id: string): Promise<WalletSession | undefined> {
  const [found] = await sessionStatement(db).execute({ id });
  return found && { ...found, id, row: toRow(found.row) };
}

const { subscriptionId, isDemo, expiresAt } = walletSessions;
const sessionStatement = madeOnce((db) =>
  db
    .select({ subscriptionId, isDemo, expiresAt, version: VERSION, row: SUBSCRIPTION })
    .from(walletSessions)
    .innerJoin(ledgers, eq(ledgers.subscriptionId, subscriptionId))
    .innerJoin(subscriptions, eq(subscriptions.id, subscriptionId))
    .where(sql`${walletSessions.id} = ${sql.placeholder('id')} and ${expiresAt} > clock_timestamp()`)
    .prepare('session'),
);

/** Ends a session. Its link stays used. */
export async function endSession(db: Database, id: string): Promise<void> {
  await db
    .update(walletSessions)
    .set({ expiresAt: sql`clock_timestamp()` })
    .where(sql`${walletSessions.id} = ${id} and ${walletSessions.expiresAt} > clock_timestamp()`);
}
