import type { z } from 'zod';
import { DEFAULT_TERM } from '../../domain/model/holds.ts';
import type { Scope } from '../auth.ts';
import type { Reply } from '../commands.ts';
import type { Deps } from '../deps.ts';
import { reply } from '../replies.ts';
import { type App, type Definition, type Input, route } from '../route.ts';
import * as s from '../schemas.ts';
import { returnCredits, spendItems } from './spend.ts';

// POST /v1/subscriptions/{id}/usage, …/holds, …/holds/{hold_id}/capture, …/holds/{hold_id}/release and
// …/usage/{usage_id}/reverse: one call of spend_batch, which locks the ledger's row; Temporal is not asked. The same handlers
// serve a request through the application and on the fast path (fast-path.ts).

type SpendHandler<Params extends z.ZodType, Body extends z.ZodType> = (
  input: Input<z.output<Params>, unknown, z.output<Body>>,
  scopes: readonly Scope[],
) => Promise<Reply>;

/** A route on both paths: its definition, and a handler that needs no Hono. */
export interface SpendRoute<Params extends z.ZodType = z.ZodType, Body extends z.ZodType = z.ZodType> {
  definition: Definition<Params, z.ZodType, Body>;
  respond: SpendHandler<Params, Body>;
}

/** The five routes. */
export const spends = (deps: Deps): SpendRoute[] => [
  usage(deps),
  hold(deps),
  capture(deps),
  release(deps),
  reversal(deps),
];

/** Registers the five routes in the application. */
export function spendRoutes(app: App, deps: Deps): void {
  for (const { definition, respond } of spends(deps))
    route(app, definition, async (c, input) => reply(c, await respond(input, c.get('scopes'))));
}

/** Drops the types of a route's input: its own definition checks it. */
const spend = <Params extends z.ZodType, Body extends z.ZodType>(
  definition: Omit<Definition<Params, z.ZodType, Body>, 'method' | 'scope' | 'idempotent'>,
  respond: SpendHandler<Params, Body>,
): SpendRoute =>
  ({
    definition: { ...definition, method: 'post', scope: 'spend', idempotent: true },
    respond,
  }) as unknown as SpendRoute;

const USAGE = '/v1/subscriptions/{id}/usage';
const HOLDS = '/v1/subscriptions/{id}/holds';

const usage = (deps: Deps) =>
  spend(
    {
      path: USAGE,
      summary: 'Spend credits: all lines or nothing',
      params: s.byId,
      body: s.usageRequest,
      answers: { 201: { description: 'Spent', schema: s.usage } },
      refusals: s.shortOfCredits,
    },
    (input, scopes) => spendItems(deps, input, 'usage', null, scopes),
  );

const hold = (deps: Deps) =>
  spend(
    {
      path: HOLDS,
      summary: 'Set credits aside for a job: all lines or nothing (R-70)',
      params: s.byId,
      body: s.holdRequest,
      answers: { 201: { description: 'Held', schema: s.hold } },
      refusals: s.shortOfCredits,
    },
    (input, scopes) => spendItems(deps, input, 'hold', input.body.expires_in_seconds ?? DEFAULT_TERM, scopes),
  );

const SETTLED = { 200: { description: 'Settled', schema: s.settlement } };

const capture = (deps: Deps) =>
  spend(
    {
      path: `${HOLDS}/{hold_id}/capture`,
      summary: 'Spend what was held, or less of it (R-71)',
      params: s.byHold,
      body: s.captureRequest,
      answers: SETTLED,
    },
    (input) =>
      returnCredits(deps, input, {
        op: 'capture',
        object: input.params.hold_id,
        credits: input.body.credits ?? null,
      }),
  );

const release = (deps: Deps) =>
  spend(
    {
      path: `${HOLDS}/{hold_id}/release`,
      summary: 'Give back all that was held',
      params: s.byHold,
      answers: SETTLED,
    },
    (input) => returnCredits(deps, input, { op: 'release', object: input.params.hold_id, credits: null }),
  );

const reversal = (deps: Deps) =>
  spend(
    {
      path: `${USAGE}/{usage_id}/reverse`,
      summary: 'Give back what was spent, whole or in part (R-80)',
      params: s.byUsage,
      body: s.reverseRequest,
      answers: { 200: { description: 'What became of it', schema: s.reversal } },
    },
    (input) =>
      returnCredits(deps, input, {
        op: 'reverse',
        object: input.params.usage_id,
        credits: input.body.credits ?? null,
      }),
  );
