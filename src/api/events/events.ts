import { z } from 'zod';
import { replayEvent } from '../../db/deliveries.ts';
import { readEndpoint } from '../../db/endpoints.ts';
import { type DeliveryRow, deliveriesOf, type EventRow, listEvents, readEvent } from '../../db/events.ts';
import { eventBody } from '../../domain/events.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';

// GET /v1/events, GET /v1/events/{id}: read events and deliveries. POST /v1/events/{id}/replay: restarts the event's deliveries,
// all or those of one endpoint. Temporal is not asked.

const event = z
  .object({
    id: z.string(),
    type: z.string(),
    timestamp: z.string(),
    data: z.record(z.string(), z.unknown()),
    recorded_at: z.string(),
  })
  .meta({ id: 'Event' });

const delivery = z.object({
  endpoint_id: z.string(),
  status: z.enum(['pending', 'delivered', 'failed']),
  attempts: z.int(),
  response_status: z.int().nullable(),
  failure: z.string().nullable(),
  created_at: z.string(),
  ended_at: z.string().nullable(),
});
const eventWithDeliveries = event
  .extend({ deliveries: z.array(delivery) })
  .meta({ id: 'EventWithDeliveries' });

/** The number of deliveries that were restarted. */
export const replayed = z.object({ replayed: z.int() });

/** An event with the body that endpoints receive. */
function eventView(row: EventRow): z.infer<typeof event> {
  return { id: row.id, ...eventBody(row), recorded_at: row.recordedAt.toISOString() };
}

function deliveryView(row: DeliveryRow): z.infer<typeof delivery> {
  return {
    endpoint_id: row.endpointId,
    status: row.status as 'pending',
    attempts: row.attempts,
    response_status: row.responseStatus,
    failure: row.failure,
    created_at: row.createdAt.toISOString(),
    ended_at: row.endedAt?.toISOString() ?? null,
  };
}

/** Registers the routes of events. */
export function eventRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/events',
      summary: 'List events, in the order in which they were recorded',
      scope: 'read',
      query: z.strictObject({
        ...s.paging,
        subscription_id: s.text(64).optional(),
        type: s.text(64).optional(),
      }),
      answers: { 200: { description: 'A page', schema: s.list(event) } },
    },
    async (c, { query }) => {
      const page = pageOf(query, 'events', 'count');
      const filter = { subscriptionId: query.subscription_id, type: query.type };
      const rows = await listEvents(deps.db, filter, page);
      return c.json(listBody(rows, page, ({ nth }) => [nth], eventView));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: '/v1/events/{id}',
      summary: 'Read an event, and how far it got to each endpoint',
      scope: 'read',
      params: s.byId,
      answers: { 200: { description: 'The event', schema: eventWithDeliveries } },
    },
    async (c, { params }) => {
      const row = await eventOr404(deps, params.id);
      const deliveries = await deliveriesOf(deps.db, row.id);
      return c.json({ ...eventView(row), deliveries: deliveries.map(deliveryView) });
    },
  );
  route(
    app,
    {
      method: 'post',
      path: '/v1/events/{id}/replay',
      summary: 'Deliver an event again',
      scope: 'operator',
      params: s.byId,
      body: z.strictObject({ endpoint_id: s.text(64).optional() }).meta({ id: 'EventReplayRequest' }),
      answers: { 200: { description: 'Started', schema: replayed } },
    },
    async (c, { params, body: { endpoint_id: endpointId = null } }) => {
      const row = await eventOr404(deps, params.id);
      if (endpointId !== null) await checkEndpoint(deps, endpointId);
      return c.json({ replayed: await replayEvent(deps.db, row.id, endpointId) });
    },
  );
}

async function eventOr404(deps: Deps, id: string): Promise<EventRow> {
  const row = await readEvent(deps.db, id);
  if (!row) throw notFound();
  return row;
}

async function checkEndpoint(deps: Deps, id: string): Promise<void> {
  const endpoint = await readEndpoint(deps.db, id);
  if (!endpoint) throw s.fault('/endpoint_id', 'is not an endpoint here');
  if (endpoint.disabledAt) throw s.fault('/endpoint_id', 'is disabled: enable it first');
}
