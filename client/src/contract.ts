// Made from the OpenAPI document by `npm run contract`. Not edited by hand.

export interface Page<Element> {
  data: Element[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface AddOnRequest {
  packs?: number | undefined;
  items?: {
    pack: string;
    quantity: number;
  }[] | undefined;
}

export interface ApiKey {
  id: string;
  name: string | null;
  scopes: ('read' | 'spend' | 'billing' | 'operator')[];
  created_at: string;
  revoked_at: string | null;
}

export interface ApiKeyRequest {
  scopes: ('read' | 'spend' | 'billing' | 'operator')[];
  name?: string | undefined;
}

export interface Balance {
  available: number;
  held: number;
  by_kind: {
    allowance: number;
    pack: number;
    adjustment: number;
  };
  expiring: ({
    at: string | null;
    credits: number;
    grant_id: string;
  })[];
  next_refresh: {
    at: string;
    credits: number;
  } | null;
  as_of: string;
  ledger_version: number;
  forecast?: true | undefined;
}

export interface CaptureRequest {
  credits?: number | undefined;
}

export interface Catalog {
  version: string;
  currency: string;
  brand: {
    product: string;
    credit: string[];
    pack: string[];
    logo_url: string | null;
    accent: string | null;
    home_url: string | null;
    support_url: string | null;
  };
  plans: ({
    id: string;
    name: string;
    contract: boolean;
    prices: {
      week?: number | undefined;
      month?: number | undefined;
      quarter?: number | undefined;
      year?: number | undefined;
    };
    credits: number | null;
    trial: {
      days: number;
      credits: number;
    } | null;
    packs: string[] | null;
    contact: string | null;
  })[];
  packs: ({
    id: string;
    name: string;
    on: ('week' | 'month' | 'quarter' | 'year')[];
    credits: number;
    price: number;
    renews: boolean;
    term: {
      days_after_renewal: number;
    } | {
      days: number;
    } | 'subscription';
  })[];
  features: ({
    id: string;
    name: string;
    unit: {
      one: string;
      many: string;
      natural: number;
      decimals: number;
    };
    credits: number | null;
    per: number | null;
  })[];
  policies: Record<string, unknown>;
}

export interface Charge {
  id: string;
  at: string;
  kind: 'start' | 'renewal' | 'purchase' | 'upgrade';
  status: 'paid' | 'pending' | 'declined' | 'given_up' | 'refunded';
  amount: Money;
  refunded: Money;
  lines: {
    description: string;
    quantity: number;
    amount: Money;
  }[];
  attempts: {
    at: string;
    payment_method: string;
    outcome: string;
  }[];
  catalog_version: string;
}

export interface Customer {
  customer_id: string;
  subscription: Subscription | null;
  balance: Balance | null;
  ended: Subscription[];
}

export interface EndpointReplayRequest {
  since: string;
  which?: 'failed' | 'all' | undefined;
}

export interface Entry {
  id: string;
  seq: number;
  kind: string;
  credits: number;
  grant_id: string;
  balance_after: number;
  effective_at: string;
  recorded_at: string;
  usage_id: string | null;
  hold_id: string | null;
  feature: string | null;
}

export interface Event {
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
  recorded_at: string;
}

export interface EventReplayRequest {
  endpoint_id?: string | undefined;
}

export interface EventWithDeliveries {
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
  recorded_at: string;
  deliveries: ({
    endpoint_id: string;
    status: 'pending' | 'delivered' | 'failed';
    attempts: number;
    response_status: number | null;
    failure: string | null;
    created_at: string;
    ended_at: string | null;
  })[];
}

export interface Grant {
  id: string;
  kind: 'allowance' | 'pack' | 'adjustment';
  amount: number;
  remaining: number;
  held: number;
  effective_at: string;
  expires_at: string | null;
  status: 'open' | 'spent' | 'expired' | 'forfeited' | 'revoked';
  cause: string;
}

export interface GrantBatch {
  id: string;
  state: 'running' | 'paused' | 'done';
  filter: {
    plan?: string | undefined;
    interval?: 'week' | 'month' | 'quarter' | 'year' | undefined;
    status?: 'trialing' | 'active' | 'past_due' | undefined;
  } | null;
  credits: number;
  expires_at: string | null;
  reason: string;
  total: number;
  granted: number;
  skipped: number;
  pending: number;
  created_at: string;
  finished_at: string | null;
}

export interface GrantBatchDryRun {
  dry_run: true;
  total: number;
}

export interface GrantBatchItem {
  subscription_id: string;
  outcome: 'pending' | 'granted' | 'skipped';
  code: 'subscription_not_active' | 'expires_at_past' | 'balance_limit' | 'ledger_refused' | null;
  grant_id: string | null;
  at: string | null;
}

export interface GrantBatchRequest {
  filter?: {
    plan?: string | undefined;
    interval?: 'week' | 'month' | 'quarter' | 'year' | undefined;
    status?: 'trialing' | 'active' | 'past_due' | undefined;
  } | undefined;
  subscription_ids?: string[] | undefined;
  credits: number;
  expires_at?: string | null | undefined;
  reason: string;
  dry_run?: boolean | undefined;
}

export interface GrantRequest {
  credits: number;
  expires_at?: string | null | undefined;
  reason: string;
}

export interface Happening {
  at: string;
  kind: 'refresh' | 'renewal' | 'expiry' | 'end';
  credits?: number | undefined;
  charge?: Money | undefined;
  rule: string;
}

export interface Hold {
  id: string;
  status: 'held' | 'captured' | 'released';
  credits: number;
  lines: {
    feature: string;
    quantity: number;
    credits: number;
  }[];
  debits: {
    grant_id: string;
    kind: string;
    credits: number;
  }[];
  balance: {
    available: number;
    held: number;
  };
  catalog_version: string;
  at: string;
  deadline: string;
}

export interface HoldRecord {
  id: string;
  status: 'held' | 'captured' | 'released';
  credits: number;
  lines: {
    feature: string;
    quantity: number;
    credits: number;
  }[];
  debits: {
    grant_id: string;
    kind: string;
    credits: number;
  }[];
  balance: {
    available: number;
    held: number;
  };
  catalog_version: string;
  at: string;
  deadline: string;
  captured: number;
  released: number;
  usage_id: string | null;
  settled_at: string | null;
  via: string | null;
  reference: string | null;
  metadata: Record<string, string>;
}

export interface HoldRequest {
  items: Item[];
  via?: 'hubspot' | 'clay' | 'zapier' | 'make' | 'n8n' | undefined;
  reference?: string | undefined;
  metadata?: Record<string, string> | undefined;
  expires_in_seconds?: number | undefined;
}

export interface InsufficientCredits {
  type: string;
  title: string;
  status: 402;
  detail: string;
  code: 'insufficient_credits';
  request_id: string;
  subscription_id: string;
  needed: number;
  available: number;
  held: number;
  shortfall: number;
  next_refresh: {
    at: string;
    credits: number;
  } | null;
  offer: {
    pack: string;
    name: string;
    packs: number;
    credits: number;
    price: Money;
    expires_at: string | null;
    renews: boolean;
  } | null;
  other_offers: ({
    pack: string;
    name: string;
    packs: number;
    credits: number;
    price: Money;
    expires_at: string | null;
    renews: boolean;
  })[];
  words: {
    name: string;
    unit: string;
    units: string;
    pack: string;
    packs: string;
  };
  contact?: 'contact_account_manager' | 'cancellation_scheduled' | 'payment_past_due' | 'subscription_not_active' | 'pack_not_offered' | 'pack_limit' | 'subscription_trialing' | undefined;
  wallet_url: string | null;
}

export interface Item {
  feature: string;
  quantity: number;
  credits?: number | undefined;
}

export interface Money {
  amount_minor: number;
  currency: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: 'invalid_request' | 'malformed_json' | 'idempotency_key_required' | 'unauthenticated' | 'insufficient_credits' | 'payment_declined' | 'forbidden_scope' | 'contact_account_manager' | 'not_found' | 'subscription_not_active' | 'subscription_trialing' | 'trial_used' | 'payment_method_required' | 'payment_past_due' | 'cancellation_scheduled' | 'customer_already_subscribed' | 'idempotency_in_progress' | 'hold_expired' | 'hold_already_settled' | 'body_too_large' | 'unsupported_media_type' | 'pack_not_offered' | 'unknown_feature' | 'plan_not_eligible' | 'credits_required' | 'idempotency_key_reused' | 'capture_exceeds_hold' | 'reversal_exceeds_usage' | 'not_a_test_clock' | 'rate_limited' | 'internal_error' | 'database_unavailable' | 'temporal_unavailable' | 'billing_unavailable';
  request_id: string;
  errors?: {
    pointer: string;
    detail: string;
  }[] | undefined;
  feature?: string | undefined;
  scope?: string | undefined;
  held?: number | undefined;
  reversible?: number | undefined;
}

export interface Purchase {
  id: string;
  status: 'paid' | 'pending' | 'declined' | 'given_up' | 'refunded';
  pack: string | null;
  packs: number;
  credits: number;
  charge: Charge;
  grant: Grant | null;
}

export interface PurchaseRequest {
  packs: number;
  pack?: string | undefined;
  interval?: 'week' | 'month' | 'quarter' | 'year' | undefined;
  payment_method?: string | undefined;
}

export interface Quote {
  credits: number;
  lines: {
    feature: string;
    quantity: number;
    credits: number;
  }[];
  available: number;
  sufficient: boolean;
  shortfall: number;
  offer: {
    pack: string;
    name: string;
    packs: number;
    credits: number;
    price: Money;
    expires_at: string | null;
    renews: boolean;
  } | null;
  other_offers: ({
    pack: string;
    name: string;
    packs: number;
    credits: number;
    price: Money;
    expires_at: string | null;
    renews: boolean;
  })[];
  contact?: string | undefined;
  catalog_version: string;
}

export interface Refund {
  refunded: Money;
  revoked: number;
  unrecoverable: number;
  add_on: {
    packs: number;
  };
}

export interface RefundRequest {
  amount_minor?: number | undefined;
  reason: string;
}

export interface Reversal {
  restored: number;
  expired_at_once: number;
  forfeited_at_once: number;
  revoked_at_once: number;
  balance: {
    available: number;
    held: number;
  };
}

export interface ReverseRequest {
  credits?: number | undefined;
  reason: string;
}

export interface Settlement {
  id: string;
  status: 'captured' | 'released';
  captured: number;
  released: number;
  usage_id: string | null;
  balance: {
    available: number;
    held: number;
  };
}

export interface StartRequest {
  customer_id: string;
  plan: string;
  interval: 'week' | 'month' | 'quarter' | 'year';
  time_zone?: string | undefined;
  payment_method?: string | undefined;
  allowance?: number | undefined;
  trial?: boolean | undefined;
  anchor_at?: string | undefined;
  test_clock?: {
    now: string;
  } | undefined;
  metadata?: Record<string, string> | undefined;
}

export interface Subscription {
  id: string;
  customer_id: string;
  plan: string;
  interval: 'week' | 'month' | 'quarter' | 'year';
  status: 'incomplete' | 'trialing' | 'active' | 'past_due' | 'ended';
  time_zone: string;
  anchor_at: string | null;
  current_period: {
    start: string;
    end: string;
  } | null;
  next_refresh_at: string | null;
  next_renewal: {
    at: string;
    charge: Money | null;
  } | null;
  add_on: {
    packs: number;
    items: {
      pack: string;
      quantity: number;
    }[];
  };
  trial: {
    ends_at: string;
  } | null;
  top_up: {
    threshold: number;
    packs: number;
    pack: string;
    monthly_ceiling: Money;
    spent_this_month: Money;
    not_before: string | null;
    skipped: 'refunded' | 'ceiling' | 'gap_day' | 'declined' | 'payment_past_due' | 'cancellation_scheduled' | 'pack_not_offered' | null;
  } | null;
  scheduled_change: {
    kind: 'cancel' | 'plan';
    at: string;
    plan?: string | undefined;
    interval?: 'week' | 'month' | 'quarter' | 'year' | undefined;
  } | null;
  ended_at: string | null;
  test_clock: {
    now: string;
  } | null;
  ledger_version: number;
  metadata: Record<string, string>;
}

export interface Usage {
  id: string;
  credits: number;
  lines: {
    feature: string;
    quantity: number;
    credits: number;
  }[];
  debits: {
    grant_id: string;
    kind: string;
    credits: number;
  }[];
  balance: {
    available: number;
    held: number;
  };
  catalog_version: string;
  at: string;
}

export interface UsageRecord {
  id: string;
  credits: number;
  lines: {
    feature: string;
    quantity: number;
    credits: number;
  }[];
  debits: {
    grant_id: string;
    kind: string;
    credits: number;
  }[];
  balance: {
    available: number;
    held: number;
  };
  catalog_version: string;
  at: string;
  via: string | null;
  reference: string | null;
  metadata: Record<string, string>;
  reversed: number;
  hold_id: string | null;
}

export interface UsageRequest {
  items: Item[];
  via?: 'hubspot' | 'clay' | 'zapier' | 'make' | 'n8n' | undefined;
  reference?: string | undefined;
  metadata?: Record<string, string> | undefined;
}

export interface WalletSession {
  url: string;
  expires_at: string;
}

export interface WalletSessionRequest {
  subscription_id: string;
}

export interface WebhookEndpoint {
  id: string;
  url: string;
  types: string[] | null;
  description: string | null;
  disabled: boolean;
  disabled_at: string | null;
  created_at: string;
}

export interface WebhookEndpointChange {
  url?: string | undefined;
  types?: ('subscription.started' | 'subscription.trial_ending' | 'subscription.activated' | 'subscription.renewed' | 'subscription.price_changing' | 'subscription.past_due' | 'subscription.changed' | 'subscription.payment_method_changed' | 'subscription.cancel_scheduled' | 'subscription.change_scheduled' | 'subscription.resumed' | 'subscription.ended' | 'grant.made' | 'grant.expiring' | 'grant.expired' | 'grant.forfeited' | 'grant.revoked' | 'credits.low' | 'credits.exhausted' | 'credits.recovered' | 'purchase.paid' | 'purchase.declined' | 'purchase.refunded' | 'payment.overpaid' | 'payment.underpaid' | 'payment.refused' | 'top_up.skipped' | 'grant_batch.finished')[] | null | undefined;
  description?: string | null | undefined;
  disabled?: boolean | undefined;
}

export interface WebhookEndpointRequest {
  url: string;
  types?: ('subscription.started' | 'subscription.trial_ending' | 'subscription.activated' | 'subscription.renewed' | 'subscription.price_changing' | 'subscription.past_due' | 'subscription.changed' | 'subscription.payment_method_changed' | 'subscription.cancel_scheduled' | 'subscription.change_scheduled' | 'subscription.resumed' | 'subscription.ended' | 'grant.made' | 'grant.expiring' | 'grant.expired' | 'grant.forfeited' | 'grant.revoked' | 'credits.low' | 'credits.exhausted' | 'credits.recovered' | 'purchase.paid' | 'purchase.declined' | 'purchase.refunded' | 'payment.overpaid' | 'payment.underpaid' | 'payment.refused' | 'top_up.skipped' | 'grant_batch.finished')[] | null | undefined;
  description?: string | null | undefined;
}

export interface WebhookEndpointWithSecret {
  id: string;
  url: string;
  types: string[] | null;
  description: string | null;
  disabled: boolean;
  disabled_at: string | null;
  created_at: string;
  secret: string;
}

/** The input of each route, after its name in order, and its answer. */
export interface Operations {
  /** Revoke an API key */
  'DELETE /v1/api_keys/{id}': {
    args: [id: string];
    answer: ApiKey;
  };
  /** Delete a webhook endpoint */
  'DELETE /v1/webhook_endpoints/{id}': {
    args: [id: string];
    answer: {
      id: string;
      deleted: true;
    };
  };
  /** List API keys, revoked ones too */
  'GET /v1/api_keys': {
    args: [query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<ApiKey>;
  };
  /** Plans, packs, features and policies in force */
  'GET /v1/catalog': {
    args: [query?: {
      version?: string | undefined;
    } | undefined];
    answer: Catalog;
  };
  /** The versions of the catalogue that were ever in force, the newest first */
  'GET /v1/catalogs': {
    args: [];
    answer: {
      data: {
        version: string;
        in_force_from: string;
      }[];
    };
  };
  /** Read the subscription of a customer, its balance, and the last ended ones */
  'GET /v1/customers/{customer_id}': {
    args: [customer_id: string];
    answer: Customer;
  };
  /** List events, in the order in which they were recorded */
  'GET /v1/events': {
    args: [query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
      subscription_id?: string | undefined;
      type?: string | undefined;
    } | undefined];
    answer: Page<Event>;
  };
  /** Read an event, and how far it got to each endpoint */
  'GET /v1/events/{id}': {
    args: [id: string];
    answer: EventWithDeliveries;
  };
  /** List batches of grants */
  'GET /v1/grant_batches': {
    args: [query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<GrantBatch>;
  };
  /** Read a batch of grants and how far it is */
  'GET /v1/grant_batches/{id}': {
    args: [id: string];
    answer: GrantBatch;
  };
  /** List the subscriptions of a batch of grants with their outcomes */
  'GET /v1/grant_batches/{id}/items': {
    args: [id: string, query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
      outcome?: 'pending' | 'granted' | 'skipped' | undefined;
    } | undefined];
    answer: Page<GrantBatchItem>;
  };
  /** List subscriptions */
  'GET /v1/subscriptions': {
    args: [query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
      customer_id?: string | undefined;
      status?: 'incomplete' | 'trialing' | 'active' | 'past_due' | 'ended' | undefined;
    } | undefined];
    answer: Page<Subscription>;
  };
  /** Read a subscription */
  'GET /v1/subscriptions/{id}': {
    args: [id: string];
    answer: Subscription;
  };
  /** Read the balance now, at a past instant, or (a forecast) at a future one */
  'GET /v1/subscriptions/{id}/balance': {
    args: [id: string, query?: {
      at?: string | undefined;
    } | undefined];
    answer: Balance;
  };
  /** List charges */
  'GET /v1/subscriptions/{id}/charges': {
    args: [id: string, query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<Charge>;
  };
  /** Read a charge */
  'GET /v1/subscriptions/{id}/charges/{charge_id}': {
    args: [id: string, charge_id: string];
    answer: Charge;
  };
  /** List ledger entries; Accept: text/csv answers all of them as a table */
  'GET /v1/subscriptions/{id}/entries': {
    args: [id: string, query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<Entry>;
  };
  /** List grants */
  'GET /v1/subscriptions/{id}/grants': {
    args: [id: string, query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
      open?: 'true' | 'false' | undefined;
    } | undefined];
    answer: Page<Grant>;
  };
  /** List holds */
  'GET /v1/subscriptions/{id}/holds': {
    args: [id: string, query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<HoldRecord>;
  };
  /** Read a hold */
  'GET /v1/subscriptions/{id}/holds/{hold_id}': {
    args: [id: string, hold_id: string];
    answer: HoldRecord;
  };
  /** List purchases, declined ones too */
  'GET /v1/subscriptions/{id}/purchases': {
    args: [id: string, query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<Purchase>;
  };
  /** Read a purchase */
  'GET /v1/subscriptions/{id}/purchases/{purchase_id}': {
    args: [id: string, purchase_id: string];
    answer: Purchase;
  };
  /** The next things that will happen by themselves, with the rule of each */
  'GET /v1/subscriptions/{id}/schedule': {
    args: [id: string, query?: {
      limit?: number | undefined;
    } | undefined];
    answer: {
      data: Happening[];
    };
  };
  /** List usage */
  'GET /v1/subscriptions/{id}/usage': {
    args: [id: string, query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<UsageRecord>;
  };
  /** Read a usage */
  'GET /v1/subscriptions/{id}/usage/{usage_id}': {
    args: [id: string, usage_id: string];
    answer: UsageRecord;
  };
  /** Read the balance and state of the workflow itself */
  'GET /v1/subscriptions/{id}/workflow': {
    args: [id: string];
    answer: Record<string, unknown>;
  };
  /** List webhook endpoints */
  'GET /v1/webhook_endpoints': {
    args: [query?: {
      limit?: number | undefined;
      cursor?: string | undefined;
      order?: 'asc' | 'desc' | undefined;
    } | undefined];
    answer: Page<WebhookEndpoint>;
  };
  /** Read a webhook endpoint */
  'GET /v1/webhook_endpoints/{id}': {
    args: [id: string];
    answer: WebhookEndpoint;
  };
  /** Change, disable or enable a webhook endpoint */
  'PATCH /v1/webhook_endpoints/{id}': {
    args: [id: string, body?: WebhookEndpointChange | undefined];
    answer: WebhookEndpoint;
  };
  /** Make an API key */
  'POST /v1/api_keys': {
    args: [body: ApiKeyRequest];
    answer: {
      id: string;
      name: string | null;
      scopes: ('read' | 'spend' | 'billing' | 'operator')[];
      created_at: string;
      revoked_at: string | null;
      key: string;
    };
  };
  /** Deliver an event again */
  'POST /v1/events/{id}/replay': {
    args: [id: string, body?: EventReplayRequest | undefined];
    answer: {
      replayed: number;
    };
  };
  /** Grant credits to many subscriptions, to each once */
  'POST /v1/grant_batches': {
    args: [body: GrantBatchRequest];
    answer: GrantBatchDryRun | GrantBatch;
  };
  /** Pause a batch of grants: none is made after the answer */
  'POST /v1/grant_batches/{id}/pause': {
    args: [id: string];
    answer: GrantBatch;
  };
  /** Let a paused batch of grants go on */
  'POST /v1/grant_batches/{id}/resume': {
    args: [id: string];
    answer: GrantBatch;
  };
  /** Report the state of a dispute (sandbox billing only) */
  'POST /v1/sandbox/charges/{id}/dispute': {
    args: [id: string, body: {
      dispute: string;
      amount_minor: number;
      status: 'open' | 'won' | 'lost';
    }];
    answer: {
      received: true;
      duplicate: boolean;
      at: string;
    };
  };
  /** Say that a charge was refunded at the provider (sandbox billing only) */
  'POST /v1/sandbox/charges/{id}/refund': {
    args: [id: string, body: {
      refunded_minor: number;
    }];
    answer: {
      received: true;
      duplicate: boolean;
      at: string;
    };
  };
  /** Settle a pending charge (sandbox billing only) */
  'POST /v1/sandbox/charges/{id}/settle': {
    args: [id: string, body: {
      outcome: 'paid' | 'declined';
    }];
    answer: {
      received: true;
      duplicate: boolean;
      at: string;
    };
  };
  /** Start a subscription, or move one in */
  'POST /v1/subscriptions': {
    args: [body: StartRequest];
    answer: Subscription;
  };
  /** End the trial now: the plan is charged, and its first cycle begins */
  'POST /v1/subscriptions/{id}/activate': {
    args: [id: string];
    answer: {
      effective: 'now' | 'renewal';
      charge: Money | null;
      allowance_granted: number;
      subscription: Subscription;
    };
  };
  /** Move a test clock forward through everything due */
  'POST /v1/subscriptions/{id}/advance': {
    args: [id: string, body: {
      to: string;
    }];
    answer: {
      now: string;
      fired: ({
        at: string;
        kind: string;
        credits?: number | undefined;
      })[];
    };
  };
  /** Cancel at the next renewal, or now */
  'POST /v1/subscriptions/{id}/cancel': {
    args: [id: string, body?: {
      at?: 'renewal' | 'now' | undefined;
      reason?: string | undefined;
    } | undefined];
    answer: Subscription;
  };
  /** Upgrade now or downgrade at the next renewal; preview changes nothing */
  'POST /v1/subscriptions/{id}/change': {
    args: [id: string, body: {
      plan: string;
      interval: 'week' | 'month' | 'quarter' | 'year';
      preview?: boolean | undefined;
    }];
    answer: {
      effective: 'now' | 'renewal';
      charge: Money | null;
      allowance_granted: number;
      subscription: Subscription;
    };
  };
  /** Issue an adjustment grant */
  'POST /v1/subscriptions/{id}/grants': {
    args: [id: string, body: GrantRequest];
    answer: Grant;
  };
  /** Take back the unused credits of an adjustment */
  'POST /v1/subscriptions/{id}/grants/{grant_id}/revoke': {
    args: [id: string, grant_id: string, body: {
      reason: string;
    }];
    answer: {
      revoked: number;
    };
  };
  /** Set credits aside for a job: all lines or nothing */
  'POST /v1/subscriptions/{id}/holds': {
    args: [id: string, body: HoldRequest];
    answer: Hold;
  };
  /** Spend a hold, or less of it */
  'POST /v1/subscriptions/{id}/holds/{hold_id}/capture': {
    args: [id: string, hold_id: string, body?: CaptureRequest | undefined];
    answer: Settlement;
  };
  /** Return all of a hold */
  'POST /v1/subscriptions/{id}/holds/{hold_id}/release': {
    args: [id: string, hold_id: string];
    answer: Settlement;
  };
  /** Buy packs: charged at once, credited once paid, renewed with the plan */
  'POST /v1/subscriptions/{id}/purchases': {
    args: [id: string, body: PurchaseRequest];
    answer: Purchase;
  };
  /** Refund a purchase, in whole or in part, and take back its unused credits */
  'POST /v1/subscriptions/{id}/purchases/{purchase_id}/refund': {
    args: [id: string, purchase_id: string, body: RefundRequest];
    answer: Refund;
  };
  /** Price a use, and say whether it would succeed */
  'POST /v1/subscriptions/{id}/quote': {
    args: [id: string, body: {
      items: Item[];
    }];
    answer: Quote;
  };
  /** Let a subscription that keeps an older price pay the one in force, from the next renewal on */
  'POST /v1/subscriptions/{id}/reprice': {
    args: [id: string];
    answer: Subscription;
  };
  /** Undo a scheduled change */
  'POST /v1/subscriptions/{id}/resume': {
    args: [id: string];
    answer: Subscription;
  };
  /** Spend credits: all lines or nothing */
  'POST /v1/subscriptions/{id}/usage': {
    args: [id: string, body: UsageRequest];
    answer: Usage;
  };
  /** Return the credits of a usage, in whole or in part */
  'POST /v1/subscriptions/{id}/usage/{usage_id}/reverse': {
    args: [id: string, usage_id: string, body: ReverseRequest];
    answer: Reversal;
  };
  /** Make a link that opens the wallet of a subscription once */
  'POST /v1/wallet_sessions': {
    args: [body: WalletSessionRequest];
    answer: WalletSession;
  };
  /** Make a webhook endpoint */
  'POST /v1/webhook_endpoints': {
    args: [body: WebhookEndpointRequest];
    answer: WebhookEndpointWithSecret;
  };
  /** Deliver to an endpoint again the events since an instant, failed ones or all */
  'POST /v1/webhook_endpoints/{id}/replay': {
    args: [id: string, body: EndpointReplayRequest];
    answer: {
      replayed: number;
    };
  };
  /** Give a webhook endpoint another secret; the one before signs too for 24 hours */
  'POST /v1/webhook_endpoints/{id}/rotate_secret': {
    args: [id: string];
    answer: {
      id: string;
      secret: string;
      previous_secret_until: string;
    };
  };
  /** Send an event webhook.test to an endpoint */
  'POST /v1/webhook_endpoints/{id}/test': {
    args: [id: string];
    answer: {
      event_id: string;
    };
  };
  /** Lower the packs that renew with the plan */
  'PUT /v1/subscriptions/{id}/add_on': {
    args: [id: string, body?: AddOnRequest | undefined];
    answer: Subscription;
  };
  /** Set the allowance of a contract from the next boundary on */
  'PUT /v1/subscriptions/{id}/allowance': {
    args: [id: string, body: {
      credits: number;
    }];
    answer: Subscription;
  };
  /** Change the payment method; an open charge is tried at once */
  'PUT /v1/subscriptions/{id}/payment_method': {
    args: [id: string, body: {
      payment_method: string;
    }];
    answer: Subscription;
  };
  /** Buy packs whenever credits are low, up to a ceiling a month; or stop that */
  'PUT /v1/subscriptions/{id}/top_up': {
    args: [id: string, body?: {
      enabled?: boolean | undefined;
      threshold?: number | undefined;
      packs?: number | undefined;
      pack?: string | undefined;
      monthly_ceiling_minor?: number | undefined;
    } | undefined];
    answer: Subscription;
  };
}

/** The input of a route besides ids, and whether it needs an Idempotency-Key. */
export const OPERATIONS: { readonly [Route in keyof Operations]: Operation } = {
  'DELETE /v1/api_keys/{id}': { takes: null, keyed: false },
  'DELETE /v1/webhook_endpoints/{id}': { takes: null, keyed: false },
  'GET /v1/api_keys': { takes: 'query', keyed: false },
  'GET /v1/catalog': { takes: 'query', keyed: false },
  'GET /v1/catalogs': { takes: null, keyed: false },
  'GET /v1/customers/{customer_id}': { takes: null, keyed: false },
  'GET /v1/events': { takes: 'query', keyed: false },
  'GET /v1/events/{id}': { takes: null, keyed: false },
  'GET /v1/grant_batches': { takes: 'query', keyed: false },
  'GET /v1/grant_batches/{id}': { takes: null, keyed: false },
  'GET /v1/grant_batches/{id}/items': { takes: 'query', keyed: false },
  'GET /v1/subscriptions': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}': { takes: null, keyed: false },
  'GET /v1/subscriptions/{id}/balance': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/charges': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/charges/{charge_id}': { takes: null, keyed: false },
  'GET /v1/subscriptions/{id}/entries': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/grants': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/holds': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/holds/{hold_id}': { takes: null, keyed: false },
  'GET /v1/subscriptions/{id}/purchases': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/purchases/{purchase_id}': { takes: null, keyed: false },
  'GET /v1/subscriptions/{id}/schedule': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/usage': { takes: 'query', keyed: false },
  'GET /v1/subscriptions/{id}/usage/{usage_id}': { takes: null, keyed: false },
  'GET /v1/subscriptions/{id}/workflow': { takes: null, keyed: false },
  'GET /v1/webhook_endpoints': { takes: 'query', keyed: false },
  'GET /v1/webhook_endpoints/{id}': { takes: null, keyed: false },
  'PATCH /v1/webhook_endpoints/{id}': { takes: 'body', keyed: false },
  'POST /v1/api_keys': { takes: 'body', keyed: false },
  'POST /v1/events/{id}/replay': { takes: 'body', keyed: false },
  'POST /v1/grant_batches': { takes: 'body', keyed: true },
  'POST /v1/grant_batches/{id}/pause': { takes: null, keyed: false },
  'POST /v1/grant_batches/{id}/resume': { takes: null, keyed: false },
  'POST /v1/sandbox/charges/{id}/dispute': { takes: 'body', keyed: false },
  'POST /v1/sandbox/charges/{id}/refund': { takes: 'body', keyed: false },
  'POST /v1/sandbox/charges/{id}/settle': { takes: 'body', keyed: false },
  'POST /v1/subscriptions': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/activate': { takes: null, keyed: true },
  'POST /v1/subscriptions/{id}/advance': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/cancel': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/change': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/grants': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/grants/{grant_id}/revoke': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/holds': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/holds/{hold_id}/capture': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/holds/{hold_id}/release': { takes: null, keyed: true },
  'POST /v1/subscriptions/{id}/purchases': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/purchases/{purchase_id}/refund': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/quote': { takes: 'body', keyed: false },
  'POST /v1/subscriptions/{id}/reprice': { takes: null, keyed: true },
  'POST /v1/subscriptions/{id}/resume': { takes: null, keyed: true },
  'POST /v1/subscriptions/{id}/usage': { takes: 'body', keyed: true },
  'POST /v1/subscriptions/{id}/usage/{usage_id}/reverse': { takes: 'body', keyed: true },
  'POST /v1/wallet_sessions': { takes: 'body', keyed: false },
  'POST /v1/webhook_endpoints': { takes: 'body', keyed: false },
  'POST /v1/webhook_endpoints/{id}/replay': { takes: 'body', keyed: false },
  'POST /v1/webhook_endpoints/{id}/rotate_secret': { takes: null, keyed: false },
  'POST /v1/webhook_endpoints/{id}/test': { takes: null, keyed: false },
  'PUT /v1/subscriptions/{id}/add_on': { takes: 'body', keyed: true },
  'PUT /v1/subscriptions/{id}/allowance': { takes: 'body', keyed: true },
  'PUT /v1/subscriptions/{id}/payment_method': { takes: 'body', keyed: true },
  'PUT /v1/subscriptions/{id}/top_up': { takes: 'body', keyed: true },
};

export interface Operation {
  readonly takes: 'query' | 'body' | null;
  readonly keyed: boolean;
}
