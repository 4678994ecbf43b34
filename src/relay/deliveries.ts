import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import {
  type ClaimedDelivery,
  claimDeliveries,
  deliveryKey,
  markStarted,
  spread,
  unclaimDelivery,
  waitingEvents,
} from '../db/deliveries.ts';
import { noteFailure, type Round } from '../db/failures.ts';
import { reasonOf } from '../reason.ts';
import { WEBHOOK_TYPE, type WebhookInput, webhookId } from '../workflows/messages.ts';
import { type Guard, IDLE_MS, type Loop, type RelayDeps, TICK_MS } from './rows.ts';

// Events become deliveries, and each delivery a workflow. Nobody waits for these as callers wait for their answers, so starts take
// what Temporal has left: fewer while it is slow, more while it is quick.

/** Read in one statement: thousands of subscriptions may renew in one minute. */
const EVENTS_A_TICK = 500;
/** Refused events are looked at one by one. */
const EVENTS_AGAIN = 20;
/** Never more at once: a small server that is asked for more has no time for anything else. */
export const MOST_STARTS_A_TICK = 10;
/** As long as it takes Temporal to start a tick's workflows, in milliseconds: below it has time for one more, above for half. */
const QUICK_MS = 30;
const SLOW_MS = 80;
/** A tick does not wait longer for its starts: one that hangs keeps its place among the most, and no other waits for it. */
const HANGING_MS = 300;

export function deliveryLoops(deps: RelayDeps, guard: Guard): Loop[] {
  return [
    spreading(deps),
    spreadingAgain(deps),
    starting(started(deps, guard, 'fresh', MOST_STARTS_A_TICK)),
    startingAgain(started(deps, guard, 'again', 1)),
  ];
}

const spreading = ({ db }: RelayDeps): Loop => ({
  tick: async () => {
    try {
      await spread(db, EVENTS_A_TICK);
    } catch {
      await takeApart(db, await waitingEvents(db, EVENTS_A_TICK));
    }
    return TICK_MS;
  },
});

const spreadingAgain = ({ db }: RelayDeps): Loop => ({
  tick: async () => {
    const refused = await waitingEvents(db, EVENTS_AGAIN, 'again');
    for (const nth of refused) await takeApart(db, [nth]);
    return refused.length > 0 ? TICK_MS : IDLE_MS;
  },
});

/** Events that could not be spread together, by halves, until the one that is refused fails alone. */
async function takeApart(db: RelayDeps['db'], events: number[]): Promise<void> {
  if (events.length === 0) return;
  try {
    await spread(db, events);
  } catch (error) {
    const [nth, ...others] = events;
    if (others.length === 0)
      return noteFailure(db, { kind: 'event', key: String(nth), subscriptionId: '' }, reasonOf(error));
    const half = Math.ceil(events.length / 2);
    await takeApart(db, events.slice(0, half));
    await takeApart(db, events.slice(half));
  }
}

const started = (deps: RelayDeps, guard: Guard, round: Round, atOnce: number) =>
  guard.take<ClaimedDelivery>({
    kind: 'delivery',
    server: 'Temporal',
    atOnce,
    claim: (limit) => claimDeliveries(deps.db, limit, round),
    nameOf: (delivery) => ({ key: deliveryKey(delivery), subscriptionId: '' }),
    work: (delivery) => start(deps, delivery),
    unclaim: (delivery) => unclaimDelivery(deps.db, delivery),
  });

function starting(take: ReturnType<typeof started>): Loop {
  let starts = 1;
  return {
    tick: async () => {
      const begun = await take(starts);
      const startedAt = performance.now();
      await Promise.race([Promise.all(begun), sleep(HANGING_MS)]);
      starts = paced(starts, begun.length, performance.now() - startedAt);
      return TICK_MS;
    },
  };
}

const startingAgain = (take: ReturnType<typeof started>): Loop => ({
  tick: async () => ((await take(1)).length > 0 ? TICK_MS : IDLE_MS),
});

/** How many to start in the next tick, after so many were started within so many milliseconds. */
export function paced(starts: number, started: number, tookMs: number): number {
  if (tookMs > SLOW_MS) return Math.max(1, Math.floor(starts / 2));
  // What was not asked for tells nothing.
  if (started < starts || tookMs > QUICK_MS) return starts;
  return Math.min(MOST_STARTS_A_TICK, starts + 1);
}

async function start({ db, temporal, taskQueue }: RelayDeps, delivery: ClaimedDelivery): Promise<void> {
  const { type, eventId, endpointId } = delivery;
  try {
    await temporal.call((client) =>
      client.workflow.start(WEBHOOK_TYPE, {
        workflowId: webhookId(delivery),
        // A run is one workflow, also when it is long over.
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        taskQueue,
        args: [delivery satisfies WebhookInput],
        staticSummary: `${type} to ${endpointId}`,
        staticDetails: `Event ${eventId}`,
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  await markStarted(db, delivery);
}
