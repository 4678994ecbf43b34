import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createApp } from '../src/app.ts';
import type { PageDeps } from '../src/web/shell/deps.ts';

// Makes the client's types from the OpenAPI document, which is made from the schemas that check requests. `npm run contract`
// writes them, and a test compares the file with the served document.

const file = fileURLToPath(new URL('../client/src/contract.ts', import.meta.url));

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: (string | number | boolean | null)[];
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
}
interface Operation {
  summary: string;
  security?: unknown;
  parameters?: { name: string; in: 'path' | 'query' | 'header'; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}
/** The parts of an OpenAPI document that the types need. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** The served document. It calls no route's handler, so the application needs no dependencies. */
export async function openApi(): Promise<OpenApi> {
  const answer = await createApp({} as PageDeps).request('/openapi.json');
  return (await answer.json()) as OpenApi;
}

/** The text of `client/src/contract.ts`. */
export function contractOf({ paths, components }: OpenApi): string {
  const isEmpty = ({ $ref, required = [] }: Schema): boolean =>
    $ref ? isEmpty(components.schemas[nameOf($ref)]!) : required.length === 0;
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      // A provider signs its requests instead of sending a key: its route is none of a caller's.
      .filter(([, operation]) => operation.security !== undefined)
      .map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );
  routes.sort((a, b) => (a.name < b.name ? -1 : 1));
  const schemas = Object.entries(components.schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '// Made from the OpenAPI document by `npm run contract`. Not edited by hand.\n',
    'export interface Page<Element> {\n  data: Element[];\n  has_more: boolean;\n  next_cursor: string | null;\n}\n',
    ...schemas.map(([name, schema]) => `export interface ${name} ${typeOf(schema, '')}\n`),
    `/** The input of each route, after its name in order, and its answer. */`,
    `export interface Operations {\n${routes.map(({ name, operation }) => typed(name, operation, isEmpty)).join('')}}\n`,
    '/** The input of a route besides ids, and whether it needs an Idempotency-Key. */',
    `export const OPERATIONS: { readonly [Route in keyof Operations]: Operation } = {`,
    `${routes.map(({ name, operation }) => takesLine(name, operation)).join('')}};\n`,
    "export interface Operation {\n  readonly takes: 'query' | 'body' | null;\n  readonly keyed: boolean;\n}\n",
  ].join('\n');
}

function typed(name: string, operation: Operation, mayBeEmpty: (schema: Schema) => boolean): string {
  const answers = Object.entries(operation.responses)
    .filter(([status]) => status.startsWith('2'))
    .map(([, { content }]) => (content ? typeOf(content['application/json']!.schema, '    ') : 'undefined'));
  return [
    `  /** ${operation.summary} */`,
    `  '${name}': {`,
    `    args: [${[...idsOf(operation), ...inputOf(operation, mayBeEmpty)].join(', ')}];`,
    `    answer: ${[...new Set(answers)].join(' | ')};`,
    '  };\n',
  ].join('\n');
}

const nameOf = (ref: string): string => ref.split('/').at(-1)!;

const idsOf = ({ parameters = [] }: Operation): string[] =>
  parameters.filter(({ in: where }) => where === 'path').map(({ name }) => `${name}: string`);

/** The query or the body of a route; one without required members is optional itself. */
function inputOf(operation: Operation, mayBeEmpty: (schema: Schema) => boolean): string[] {
  const input = sentWith(operation);
  if (!input) return [];
  const isOptional = mayBeEmpty(input.schema);
  return [
    `${input.takes}${isOptional ? '?' : ''}: ${typeOf(input.schema, '    ')}${isOptional ? ' | undefined' : ''}`,
  ];
}

function sentWith({
  parameters = [],
  requestBody,
}: Operation): { takes: 'query' | 'body'; schema: Schema } | null {
  const query = parameters.filter(({ in: where }) => where === 'query');
  const body = requestBody?.content['application/json']?.schema;
  if (body && (body.$ref || Object.keys(body.properties ?? {}).length > 0))
    return { takes: 'body', schema: body };
  if (query.length === 0) return null;
  const properties = Object.fromEntries(query.map(({ name, schema }) => [name, schema]));
  return { takes: 'query', schema: { type: 'object', properties } };
}

function takesLine(name: string, operation: Operation): string {
  const { takes } = sentWith(operation) ?? { takes: null };
  const keyed = (operation.parameters ?? []).some(({ name: header }) => header === 'Idempotency-Key');
  return `  '${name}': { takes: ${takes && `'${takes}'`}, keyed: ${keyed} },\n`;
}

/** A schema as TypeScript. A schema that it does not know fails here and not at a caller. */
function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(one, indent)).join(' | ');
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  if (Array.isArray(schema.type))
    return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(' | ');
  switch (schema.type) {
    case undefined:
      return 'unknown';
    case 'array':
      return arrayOf(typeOf(schema.items ?? {}, indent));
    case 'object':
      return objectOf(schema, indent);
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    default:
      throw new Error(`no type for ${JSON.stringify(schema)}`);
  }
}

const literal = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

/** The members of every list. */
const PAGE = 'data,has_more,next_cursor';

const arrayOf = (element: string): string => (/ \| /.test(element) ? `(${element})[]` : `${element}[]`);

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const names = Object.keys(properties);
  if (names.length === 0)
    return `Record<string, ${typeof additionalProperties === 'object' ? typeOf(additionalProperties, indent) : 'unknown'}>`;
  if (names.join() === PAGE) return `Page<${typeOf(properties['data']!.items ?? {}, indent)}>`;
  const members = names.map((name) => {
    const type = typeOf(properties[name]!, `${indent}  `);
    return `${indent}  ${name}${required.includes(name) ? `: ${type}` : `?: ${type} | undefined`};\n`;
  });
  return `{\n${members.join('')}${indent}}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, contractOf(await openApi()));
