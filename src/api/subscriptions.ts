import { WithStartWorkflowOperation } from '@temporalio/client';
import { z } from 'zod';
import { type CommandRow, isAdvancing, readCommand } from '../db/commands.ts';
import { advanceEnded, balanceAt } from '../db/ledger.ts';
import { firedSince, listSubscriptions, readCharge, type SubscriptionRow } from '../db/reads.ts';
import type { Grant } from '../domain/burndown.ts';
import type { Instant } from '../domain/calendar.ts';
import { boundary, iso } from '../domain/calendar.ts';
import { findPlan } from '../domain/catalog.ts';
import { decide, type Start } from '../domain/commands.ts';
import { type Fault, invalid, Refusal } from '../domain/errors.ts';
import { forecast } from '../domain/timeline.ts';
import { newId } from '../ids.ts';
import {
  ADVANCE_CLOCK,
  type AdvanceAnswer,
  type AdvanceRequest,
  STARTED,
  type SubscriptionInput,
  WORKFLOW_TYPE,
  workflowId,
} from '../workflows/messages.ts';
import { requireScope } from './auth.ts';
import { type Answer, runCommand } from './commands.ts';
import {
  command,
  type Deps,
  listBody,
  pageOf,
  reply,
  subscriptionOr404,
  tagged,
  updateId,
} from './context.ts';
import { type App, route } from './route.ts';
import * as s from './schemas.ts';
import { nowOf, subscriptionView } from './views.ts';

/** An advance past this is more likely a slip than a test. */
const MAX_ADVANCE_MONTHS = 1_200;

export function subscriptionRoutes(app: App, deps: Deps): void {
  startRoute(app, deps);
  readRoutes(app, deps);
  lifeRoutes(app, deps);
  changeRoute(app, deps);
  advanceRoute(app, deps);
}

const view = async (deps: Deps, row: SubscriptionRow) => subscriptionView(row, await deps.catalogs.current());

function startRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions',
      summary: 'Start a subscription, or move one in',
      scope: 'billing',
      body: s.startRequest,
      idempotent: true,
      answers: {
        201: { description: 'Started', schema: s.subscription },
        202: { description: 'The first payment is pending', schema: s.subscription },
      },
    },
    async (c, { body, key, bodyHash }) => {
      if (body.allowance !== undefined || body.anchor_at !== undefined || body.test_clock !== undefined)
        requireScope(c.get('scopes'), 'operator');
      const id = newId('sub');
      const answer = await runCommand(deps.db, {
        scope: 'start',
        operation: 'start',
        key,
        bodyHash,
        subscriptionId: id,
        objectId: id,
        send: (row) => sendStart(deps, row, body),
        answer: async (row) => {
          const started = await subscriptionOr404(deps, row.subscriptionId);
          return {
            status: started.state.status === 'incomplete' ? 202 : 201,
            body: await view(deps, started),
          };
        },
      });
      return reply(c, answer);
    },
  );
}

type StartBody = z.output<typeof s.startRequest>;

async function sendStart(deps: Deps, row: CommandRow, body: StartBody): Promise<void> {
  const catalog = await deps.catalogs.current();
  checkStart(deps, body, (plan, interval) => findPlan(catalog, plan, interval) !== undefined);
  const start: Start = {
    id: row.subscriptionId,
    customerId: body.customer_id,
    plan: body.plan,
    interval: body.interval,
    timeZone: body.time_zone,
    paymentMethod: body.payment_method,
    allowance: body.allowance ?? null,
    anchorAt: body.anchor_at === undefined ? null : s.toInstant(body.anchor_at),
    testClock: body.test_clock !== undefined,
  };
  const { scope, operation, key, attempt } = row;
  const input: SubscriptionInput = {
    catalog,
    begin: {
      start,
      at: body.test_clock ? s.toInstant(body.test_clock.now) : null,
      metadata: body.metadata,
      ref: { scope, operation, key, attempt },
      conflict: {
        code: 'customer_already_subscribed',
        detail: 'The customer has a subscription that is not ended.',
        data: {},
      },
    },
    carried: null,
  };
  await deps.temporal.call((client) =>
    client.workflow.executeUpdateWithStart(STARTED, {
      updateId: updateId(row),
      startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOW_TYPE, {
        workflowId: workflowId(start.id),
        taskQueue: deps.taskQueue,
        args: [input],
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `${start.customerId}: ${start.plan}, by the ${start.interval}`,
      }),
    }),
  );
}

function checkStart(
  deps: Deps,
  body: StartBody,
  isOffered: (plan: StartBody['plan'], interval: StartBody['interval']) => boolean,
): void {
  if (body.test_clock && !deps.testMode)
    throw new Refusal('not_a_test_clock', 'Test clocks are off here: set TEST_MODE=on.');
  const now = body.test_clock ? s.toInstant(body.test_clock.now) : Date.now();
  const faults: Fault[] = [];
  if (!isOffered(body.plan, body.interval))
    faults.push({ pointer: '/plan', detail: 'is not in the catalogue for this interval' });
  if (body.plan === 'enterprise' && body.allowance === undefined)
    faults.push({ pointer: '/allowance', detail: 'is required for enterprise (R-01)' });
  if (body.plan !== 'enterprise' && body.allowance !== undefined)
    faults.push({ pointer: '/allowance', detail: 'is set by the plan' });
  if (body.anchor_at !== undefined && s.toInstant(body.anchor_at) >= now)
    faults.push({ pointer: '/anchor_at', detail: 'must lie in the past (R-44)' });
  faults.push(...methodFaults(deps, body.payment_method));
  if (faults.length > 0) throw invalid(...(faults as [Fault, ...Fault[]]));
}

const SANDBOX_METHODS = ['sandbox_ok', 'sandbox_declined', 'sandbox_pending'];

export function methodFaults(deps: Deps, method: string | undefined): Fault[] {
  if (deps.billing !== 'sandbox' || method === undefined || SANDBOX_METHODS.includes(method)) return [];
  return [
    {
      pointer: '/payment_method',
      detail: `must be one of ${SANDBOX_METHODS.join(', ')} with sandbox billing`,
    },
  ];
}

export function checkMethod(deps: Deps, method: string | undefined): void {
  const [fault] = methodFaults(deps, method);
  if (fault) throw invalid(fault);
}

function readRoutes(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions',
      summary: 'List subscriptions',
      scope: 'read',
      query: z.strictObject({
        ...s.paging,
        customer_id: z.string().max(255).optional(),
        status: z.enum(['incomplete', 'active', 'past_due', 'ended']).optional(),
      }),
      answers: { 200: { description: 'A page', schema: s.list(s.subscription) } },
    },
    async (c, { query }) => {
      const page = pageOf(query, 'text');
      const catalog = await deps.catalogs.current();
      const rows = await listSubscriptions(
        deps.db,
        { customerId: query.customer_id, status: query.status },
        page,
      );
      const at = (row: (typeof rows)[number]): [Date, string] => [row.createdAt, row.state.id];
      return c.json(listBody(rows, page, at, (row) => subscriptionView(row, catalog)));
    },
  );
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}',
      summary: 'Read a subscription',
      scope: 'read',
      params: s.byId,
      answers: { 200: { description: 'The subscription', schema: s.subscription } },
    },
    async (c, { params }) => tagged(c, await view(deps, await subscriptionOr404(deps, params.id))),
  );
}

const subscriptionAnswer = { 200: { description: 'The subscription', schema: s.subscription } };

function lifeRoutes(app: App, deps: Deps): void {
  const answerView = async (_: CommandRow, row: SubscriptionRow): Promise<Answer> => ({
    status: 200,
    body: await view(deps, row),
  });
  const common = { scope: 'billing', params: s.byId, idempotent: true, answers: subscriptionAnswer } as const;
  const at = '/v1/subscriptions/{id}';
  route(
    app,
    {
      ...common,
      method: 'post',
      path: `${at}/cancel`,
      summary: 'Cancel at the next renewal, or now',
      body: z.strictObject({
        at: z.enum(['renewal', 'now']).default('renewal'),
        reason: s.reason.optional(),
      }),
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'cancel',
        id: input.params.id,
        command: () => ({ type: 'cancel', at: input.body.at }),
        answer: async (_, row) => ({
          status: 200,
          body: { ...(await view(deps, row)), credits_at_risk: await creditsAtRisk(deps, row) },
        }),
      }),
  );
  route(
    app,
    {
      ...common,
      method: 'post',
      path: `${at}/resume`,
      summary: 'Undo a scheduled change',
      body: z.strictObject({}),
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'resume',
        id: input.params.id,
        command: () => ({ type: 'resume' }),
        answer: answerView,
      }),
  );
  route(
    app,
    {
      ...common,
      method: 'put',
      path: `${at}/add_on`,
      summary: 'Lower the packs that renew with the plan',
      body: z.strictObject({ packs: z.int().min(0).max(Number.MAX_SAFE_INTEGER) }),
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'set_add_on',
        id: input.params.id,
        command: () => ({ type: 'set_add_on', packs: input.body.packs }),
        answer: answerView,
      }),
  );
  route(
    app,
    {
      ...common,
      method: 'put',
      path: `${at}/payment_method`,
      summary: 'Change the payment method; an open charge is tried at once',
      body: z.strictObject({ payment_method: s.paymentMethod }),
    },
    (c, input) => {
      checkMethod(deps, input.body.payment_method);
      return command(deps, c, input, {
        operation: 'set_payment_method',
        id: input.params.id,
        command: () => ({ type: 'set_payment_method', paymentMethod: input.body.payment_method }),
        answer: async (_, row) => ({
          status: row.state.unpaid?.pending ? 202 : 200,
          body: await view(deps, row),
        }),
      });
    },
  );
  route(
    app,
    {
      ...common,
      scope: 'operator',
      method: 'put',
      path: `${at}/allowance`,
      summary: 'Set an enterprise subscription’s allowance from the next boundary on',
      body: z.strictObject({ credits: z.int().min(0).max(Number.MAX_SAFE_INTEGER) }),
    },
    (c, input) =>
      command(deps, c, input, {
        operation: 'set_allowance',
        id: input.params.id,
        command: () => ({ type: 'set_allowance', credits: input.body.credits }),
        answer: answerView,
      }),
  );
}

/** what would be forfeited at the end if nothing more were spent; after it, what was. */
async function creditsAtRisk(deps: Deps, { state }: SubscriptionRow): Promise<number> {
  const catalog = await deps.catalogs.current();
  const rows = await balanceAt(deps.db, state.id, null);
  const grants = (rows?.grants ?? []).map(
    (row): Grant => ({ ...row, amount: row.remaining, effectiveAt: state.now, made: 0 }),
  );
  const end = state.scheduled?.at ?? state.now;
  const { happenings } = forecast(state, grants, catalog, { until: end });
  const forfeited = happenings.find(({ kind }) => kind === 'end')?.credits ?? 0;
  return Math.abs(forfeited);
}

function changeRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/change',
      summary: 'Upgrade now or downgrade at the next renewal; preview changes nothing',
      scope: 'billing',
      params: s.byId,
      body: z.strictObject({ plan: s.plan, interval: s.interval, preview: z.boolean().default(false) }),
      idempotent: true,
      answers: {
        200: { description: 'Changed, scheduled or previewed', schema: changeAnswer },
        202: { description: 'The charge is pending', schema: changeAnswer },
      },
    },
    async (c, input) => {
      const { plan, interval, preview } = input.body;
      const { id } = input.params;
      if (preview) return c.json(await previewed(deps, await subscriptionOr404(deps, id), plan, interval));
      return command(deps, c, input, {
        operation: 'change_plan',
        id,
        makes: 'chg',
        command: (row) => ({ type: 'change_plan', chargeId: row.objectId, plan, interval }),
        answer: (row, after) => changed(deps, row, after),
      });
    },
  );
}

const changeAnswer = z.object({
  effective: z.enum(['now', 'renewal']),
  charge: s.money.nullable(),
  allowance_granted: z.int(),
  subscription: s.subscription,
});

/** refused like the change itself, and nothing is done. */
async function previewed(
  deps: Deps,
  row: SubscriptionRow,
  plan: StartBody['plan'],
  interval: StartBody['interval'],
) {
  const catalog = await deps.catalogs.current();
  const { charge } = decide(
    row.state,
    { type: 'change_plan', chargeId: 'chg_preview', plan, interval },
    nowOf(row),
    catalog,
  );
  return {
    effective: charge ? 'now' : 'renewal',
    charge: charge && { amount_minor: charge.amountMinor, currency: charge.currency },
    allowance_granted: charge ? charge.buys.allowance : 0,
    subscription: subscriptionView(row, catalog),
  };
}

async function changed(deps: Deps, row: CommandRow, after: SubscriptionRow): Promise<Answer> {
  const charge = await readCharge(deps.db, after.state.id, { chargeId: row.objectId });
  const isPaid = charge?.status === 'paid';
  const catalog = await deps.catalogs.current();
  const granted = isPaid ? (findPlan(catalog, after.state.plan, after.state.interval)?.allowance ?? 0) : 0;
  return {
    status: charge && !isPaid ? 202 : 200,
    body: {
      effective: charge ? 'now' : 'renewal',
      charge: charge ? { amount_minor: charge.amountMinor, currency: charge.currency } : null,
      allowance_granted: granted,
      subscription: subscriptionView(after, catalog),
    },
  };
}

function advanceRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'post',
      path: '/v1/subscriptions/{id}/advance',
      summary: 'Move a test clock forward through everything due',
      scope: 'operator',
      params: s.byId,
      body: z.strictObject({ to: s.instant }),
      idempotent: true,
      answers: {
        200: {
          description: 'The clock stands there',
          schema: z.object({
            now: z.string(),
            fired: z.array(z.object({ at: z.string(), kind: z.string(), credits: z.int().optional() })),
          }),
        },
      },
    },
    async (c, { params: { id }, body, key, bodyHash }) => {
      await subscriptionOr404(deps, id);
      const to = s.toInstant(body.to);
      const answer = await runCommand(deps.db, {
        scope: id,
        operation: 'advance',
        key,
        bodyHash,
        subscriptionId: id,
        objectId: id,
        unlimited: true,
        waitsFor: (row) => isAdvancing(deps.db, row),
        send: (row) => sendAdvance(deps, row, to),
        answer: (row) => advanced(deps, row, to),
      });
      return reply(c, answer);
    },
  );
}

async function sendAdvance(deps: Deps, row: CommandRow, to: Instant): Promise<void> {
  const { state, testClock } = await subscriptionOr404(deps, row.subscriptionId);
  if (testClock === null) throw new Refusal('not_a_test_clock', 'The subscription runs on real time.');
  // While another advance runs, the clock it will reach is not known here: the workflow refuses.
  if (to < testClock && !(await isAdvancing(deps.db, row)))
    throw invalid({ pointer: '/to', detail: `must not lie before the clock's now, ${iso(testClock)}` });
  if (to > boundary(testClock, 'UTC', MAX_ADVANCE_MONTHS))
    throw invalid({ pointer: '/to', detail: 'must lie within 100 years of the clock’s now' });
  if (state.status === 'ended' && state.waiting.length === 0) return advanceEnded(deps.db, state.id, to);
  const { scope, operation, key, attempt } = row;
  const request: AdvanceRequest = { to, ref: { scope, operation, key, attempt } };
  // A run that hands over on the way answers "not done": the next run is asked.
  for (let again = 0, done = false; !done; again += 1) {
    const handle = await deps.temporal.call(async (client) =>
      client.workflow
        .getHandle(workflowId(row.subscriptionId))
        .startUpdate<AdvanceAnswer, [AdvanceRequest]>(ADVANCE_CLOCK, {
          args: [request],
          updateId: updateId(row, again),
          waitForStage: 'ACCEPTED',
        }),
    );
    ({ done } = await handle.result());
  }
}

async function advanced(deps: Deps, row: CommandRow, to: Instant): Promise<Answer> {
  const taken = await readCommand(deps.db, row);
  const fired = taken?.step
    ? await firedSince(deps.db, row.subscriptionId, taken.fromSeq ?? 0, taken.step)
    : [];
  return {
    status: 200,
    body: {
      now: iso(to),
      fired: fired.map(({ at, kind, credits }) => ({
        at: iso(at),
        kind,
        ...(credits === null ? {} : { credits }),
      })),
    },
  };
}
