import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  condition,
  defineUpdate,
  proxyActivities,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { SEARCH_ATTRIBUTE } from '../src/workflows/messages.ts';

// A workflow with the updates, activities and events of a subscription, and no work in them: the yardstick for starts and
// purchases. spend-empty.ts compares the histories.

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '5s' });

/** Waits for the first activity. */
export const started = defineUpdate<void>('started');
/** Waits for an activity of its own, as a purchase does. */
export const worked = defineUpdate<void>('worked');

const REST = '30 days';

/** Runs until it is terminated. */
export async function emptyWorkflow(): Promise<void> {
  let hasStarted = false;
  let asked = 0;
  let done = 0;
  setHandler(started, () => condition(() => hasStarted));
  setHandler(worked, () => {
    asked += 1;
    const mine = asked;
    return condition(() => done >= mine);
  });
  await nothing();
  upsertSearchAttributes(
    Object.values(SEARCH_ATTRIBUTE).map((name) => ({
      key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
      value: 'empty',
    })),
  );
  hasStarted = true;
  // The timer goes on over updates.
  void sleep(REST);
  for (;;) {
    await condition(() => asked > done);
    await nothing();
    done += 1;
  }
}
