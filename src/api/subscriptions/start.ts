import { WithStartWorkflowOperation } from '@temporalio/client';
import type { z } from 'zod';
import type { CommandRow } from '../../db/commands.ts';
import { hadTrial } from '../../db/reads.ts';
import { type Catalog, findPlan, isContract, isFree, planOf } from '../../domain/catalog/catalog.ts';
import type { Start } from '../../domain/commands.ts';
import { type Fault, invalid, Refusal } from '../../domain/errors.ts';
import { NO_METHOD } from '../../domain/state.ts';
import { newId } from '../../ids.ts';
import {
  CUSTOMER_SUBSCRIBED,
  STARTED,
  type SubscriptionInput,
  summaryOf,
  WORKFLOW_TYPE,
  workflowId,
} from '../../workflows/messages.ts';
import { requireScope } from '../auth.ts';
import { type Reply, runCommand } from '../commands.ts';
import type { Deps } from '../deps.ts';
import { reply } from '../replies.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { type Once, updateId } from '../updates.ts';
import { shown, subscriptionOr404 } from './found.ts';
import { laterMethodOf, methodFaults, methodOf } from './payment-methods.ts';

// POST /v1/subscriptions: writes the command's row, then starts the workflow and waits for its first step, which books the rows
// of the subscription. The workflow asks billing for the first payment.

/** Registers the start of a subscription: with a first payment, by contract, or moved in from elsewhere. */
export function startRoute(app: App, deps: Deps): void {
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
      return reply(c, await start(deps, body, { key, bodyHash }));
    },
  );
}

type StartBody = z.output<typeof s.startRequest>;

/** Starts a subscription, once for the key. Throws `invalid_request`, `not_a_test_clock` and the errors of `runCommand`. */
export function start(deps: Deps, body: StartBody, { key, bodyHash }: Once): Promise<Reply> {
  const id = newId('sub');
  return runCommand(deps.db, {
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
        body: await shown(deps, started),
      };
    },
  });
}

async function sendStart(deps: Deps, row: CommandRow, body: StartBody): Promise<void> {
  const catalog = await deps.catalogs.current();
  const trial = await trialOf(deps, catalog, body);
  const isUnpaid = trial || isFree(catalog, body.plan, body.interval);
  const paymentMethod = isUnpaid
    ? laterMethodOf(deps, body.payment_method)
    : methodOf(deps, body.payment_method);
  checkStart(deps, catalog, body, paymentMethod);
  const start: Start = {
    id: row.subscriptionId,
    customerId: body.customer_id,
    plan: body.plan,
    interval: body.interval,
    timeZone: body.time_zone,
    paymentMethod,
    allowance: body.allowance ?? null,
    anchorAt: body.anchor_at === undefined ? null : s.toInstant(body.anchor_at),
    testClock: body.test_clock !== undefined,
    ...(trial ? { trial } : {}),
  };
  const { scope, operation, key, attempt } = row;
  const input: SubscriptionInput = {
    catalog,
    begin: {
      start,
      at: body.test_clock ? s.toInstant(body.test_clock.now) : null,
      metadata: body.metadata,
      ref: { scope, operation, key, attempt },
      conflict: CUSTOMER_SUBSCRIBED,
    },
    carried: null,
    keepsTimer: true,
  };
  await deps.temporal.call((client) =>
    client.workflow.executeUpdateWithStart(STARTED, {
      updateId: updateId(row),
      startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOW_TYPE, {
        workflowId: workflowId(start.id),
        taskQueue: deps.taskQueue,
        args: [input],
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: summaryOf(start),
      }),
    }),
  );
}

/**
 * whether a start begins with the plan's trial: as asked, else for a customer who had none. The ledger has the last word.
 * Throws `trial_used`, and `invalid_request` where the plan has no trial.
 */
async function trialOf(deps: Deps, catalog: Catalog, body: StartBody): Promise<boolean> {
  const isThere = Boolean(planOf(catalog, body.plan)?.trial) && body.anchor_at === undefined;
  if (body.trial === true && !isThere) throw s.fault('/trial', 'is no part of this plan');
  if (!isThere || body.trial === false) return false;
  if (!(await hadTrial(deps.db, body.customer_id))) return true;
  if (body.trial === true)
    throw new Refusal('trial_used', 'The customer had a trial before: start without one.');
  return false;
}

function checkStart(deps: Deps, catalog: Catalog, body: StartBody, paymentMethod: string): void {
  if (body.test_clock && !deps.testMode)
    throw new Refusal('not_a_test_clock', 'Test clocks are off here: set TEST_MODE=on.');
  const now = body.test_clock ? s.toInstant(body.test_clock.now) : Date.now();
  const faults: Fault[] = [];
  const isByContract = isContract(catalog, body.plan);
  if (!planOf(catalog, body.plan))
    faults.push({
      pointer: '/plan',
      detail: `is not in the catalogue: it has ${catalog.plans.map(({ id }) => id).join(', ')}`,
    });
  else if (!findPlan(catalog, body.plan, body.interval))
    faults.push({ pointer: '/plan', detail: 'is not in the catalogue for this interval' });
  if (isByContract && body.allowance === undefined)
    faults.push({ pointer: '/allowance', detail: 'is required for a plan paid by contract (R-01)' });
  if (!isByContract && body.allowance !== undefined)
    faults.push({ pointer: '/allowance', detail: 'is set by the plan' });
  if (body.anchor_at !== undefined && s.toInstant(body.anchor_at) >= now)
    faults.push({ pointer: '/anchor_at', detail: 'must lie in the past (R-44)' });
  // a contract is paid elsewhere, so only the sandbox looks at its payment method.
  if (paymentMethod !== NO_METHOD && (!isByContract || deps.billing === 'sandbox'))
    faults.push(...methodFaults(deps, paymentMethod));
  if (faults.length > 0) throw invalid(...(faults as [Fault, ...Fault[]]));
}
