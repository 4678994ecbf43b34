import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CALLED_FUNCTIONS } from '../../src/db/client.ts';

// Metrics and traces name a statement by the SQL function that it calls. A function that is missing there would be `other`.

const folder = new URL('../../src/db/', import.meta.url);
const textsOf = (ending: string, below = folder): string =>
  readdirSync(below, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => readFileSync(new URL(file, below), 'utf8'))
    .join('\n');

test('every function of the folder that TypeScript calls by itself has its name in the metrics', () => {
  const made = textsOf('.sql', new URL('functions/', folder)).matchAll(/create or replace function (\w+)\(/g);
  const own = new Set([...made].map(([, name]) => name));
  // It turns an instant into a number: columns of many statements begin with it.
  own.delete('ms');
  const calls = textsOf('.ts').matchAll(/`\s*select (?:\$\{traced\} |\* from )?(\w+)\(/g);
  const called = new Set([...calls].map(([, name]) => name!).filter((name) => own.has(name)));
  expect([...called].sort()).toEqual([...CALLED_FUNCTIONS].sort());
});
