import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// Who may import whom (docs/architecture.md), read from the import statements of src.

/** One import statement: a path below src for our own modules, else the name of a package. */
interface Import {
  target: string;
  isOurs: boolean;
  /** Names that are there at run time; `*` for all of a module. */
  values: string[];
}

type Rule = (wanted: Import) => boolean;

const src = fileURLToPath(new URL('../../src', import.meta.url));

const within =
  (...folders: string[]): Rule =>
  ({ isOurs, target }) =>
    isOurs && folders.some((folder) => target === folder || target.startsWith(`${folder}/`));
const packages =
  (...names: string[]): Rule =>
  ({ isOurs, target }) =>
    !isOurs && names.some((name) => target === name || target.startsWith(`${name}/`));
/** Types leave nothing behind at run time. */
const typesOf =
  (...files: string[]): Rule =>
  (wanted) =>
    wanted.values.length === 0 && within(...files)(wanted);
const only =
  (file: string, ...names: string[]): Rule =>
  (wanted) =>
    within(file)(wanted) && wanted.values.every((name) => names.includes(name));
const node: Rule = ({ isOurs, target }) => !isOurs && target.startsWith('node:');
const anything: Rule = () => true;

/** The client library of Hono's server side, and the libraries by which routes and pages read requests. */
const SERVING = packages('hono', '@hono/zod-openapi', 'zod', '@temporalio/client', '@temporalio/common');

const LAYERS: Record<string, Rule[]> = {
  domain: [within('domain'), ({ target }) => target === 'temporal-polyfill/implementation'],
  workflows: [
    within('workflows', 'domain', 'text.ts'),
    typesOf('activities/index.ts', 'activities/deliver.ts', 'activities/grant-batches.ts'),
    typesOf('db/ledger.ts', 'db/deliveries.ts'),
    packages('@temporalio/workflow', '@temporalio/common'),
  ],
  // The file of a catalogue: its shape, its reader, its schema, the difference of two.
  catalog: [
    within('catalog', 'domain'),
    only('config.ts', 'ConfigError'),
    packages('zod', 'jsonc-parser'),
    node,
  ],
  db: [within('db', 'domain'), packages('drizzle-orm', 'postgres'), node],
  billing: [within('billing', 'domain'), packages('stripe', 'standardwebhooks'), node],
  // Events to receivers: signing, addresses, the request itself.
  webhooks: [within('webhooks', 'domain'), packages('standardwebhooks', 'ipaddr.js'), node],
  // What stands still: facts of the ledger and of Temporal, and the findings.
  doctor: [within('doctor', 'db', 'domain', 'workflows/messages.ts', 'temporal.ts')],
  activities: [
    within('activities', 'domain', 'db', 'billing', 'webhooks', 'reason.ts'),
    packages('@temporalio/common'),
  ],
  // Seen from outside: logs, metrics, traces.
  telemetry: [
    within('telemetry', 'domain', 'reason.ts', 'db/console/fleet.ts'),
    typesOf('api/deps.ts', 'db/client.ts', 'db/spend-batches.ts', 'relay/rows.ts', 'webhooks/post.ts'),
    typesOf('workflows/tracing.ts'),
    packages('pino', 'pino-pretty', 'prom-client', '@opentelemetry'),
    packages('@temporalio/client', '@temporalio/worker', '@temporalio/common'),
    node,
  ],
  // JSON alone.
  api: [
    typesOf('telemetry/log.ts'),
    within('api', 'domain', 'db', 'workflows/messages.ts', 'temporal.ts', 'ids.ts', 'text.ts'),
    within('webhooks/receivers.ts', 'catalog/schema.ts'),
    only('relay/nudges.ts', 'nudge'),
    typesOf('billing/gateway.ts'),
    SERVING,
    node,
  ],
  // Pages: routes beside their views. A view (*.tsx) is a function of its argument.
  web: [
    within(
      'web',
      'api',
      'domain',
      'db',
      'doctor',
      'workflows/messages.ts',
      'temporal.ts',
      'ids.ts',
      'text.ts',
    ),
    only('relay/nudges.ts', 'nudge'),
    SERVING,
    node,
  ],
  'app.ts': [within('api', 'web', 'db'), packages('@hono/zod-openapi')],
  // The servers and programs of `npm start`.
  embedded: [
    within('embedded', 'config.ts', 'db/migrate.ts', 'workflows/messages.ts'),
    ({ isOurs }) => !isOurs,
  ],
  'config.ts': [packages('zod'), node],
  'ids.ts': [node],
  'reason.ts': [],
  'text.ts': [within('domain/errors.ts')],
  relay: [
    within('telemetry/errors.ts'),
    typesOf('telemetry/log.ts'),
    within('relay', 'db', 'reason.ts', 'temporal.ts', 'workflows/messages.ts'),
    packages('@temporalio/client'),
    node,
  ],
  'temporal.ts': [typesOf('config.ts'), packages('@temporalio/client')],
};

const VIEWS: Rule[] = [within('web', 'domain'), packages('hono/jsx')];

/** Programs. They, and `startup.ts`, their common part, put the rest together. */
const ROOTS = ['api.ts', 'worker.ts', 'cli.ts', 'startup.ts', 'engine.ts', 'bundle.ts'];

/** The commands of `cli.ts`: each a program of its own. */
const COMMANDS = 'cli/';

/** The makers of clients and pools, and the places besides the roots where each may be used. */
const MAKERS: { target: string; names: string[]; alsoIn: string[] }[] = [
  {
    target: '@temporalio/client',
    names: ['Client', 'Connection', '*'],
    alsoIn: ['temporal.ts', 'embedded/temporal.ts'],
  },
  { target: '@temporalio/worker', names: ['NativeConnection', 'Worker', 'Runtime', '*'], alsoIn: [] },
  {
    target: 'postgres',
    names: ['default', '*'],
    alsoIn: ['db/client.ts', 'db/migrate.ts', 'embedded/postgres.ts'],
  },
  { target: 'db/client.ts', names: ['connect', '*'], alsoIn: [] },
  { target: 'temporal.ts', names: ['connectTemporal', '*'], alsoIn: [] },
  { target: 'billing/sandbox.ts', names: ['createSandbox', '*'], alsoIn: [] },
  { target: 'billing/external.ts', names: ['createExternal', '*'], alsoIn: [] },
  { target: 'billing/stripe.ts', names: ['createStripe', '*'], alsoIn: [] },
  {
    target: 'stripe',
    names: ['default', 'Stripe', '*'],
    alsoIn: ['billing/stripe.ts', 'billing/stripe-events.ts'],
  },
];

function importsOf(file: string, text: string): Import[] {
  const code = text.replaceAll(/\/\*.*?\*\//gs, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const statements = [...code.matchAll(/^(?:import|export)\s+([^'";]*?)\s+from\s+'([^']+)'/gm)];
  const bare = [...code.matchAll(/^import\s+'([^']+)'/gm), ...code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)];
  return [
    ...statements.map(([, clause, from]) => toImport(file, from!, valuesOf(clause!))),
    ...bare.map(([, from]) => toImport(file, from!, ['*'])),
  ];
}

function toImport(file: string, from: string, values: string[]): Import {
  const isOurs = from.startsWith('.');
  return { target: isOurs ? join(file, '..', from) : from, isOurs, values };
}

/** `postgres, { type A, b as c }` brings `default` and `b`. */
function valuesOf(clause: string): string[] {
  if (/^type\b/.test(clause)) return [];
  const [before = '', inside = ''] = clause.split(/[{}]/);
  const named = inside
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '))
    .map((name) => name.split(/\s+as\s+/)[0]!);
  if (before.includes('*')) return [...named, '*'];
  return before.replace(',', '').trim() === '' ? named : [...named, 'default'];
}

function faultsOf(file: string, text: string): string[] {
  const isRoot = ROOTS.includes(file) || file.startsWith(COMMANDS);
  const rules = isRoot ? [anything] : file.endsWith('.tsx') ? VIEWS : LAYERS[file.split('/')[0]!];
  if (!rules) return [`${file} belongs to no layer: give its folder a rule here and in docs/architecture.md`];
  const faults = importsOf(file, text).flatMap((wanted) => {
    const { target, values } = wanted;
    const maker = MAKERS.find((known) => known.target === target);
    const makes = values.filter((name) => maker?.names.includes(name));
    return [
      ...(rules.some((rule) => rule(wanted)) ? [] : [`${file} imports ${target}`]),
      ...(makes.length > 0 && !isRoot && !maker!.alsoIn.includes(file)
        ? [`${file} makes a client: ${makes.join(', ')} of ${target}`]
        : []),
    ];
  });
  if (file !== 'config.ts' && /\bprocess(\.env\b|\[['"]env)/.test(text))
    faults.push(`${file} reads the environment`);
  return faults;
}

const files = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map((entry) => relative(src, join(entry.parentPath, entry.name)));

/** The imports of each file among ours, types included. */
function importsByFile(): Map<string, string[]> {
  return new Map(
    files.map((file) => [
      file,
      importsOf(file, readFileSync(join(src, file), 'utf8')).flatMap(({ isOurs, target }) =>
        isOurs ? [target] : [],
      ),
    ]),
  );
}

/** Each circle once, as its files in order. */
function circlesIn(imports: Map<string, string[]>): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, way: string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' → '));
    if (done.has(file) || way.includes(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return circles;
}

/** The client runs in other people's programs: its files import each other and nothing else, types included. */
function clientFaults(file: string, text: string): string[] {
  return importsOf(file, text)
    .filter(({ isOurs, target }) => !isOurs || target.includes('/'))
    .map(({ target }) => `client/src/${file} imports ${target}`);
}

describe('the client', () => {
  const folder = fileURLToPath(new URL('../../client/src', import.meta.url));

  it('imports its own files only', () => {
    const own = readdirSync(folder);
    expect(own.length).toBeGreaterThan(5);
    expect(own.flatMap((file) => clientFaults(file, readFileSync(join(folder, file), 'utf8')))).toEqual([]);
  });

  it.each([
    ["import type { z } from 'zod';", 'zod'],
    ["import { hash } from 'node:crypto';", 'node:crypto'],
    ["import * as s from '../../src/api/schemas.ts';", '../../src/api/schemas.ts'],
  ])('a wrong import is found: %s', (text, target) => {
    expect(clientFaults('x.ts', text)).toEqual([`client/src/x.ts imports ${target}`]);
  });
});

describe('the layers of src', () => {
  it('import only allowed modules', () => {
    const faults = files.flatMap((file) => faultsOf(file, readFileSync(join(src, file), 'utf8')));
    expect(files.length).toBeGreaterThan(40);
    expect(faults.sort()).toEqual([]);
  });

  it('import each other in no circle, types included', () => {
    expect(circlesIn(importsByFile())).toEqual([]);
  });

  it('keep a view free of the database and the API, through all its imports', () => {
    const imports = importsByFile();
    const reached = (file: string, seen = new Set<string>()): Set<string> => {
      for (const target of imports.get(file) ?? []) if (!seen.has(target)) reached(target, seen.add(target));
      return seen;
    };
    const views = files.filter((file) => file.endsWith('.tsx'));
    const faults = views.flatMap((view) =>
      [...reached(view)].filter((target) => /^(db|api)\//.test(target)).map((target) => `${view}: ${target}`),
    );
    expect(views.length).toBeGreaterThan(10);
    expect(faults).toEqual([]);
  });

  it('stand in folders of at most 20 files', () => {
    const folders = new Map<string, number>();
    for (const file of files) folders.set(dirname(file), (folders.get(dirname(file)) ?? 0) + 1);
    expect([...folders].filter(([, n]) => n > 20)).toEqual([]);
  });

  it('load the library of who bills only where they do', () => {
    const always = /^(?:import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'/gm;
    const loading = files.filter((file) =>
      [...readFileSync(join(src, file), 'utf8').matchAll(always)].some(([, from]) =>
        ['billing/stripe.ts', 'billing/stripe-events.ts', 'billing/standard-webhooks.ts'].includes(
          join(file, '..', from!),
        ),
      ),
    );
    expect(loading).toEqual([]);
  });

  it('keep the library of workers out of the API process', () => {
    const loaded = new Set<string>();
    const visit = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      const imports = importsOf(file, readFileSync(join(src, file), 'utf8'));
      for (const { target, isOurs } of imports.filter(({ values }) => values.length > 0))
        if (isOurs) visit(target);
        else loaded.add(target);
    };
    visit('api.ts');
    expect([...loaded]).toContain('@temporalio/client');
    expect([...loaded].filter((name) => /^@temporalio\/(worker|activity)$/.test(name))).toEqual([]);
  });

  it.each([
    ['domain/due.ts', "import { z } from 'zod';", 'domain/due.ts imports zod'],
    ['domain/due.ts', "import { spend } from '../db/ledger.ts';", 'domain/due.ts imports db/ledger.ts'],
    [
      'domain/due.ts',
      "import { Temporal } from 'temporal-polyfill';",
      'domain/due.ts imports temporal-polyfill',
    ],
    ['workflows/x.ts', "import { settle } from '../db/ledger.ts';", 'workflows/x.ts imports db/ledger.ts'],
    ['workflows/x.ts', "import { createHash } from 'node:crypto';", 'workflows/x.ts imports node:crypto'],
    ['workflows/x.ts', "export * from '../app.ts';", 'workflows/x.ts imports app.ts'],
    ['web/x.tsx', "import { createHash } from 'node:crypto';", 'web/x.tsx imports node:crypto'],
    ['web/x.tsx', "import type { Deps } from '../api/deps.ts';", 'web/x.tsx imports api/deps.ts'],
    ['api/x.ts', "import { startRelay } from '../relay/loop.ts';", 'api/x.ts imports relay/loop.ts'],
    [
      'api/x.ts',
      "import {\n  type A,\n  subscription,\n} from '../workflows/subscription.ts';",
      'api/x.ts imports workflows/subscription.ts',
    ],
    ['api/x.ts', "const { a } = await import('../config.ts');", 'api/x.ts imports config.ts'],
    [
      'api/x.ts',
      "import { Client } from '@temporalio/client';",
      'api/x.ts makes a client: Client of @temporalio/client',
    ],
    ['db/x.ts', "import postgres from 'postgres';", 'db/x.ts makes a client: default of postgres'],
    ['billing/x.ts', "import Stripe from 'stripe';", 'billing/x.ts makes a client: default of stripe'],
    ['api/x.ts', "import { keyOf } from '../billing/gateway.ts';", 'api/x.ts imports billing/gateway.ts'],
    ['ids.ts', 'const url = process.env.URL;', 'ids.ts reads the environment'],
    [
      'utils/x.ts',
      '',
      'utils/x.ts belongs to no layer: give its folder a rule here and in docs/architecture.md',
    ],
  ])('%s: a wrong import is found: %s', (file, text, fault) => {
    expect(faultsOf(file, text)).toEqual([fault]);
  });

  it('a circle is found', () => {
    const imports = new Map([
      ['a.ts', ['b.ts']],
      ['b.ts', ['c.ts']],
      ['c.ts', ['b.ts']],
    ]);
    expect(circlesIn(imports)).toEqual(['b.ts → c.ts → b.ts']);
  });

  it.each([
    ['workflows/x.ts', "import type { CommandRef } from '../db/ledger.ts';"],
    ['workflows/x.ts', "import { type CommandRef } from '../db/ledger.ts';"],
    ['api/x.ts', "import { nudge } from '../relay/nudges.ts';"],
    ['db/x.ts', "import type postgres from 'postgres';"],
    ['worker.ts', "import { connectTemporal } from './temporal.ts';"],
  ])('%s: a right one passes: %s', (file, text) => {
    expect(faultsOf(file, text)).toEqual([]);
  });
});
