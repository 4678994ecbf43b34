import { asc, eq, sql } from 'drizzle-orm';
import type { Instant } from '../domain/calendar.ts';
import { type RecordedEvent, TEST_EVENT } from '../domain/events.ts';
import type { Database } from './client.ts';
import { type Page, paged, type Within } from './paging.ts';
import { deliveries, events, subscriptions } from './schema.ts';

/** An event with its customer. `nth` is its place in the order of recording. */
export interface EventRow extends RecordedEvent {
  id: string;
  nth: number;
  recordedAt: Date;
}

/** A row of `deliveries`. */
export type DeliveryRow = typeof deliveries.$inferSelect;

const selected = (db: Database) =>
  db
    .select({
      id: events.id,
      nth: events.nth,
      type: events.type,
      at: events.at,
      subscriptionId: events.subscriptionId,
      customerId: subscriptions.customerId,
      data: events.data,
      recordedAt: events.recordedAt,
    })
    .from(events)
    .leftJoin(subscriptions, eq(subscriptions.id, events.subscriptionId));

const toRow = <Row extends { at: Date }>(row: Row): Omit<Row, 'at'> & { at: Instant } => ({
  ...row,
  at: row.at.getTime(),
});

/** One page of the events, in the order of recording, and one row more. */
export async function listEvents(
  db: Database,
  filter: { subscriptionId: string | undefined; type: string | undefined },
  page: Page,
): Promise<EventRow[]> {
  const within: Within = [
    ...(filter.subscriptionId === undefined ? [] : [[events.subscriptionId, filter.subscriptionId] as const]),
    ...(filter.type === undefined ? [] : [[events.type, filter.type] as const]),
  ];
  const { where, order, limit } = paged([events.nth], page, within);
  const rows = await selected(db)
    .where(where)
    .orderBy(...order)
    .limit(limit);
  return rows.map(toRow);
}

/** An event; undefined when it does not exist. */
export async function readEvent(db: Database, id: string): Promise<EventRow | undefined> {
  const [row] = await selected(db).where(eq(events.id, id));
  return row && toRow(row);
}

/** The deliveries of an event, in the order of making. */
export function deliveriesOf(db: Database, eventId: string): Promise<DeliveryRow[]> {
  return db
    .select()
    .from(deliveries)
    .where(eq(deliveries.eventId, eventId))
    .orderBy(asc(deliveries.createdAt), asc(deliveries.endpointId));
}

/** Makes a test event with its delivery to one endpoint. */
export async function emitTestEvent(db: Database, id: string, endpointId: string): Promise<void> {
  await db.execute(sql`
    with made as (
      insert into events (id, subscription_id, type, at, data, relayed_at)
      values (${id}, '', ${TEST_EVENT}, clock_timestamp(), ${JSON.stringify({ endpoint_id: endpointId })}::jsonb,
        clock_timestamp())
      returning id)
    insert into deliveries (event_id, endpoint_id) select id, ${endpointId} from made`);
}
