import { WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import type { SubscriptionRow } from '../../db/reads.ts';
import { Refusal } from '../../domain/errors.ts';
import { nudge } from '../../relay/nudges.ts';
import { type BalanceAnswer, QUERY, type SubscriptionAnswer, workflowId } from '../../workflows/messages.ts';
import type { Deps } from '../deps.ts';
import { notFound } from '../problems.ts';
import { type App, route } from '../route.ts';
import * as s from '../schemas.ts';
import { subscriptionOr404 } from './found.ts';

// GET /v1/subscriptions/{id}/workflow: two queries and one describe of the workflow, and a nudge where it is behind its ledger.

/** Registers the workflow's own view of a subscription (I8). */
export function workflowRoute(app: App, deps: Deps): void {
  route(
    app,
    {
      method: 'get',
      path: '/v1/subscriptions/{id}/workflow',
      summary: 'Read the balance and state of the workflow itself',
      scope: 'read',
      params: s.byId,
      answers: {
        200: {
          description: 'Balance, state and next due instant of the workflow',
          schema: z.looseObject({}),
        },
      },
    },
    async (c, { params }) => {
      const row = await subscriptionOr404(deps, params.id);
      let balance = await query<BalanceAnswer>(deps, row, QUERY.balance);
      // A workflow behind its ledger gets a nudge at once, and a second query (I8).
      if (balance.ledger_version < row.version) {
        await nudge(deps, row.state.id);
        balance = await query<BalanceAnswer>(deps, row, QUERY.balance);
      }
      const { state, next_due } = await query<SubscriptionAnswer>(deps, row, QUERY.subscription);
      const runId = await runIdOf(deps, row.state.id);
      return c.json({ balance, state, next_due, run_id: runId, ui_url: uiUrl(deps, row.state.id, runId) });
    },
  );
}

/** A query of the workflow, running or completed. Throws `not_found` where none started, `temporal_unavailable`. */
export async function query<T>(
  deps: Deps,
  row: SubscriptionRow,
  name: string,
  ...args: number[]
): Promise<T> {
  const answer = await asked(() =>
    deps.temporal.call((client) =>
      client.workflow.getHandle(workflowId(row.state.id)).query<T | null, number[]>(name, ...args),
    ),
  );
  if (answer === null) throw notFound();
  return answer;
}

/** The id of the workflow's newest run. Throws `not_found`, `temporal_unavailable`. */
export async function runIdOf(deps: Deps, id: string): Promise<string> {
  const description = await asked(() =>
    deps.temporal.call((client) => client.workflow.getHandle(workflowId(id)).describe()),
  );
  return description.runId;
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw notFound();
    if (error instanceof Refusal) throw error;
    // A query that no worker answers in time means that the engine is unavailable, with any error's name.
    throw new Refusal('temporal_unavailable', 'The workflow does not answer at the moment.');
  }
}

/** The workflow's page in the Temporal UI, of one run or the newest; null without a UI. */
export function uiUrl(deps: Deps, id: string, runId: string | null): string | null {
  if (deps.temporalUiUrl === undefined) return null;
  const workflow = encodeURIComponent(workflowId(id));
  const run = runId === null ? '' : `/${runId}/history`;
  return `${deps.temporalUiUrl}/namespaces/${deps.temporalNamespace}/workflows/${workflow}${run}`;
}
