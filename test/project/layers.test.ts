import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
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

const LAYERS: Record<string, Rule[]> = {
  domain: [within('domain'), ({ target }) => target === 'temporal-polyfill/implementation'],
  workflows: [
    within('workflows', 'domain'),
    typesOf('activities/index.ts', 'activities/deliver.ts', 'db/ledger.ts', 'db/deliveries.ts'),
    packages('@temporalio/workflow', '@temporalio/common'),
  ],
  db: [within('db', 'domain'), packages('drizzle-orm', 'postgres'), node],
  billing: [within('billing', 'domain'), packages('stripe', 'standardwebhooks'), node],
  // What is said to receivers of events, and to whom.
  webhooks: [within('webhooks', 'domain'), packages('standardwebhooks', 'ipaddr.js'), node],
  activities: [
    within('activities', 'domain', 'db', 'billing', 'webhooks', 'reason.ts'),
    packages('@temporalio/common'),
  ],
  api: [
    within(
      'api',
      'domain',
      'db',
      'web',
      'workflows/messages.ts',
      'temporal.ts',
      'ids.ts',
      'webhooks/receivers.ts',
    ),
    only('relay/nudges.ts', 'nudge'),
    typesOf('billing/gateway.ts'),
    packages('hono', '@hono/zod-openapi', 'zod', '@temporalio/client', '@temporalio/common'),
    node,
  ],
  // Pages are functions of what they show.
  web: [within('web', 'domain'), packages('hono/jsx')],
  // Runs in other people's programs: it brings nothing along.
  client: [within('client')],
  // The servers and programs of `npm start`.
  services: [
    within('services', 'config.ts', 'db/migrate.ts', 'workflows/messages.ts'),
    ({ isOurs }) => !isOurs,
  ],
  'config.ts': [packages('zod'), node],
  'ids.ts': [node],
  'reason.ts': [],
  relay: [
    within('relay', 'db', 'reason.ts', 'temporal.ts', 'workflows/messages.ts'),
    packages('@temporalio/client'),
    node,
  ],
  'temporal.ts': [typesOf('config.ts'), packages('@temporalio/client')],
};

/** Programs. They, and `startup.ts`, which is what they have in common, put the rest together. */
const ROOTS = ['api.ts', 'worker.ts', 'cli.ts', 'startup.ts', 'bundle.ts'];

/** What `cli.ts` runs: each a program of its own. */
const COMMANDS = 'cli/';

/** What makes a client or a pool, and where it may be used besides the roots. */
const MAKERS: { target: string; names: string[]; alsoIn: string[] }[] = [
  {
    target: '@temporalio/client',
    names: ['Client', 'Connection', '*'],
    alsoIn: ['temporal.ts', 'services/temporal.ts'],
  },
  { target: '@temporalio/worker', names: ['NativeConnection', 'Worker', 'Runtime', '*'], alsoIn: [] },
  {
    target: 'postgres',
    names: ['default', '*'],
    alsoIn: ['db/client.ts', 'db/migrate.ts', 'services/postgres.ts'],
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
  const rules = isRoot ? [anything] : LAYERS[file.split('/')[0]!];
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

describe('the layers of src', () => {
  it('import only what they may', () => {
    const faults = files.flatMap((file) => faultsOf(file, readFileSync(join(src, file), 'utf8')));
    expect(files.length).toBeGreaterThan(40);
    expect(faults.sort()).toEqual([]);
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
    ['workflows/x.ts', "export * from '../api/app.ts';", 'workflows/x.ts imports api/app.ts'],
    ['web/x.tsx', "import { createHash } from 'node:crypto';", 'web/x.tsx imports node:crypto'],
    ['client/x.ts', "import type { z } from 'zod';", 'client/x.ts imports zod'],
    ['client/x.ts', "import * as s from '../api/schemas.ts';", 'client/x.ts imports api/schemas.ts'],
    ['web/x.tsx', "import type { Deps } from '../api/context.ts';", 'web/x.tsx imports api/context.ts'],
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
