import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/** Adds the number of the step to each line about the activity that books it. */
export const namesStep: ActivityInterceptorsFactory = () => {
  let step: number | undefined;
  return {
    inbound: {
      execute(input, next) {
        const [request] = input.args as [{ step?: unknown } | undefined];
        if (typeof request?.step === 'number') step = request.step;
        return next(input);
      },
    },
    outbound: {
      getLogAttributes: (attributes, next) => next(step === undefined ? attributes : { ...attributes, step }),
    },
  };
};
