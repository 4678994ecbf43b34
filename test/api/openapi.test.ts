import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { bodyOf, type Json } from './driver.ts';
import { appOf } from './raw.ts';
import { nameOf, ROUTES, WEBHOOKS } from './routes.ts';

// The document is made from the schemas the handlers use: it must be whole, and name every route that is served.

interface Operation {
  summary?: string;
  security?: { key: string[] }[];
  parameters?: { name: string; in: string; required?: boolean; schema: Json }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>;
}
interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Json };
}

let stack: Stack;
let document: Document;
beforeAll(async () => {
  stack = await startStack({ withWorker: false });
  document = bodyOf<Document>(
    await stack.request('GET', '/openapi.json', { headers: { Authorization: '' } }),
  );
});
afterAll(() => stack.stop());

const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      nameOf({ method: method.toUpperCase() as 'GET', path }),
      operation,
    ]),
  );

/** The routes that the app itself serves under /v1. */
function served(): string[] {
  const paths = appOf(stack)
    .routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1/'))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  return [...new Set(paths)].sort();
}

/** Every value below a value, with the pointer to it. */
function* walk(value: unknown, at = ''): Generator<[string, Json]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [at, value as Json];
  for (const [key, member] of Object.entries(value)) yield* walk(member, `${at}/${key}`);
}

test('it is OpenAPI 3.1', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toEqual({ title: 'Drawdown', version: expect.any(String) });
  expect(document.components.securitySchemes).toEqual({ key: { type: 'http', scheme: 'bearer' } });
});

test('it lists every route that is served, and no other; so does the list of these tests', () => {
  const listed = operations().map(([name]) => name);
  expect([...listed].sort()).toEqual(served());
  expect([...ROUTES.map(nameOf), ...WEBHOOKS].sort()).toEqual(served());
});

test('every reference leads somewhere, every parameter of a path is declared', () => {
  const names = new Set(
    Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`),
  );
  for (const [at, value] of walk(document))
    if (typeof value['$ref'] === 'string') expect(names, at).toContain(value['$ref']);
  for (const [name, { parameters = [] }] of operations()) {
    const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    const declared = parameters.filter(({ in: where }) => where === 'path');
    expect(declared.map((parameter) => parameter.name).sort(), name).toEqual(inPath.sort());
    expect(
      declared.every(({ required }) => required),
      name,
    ).toBe(true);
  }
});

test('nothing is nullable in the manner of 3.0', () => {
  for (const [at, value] of walk(document)) expect(value, at).not.toHaveProperty('nullable');
});

test('requests refuse unknown members in the document too', () => {
  for (const [name, { requestBody }] of operations()) {
    if (!requestBody) continue;
    const { schema } = requestBody.content['application/json']!;
    const named =
      String(schema['$ref'] ?? '')
        .split('/')
        .at(-1) ?? '';
    const body = named ? document.components.schemas[named]! : schema;
    expect(body['additionalProperties'], name).toBe(false);
  }
});

describe('each operation', () => {
  const known = new Map(ROUTES.map((route) => [nameOf(route), route]));
  test('has a summary, its scope, its key, its body, a success and a problem', () => {
    for (const [name, operation] of operations()) {
      expect(operation.summary, name).toMatch(/\w/);
      const route = known.get(name);
      expect(operation.security, name).toEqual(route && [{ key: [route.scope] }]);
      const key = operation.parameters?.find(
        ({ name: header }) => header.toLowerCase() === 'idempotency-key',
      );
      expect(key !== undefined, `${name}: Idempotency-Key`).toBe(route?.idempotent ?? false);
      if (key) expect(key).toMatchObject({ in: 'header', required: true });
      const takes = Object.keys((route?.body as object | undefined) ?? {}).length > 0;
      if (takes) expect(operation.requestBody?.content, name).toHaveProperty('application/json');
      const statuses = Object.keys(operation.responses);
      expect(
        statuses.some((status) => /^20[012]$/.test(status)),
        name,
      ).toBe(true);
      expect(operation.responses['default']?.content, name).toHaveProperty('application/problem+json');
    }
  });
});

test('entries are documented as CSV too', () => {
  const { responses } = document.paths['/v1/subscriptions/{id}/entries']!['get']!;
  expect(Object.keys(responses['200']!.content ?? {}).sort()).toEqual(['application/json', 'text/csv']);
});
