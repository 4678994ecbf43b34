/**
 * The one error catalogue. A code here is at once the Temporal failure type, the problem's `type`
 * (`/problems/<code>`) and a heading in `docs/errors.md`; a test keeps them equal.
 */
export const PROBLEMS = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  idempotency_key_required: { status: 400, title: 'An Idempotency-Key is required' },
  unauthenticated: { status: 401, title: 'No valid key or signature' },
  insufficient_credits: { status: 402, title: 'Not enough credits' },
  payment_declined: { status: 402, title: 'The payment was declined' },
  forbidden_scope: { status: 403, title: 'The key lacks the scope' },
  contact_account_manager: { status: 403, title: 'A contract buys through its account manager' },
  not_found: { status: 404, title: 'Not found' },
  subscription_not_active: { status: 409, title: 'The subscription is not active' },
  subscription_trialing: { status: 409, title: 'The trial is not over' },
  trial_used: { status: 409, title: 'The customer had a trial before' },
  payment_method_required: { status: 409, title: 'No payment method is known' },
  payment_past_due: { status: 409, title: 'The last renewal is unpaid' },
  cancellation_scheduled: { status: 409, title: 'The subscription is being cancelled' },
  customer_already_subscribed: { status: 409, title: 'The customer has a subscription' },
  idempotency_in_progress: { status: 409, title: 'The first request with this key is still running' },
  hold_expired: { status: 409, title: 'The hold is past its deadline' },
  hold_already_settled: { status: 409, title: 'The hold was settled otherwise' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  pack_not_offered: { status: 422, title: 'This pack is not offered on this plan' },
  unknown_feature: { status: 422, title: 'The rate card has no such feature' },
  plan_not_eligible: { status: 422, title: 'This plan is not open to this subscription' },
  credits_required: { status: 422, title: 'The feature needs the credits stated' },
  idempotency_key_reused: { status: 422, title: 'The key was used for another request' },
  capture_exceeds_hold: { status: 422, title: 'More than was held' },
  reversal_exceeds_usage: { status: 422, title: 'More than was spent' },
  not_a_test_clock: { status: 422, title: 'The subscription runs on real time' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'Something went wrong here' },
  database_unavailable: { status: 503, title: 'The ledger is not reachable' },
  temporal_unavailable: { status: 503, title: 'The workflow engine is not reachable' },
  billing_unavailable: { status: 503, title: 'The billing provider does not answer' },
} as const;

/** One of the codes above. */
export type ProblemCode = keyof typeof PROBLEMS;

/** A refusal as rows and Temporal's histories keep it. */
export interface RefusalRecord {
  code: string;
  detail: string;
  data: Record<string, unknown>;
}

/** The answer to a command whose step the ledger refused for good. An incident records the reason (docs/operating.md). */
export const GIVEN_UP: RefusalRecord = {
  code: 'internal_error',
  detail: 'The ledger could not book this, and nothing was changed. An incident on record says why.',
  data: {},
};

/** One wrong member of a request. `pointer` is an RFC 6901 pointer into the body, or `?name` for a query parameter. */
export interface Fault {
  pointer: string;
  detail: string;
}

/** The RFC 6901 pointer of a JSON member. */
export const pointer = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** A refusal for a reason that the caller can act on. Nothing was changed (I7). */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ProblemCode;
  /** Members of the problem besides the standard ones. */
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, detail: string, data: Record<string, unknown> = {}) {
    super(detail);
    this.code = code;
    this.data = data;
  }
}

/** The refusal of wrong members: 400 `invalid_request` with a pointer to each. */
export function invalid(...faults: [Fault, ...Fault[]]): Refusal {
  return new Refusal('invalid_request', faults[0].detail, { errors: faults });
}
