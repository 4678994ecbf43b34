import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { newId } from '../ids.ts';
import { headersOfAll, MAX_BODY_BYTES } from './admission.ts';
import { requireScope } from './auth.ts';
import type { Deps } from './deps.ts';
import { ledgerAway, problemOf, type RequestFields, reported, subscriptionIn } from './problems.ts';
import { type FastRoute, inputOf, type Rendered, readJson } from './route.ts';
import { fastRoutes } from './subscriptions/fast-routes.ts';

// The routes of subscriptions/fast-routes.ts, served without Hono: a web Request, Response and context cost as much as the rest
// of a spend (bench/README.md). Checks, effects and refusals are the same functions on both paths, and
// test/api/fast-path.test.ts compares the two. A request that is not plain goes to the application.

/** Serves the plain requests of `fastRoutes`, and passes all others to `otherwise`. */
export function createFastPath(deps: Deps, otherwise: RequestListener): RequestListener {
  const patterns = fastRoutes(deps).map(patternOf);
  const { watch } = deps;
  const ofAll = headersOfAll(deps);

  return (incoming, outgoing) => {
    const match = isPlain(incoming) ? matchOf(patterns, incoming) : null;
    if (match === null) return otherwise(incoming, outgoing);
    const startedAt = watch ? performance.now() : 0;
    void answer(match, incoming, outgoing, startedAt).catch((error: Error) => outgoing.destroy(error));
  };

  async function answer(
    match: Match,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    startedAt: number,
  ) {
    const requestId = newId('req');
    const headers: Record<string, string> = { ...ofAll, 'Request-Id': requestId };
    const done = await handle(match, incoming, headers).catch((error: unknown) =>
      problemOf(reported(deps.log, requestFields(match.route, incoming.url!, requestId), error), requestId),
    );
    Object.assign(done.headers, headers);
    send(outgoing, done);
    watch?.finished(match.route, done.status, startedAt, requestId);
  }

  /** Adds the caller's limits to the headers of the answer. */
  async function handle(
    { fast: { definition, respond }, params }: Match,
    incoming: IncomingMessage,
    answered: Record<string, string>,
  ): Promise<Rendered> {
    const { url, headers } = incoming;
    if (!deps.isOpen()) throw ledgerAway();
    const caller = deps.authenticate(headers.authorization ?? '');
    const { scopes, keyId } = caller instanceof Promise ? await caller : caller;
    Object.assign(answered, deps.limits?.admit(keyId, params['id']));
    if (definition.scope) requireScope(scopes, definition.scope);
    // Read once its caller is known.
    const body = incoming.method === 'GET' ? NO_BODY : await bodyOf(incoming);
    const input = inputOf(definition, {
      path: url!,
      params,
      query: {},
      json: readJson(body, headers['content-type']),
      key: headers['idempotency-key'] as string | undefined,
    });
    return respond(input, { scopes, ifNoneMatch: headers['if-none-match'] ?? '' });
  }
}

/** A request without a body. */
const NO_BODY = Buffer.alloc(0);

/** The body of a request. A caller that disconnects before its end has requested nothing: the promise stays open. */
function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => resolve(Buffer.concat(chunks)));
  });
}

interface Pattern {
  fast: FastRoute;
  method: string;
  /** Method and pattern, as the application's log names it. */
  route: string;
  path: RegExp;
  /** The names of the path's parameters, in order. */
  names: string[];
}

interface Match {
  fast: FastRoute;
  route: string;
  params: Record<string, string>;
}

/** A request of the fast path in the log. */
const requestFields = (route: string, url: string, requestId: string): RequestFields => ({
  route,
  request_id: requestId,
  ...subscriptionIn(url),
});

const PART = /\{(\w+)\}/g;

function patternOf(fast: FastRoute): Pattern {
  const { method: wanted, path } = fast.definition;
  const method = wanted.toUpperCase();
  return {
    fast,
    method,
    route: `${method} ${path.replaceAll(PART, ':$1')}`,
    path: new RegExp(`^${path.replaceAll(PART, '(\\w{1,64})')}$`),
    names: Array.from(path.matchAll(PART), ([, name]) => name!),
  };
}

function matchOf(patterns: Pattern[], { method: asked, url }: IncomingMessage): Match | null {
  for (const { fast, method, route, path, names } of patterns) {
    const found = method === asked && path.exec(url!);
    if (!found) continue;
    const params: Record<string, string> = {};
    for (let i = 0; i < names.length; i += 1) params[names[i]!] = found[i + 1]!;
    return { fast, route, params };
  }
  return null;
}

/**
 * Whether a POST has a body of a known length within the limit, a GET has none, and no header comes twice that counts once: every
 * other request is for the application to judge.
 */
function isPlain({ method, headers, rawHeaders }: IncomingMessage): boolean {
  if (headers['transfer-encoding'] !== undefined || hasTwo(rawHeaders)) return false;
  const length = headers['content-length'];
  return method === 'GET' ? length === undefined : method === 'POST' && Number(length) <= MAX_BODY_BYTES;
}

/** Headers that name one value. Of some Node keeps the first alone, and another server on the way may keep the last. */
const SINGLE: ReadonlySet<string> = new Set(['authorization', 'content-type', 'idempotency-key']);

/** Whether one of SINGLE comes twice. The application sees both values as one, and refuses it. */
function hasTwo(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}

function send(outgoing: ServerResponse, { status, headers, text }: Rendered): void {
  if (status !== 304) headers['Content-Length'] = String(Buffer.byteLength(text));
  outgoing.writeHead(status, headers);
  outgoing.end(text);
}
