import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument } from 'commander';
import { catalogText, faultLine } from '../catalog/load.ts';
import { readCatalogText } from '../catalog/read.ts';
import { catalogSchemaText } from '../catalog/schema.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { program as diffing } from './catalog-diff.ts';
import { acting, EXIT, type Exit, print, printJson, programOf, Unable } from './program.ts';

// `drawdown catalog`: checks a catalogue's file, compares two, and makes a first one. `check`, `schema` and `init` need no server.

const EXAMPLES = `
Examples:
  npx drawdown catalog init chat --out catalog.json    a starting point to edit
  npx drawdown catalog check catalog.json              every fault, with line and column
  npx drawdown catalog diff before.json catalog.json   the changes, and whom they reach
  npx drawdown catalog schema                          the JSON Schema, for editors

docs/catalogue.md explains every member. The exit codes stand in the help of each.`;

const root = new URL('../../', import.meta.url);
const STARTING_POINTS = ['page', 'chat', 'images'] as const;

/** Prints every fault of a file, or one line that sums it up. A file that can't be used ends with exit code 2, like a start with it. */
async function check(file: string, { json }: { json?: true }): Promise<Exit> {
  const read = readCatalogText(catalogText(file));
  const faults = 'faults' in read ? read.faults : [];
  if (json) printJson({ valid: faults.length === 0, faults });
  else if ('catalog' in read) print(summary(file, read.catalog));
  else for (const fault of faults) process.stderr.write(`${faultLine(file, fault)}\n`);
  return faults.length === 0 ? EXIT.good : EXIT.unable;
}

function summary(file: string, { version, currency, plans, packs, features }: Catalog): string {
  const names = (items: readonly { id: string }[]) =>
    `${items.length} (${items.map(({ id }) => id).join(', ')})`;
  return [
    `${file} is valid.`,
    `version   ${version}, in ${currency}`,
    `plans     ${names(plans)}`,
    `packs     ${packs.length === 0 ? '0' : names(packs)}`,
    `features  ${names(features)}`,
  ].join('\n');
}

async function schema(): Promise<Exit> {
  process.stdout.write(catalogSchemaText());
  return EXIT.good;
}

/** Writes a starting point to a new file, whose `$schema` leads to the schema of this Drawdown. */
async function init(name: (typeof STARTING_POINTS)[number], { out }: { out: string }): Promise<Exit> {
  const text = readFileSync(new URL(`examples/catalogues/${name}.json`, root), 'utf8');
  const file = resolve(out);
  if (existsSync(file))
    throw new Unable(`${out} is there already, and was left as it is. Name another file with --out.`);
  const schemaFile = relative(dirname(file), fileURLToPath(new URL('catalog.schema.json', root)));
  const here = schemaFile.startsWith('.') ? schemaFile : `./${schemaFile}`;
  // A file that came there meanwhile is not overwritten either.
  writeFileSync(file, text.replace('../../catalog.schema.json', here.replaceAll('\\', '/')), { flag: 'wx' });
  print(
    `Wrote ${out}. Edit it, then:\n  npx drawdown catalog check ${out}\n  DRAWDOWN_CATALOG=${out} npm start`,
  );
  return EXIT.good;
}

const checking = programOf('check', 'Checks a file, and prints every fault with its line and column.')
  .argument('<file>', 'a catalogue')
  .option('--json', 'print one JSON document')
  .addHelpText(
    'after',
    `
Examples:
  npx drawdown catalog check catalog.json
  npx drawdown catalog check --json catalog.json    {"valid": false, "faults": [{"pointer", "detail", "line", "column"}]}

Exit codes: 0 the file is valid, 2 it is not, or can't be read.`,
  )
  .action(acting('The catalogue could not be checked', check));

const describing = programOf('schema', 'Prints the JSON Schema of the file, for editors.')
  .addHelpText(
    'after',
    `
Examples:
  npx drawdown catalog schema > catalog.schema.json

Every API answers it too, at /catalog.schema.json. Exit codes: 0 printed, 2 not.`,
  )
  .action(acting('The schema could not be printed', schema));

const making = programOf('init', 'Writes a starting point to a new file.')
  .addArgument(new Argument('[product]', 'the starting point').choices(STARTING_POINTS).default('page'))
  .option('--out <file>', 'the file to write', 'catalog.json')
  .addHelpText(
    'after',
    `
Examples:
  npx drawdown catalog init                          catalog.json: the plans and packs of the built-in catalogue
  npx drawdown catalog init chat --out chat.json     tokens, a free plan by the week, a trial, boosts that are bought once
  npx drawdown catalog init images --out api.json    a free plan, a plan by the quarter, three sizes of packs

A file that is there already is left as it is. Exit codes: 0 written, 2 not.`,
  )
  .action(acting('The file could not be written', init));

/** `drawdown catalog`. */
export const program = programOf(
  'catalog',
  'Checks, compares and begins the file of plans, packs and features.',
)
  .addHelpText('after', EXAMPLES)
  .addCommand(checking)
  .addCommand(diffing)
  .addCommand(making)
  .addCommand(describing);
