import { eq, sql } from 'drizzle-orm';
import type { Database } from './client.ts';
import { listOf, type Page } from './paging.ts';
import { webhookEndpoints } from './schema.ts';

/** A receiver of events. */
export type EndpointRow = typeof webhookEndpoints.$inferSelect;
type EndpointMembers = Pick<EndpointRow, 'url' | 'types' | 'description'>;

/** Stores a new endpoint. */
export async function makeEndpoint(
  db: Database,
  endpoint: EndpointMembers & Pick<EndpointRow, 'id' | 'secret'>,
): Promise<EndpointRow> {
  const [row] = await db.insert(webhookEndpoints).values(endpoint).returning();
  return row!;
}

/** One page of the endpoints, by id, and one row more. */
export function listEndpoints(db: Database, page: Page): Promise<EndpointRow[]> {
  return listOf(db, webhookEndpoints, [], [webhookEndpoints.id], page);
}

/** An endpoint; undefined when it does not exist. */
export async function readEndpoint(db: Database, id: string): Promise<EndpointRow | undefined> {
  const [row] = await db.select().from(webhookEndpoints).where(eq(webhookEndpoints.id, id));
  return row;
}

type EndpointChange = { [Name in keyof EndpointMembers]?: EndpointMembers[Name] | undefined } & {
  disabled?: boolean | undefined;
};

/** Changes the named members; undefined when the endpoint does not exist. */
export async function changeEndpoint(
  db: Database,
  id: string,
  { disabled, ...said }: EndpointChange,
): Promise<EndpointRow | undefined> {
  const set = {
    ...said,
    // An endpoint disabled twice keeps its first instant.
    disabledAt: sql`case ${disabled === undefined ? 'as is' : disabled ? 'disabled' : 'enabled'}
      when 'as is' then disabled_at when 'disabled' then coalesce(disabled_at, clock_timestamp()) end`,
  };
  const [row] = await db.update(webhookEndpoints).set(set).where(eq(webhookEndpoints.id, id)).returning();
  return row;
}

/**
 * Deletes an endpoint; false when it does not exist. Its deliveries stay on record; those under way end at their next
 * attempt.
 */
export async function deleteEndpoint(db: Database, id: string): Promise<boolean> {
  const rows = await db
    .delete(webhookEndpoints)
    .where(eq(webhookEndpoints.id, id))
    .returning({ id: webhookEndpoints.id });
  return rows.length > 0;
}

/** Sets a new secret. The secret before it signs too for a day; an older one ends at once. */
export async function rotateSecret(
  db: Database,
  id: string,
  secret: string,
): Promise<EndpointRow | undefined> {
  const [row] = await db
    .update(webhookEndpoints)
    .set({
      secret,
      previousSecret: sql`${webhookEndpoints.secret}`,
      previousUntil: sql`clock_timestamp() + interval '24 hours'`,
    })
    .where(eq(webhookEndpoints.id, id))
    .returning();
  return row;
}
