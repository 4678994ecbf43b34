import type { WorkflowHandle } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { createSandbox } from '../../src/billing/sandbox.ts';
import { loadConfig } from '../../src/config.ts';
import { publishCatalog } from '../../src/db/catalogs.ts';
import { connect } from '../../src/db/client.ts';
import { openCommand } from '../../src/db/commands.ts';
import { readSubscription } from '../../src/db/reads.ts';
import { addDays, boundary } from '../../src/domain/calendar.ts';
import { DEFAULT_CATALOG } from '../../src/domain/catalog/default.ts';
import type { State } from '../../src/domain/state.ts';
import { findTestServer } from '../../src/embedded/temporal-binary.ts';
import { createEngine } from '../../src/engine.ts';
import {
  SEARCH_ATTRIBUTE,
  STARTED,
  type SubscriptionInput,
  WORKFLOW_TYPE,
  workflowId,
} from '../../src/workflows/messages.ts';
import { createDatabase } from '../support/stack.ts';

// The yearly cost of an idle monthly subscription at Temporal, counted on the histories of all its runs. A year passes on the
// time-skipping server; the ledger's own clock stays today, which an idle subscription never notices.

const EVENTS_A_YEAR = 175;
/** Twelve boundaries with a timer and a step each, eight nudges about expiries between them, the start, a new run. */
const ACTIONS_A_YEAR = 40;

const KEYWORD = 2;
const Event = temporal.api.enums.v1.EventType;
/** The actions by Temporal Cloud's count. A signal or update counts when it is accepted. */
const ACTIONS = new Set([
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
  Event.EVENT_TYPE_TIMER_STARTED,
  Event.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
  Event.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  Event.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
]);

const id = 'sub_budget';
const ref = { scope: 'start', operation: 'start', key: 'budget', attempt: 1 };
const input: SubscriptionInput = {
  catalog: DEFAULT_CATALOG,
  begin: {
    start: {
      id,
      customerId: 'budget',
      plan: 'creator',
      interval: 'month',
      timeZone: 'UTC',
      paymentMethod: 'sandbox_ok',
      allowance: null,
      anchorAt: null,
      testClock: false,
    },
    at: null,
    metadata: {},
    ref,
    conflict: { code: 'customer_already_subscribed', detail: '', data: {} },
  },
  carried: null,
  keepsTimer: true,
};

test(`an idle monthly subscription costs at most ${EVENTS_A_YEAR} events and ${ACTIONS_A_YEAR} actions a year`, async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const { cacheFolder: cacheDir } = loadConfig();
  const path = await findTestServer({ cacheDir, log: () => {} });
  const server = { executable: { type: 'existing-path' as const, path } };
  const environment = await TestWorkflowEnvironment.createTimeSkipping({ server });
  const db = connect(await createDatabase());
  try {
    await publishCatalog(db, DEFAULT_CATALOG);
    const searchAttributes = Object.fromEntries(
      Object.values(SEARCH_ATTRIBUTE).map((name) => [name, KEYWORD]),
    );
    await environment.connection.operatorService.addSearchAttributes({
      namespace: 'default',
      searchAttributes,
    });
    await openCommand(db, { ...ref, bodyHash: '', subscriptionId: id, objectId: id });
    const worker = await createEngine({
      db,
      books: db,
      gateway: createSandbox(),
      connection: environment.nativeConnection,
      namespace: 'default',
      taskQueue: 'budget',
      bundlePath: inject('workflowBundle'),
    });
    const events = await worker.runUntil(async () => {
      const { client } = environment;
      const options = { workflowId: workflowId(id), taskQueue: 'budget', args: [input] };
      const { firstExecutionRunId } = await client.workflow.start(WORKFLOW_TYPE, options);
      await client.workflow.getHandle(workflowId(id)).executeUpdate(STARTED);
      // A day more, so that the twelfth boundary is behind.
      await environment.sleep('366 days');
      return eventsOfAllRuns(environment, firstExecutionRunId);
    });
    const actions = events.filter((type) => ACTIONS.has(type));
    const row = await readSubscription(db, id);
    const year = {
      events: events.length,
      actions: actions.length + nudgesIn(row!.state),
      cycle: row?.state.cycle,
    };
    console.log(`a year: ${JSON.stringify(year)}`);
    expect(row?.state.cycle).toBe(12);
    expect(events.length, breakdown(events)).toBeLessThanOrEqual(EVENTS_A_YEAR);
    expect(year.actions, breakdown(actions)).toBeLessThanOrEqual(ACTIONS_A_YEAR);
  } finally {
    await environment.teardown();
    await db.$client.end({ timeout: 2 });
  }
});

/** Expiries at no boundary, which the relay books by the ledger's clock: each is news for the workflow. */
function nudgesIn({ anchorAt, timeZone }: State): number {
  const at = (k: number) => boundary(anchorAt!, timeZone, k);
  const boundaries = Array.from({ length: 14 }, (_, k) => at(k));
  return boundaries
    .slice(0, 12)
    .map((granted) => addDays(granted, timeZone, 30))
    .filter((expiry) => !boundaries.includes(expiry)).length;
}

async function eventsOfAllRuns(
  { client }: TestWorkflowEnvironment,
  first: string,
): Promise<temporal.api.enums.v1.EventType[]> {
  const types: temporal.api.enums.v1.EventType[] = [];
  for (let runId: string | undefined = first; runId; ) {
    const handle: WorkflowHandle = client.workflow.getHandle(workflowId(id), runId);
    const { events }: temporal.api.history.v1.IHistory = await handle.fetchHistory();
    types.push(...(events ?? []).map(({ eventType }) => eventType!));
    runId = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return types;
}

function breakdown(types: temporal.api.enums.v1.EventType[]): string {
  const counts = new Map<string, number>();
  for (const type of types) counts.set(Event[type]!, (counts.get(Event[type]!) ?? 0) + 1);
  return [...counts].map(([name, n]) => `${n} ${name}`).join('\n');
}
