export { grantBatch } from './grant-batch.ts';
export { reconcile } from './reconcile.ts';
export { subscription } from './subscription.ts';
export { webhook } from './webhook.ts';
