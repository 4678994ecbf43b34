import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { replayEndpoint } from '../../db/deliveries.ts';
import {
  changeEndpoint,
  deleteEndpoint,
  type EndpointRow,
  listEndpoints,
  makeEndpoint,
  readEndpoint,
  rotateSecret,
} from '../../db/endpoints.ts';
import { emitTestEvent } from '../../db/events.ts';
import { endpointSecret } from '../../db/secrets/at-rest.ts';
import { EVENT_TYPES } from '../../domain/events.ts';
import { newId } from '../../ids.ts';
import { receiverFault } from '../../webhooks/receivers.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { replayed } from './events.ts';

// POST, GET /v1/webhook_endpoints; GET, PATCH, DELETE /v1/webhook_endpoints/{id}: one statement each on webhook_endpoints.
// POST …/{id}/rotate_secret: replaces the secret and keeps the previous one for 24 hours.
// POST …/{id}/test: inserts one event and its delivery. POST …/{id}/replay: restarts deliveries of the endpoint.
// The relay sends deliveries; Temporal is not asked here.

const endpoint = z
  .object({
    id: z.string(),
    url: z.string(),
    types: z.array(z.string()).nullable(),
    description: z.string().nullable(),
    disabled: z.boolean(),
    disabled_at: z.string().nullable(),
    created_at: z.string(),
  })
  .meta({ id: 'WebhookEndpoint' });
const endpointWithSecret = endpoint.extend({ secret: z.string() }).meta({ id: 'WebhookEndpointWithSecret' });

const said = {
  types: z.array(z.enum(EVENT_TYPES)).min(1).max(EVENT_TYPES.length).nullable().optional(),
  description: s.text(500).nullable().optional(),
};
const url = s.text(2_000);
const endpointRequest = z.strictObject({ url, ...said }).meta({ id: 'WebhookEndpointRequest' });
const endpointChange = z
  .strictObject({ url: url.optional(), ...said, disabled: z.boolean().optional() })
  .meta({ id: 'WebhookEndpointChange' });

function endpointView(row: EndpointRow): z.infer<typeof endpoint> {
  return {
    id: row.id,
    url: row.url,
    types: row.types,
    description: row.description,
    disabled: row.disabledAt !== null,
    disabled_at: row.disabledAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
  };
}

const freshSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

const found = (row: EndpointRow | undefined): EndpointRow => {
  if (!row) throw notFound();
  return row;
};

function checkUrl(deps: Deps, text: string | undefined): void {
  const fault = text === undefined ? null : receiverFault(text, deps.allowsPrivateReceivers);
  if (fault !== null) throw s.fault('/url', fault);
}

const AT = '/v1/webhook_endpoints';
const one = { path: `${AT}/{id}`, scope: 'operator', params: s.byId } as const;

/** Registers the routes of webhook endpoints. */
export function endpointRoutes(app: App, deps: Deps): void {
  makeRoute(app, deps);
  readRoutes(app, deps);
  changeRoutes(app, deps);
  secretRoute(app, deps);
  testRoute(app, deps);
  replayRoute(app, deps);
}

function makeRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: AT,
      summary: 'Make a webhook endpoint',
      scope: 'operator',
      body: endpointRequest,
      answers: { 201: { description: 'Made; its secret is shown only now', schema: endpointWithSecret } },
    },
    async (c, { body: { url: to, types = null, description = null } }) => {
      checkUrl(deps, to);
      const secret = freshSecret();
      const id = newId('whe');
      const stored = deps.safe.lock(endpointSecret(id), secret);
      const row = await makeEndpoint(deps.db, { id, url: to, types, description, secret: stored });
      return c.json({ ...endpointView(row), secret }, 201);
    },
  );
}

function readRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: AT,
      summary: 'List webhook endpoints',
      scope: 'operator',
      query: z.strictObject(s.paging),
      answers: { 200: { description: 'A page', schema: s.list(endpoint) } },
    },
    async (c, { query }) => {
      const page = pageOf(query, 'webhook_endpoints', 'id');
      const rows = await listEndpoints(deps.db, page);
      return c.json(listBody(rows, page, ({ id }) => [id], endpointView));
    },
  );
  route(
    app,
    {
      ...one,
      method: 'get',
      summary: 'Read a webhook endpoint',
      answers: { 200: { description: 'The endpoint', schema: endpoint } },
    },
    async (c, { params }) => c.json(endpointView(found(await readEndpoint(deps.db, params.id)))),
  );
}

function changeRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      ...one,
      method: 'patch',
      summary: 'Change, disable or enable a webhook endpoint',
      body: endpointChange,
      answers: { 200: { description: 'As it is now', schema: endpoint } },
    },
    async (c, { params, body }) => {
      checkUrl(deps, body.url);
      return c.json(endpointView(found(await changeEndpoint(deps.db, params.id, body))));
    },
  );
  route(
    app,
    {
      ...one,
      method: 'delete',
      summary: 'Delete a webhook endpoint',
      answers: {
        200: { description: 'Deleted', schema: z.object({ id: z.string(), deleted: z.literal(true) }) },
      },
    },
    async (c, { params: { id } }) => {
      if (!(await deleteEndpoint(deps.db, id))) throw notFound();
      return c.json({ id, deleted: true });
    },
  );
}

function secretRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      ...one,
      method: 'post',
      path: `${one.path}/rotate_secret`,
      summary: 'Give a webhook endpoint another secret; the one before signs too for 24 hours',
      answers: {
        200: {
          description: 'Shown only now',
          schema: z.object({ id: z.string(), secret: z.string(), previous_secret_until: z.string() }),
        },
      },
    },
    async (c, { params: { id } }) => {
      const secret = freshSecret();
      const { previousUntil } = found(
        await rotateSecret(deps.db, id, deps.safe.lock(endpointSecret(id), secret)),
      );
      return c.json({ id, secret, previous_secret_until: previousUntil!.toISOString() });
    },
  );
}

function testRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      ...one,
      method: 'post',
      path: `${one.path}/test`,
      summary: 'Send an event webhook.test to an endpoint',
      answers: { 200: { description: 'On its way', schema: z.object({ event_id: z.string() }) } },
    },
    async (c, { params: { id } }) => {
      if (found(await readEndpoint(deps.db, id)).disabledAt)
        throw s.fault('', 'the endpoint is disabled: enable it first');
      const eventId = newId('evt');
      await emitTestEvent(deps.db, eventId, id);
      return c.json({ event_id: eventId });
    },
  );
}

function replayRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      ...one,
      method: 'post',
      path: `${one.path}/replay`,
      summary: 'Deliver to an endpoint again the events since an instant, failed ones or all',
      body: z
        .strictObject({ since: s.instant, which: z.enum(['failed', 'all']).default('failed') })
        .meta({ id: 'EndpointReplayRequest' }),
      answers: { 200: { description: 'Started', schema: replayed } },
    },
    async (c, { params: { id }, body: { since, which } }) => {
      if (found(await readEndpoint(deps.db, id)).disabledAt)
        throw s.fault('', 'the endpoint is disabled: enable it first');
      const from = new Date(s.toInstant(since));
      return c.json({ replayed: await replayEndpoint(deps.db, id, from, which) });
    },
  );
}
