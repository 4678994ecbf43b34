import type { Scope } from '../../src/api/auth.ts';

// Every route that is served under /v1, as the contract names it: with the scope it asks for, whether it needs an
// Idempotency-Key (I), and a body it would accept. openapi.test.ts holds the list complete.

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  scope: Scope;
  idempotent: boolean;
  body?: unknown;
}

const items = [{ feature: 'generate_look', quantity: 1 }];
const sub = '/v1/subscriptions/{id}';
const endpoint = '/v1/webhook_endpoints/{id}';
const read = (path: string, scope: Scope = 'read'): Route => ({
  method: 'GET',
  path,
  scope,
  idempotent: false,
});
const command = (
  method: Exclude<Route['method'], 'GET'>,
  path: string,
  scope: Scope,
  body: unknown,
  idempotent = true,
): Route => ({ method, path, scope, body, idempotent });

export const ROUTES: Route[] = [
  read('/v1/catalog'),
  read('/v1/customers/{customer_id}'),
  read('/v1/subscriptions'),
  read(sub),
  read(`${sub}/balance`),
  read(`${sub}/workflow`),
  read(`${sub}/schedule`),
  read(`${sub}/grants`),
  read(`${sub}/entries`),
  read(`${sub}/charges`),
  read(`${sub}/charges/{charge_id}`),
  read(`${sub}/purchases`),
  read(`${sub}/purchases/{purchase_id}`),
  read(`${sub}/usage`),
  read(`${sub}/usage/{usage_id}`),
  read(`${sub}/holds`),
  read(`${sub}/holds/{hold_id}`),
  command('POST', '/v1/subscriptions', 'billing', { customer_id: 'c', plan: 'creator', interval: 'month' }),
  command('POST', `${sub}/cancel`, 'billing', {}),
  command('POST', `${sub}/resume`, 'billing', {}),
  command('POST', `${sub}/change`, 'billing', { plan: 'pro', interval: 'month' }),
  command('POST', `${sub}/purchases`, 'billing', { packs: 1 }),
  command('POST', `${sub}/purchases/{purchase_id}/refund`, 'operator', { reason: 'r' }),
  command('PUT', `${sub}/add_on`, 'billing', { packs: 0 }),
  command('PUT', `${sub}/top_up`, 'billing', { enabled: false }),
  command('PUT', `${sub}/payment_method`, 'billing', { payment_method: 'sandbox_ok' }),
  command('POST', `${sub}/quote`, 'spend', { items }, false),
  command('POST', `${sub}/usage`, 'spend', { items }),
  command('POST', `${sub}/usage/{usage_id}/reverse`, 'spend', { reason: 'r' }),
  command('POST', `${sub}/holds`, 'spend', { items }),
  command('POST', `${sub}/holds/{hold_id}/capture`, 'spend', {}),
  command('POST', `${sub}/holds/{hold_id}/release`, 'spend', {}),
  command('POST', `${sub}/grants`, 'operator', {
    credits: 1,
    expires_at: '2030-01-01T00:00:00Z',
    reason: 'r',
  }),
  command('POST', `${sub}/grants/{grant_id}/revoke`, 'operator', { reason: 'r' }),
  command('PUT', `${sub}/allowance`, 'operator', { credits: 1 }),
  command('POST', `${sub}/reprice`, 'operator', {}),
  command('POST', `${sub}/activate`, 'billing', {}),
  read('/v1/catalogs'),
  command('POST', `${sub}/advance`, 'operator', { to: '2030-01-01T00:00:00Z' }),
  command('POST', '/v1/grant_batches', 'operator', { filter: { interval: 'year' }, credits: 1, reason: 'r' }),
  read('/v1/grant_batches', 'operator'),
  read('/v1/grant_batches/{id}', 'operator'),
  read('/v1/grant_batches/{id}/items', 'operator'),
  command('POST', '/v1/grant_batches/{id}/pause', 'operator', {}, false),
  command('POST', '/v1/grant_batches/{id}/resume', 'operator', {}, false),
  command('POST', '/v1/wallet_sessions', 'billing', { subscription_id: 'sub_none' }, false),
  command('POST', '/v1/sandbox/charges/{id}/settle', 'billing', { outcome: 'paid' }, false),
  command('POST', '/v1/sandbox/charges/{id}/refund', 'billing', { refunded_minor: 1 }, false),
  command(
    'POST',
    '/v1/sandbox/charges/{id}/dispute',
    'billing',
    { dispute: 'd', amount_minor: 1, status: 'open' },
    false,
  ),
  read('/v1/events'),
  read('/v1/events/{id}'),
  command('POST', '/v1/events/{id}/replay', 'operator', {}, false),
  read('/v1/webhook_endpoints', 'operator'),
  read(endpoint, 'operator'),
  command('POST', '/v1/webhook_endpoints', 'operator', { url: 'https://example.com/hook' }, false),
  command('PATCH', endpoint, 'operator', { disabled: true }, false),
  command('DELETE', endpoint, 'operator', {}, false),
  command('POST', `${endpoint}/rotate_secret`, 'operator', {}, false),
  command('POST', `${endpoint}/test`, 'operator', {}, false),
  command('POST', `${endpoint}/replay`, 'operator', { since: '2026-01-01T00:00:00Z' }, false),
  read('/v1/api_keys', 'operator'),
  command('POST', '/v1/api_keys', 'operator', { scopes: ['read'] }, false),
  command('DELETE', '/v1/api_keys/{id}', 'operator', {}, false),
];

/** Routes of providers: signed instead of sent with a key, and not parsed before the signature was checked. */
export const WEBHOOKS = ['POST /v1/billing/webhooks/stripe', 'POST /v1/billing/webhooks/external'];

export const nameOf = ({ method, path }: Pick<Route, 'method' | 'path'>): string => `${method} ${path}`;

/** The path with its ids filled in. */
export const filled = (path: string, id: string, subId = 'xyz_0'): string =>
  path.replace('{id}', id).replace('{sub_id}', subId);

export const ofSubscription = ROUTES.filter(({ path }) => path.startsWith(sub));
