import { z } from 'zod';
import { type CommandRow, readCommand } from '../../db/commands.ts';
import { listGrants, readGrant, revokedSince } from '../../db/reads.ts';
import { endsAt } from '../../domain/subscription.ts';
import type { Deps } from '../deps.ts';
import { listBody, pageOf } from '../paging.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { command } from '../updates.ts';
import { grantView, nowOf } from '../views.ts';
import { pageOr404 } from './found.ts';

// GET /v1/subscriptions/{id}/grants: reads a page of grants.
// POST …/grants (issue an adjustment) and POST …/grants/{grant_id}/revoke: commands to the workflow (updates.ts).

/** Registers the routes of grants. */
export function grantRoutes(app: App, deps: Deps): void {
  const at = '/v1/subscriptions/{id}/grants';
  route(
    app,
    {
      method: 'get',
      path: at,
      summary: 'List grants',
      scope: 'read',
      params: s.byId,
      query: z.strictObject({ ...s.paging, open: z.enum(['true', 'false']).optional() }),
      answers: { 200: { description: 'A page', schema: s.list(s.grant) } },
    },
    async (c, { params: { id }, query }) => {
      const open = query.open === undefined ? undefined : query.open === 'true';
      const {
        rows,
        page,
        now,
        endsAt: ends,
      } = await pageOr404(
        deps,
        id,
        () => pageOf(query, `grants/${id}`, 'count'),
        (wanted) => listGrants(deps.db, id, open, wanted),
      );
      return c.json(
        listBody(
          rows,
          page,
          ({ made }) => [made],
          (grant) => grantView(grant, now, ends),
        ),
      );
    },
  );
  route(
    app,
    {
      method: 'post',
      path: at,
      summary: 'Issue an adjustment grant',
      scope: 'operator',
      params: s.byId,
      body: z
        .strictObject({ credits: s.credits, expires_at: s.instant.nullish(), reason: s.reason })
        .meta({ id: 'GrantRequest' }),
      idempotent: true,
      answers: { 201: { description: 'Granted', schema: s.grant } },
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'issue_grant',
        id: input.params.id,
        makes: 'grt',
        command: (row) => ({
          type: 'issue_grant',
          grantId: row.objectId,
          credits: input.body.credits,
          expiresAt: s.termEnd(input.body.expires_at),
          reason: input.body.reason,
        }),
        answer: async (row, subscription) => {
          const grant = await readGrant(deps.db, input.params.id, row.objectId);
          if (!grant) throw notFound();
          return { status: 201, body: grantView(grant, nowOf(subscription), endsAt(subscription.state)) };
        },
      }),
  );
  revokeRoute(app, deps, at);
}

function revokeRoute(app: App, deps: Deps, at: string): void {
  route(
    app,
    {
      method: 'post',
      path: `${at}/{grant_id}/revoke`,
      summary: 'Take back the unused credits of an adjustment (R-82)',
      scope: 'operator',
      params: s.byGrant,
      body: z.strictObject({ reason: s.reason }),
      idempotent: true,
      answers: { 200: { description: 'The revoked credits', schema: z.object({ revoked: z.int() }) } },
    },
    async (c, input) => {
      const { id, grant_id: grantId } = input.params;
      const grant = await readGrant(deps.db, id, grantId);
      if (!grant) throw notFound();
      if (grant.kind !== 'adjustment') throw s.fault('', 'only an adjustment can be revoked (R-82)');
      return command(deps, c, input, {
        operation: `revoke_grant/${grantId}`,
        id,
        command: () => ({ type: 'revoke_grant', grantId, reason: input.body.reason }),
        answer: async (row) => ({
          status: 200,
          body: { revoked: await revokedBy(deps, row, grantId) },
        }),
      });
    },
  );
}

/** Credits that this command revoked: a second revocation finds none left. */
async function revokedBy(deps: Deps, row: CommandRow, grantId: string): Promise<number> {
  const taken = await readCommand(deps.db, row);
  return revokedSince(deps.db, row.subscriptionId, grantId, taken?.fromSeq ?? 0);
}
