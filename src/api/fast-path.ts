import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { newId } from '../ids.ts';
import { MAX_BODY_BYTES } from './admission.ts';
import { requireScope } from './auth.ts';
import type { Deps } from './deps.ts';
import {
  ledgerAway,
  problemOf,
  type Rendered,
  type RequestFields,
  reported,
  subscriptionIn,
} from './problems.ts';
import { replyOf } from './replies.ts';
import { inputOf, readJson } from './route.ts';
import type { SpendRoute } from './subscriptions/spend.ts';
import { spends } from './subscriptions/spend-routes.ts';

// The five POST routes of subscriptions/spend-routes.ts, served without Hono: a web Request, Response and context cost as much as
// the rest of a spend (bench/README.md). Checks, effects and refusals are the same functions on both paths, and
// test/api/fast-path.test.ts compares the two. A request that is not plain goes to the application.

/** Serves the plain requests of `spends`, and passes all others to `otherwise`. */
export function createFastPath(deps: Deps, otherwise: RequestListener): RequestListener {
  const routes = spends(deps).map(routeOf);
  const { watch } = deps;

  return (incoming, outgoing) => {
    const match = isPlain(incoming) ? matchOf(routes, incoming.url!) : null;
    if (match === null) return otherwise(incoming, outgoing);
    const startedAt = watch ? performance.now() : 0;
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A caller that disconnects before the end of its body has requested nothing.
    incoming.on('end', () => {
      answer(match, incoming, Buffer.concat(chunks), outgoing, startedAt).catch((error: Error) =>
        outgoing.destroy(error),
      );
    });
  };

  async function answer(
    match: Match,
    incoming: IncomingMessage,
    body: Buffer,
    outgoing: ServerResponse,
    startedAt: number,
  ) {
    const requestId = newId('req');
    const done = await handle(match, incoming, body).catch((error: unknown) =>
      problemOf(reported(deps.log, requestFields(match.route, incoming.url!, requestId), error), requestId),
    );
    send(outgoing, requestId, done);
    watch?.finished(match.route, done.status, startedAt, requestId);
  }

  async function handle(
    { spend: { definition, respond }, params }: Match,
    { url, headers }: IncomingMessage,
    body: Buffer,
  ): Promise<Rendered> {
    if (!deps.isOpen()) throw ledgerAway();
    const caller = deps.authenticate(headers.authorization ?? '');
    const { scopes } = caller instanceof Promise ? await caller : caller;
    if (definition.scope) requireScope(scopes, definition.scope);
    const input = inputOf(definition, {
      path: url!,
      params,
      query: {},
      json: readJson(body, headers['content-type']),
      key: headers['idempotency-key'] as string | undefined,
    });
    return replyOf(await respond(input, scopes));
  }
}

interface FastRoute {
  spend: SpendRoute;
  /** Method and pattern, as the application's log names it. */
  route: string;
  path: RegExp;
  /** The names of the path's parameters, in order. */
  names: string[];
}

interface Match {
  spend: SpendRoute;
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

const routeOf = (spend: SpendRoute): FastRoute => ({
  spend,
  route: `POST ${spend.definition.path.replaceAll(PART, ':$1')}`,
  path: new RegExp(`^${spend.definition.path.replaceAll(PART, '(\\w{1,64})')}$`),
  names: Array.from(spend.definition.path.matchAll(PART), ([, name]) => name!),
});

function matchOf(routes: FastRoute[], url: string): Match | null {
  for (const { spend, route, path, names } of routes) {
    const found = path.exec(url);
    if (!found) continue;
    const params: Record<string, string> = {};
    for (let i = 0; i < names.length; i += 1) params[names[i]!] = found[i + 1]!;
    return { spend, route, params };
  }
  return null;
}

/** Whether the body has a known length within the limit: every other request is for the application to judge. */
function isPlain({ method, headers }: IncomingMessage): boolean {
  if (method !== 'POST' || headers['transfer-encoding'] !== undefined) return false;
  return Number(headers['content-length']) <= MAX_BODY_BYTES;
}

function send(outgoing: ServerResponse, requestId: string, { status, headers, text }: Rendered): void {
  headers['Request-Id'] = requestId;
  headers['Content-Length'] = String(Buffer.byteLength(text));
  outgoing.writeHead(status, headers);
  outgoing.end(text);
}
