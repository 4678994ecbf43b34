import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { isDatabaseAway } from '../db/client.ts';
import { type Fault, PROBLEMS, type ProblemCode, Refusal } from '../domain/errors.ts';
import { TemporalUnavailable } from '../temporal.ts';

/** Seconds after which a 503 is worth another try. */
const RETRY_AFTER = '1';

/** A problem document (RFC 9457): every refusal leaves through here. */
export function problem(c: Context, refusal: Refusal): Response {
  const { status, title } = PROBLEMS[refusal.code];
  const { code, message: detail } = refusal;
  const body: Record<string, unknown> = {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    code,
    request_id: c.get('requestId') as string,
    ...refusal.data,
  };
  c.header('Content-Type', 'application/problem+json');
  if (typeof body['wallet_url'] === 'string') c.header('Link', `<${body['wallet_url']}>; rel="payment"`);
  if (status === 503) c.header('Retry-After', RETRY_AFTER);
  if (status === 401) c.header('WWW-Authenticate', 'Bearer');
  return c.body(JSON.stringify(body), status);
}

/** What an error means to the caller. A 500 says nothing else: error texts of the driver hold SQL and parameters. */
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

export const ledgerAway = () =>
  new Refusal('database_unavailable', 'The ledger does not answer: repeat with the same key.');

export const bodyTooLarge = () => new Refusal('body_too_large', 'The body is larger than 64 KiB.');

export const notFound = () => new Refusal('not_found', 'There is nothing here that this key may see.');

/** The pointer of a JSON member: RFC 6901. */
export const pointer = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

export type { Fault, ProblemCode };
