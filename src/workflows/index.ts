export { reconcile } from './reconcile.ts';
export { subscription } from './subscription.ts';
export { webhook } from './webhook.ts';
