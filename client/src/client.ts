import { type Customer, OPERATIONS, type Operations, type Page } from './contract.ts';
import { createOnSubscription } from './customer.ts';
import { type CallOptions, type ClientOptions, createSend, type Route } from './request.ts';

/** The methods, one a route. A method takes the ids of its path, then its query or body, then options. */
export const METHODS = {
  /** Plans, packs, features and policies in force, or of an older `version`. */
  catalog: 'GET /v1/catalog',
  catalogs: 'GET /v1/catalogs',

  /** The methods of a subscription, by its customer: `drawdown.customer('ada').spend(…)`. */
  customer: 'GET /v1/customers/{customer_id}',

  /** Starts a subscription; `incomplete` while its first payment is pending. */
  start: 'POST /v1/subscriptions',
  subscriptions: 'GET /v1/subscriptions',
  subscription: 'GET /v1/subscriptions/{id}',
  /** At the next renewal unless `at` is `now`; the answer has `credits_at_risk`. */
  cancel: 'POST /v1/subscriptions/{id}/cancel',
  /** Undoes a scheduled cancel or change of plan. */
  resume: 'POST /v1/subscriptions/{id}/resume',
  /** Upgrades now, downgrades at the renewal; with `preview` it only says so. */
  change: 'POST /v1/subscriptions/{id}/change',
  /** Ends a trial now: the plan is charged, and its first cycle begins. */
  activate: 'POST /v1/subscriptions/{id}/activate',
  /** Lets a subscription that keeps an older price pay the one in force, from the next renewal on. */
  reprice: 'POST /v1/subscriptions/{id}/reprice',
  setAddOn: 'PUT /v1/subscriptions/{id}/add_on',
  setTopUp: 'PUT /v1/subscriptions/{id}/top_up',
  setPaymentMethod: 'PUT /v1/subscriptions/{id}/payment_method',
  setAllowance: 'PUT /v1/subscriptions/{id}/allowance',

  /** The credits that can be spent now; with `at` at a past instant, or a forecast. */
  balance: 'GET /v1/subscriptions/{id}/balance',
  schedule: 'GET /v1/subscriptions/{id}/schedule',
  grants: 'GET /v1/subscriptions/{id}/grants',
  entries: 'GET /v1/subscriptions/{id}/entries',
  workflow: 'GET /v1/subscriptions/{id}/workflow',

  /** Prices a use, and says whether it would succeed. */
  quote: 'POST /v1/subscriptions/{id}/quote',
  /** All items or none; short of credits it throws `insufficient_credits`. */
  spend: 'POST /v1/subscriptions/{id}/usage',
  usages: 'GET /v1/subscriptions/{id}/usage',
  usage: 'GET /v1/subscriptions/{id}/usage/{usage_id}',
  /** Returns the credits of a usage, in whole or in part. */
  reverse: 'POST /v1/subscriptions/{id}/usage/{usage_id}/reverse',

  /** Sets credits aside for a job, until its deadline. */
  hold: 'POST /v1/subscriptions/{id}/holds',
  holds: 'GET /v1/subscriptions/{id}/holds',
  held: 'GET /v1/subscriptions/{id}/holds/{hold_id}',
  /** Spends a hold, or less of it. */
  capture: 'POST /v1/subscriptions/{id}/holds/{hold_id}/capture',
  release: 'POST /v1/subscriptions/{id}/holds/{hold_id}/release',

  /** Charged at once; credited, and there to spend, once paid; renews with the plan. */
  buy: 'POST /v1/subscriptions/{id}/purchases',
  purchases: 'GET /v1/subscriptions/{id}/purchases',
  purchase: 'GET /v1/subscriptions/{id}/purchases/{purchase_id}',
  refund: 'POST /v1/subscriptions/{id}/purchases/{purchase_id}/refund',
  charges: 'GET /v1/subscriptions/{id}/charges',
  charge: 'GET /v1/subscriptions/{id}/charges/{charge_id}',

  /** Delivers an event again to endpoints that did not take it. */
  events: 'GET /v1/events',
  event: 'GET /v1/events/{id}',
  replayEvent: 'POST /v1/events/{id}/replay',
  /** The answer has the endpoint's secret, this once. */
  createEndpoint: 'POST /v1/webhook_endpoints',
  endpoints: 'GET /v1/webhook_endpoints',
  endpoint: 'GET /v1/webhook_endpoints/{id}',
  changeEndpoint: 'PATCH /v1/webhook_endpoints/{id}',
  deleteEndpoint: 'DELETE /v1/webhook_endpoints/{id}',
  rotateEndpointSecret: 'POST /v1/webhook_endpoints/{id}/rotate_secret',
  testEndpoint: 'POST /v1/webhook_endpoints/{id}/test',
  replayEndpoint: 'POST /v1/webhook_endpoints/{id}/replay',

  /** A one-time link that lets a customer into the pages of one subscription. */
  openWallet: 'POST /v1/wallet_sessions',
  /** The answer has the key, this once. */
  createKey: 'POST /v1/api_keys',
  keys: 'GET /v1/api_keys',
  revokeKey: 'DELETE /v1/api_keys/{id}',

  issueGrant: 'POST /v1/subscriptions/{id}/grants',
  revokeGrant: 'POST /v1/subscriptions/{id}/grants/{grant_id}/revoke',
  /** Grants to many subscriptions, to each once; it goes on by itself. With `dry_run` it only counts them. */
  makeGrantBatch: 'POST /v1/grant_batches',
  grantBatches: 'GET /v1/grant_batches',
  grantBatch: 'GET /v1/grant_batches/{id}',
  /** The report: the outcome of each subscription. */
  grantBatchItems: 'GET /v1/grant_batches/{id}/items',
  pauseGrantBatch: 'POST /v1/grant_batches/{id}/pause',
  resumeGrantBatch: 'POST /v1/grant_batches/{id}/resume',
  /** Moves a test clock through everything due. */
  advance: 'POST /v1/subscriptions/{id}/advance',
  settleSandboxCharge: 'POST /v1/sandbox/charges/{id}/settle',
  refundSandboxCharge: 'POST /v1/sandbox/charges/{id}/refund',
  disputeSandboxCharge: 'POST /v1/sandbox/charges/{id}/dispute',
} as const satisfies Record<string, Route>;

type Named = keyof typeof METHODS;

export type Client = {
  readonly [Name in Exclude<Named, 'customer'>]: Method<Operations[(typeof METHODS)[Name]]['args'], Name>;
} & {
  /** Sends nothing by itself: its first call looks the subscription up. */
  readonly customer: (customerId: string) => CustomerClient;
};

/** The methods of a subscription without its id, on the one subscription of the customer that has not ended. */
export type CustomerClient = {
  readonly [Name in Named as (typeof METHODS)[Name] extends `${string} ${typeof SUBSCRIPTION}${string}`
    ? Name
    : never]: Method<WithoutId<Operations[(typeof METHODS)[Name]]['args']>, Name>;
} & {
  /** The subscription, its balance, and the last ended ones; nulls and an empty list for an unknown customer. */
  readonly get: (options?: CallOptions | undefined) => Promise<Customer>;
};

type Method<Args extends readonly unknown[], Name extends Named> = (
  ...args: [...Args, options?: CallOptions | undefined]
) => Promise<Operations[(typeof METHODS)[Name]]['answer']>;
type WithoutId<Args extends readonly unknown[]> = Args extends readonly [id: string, ...infer Rest]
  ? Rest
  : never;

const SUBSCRIPTION = '/v1/subscriptions/{id}';

type Call = (...args: unknown[]) => Promise<unknown>;

/** The API, one method a route. A change is sent under one key until it is answered. */
export function createClient(options: ClientOptions): Client {
  const send = createSend(options);
  const calls = Object.entries(METHODS).map(([name, route]): [string, Call] => [
    name,
    async (...args) => {
      const { takes } = OPERATIONS[route];
      const [path, rest] = filled(route, args);
      const input = takes ? rest.shift() : undefined;
      const query = takes === 'query' ? queryOf(input) : '';
      const body = takes === 'body' ? JSON.stringify(input ?? {}) : undefined;
      return send({ route, path: path + query, body }, rest[0] as CallOptions | undefined);
    },
  ]);
  const methods = Object.fromEntries(calls) as Record<Named, Call>;
  return { ...methods, customer: (customerId: string) => customerOf(methods, customerId) } as Client;
}

function customerOf(methods: Record<Named, Call>, customerId: string): CustomerClient {
  const get = (options?: CallOptions) => methods.customer(customerId, options) as Promise<Customer>;
  const onSubscription = createOnSubscription(async () => (await get()).subscription?.id ?? null);
  const calls = Object.entries(METHODS)
    .filter(([, route]) => route.includes(SUBSCRIPTION))
    .map(([name, route]) => [
      name,
      (...args: unknown[]) =>
        onSubscription((id) => methods[name as Named](id, ...args), isRead(route), optionsIn(route, args)),
    ]);
  return { ...Object.fromEntries(calls), get } as CustomerClient;
}

const isRead = (route: Route): boolean => route.startsWith('GET ') || route.endsWith('/quote');

/** The options of a call without the subscription's id: they come after the other ids and the input. */
function optionsIn(route: Route, args: readonly unknown[]): CallOptions | undefined {
  const otherIds = route.split('{').length - 2;
  return args[otherIds + (OPERATIONS[route].takes ? 1 : 0)] as CallOptions | undefined;
}

/** The path with the ids, which come first, and the arguments after them. */
function filled(route: Route, args: readonly unknown[]): [path: string, rest: unknown[]] {
  const rest = [...args];
  const path = route.slice(route.indexOf(' ') + 1).replaceAll(/\{(\w+)\}/g, (_, name) => {
    const id = rest.shift();
    // Dots would lead to another route, and to nobody's surprise but the caller's.
    if (typeof id !== 'string' || /^\.{0,2}$/.test(id)) throw new TypeError(`${name} must be an id`);
    return encodeURIComponent(id);
  });
  return [path, rest];
}

function queryOf(input: unknown): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input ?? {}))
    if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query}`;
}

/** Every element of a list, page after page: `every((cursor) => client.entries(id, { cursor }))`. */
export async function* every<Element>(
  list: (cursor: string | undefined) => Promise<Page<Element>>,
): AsyncGenerator<Element, void, undefined> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<Element> = await list(cursor);
    yield* page.data;
    cursor = page.has_more ? page.next_cursor : null;
  }
}
