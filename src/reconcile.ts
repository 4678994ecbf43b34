import { Command } from 'commander';
import { ConfigError, loadConfig } from './config.ts';
import { connect } from './db/client.ts';
import {
  BOOKS_TIMEOUT_MS,
  type Counted,
  type Reconciliation,
  reconcile,
  type Unexplained,
} from './db/reconcile.ts';

// `npm run reconcile`: whether every charge, grant and message of billing has its reason, and which have none.

interface Options {
  subscription?: string[];
  json?: true;
}

const EXAMPLES = `
Examples:
  npm run reconcile                                    the whole ledger of DATABASE_URL
  npm run reconcile -- --subscription sub_1 sub_2      of two subscriptions
  npm run --silent reconcile -- --json                 one JSON document, every unexplained row in it

The exit code is 0 when all is explained, 1 when something is not, 2 when the books could not be read. It only reads, and
may run at any time. docs/operating.md says what is looked at.`;

const EXIT = { explained: 0, unexplained: 1, unread: 2 } as const;

/** Rows that fit on a screen besides the numbers. */
const SHOWN = 15;
const SAY_SO_AFTER_MS = 1_000;

async function read(databaseUrl: string, options: Options): Promise<Reconciliation> {
  const db = connect(databaseUrl, { max: 1, statementTimeoutMs: BOOKS_TIMEOUT_MS });
  const progress = setTimeout(
    () => process.stderr.write('Reading every charge, grant and message; large books take minutes.\n'),
    SAY_SO_AFTER_MS,
  );
  try {
    const limit = options.json ? null : SHOWN;
    return await reconcile(db, { subscriptionIds: options.subscription ?? null, limit });
  } finally {
    clearTimeout(progress);
    await db.$client.end({ timeout: 2 });
  }
}

/** Cut down, so that 1 says that nothing is left. */
const ratioOf = ({ total, explained }: Counted): number =>
  total === 0 ? 1 : Math.floor((explained / total) * 10_000) / 10_000;

function countedLine(name: string, counted: Counted): string {
  const { total, explained } = counted;
  const numbers = [String(total), String(explained), ratioOf(counted).toFixed(4)];
  return [name.padEnd(8), ...numbers.map((text) => text.padStart(10))].join(' ');
}

const rowLines = ({ rule, row, subscription_id, problem }: Unexplained): string[] => [
  `${rule}  ${[subscription_id, row].filter((id) => id !== '').join('  ')}`,
  `      ${problem}`,
];

function screen({ at, all, charges, grants, inbox, unexplained }: Reconciliation): string {
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
  unexplained: found.unexplained,
});

/** The innermost message: the outer one repeats the statement. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message || error.name;
}

async function run(options: Options): Promise<number> {
  const { databaseUrl } = loadConfig();
  if (databaseUrl === undefined)
    throw new ConfigError(
      'Set DATABASE_URL to the database of the ledger; `npm start` prints that of its own.',
    );
  const found = await read(databaseUrl, options);
  if (found.not_here.length > 0)
    throw new ConfigError(`There is no subscription ${found.not_here.join(', ')}.`);
  console.log(options.json ? JSON.stringify(document(found), null, 2) : screen(found));
  return found.all.explained === found.all.total ? EXIT.explained : EXIT.unexplained;
}

await new Command('reconcile')
  .description('Says whether every charge, grant and message of billing has its reason, and which have none.')
  .option('--subscription <ids...>', 'look at these subscriptions only')
  .option('--json', 'print one JSON document')
  .allowExcessArguments(false)
  .addHelpText('after', EXAMPLES)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT.unread))
  .action(async (options: Options) => {
    try {
      process.exitCode = await run(options);
    } catch (error) {
      const reason =
        error instanceof ConfigError ? error.message : `The books could not be read: ${reasonOf(error)}`;
      process.stderr.write(`${reason}\n`);
      process.exitCode = EXIT.unread;
    }
  })
  .parseAsync();
