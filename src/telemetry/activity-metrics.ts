import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/** Counts each attempt at a delivery by its outcome: the activity's answer, or the type of its failure. */
export const countsDeliveries =
  (delivered: (outcome: string) => void): ActivityInterceptorsFactory =>
  ({ info: { activityType } }) => {
    if (activityType !== 'deliver') return {};
    return {
      inbound: {
        async execute(input, next) {
          try {
            const answer = (await next(input)) as { outcome: string };
            delivered(answer.outcome);
            return answer;
          } catch (error) {
            delivered((error instanceof ApplicationFailure && error.type) || 'failed');
            throw error;
          }
        },
      },
    };
  };
