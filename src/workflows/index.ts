// The workflows of the bundle. No stacks here: the SDK takes one for each promise, a tenth of a worker's CPU.
Error.stackTraceLimit = 0;

export { grantBatch } from './grant-batch.ts';
export { reconcile } from './reconcile.ts';
export { subscription } from './subscription.ts';
export { webhook } from './webhook.ts';
