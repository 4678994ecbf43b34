import { hash } from 'node:crypto';
import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';
import type { WalletSession } from '../db/wallet/sessions.ts';
import { type Fault, invalid, pointer, Refusal } from '../domain/errors.ts';
import { requireStorable } from '../domain/text.ts';
import { requireScope, type Scope } from './auth.ts';
import { problem } from './schemas.ts';

/** The variables of Hono's context. */
export interface Env {
  Variables: {
    requestId: string;
    scopes: Scope[];
    /** The id of the caller's key. */
    keyId: string;
    /** On wallet pages only. */
    session: WalletSession;
  };
}
/** The application that holds every route. */
export type App = OpenAPIHono<Env>;

/** One route: its OpenAPI description and the schemas of its input and answers. */
export interface Definition<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** In OpenAPI's form: `/v1/subscriptions/{id}`. */
  path: string;
  summary: string;
  scope: Scope | null;
  params?: Params;
  query?: Query;
  body?: Body;
  /** The answers by status; `route` adds the problem. */
  answers: Record<number, { description: string; schema?: z.ZodType; csv?: true }>;
  /** Problems with more members than the common ones, by status. */
  refusals?: Record<number, { description: string; schema: z.ZodType }>;
  idempotent?: boolean;
  /** The body is signed: the handler reads its bytes itself. */
  isSigned?: boolean;
}

/** A request's checked input. */
export interface Input<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  /** The Idempotency-Key; empty on routes that need none. */
  key: string;
  /** Hash of method, path and body as parsed JSON, in base64url. */
  bodyHash: string;
}

/** An answer: status, headers and text, before it is sent. */
export interface Rendered {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** The parts of a request, besides its input, that a handler on both paths may need. */
export interface Asker {
  scopes: readonly Scope[];
  /** The header `If-None-Match`; empty without one. */
  ifNoneMatch: string;
}

/** A route on both paths, the application's and the fast one (fast-path.ts): its definition, and a handler without Hono. */
export interface FastRoute<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  definition: Definition<Params, Query, Body>;
  respond(input: Input<z.output<Params>, z.output<Query>, z.output<Body>>, asker: Asker): Promise<Rendered>;
}

const none = z.strictObject({});

/** Drops the types of a route's input: its own definition checks it. */
export const fastRoute = <
  Params extends z.ZodType = typeof none,
  Query extends z.ZodType = typeof none,
  Body extends z.ZodType = typeof none,
>(
  definition: Definition<Params, Query, Body>,
  respond: FastRoute<Params, Query, Body>['respond'],
): FastRoute => ({ definition, respond }) as unknown as FastRoute;

/** Registers a route of both paths in the application. */
export function routeOnBoth(app: App, { definition, respond }: FastRoute): void {
  route(app, definition, async (c, input) => {
    const asker = { scopes: c.get('scopes'), ifNoneMatch: c.req.header('If-None-Match') ?? '' };
    const { text, status, headers } = await respond(input, asker);
    return status === 304 ? c.body(null, 304, headers) : c.body(text, status as 200, headers);
  });
}

/**
 * Registers a route in the application and in the OpenAPI document, from the same schemas. A wrong member is a 400 before the
 * handler runs, with a pointer: `/items/0/quantity` in the body, `?limit` in the query, `:id` in the path.
 */
export function route<
  Params extends z.ZodType = typeof none,
  Query extends z.ZodType = typeof none,
  Body extends z.ZodType = typeof none,
>(
  app: App,
  definition: Definition<Params, Query, Body>,
  handler: (
    c: Context<Env>,
    input: Input<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => Promise<Response>,
): void {
  app.openAPIRegistry.registerPath(documented(definition));
  const path = definition.path.replaceAll(/\{(\w+)\}/g, ':$1');
  app.on(definition.method.toUpperCase(), path, async (c) => {
    if (definition.scope) requireScope(c.get('scopes'), definition.scope);
    const hasBody = definition.method !== 'get' && !definition.isSigned;
    const [params, query] = [c.req.param(), c.req.query()];
    requireStorable(params, ofPath);
    requireStorable(query, ofQuery);
    const input = inputOf(definition, {
      path: c.req.path,
      params,
      query,
      json: hasBody ? readJson(await c.req.arrayBuffer(), c.req.header('Content-Type')) : {},
      key: c.req.header('Idempotency-Key'),
    });
    return handler(c, input);
  });
}

/** The parts of a request, not yet checked. */
interface RequestInput {
  path: string;
  params: Record<string, string>;
  query: Record<string, string>;
  json: unknown;
  /** Its `Idempotency-Key`. */
  key: string | undefined;
}

const ofPath = ([name = '']: PropertyKey[]): string => `:${String(name)}`;
/** The pointer of a query parameter in a fault. */
export const ofQuery = ([name = '']: PropertyKey[]): string => `?${String(name)}`;

/** The checked input of a route. Throws `invalid_request` with a pointer for each fault, and `idempotency_key_required`. */
export function inputOf<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  definition: Definition<Params, Query, Body>,
  { path, params, query, json, key }: RequestInput,
): Input<z.output<Params>, z.output<Query>, z.output<Body>> {
  return {
    params: check(definition.params ?? none, params, ofPath) as z.output<Params>,
    query: check(definition.query ?? none, query, ofQuery) as z.output<Query>,
    key: definition.idempotent ? idempotencyKey(key) : '',
    body: check(definition.body ?? none, json, pointer) as z.output<Body>,
    bodyHash: fingerprint([definition.method, path, json]),
  };
}

function documented(definition: Definition<z.ZodType, z.ZodType, z.ZodType>): RouteConfig {
  const { method, path, summary, params, query, body, answers, idempotent, scope } = definition;
  const headers = idempotent ? { headers: z.object({ 'Idempotency-Key': z.string().min(1).max(255) }) } : {};
  const content = (schema: z.ZodType | undefined) =>
    schema ? { content: { 'application/json': { schema } } } : {};
  const responses = Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, csv }]) => [
      status,
      { description, content: { ...content(schema).content, ...(csv ? CSV_CONTENT : {}) } },
    ]),
  );
  const refused = Object.fromEntries(
    Object.entries(definition.refusals ?? {}).map(([status, { description, schema }]) => [
      status,
      { description, content: problemContent(schema) },
    ]),
  );
  return {
    method,
    path,
    summary,
    ...(scope ? { security: [{ key: [scope] }] } : {}),
    request: {
      ...(params ? { params: params as never } : {}),
      ...(query ? { query: query as never } : {}),
      ...(body ? { body: { required: true, ...content(body), content: content(body).content! } } : {}),
      ...headers,
    },
    responses: {
      ...responses,
      ...refused,
      default: { description: 'A problem (RFC 9457)', content: problemContent(problem) },
    },
  };
}

const CSV_CONTENT = { 'text/csv': { schema: z.string() } };

const problemContent = (schema: z.ZodType) => ({ 'application/problem+json': { schema } });

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A request's body as JSON; an empty body is `{}`. Throws `unsupported_media_type`, `malformed_json`, `invalid_request`. */
export function readJson(bytes: ArrayBuffer | Uint8Array, contentType = ''): unknown {
  if (bytes.byteLength === 0) return {};
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json')
    throw new Refusal('unsupported_media_type', 'Send Content-Type: application/json.');
  return parseJson(bytes);
}

/** JSON from outside. Throws `malformed_json`, and `invalid_request` for text that PostgreSQL can't store. */
export function parseJson(body: string | ArrayBuffer | Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = typeof body === 'string' ? body : utf8.decode(body);
    value = JSON.parse(text);
  } catch {
    throw new Refusal('malformed_json', 'The body is not JSON in UTF-8.');
  }
  // In UTF-8 only an escape can bring a NUL or half a surrogate pair: a body without escapes is not walked.
  if (text.includes('\\u')) requireStorable(value);
  return value;
}

/** Faults that one answer lists at most. */
const MOST_FAULTS = 100;

/** A value as its schema parses it. Throws `invalid_request` with a fault for each wrong member; `name` makes the pointers. */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  name: (path: PropertyKey[]) => string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.flatMap((issue): Fault[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ pointer: name([...issue.path, key]), detail: 'is not a member here' }))
      : [{ pointer: name(issue.path), detail: issue.message }],
  );
  // One fault a member: a word that is no instant fails every later check too.
  const first = new Map<string, Fault>();
  for (const fault of faults) if (!first.has(fault.pointer)) first.set(fault.pointer, fault);
  throw invalid(...([...first.values()].slice(0, MOST_FAULTS) as [Fault, ...Fault[]]));
}

/** 1 to 255 visible ASCII characters, bare or as a quoted string of structured fields (RFC 8941). */
function idempotencyKey(header: string | undefined): string {
  if (!header)
    throw new Refusal(
      'idempotency_key_required',
      'Send an Idempotency-Key: the same for every repeat of one request.',
    );
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw invalid({
      pointer: '/headers/idempotency-key',
      detail: 'must be 1 to 255 visible ASCII characters',
    });
  return key;
}

/** A hash that is equal for equal JSON; the order of members does not count. */
export const fingerprint = (value: unknown): string =>
  hash('sha256', isInOrder(value) ? JSON.stringify(value) : canonical(value), 'base64url');

/** Most bodies arrive with their members in order. */
function isInOrder(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true;
  if (Array.isArray(value)) return value.every(isInOrder);
  let last = '';
  for (const [name, member] of Object.entries(value)) {
    if (name < last || !isInOrder(member)) return false;
    last = name;
  }
  return true;
}

/** JSON with the members of every object sorted by name. */
function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  let text = '';
  for (const name of Object.keys(value).sort())
    text += `${text && ','}${JSON.stringify(name)}:${canonical((value as Record<string, unknown>)[name])}`;
  return `{${text}}`;
}
