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
import { type WaitingCache, whileWaiting } from './waiting.ts';

// Events become deliveries, and each delivery a workflow. No caller waits for them, so their starts take the capacity that
// Temporal has left: fewer while it is slow, more while it is quick.

/** The events of one statement: thousands of subscriptions may renew in one minute. */
const EVENTS_A_TICK = 500;
/** The refused events that one tick tries again, one by one. */
const EVENTS_AGAIN = 20;
/** The most starts of a tick: a small server that is asked for more has no time for other work. */
export const MOST_STARTS_A_TICK = 10;
/** Milliseconds that Temporal takes to start a tick's workflows: below the first it gets one more, above the second half. */
const QUICK_MS = 30;
const SLOW_MS = 80;
/** The longest wait of a tick for its starts. A start that hangs keeps its place among the most, and the others go on. */
const HANGING_MS = 300;

/** The loops that spread events to endpoints and start the workflows of deliveries. */
export function deliveryLoops(deps: RelayDeps, guard: Guard, waiting: WaitingCache): Loop[] {
  return [
    whileWaiting(waiting, 'events', spreading(deps)),
    spreadingAgain(deps),
    whileWaiting(waiting, 'deliveries', starting(started(deps, guard, 'fresh', MOST_STARTS_A_TICK))),
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

/** Splits events that could not be spread together, by halves, until the refused one fails alone. */
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

/** The number of starts of the next tick, after `started` of `starts` took so many milliseconds. */
export function paced(starts: number, started: number, tookMs: number): number {
  if (tookMs > SLOW_MS) return Math.max(1, Math.floor(starts / 2));
  // A tick that started fewer than allowed shows nothing about Temporal's capacity.
  if (started < starts || tookMs > QUICK_MS) return starts;
  return Math.min(MOST_STARTS_A_TICK, starts + 1);
}

async function start(deps: RelayDeps, { trace, ...delivery }: ClaimedDelivery): Promise<void> {
  const { db, temporal, taskQueue, within = (_, work) => work() } = deps;
  const { type, eventId, endpointId } = delivery;
  const begin = () =>
    temporal.call((client) =>
      client.workflow.start(WEBHOOK_TYPE, {
        workflowId: webhookId(delivery),
        // A run is one workflow, also when it ended long ago.
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        taskQueue,
        args: [delivery satisfies WebhookInput],
        staticSummary: `${type} to ${endpointId}`,
        staticDetails: `Event ${eventId}`,
      }),
    );
  try {
    await within(trace, begin);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  await markStarted(db, delivery);
}
