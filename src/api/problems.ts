import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { isDatabaseAway } from '../db/client.ts';
import { type Fault, PROBLEMS, type ProblemCode, Refusal } from '../domain/errors.ts';
import { TemporalUnavailable } from '../temporal.ts';

/** Seconds after which a client may repeat a request that got 503. */
const RETRY_AFTER = '1';

/** An answer: status, headers and text, before it is sent. */
export interface Rendered {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** A refusal as a problem document (RFC 9457). */
export function problemOf(refusal: Refusal, requestId: string): Rendered {
  const { status, title } = PROBLEMS[refusal.code];
  const { code, message: detail, data } = refusal;
  const body = { type: `/problems/${code}`, title, status, detail, code, request_id: requestId, ...data };
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
  if (typeof data['wallet_url'] === 'string') headers['Link'] = `<${data['wallet_url']}>; rel="payment"`;
  if (status === 503) headers['Retry-After'] = RETRY_AFTER;
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

/** The refusal that an error becomes; an unforeseen one also writes its stack to the log. */
export function reported(log: (line: string) => void, request: string, error: unknown): Refusal {
  const refusal = refusalOf(error);
  if (refusal.code === 'internal_error') log(`${request}: ${(error as Error).stack}`);
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
