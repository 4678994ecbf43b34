import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { isDatabaseAway } from '../db/client.ts';
import { type Fault, PROBLEMS, type ProblemCode, Refusal } from '../domain/errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { TemporalUnavailable } from '../temporal.ts';
import { routeOf } from './event-loop.ts';
import type { Rendered } from './route.ts';

/** Seconds after which a client may repeat a request that got 503. */
const RETRY_AFTER = '1';

/** A refusal as a problem document (RFC 9457). */
export function problemOf(refusal: Refusal, requestId: string): Rendered {
  const { status, title } = PROBLEMS[refusal.code];
  const { code, message: detail, data } = refusal;
  const body = { type: `/problems/${code}`, title, status, detail, code, request_id: requestId, ...data };
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
  if (typeof data['wallet_url'] === 'string') headers['Link'] = `<${data['wallet_url']}>; rel="payment"`;
  if (status === 503) headers['Retry-After'] = RETRY_AFTER;
  if (status === 429) headers['Retry-After'] = String(data['retry_after'] ?? 1);
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer';
  return { status, headers, text: JSON.stringify(body) };
}

/** A refusal as Hono's response. */
export function problem(c: Context, refusal: Refusal): Response {
  const { status, headers, text } = problemOf(refusal, c.get('requestId') as string);
  return c.body(text, status as 400, headers);
}

/** The refusal that an error becomes. A 500 shows no detail: error texts of the driver hold SQL and parameters. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof TemporalUnavailable)
    return new Refusal(
      'temporal_unavailable',
      'The workflow engine does not answer: repeat with the same key.',
    );
  if (isDatabaseAway(error)) return ledgerAway();
  if (error instanceof HTTPException && error.status === 413) return bodyTooLarge();
  return new Refusal('internal_error', 'Something went wrong here; the request id names it in the logs.');
}

/** The status of the answer to an error. */
export const statusOf = (error: unknown): number => PROBLEMS[refusalOf(error).code].status;

/** A request in the log: its route without values, its id, the subscription in its path, and its caller's key. */
export interface RequestFields {
  route: string;
  request_id?: string;
  subscription_id?: string;
  key_id?: string;
}

/** The subscription that a path names, as a member of a line. */
export function subscriptionIn(path: string): Pick<RequestFields, 'subscription_id'> {
  const [, id] = /\/(sub_\w{1,64})(?:\/|$)/.exec(path) ?? [];
  return id === undefined ? {} : { subscription_id: id };
}

/** A request of the application in the log. */
export function requestFields(c: Context): RequestFields {
  const keyId = c.get('keyId') as string | undefined;
  return {
    route: routeOf(c),
    request_id: c.get('requestId') as string,
    ...subscriptionIn(c.req.path),
    ...(keyId === undefined ? {} : { key_id: keyId }),
  };
}

/** The refusal that an error becomes. A 5xx writes a line; the line of an unforeseen error has its stack. */
export function reported(log: Logger, request: RequestFields, error: unknown): Refusal {
  const refusal = refusalOf(error);
  const { code } = refusal;
  const { status } = PROBLEMS[code];
  if (status >= 500)
    log(`${request.route}: ${code}`, {
      ...request,
      status,
      code,
      ...(status === 500 ? { level: 'error', error } : { level: 'warn' }),
    });
  return refusal;
}

/** The 503 of a ledger that does not answer, or is not open yet. */
export const ledgerAway = () =>
  new Refusal('database_unavailable', 'The ledger does not answer: repeat with the same key.');

/** The 413 of a body over MAX_BODY_BYTES. */
export const bodyTooLarge = () => new Refusal('body_too_large', 'The body is larger than 64 KiB.');

/** The 404 for a missing object and for one of another subscription (I12). */
export const notFound = () => new Refusal('not_found', 'There is nothing here that this key may see.');

export type { Fault, ProblemCode };
