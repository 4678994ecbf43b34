import {
  BOOKS_TIMEOUT_MS,
  type CountedRows,
  type Reconciliation,
  reconcile,
  type Unexplained,
} from '../db/audit/reconcile.ts';
import { acting, EXIT, type Exit, print, printJson, programOf, showProgress, Unable } from './program.ts';
import { ledgerConfig, withLedger } from './servers.ts';

// `drawdown reconcile`: finds the reason of every charge, grant and message of billing, and lists the rows without one.

interface ReconcileFlags {
  subscription?: string[];
  json?: true;
}

const EXAMPLES = `
Examples:
  npx drawdown reconcile                                    the whole ledger
  npx drawdown reconcile --subscription sub_1 sub_2         of two subscriptions
  npx drawdown reconcile --json                             one JSON document, every unexplained row in it

The exit code is 0 when all is explained, 1 when something is not, 2 when the books could not be read. It only reads, and
may run at any time. docs/operating.md says what is looked at.`;

/** Rows that fit on a screen beside the numbers. */
const SHOWN = 15;

async function read(databaseUrl: string, options: ReconcileFlags): Promise<Reconciliation> {
  const progress = showProgress(() => 'Reading every charge, grant and message; large books take minutes.');
  const limit = options.json ? null : SHOWN;
  const wanted = { subscriptionIds: options.subscription ?? null, limit };
  try {
    const pool = { max: 1, statementTimeoutMs: BOOKS_TIMEOUT_MS };
    return await withLedger(databaseUrl, pool, (db) => reconcile(db, wanted));
  } finally {
    progress.stop();
  }
}

/** Cut down, so that 1 means that no row is left. */
const ratioOf = ({ total, explained }: CountedRows): number =>
  total === 0 ? 1 : Math.floor((explained / total) * 10_000) / 10_000;

function countedLine(name: string, counted: CountedRows): string {
  const { total, explained } = counted;
  const numbers = [String(total), String(explained), ratioOf(counted).toFixed(4)];
  return [name.padEnd(8), ...numbers.map((text) => text.padStart(10))].join(' ');
}

const rowLines = ({ rule, row, subscription_id, problem }: Unexplained): string[] => [
  `${rule}  ${[subscription_id, row].filter((id) => id !== '').join('  ')}`,
  `      ${problem}`,
];

function screen({ at, all, charges, grants, inbox, failures, unexplained }: Reconciliation): string {
  const left = all.total - all.explained;
  const more = left - unexplained.length;
  return [
    `at ${at}`,
    ['', 'looked at', 'explained', 'ratio']
      .map((word, i) => (i ? word.padStart(10) : word.padEnd(8)))
      .join(' '),
    countedLine('charges', charges),
    countedLine('grants', grants),
    countedLine('inbox', inbox),
    countedLine('refused', failures),
    countedLine('all', all),
    '',
    left === 0 ? 'All is explained.' : `Not explained: ${left}`,
    ...unexplained.flatMap(rowLines),
    ...(more > 0 ? [`and ${more} more: --json names every one.`] : []),
  ].join('\n');
}

const document = (found: Reconciliation) => ({
  at: found.at,
  total: found.all.total,
  explained: found.all.explained,
  ratio: ratioOf(found.all),
  charges: found.charges,
  grants: found.grants,
  inbox: found.inbox,
  failures: found.failures,
  unexplained: found.unexplained,
});

async function run(options: ReconcileFlags): Promise<Exit> {
  const found = await read(ledgerConfig().databaseUrl, options);
  if (found.not_here.length > 0) throw new Unable(`There is no subscription ${found.not_here.join(', ')}.`);
  if (options.json) printJson(document(found));
  else print(screen(found));
  return found.all.explained === found.all.total ? EXIT.good : EXIT.bad;
}

/** `drawdown reconcile`. */
export const program = programOf(
  'reconcile',
  'Says whether every charge, grant and message of billing has its reason, and which have none.',
)
  .option('--subscription <ids...>', 'look at these subscriptions only')
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXAMPLES)
  .action(acting('The books could not be read', run));
