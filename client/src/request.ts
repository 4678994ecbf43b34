import { OPERATIONS, type Operations } from './contract.ts';
import { DrawdownNoAnswer, DrawdownProblem } from './problem.ts';
import { newKey } from './random.ts';

// One request, repeated until it is answered: under one key, so that it has its effect once however often it is sent.

export type Route = keyof Operations;

export interface ClientOptions {
  /** Where the API is: `https://credits.example.com`, with a path before `/v1` if it has one. */
  baseUrl: string | URL;
  /** `dd_…`. For servers: a browser must never hold one. */
  key: string;
  /** How long one attempt may take, its answer's body included; 40 seconds, 5 minutes for `advance`. */
  timeoutMs?: number | undefined;
  /** How often a request is repeated at most; 4. */
  retries?: number | undefined;
  /** Told of every repeat before it is waited for. */
  onRetry?: ((retry: Retry) => void) | undefined;
  /** Instead of the global one. */
  fetch?: typeof fetch | undefined;
}

export interface CallOptions {
  /** Yours for this effect, kept with your job; one is made where you give none. */
  idempotencyKey?: string | undefined;
  /** Gives up; the request may take effect all the same. */
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  retries?: number | undefined;
}

export interface Retry {
  route: Route;
  /** 1 before the first repeat. */
  attempt: number;
  waitMs: number;
  idempotencyKey: string | null;
  error: DrawdownProblem | DrawdownNoAnswer;
}

/** The request as it is sent, each time the same. */
export interface Sent {
  route: Route;
  path: string;
  body: string | undefined;
}

const TIMEOUT_MS = 40_000;
/** A test clock works through years while its caller waits. */
const ADVANCE_TIMEOUT_MS = 300_000;
const RETRIES = 4;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** Told to wait longer, the caller decides. */
const LONGEST_RETRY_AFTER_MS = 60_000;
/** Of a gateway in front, or of Drawdown where a server it needs is away. */
const PASSING = [429, 502, 503, 504];

type Outcome =
  | { answer: unknown; error?: never }
  | { error: DrawdownProblem | DrawdownNoAnswer; isPassing: boolean; retryAfter: number | null };

export type Send = (sent: Sent, options?: CallOptions) => Promise<unknown>;

/** Sends requests; a refusal is thrown as DrawdownProblem, no answer as DrawdownNoAnswer. */
export function createSend(client: ClientOptions): Send {
  const base = new URL(client.baseUrl).href.replace(/\/+$/, '');
  const authorization = `Bearer ${visible(client.key, 'key')}`;

  return async (sent, options = {}) => {
    const { route } = sent;
    const key = keyFor(route, options);
    const headers = new Headers({ authorization, accept: 'application/json' });
    if (key !== null) headers.set('idempotency-key', key);
    if (sent.body !== undefined) headers.set('content-type', 'application/json');
    const request = { url: base + sent.path, method: methodOf(route), headers, body: sent.body, key };
    const timeoutMs = options.timeoutMs ?? client.timeoutMs ?? timeoutOf(route);
    const retries = isRepeatable(route) ? (options.retries ?? client.retries ?? RETRIES) : 0;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await attemptOnce(client.fetch ?? fetch, request, timeoutMs, options.signal);
      if (!outcome.error) return outcome.answer;
      const waitMs = pauseBefore(attempt, outcome.retryAfter);
      if (!outcome.isPassing || attempt > retries || waitMs > LONGEST_RETRY_AFTER_MS) throw outcome.error;
      client.onRetry?.({ route, attempt, waitMs, idempotencyKey: key, error: outcome.error });
      await pause(waitMs, options.signal);
    }
  };
}

interface Request {
  url: string;
  method: string;
  headers: Headers;
  body: string | undefined;
  key: string | null;
}

const methodOf = (route: Route): string => route.slice(0, route.indexOf(' '));
const timeoutOf = (route: Route): number => (route.endsWith('/advance') ? ADVANCE_TIMEOUT_MS : TIMEOUT_MS);

/** Whether a second copy does no harm. A quote changes nothing, and a value that is set stays set. A second delete would find nothing. */
const isRepeatable = (route: Route): boolean =>
  OPERATIONS[route].keyed || ['GET', 'PUT', 'PATCH'].includes(methodOf(route)) || route.endsWith('/quote');

function keyFor(route: Route, { idempotencyKey }: CallOptions): string | null {
  if (!OPERATIONS[route].keyed) return null;
  return idempotencyKey === undefined ? newKey() : visible(idempotencyKey, 'idempotencyKey');
}

/** A caller's slip is not taken for a network that failed. */
function visible(value: string, name: string): string {
  if (!/^[\x21-\x7e]{1,255}$/.test(value))
    throw new TypeError(`${name} must be 1 to 255 visible ASCII characters`);
  return value;
}

async function attemptOnce(
  send: typeof fetch,
  { url, method, headers, body, key }: Request,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  signal?.throwIfAborted();
  const ending = new AbortController();
  const giveUp = () => ending.abort(signal?.reason);
  signal?.addEventListener('abort', giveUp, { once: true });
  const late = () => ending.abort(new DOMException(`No answer within ${timeoutMs} ms`, 'TimeoutError'));
  const timer = Number.isFinite(timeoutMs) ? setTimeout(late, timeoutMs) : undefined;
  try {
    // A key follows no redirection.
    const init = { method, headers, redirect: 'error', signal: ending.signal } as const;
    const response = await send(url, body === undefined ? init : { ...init, body });
    return outcomeOf(response, await response.text(), key);
  } catch (cause) {
    signal?.throwIfAborted();
    const error = new DrawdownNoAnswer('No answer came', key, { cause });
    return { error, isPassing: true, retryAfter: null };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

function outcomeOf(response: Response, text: string, key: string | null): Outcome {
  const { status, headers } = response;
  if (status === 204) return { answer: undefined };
  const isJson = /^application\/(problem\+)?json\b/.test(headers.get('content-type') ?? '');
  const retryAfter = secondsOf(headers.get('retry-after'));
  const body = isJson ? parsed(text) : undefined;
  const isPassing = PASSING.includes(status);
  if (body === undefined || (!response.ok && typeof body['code'] !== 'string')) {
    const error = new DrawdownNoAnswer(`What answered with ${status} was not Drawdown`, key);
    return { error, isPassing, retryAfter };
  }
  if (response.ok) return { answer: body };
  const error = new DrawdownProblem(body as never, { idempotencyKey: key, retryAfter });
  return { error, isPassing: isPassing || error.code === 'idempotency_in_progress', retryAfter };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Retry-After is seconds or a date. */
function secondsOf(header: string | null): number | null {
  if (header === null) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds));
}

/** Doubled each time and spread out, so that callers refused together do not come back together; never before told. */
function pauseBefore(attempt: number, retryAfter: number | null): number {
  const most = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
  return Math.round((retryAfter ?? 0) * 1000 + most * (0.5 + Math.random() / 2));
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
  });
}
