import { type CatalogChange, changesBetween } from '../catalog/diff.ts';
import { loadCatalog } from '../catalog/load.ts';
import { moneyText } from '../catalog/money.ts';
import type { Reached } from '../catalog/tally.ts';
import { loadConfig } from '../config.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import type { LedgerEffect } from './catalog-effect.ts';
import { acting, EXIT, type Exit, print, printJson, programOf } from './program.ts';

// `drawdown catalog diff`: the changes from one catalogue to another, and, with a ledger, the subscriptions and the money of each.

interface DiffOptions {
  database?: string;
  json?: true;
}

const nth = (n: number, of: string): string => `${n} ${of}${n === 1 ? '' : 's'}`;

/** The money of some next renewals under both catalogues. */
function moneyLine({ renewals, old_minor, new_minor }: Reached, from: Catalog, to: Catalog): string {
  const [before, after] = [moneyText(old_minor, from.currency), moneyText(new_minor, to.currency)];
  const by = new_minor - old_minor;
  const change = by === 0 ? 'the same' : `${by > 0 ? '+' : ''}${moneyText(by, to.currency)}`;
  const sum = before === after ? before : `${before} → ${after}`;
  return `${nth(renewals, 'next renewal')}: ${sum}${from.currency === to.currency ? ` (${change})` : ''}`;
}

function changeLines(
  change: CatalogChange,
  effect: LedgerEffect | null,
  from: Catalog,
  to: Catalog,
): string[] {
  const lines = [change.text, `    ${change.reaches}`];
  if (effect === null || change.scope.kind === 'none') return lines;
  const reached = effect.tally.of(change.scope);
  const isAboutMoney = change.scope.kind !== 'all' && reached.renewals > 0;
  const money = isAboutMoney ? `; ${moneyLine(reached, from, to)}` : '';
  return [...lines, `    ${nth(reached.subscriptions, 'live subscription')}${money}`];
}

function effectLines(effect: LedgerEffect, from: Catalog, to: Catalog): string[] {
  const total = effect.tally.total();
  const unpriced = effect.tally.unpriced();
  return [
    '',
    `In all: ${nth(total.subscriptions, 'live subscription')}; ${moneyLine(total, from, to)}.`,
    ...(unpriced > 0
      ? [`Not in these sums: ${nth(unpriced, 'live subscription')} on a plan that one of the two lacks.`]
      : []),
    ...(effect.inForce !== from.version
      ? [`In force is ${effect.inForce ?? 'no catalogue yet'}, not ${from.version}.`]
      : []),
    ...(effect.isKnown
      ? [`${to.version} was in force before: a start with it changes nothing. Give it a new version.`]
      : []),
  ];
}

/** Without a ledger only the files speak: an edit under the same version. */
const refusalsOf = (
  effect: LedgerEffect | null,
  changes: CatalogChange[],
  from: Catalog,
  to: Catalog,
): string[] => {
  if (effect) return effect.refusals;
  const isEdited = changes.length > 0 && from.version === to.version;
  return isEdited ? [`Both are version ${to.version}: each edit needs a new version (R-07).`] : [];
};

async function run(oldFile: string, newFile: string, { database, json }: DiffOptions): Promise<Exit> {
  const [from, to] = [loadCatalog(oldFile), loadCatalog(newFile)];
  const databaseUrl = database ?? loadConfig().databaseUrl;
  const changes = changesBetween(from, to);
  // The database's library is loaded only where it is needed: a check takes no longer for it.
  const effect =
    databaseUrl === undefined
      ? null
      : await (await import('./catalog-effect.ts')).effectOn(databaseUrl, from, to);
  const refusals = refusalsOf(effect, changes, from, to);
  if (json) printJson(jsonOf(changes, effect, refusals, from, to));
  else {
    print(
      `${from.version} → ${to.version}: ${changes.length === 0 ? 'no change' : nth(changes.length, 'change')}`,
    );
    for (const change of changes) print(changeLines(change, effect, from, to).join('\n'));
    if (effect) print(effectLines(effect, from, to).join('\n'));
    if (refusals.length > 0)
      print(['', 'A start with it would be refused:', ...refusals.map((line) => `  ${line}`)].join('\n'));
  }
  return refusals.length > 0 ? EXIT.bad : EXIT.good;
}

function jsonOf(
  changes: CatalogChange[],
  effect: LedgerEffect | null,
  refusals: string[],
  from: Catalog,
  to: Catalog,
) {
  return {
    from: from.version,
    to: to.version,
    changes: changes.map(({ scope, ...change }) => ({
      ...change,
      ...(effect && scope.kind !== 'none' ? { live: effect.tally.of(scope) } : {}),
    })),
    ...(effect
      ? {
          in_force: effect.inForce,
          currency: { from: from.currency, to: to.currency },
          live: effect.tally.total(),
          unpriced: effect.tally.unpriced(),
        }
      : {}),
    refused: refusals,
  };
}

/** `drawdown catalog diff`. */
export const program = programOf(
  'diff',
  'Prints the changes from one catalogue to another, and whom they reach.',
)
  .argument('<old>', 'the file in force')
  .argument('<new>', 'the edited file')
  .option('--database <url>', 'count live subscriptions there (default: DATABASE_URL)')
  .option('--json', 'print one JSON document')
  .addHelpText(
    'after',
    `
Examples:
  npx drawdown catalog diff before.json catalog.json
  npx drawdown catalog diff --database "$STANDBY" before.json catalog.json
  npx drawdown catalog diff --json before.json catalog.json

With a database it counts, for each change, the live subscriptions and the money of their next renewals under both catalogues, to the
cent. It names those that the new catalogue would strand. It only reads.
Exit codes: 0 compared, 1 compared, and a start with the new file would be refused, 2 not compared.`,
  )
  .action(acting('The catalogues could not be compared', run));
