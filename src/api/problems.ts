import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { type Fault, PROBLEMS, type ProblemCode, Refusal } from '../domain/errors.ts';
import { TemporalUnavailable } from '../temporal.ts';

/** Seconds after which a 503 is worth another try. */
const RETRY_AFTER = '1';

/** A problem document (RFC 9457): every refusal leaves through here. */
export function problem(c: Context, refusal: Refusal): Response {
  const { status, title } = PROBLEMS[refusal.code];
  const { code, message: detail } = refusal;
  const body = {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    code,
    request_id: c.get('requestId') as string,
    ...refusal.data,
  };
  c.header('Content-Type', 'application/problem+json');
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
  if (isDatabaseAway(error))
    return new Refusal('database_unavailable', 'The ledger does not answer: repeat with the same key.');
  if (error instanceof HTTPException && error.status === 413) return bodyTooLarge();
  return new Refusal('internal_error', 'Something went wrong here; the request id names it in the logs.');
}

export const bodyTooLarge = () => new Refusal('body_too_large', 'The body is larger than 64 KiB.');

/**
 * What says that the database is away: postgres.js's words for a connection that is gone, the system's for a socket
 * that is, and PostgreSQL's classes for a connection failure (08), no room (53), coming and going (57); a ledger that was
 * kept locked for too long (55P03).
 */
const AWAY =
  /^(CONNECTION_|CONNECT_|ERR_SOCKET|ERR_STREAM|ECONN|ENOTFOUND|EPIPE|ETIMEDOUT|EHOST|ENET|08|53|57|55P03)/;

function isDatabaseAway(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, errors } = cause as Error & { code?: unknown; errors?: unknown };
    if (typeof code === 'string' && AWAY.test(code)) return true;
    // A connection that tears while postgres.js writes to it shows as the driver's own TypeError.
    if (cause instanceof TypeError && /[\\/]postgres[\\/](src|cjs)[\\/]/.test(cause.stack ?? '')) return true;
    // Node tries several addresses of a name and reports one error for each.
    if (Array.isArray(errors) && errors.some(isDatabaseAway)) return true;
  }
  return false;
}

export const notFound = () => new Refusal('not_found', 'There is nothing here that this key may see.');

/** The pointer of a JSON member: RFC 6901. */
export const pointer = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

export type { Fault, ProblemCode };
