import { dropMessage, listRefused, type RefusedRow, retryNow } from '../db/failures.ts';
import { iso } from '../domain/calendar.ts';
import { acting, EXIT, type Exit, print, printJson, programOf, table } from './program.ts';
import { ledgerConfig, withLedger } from './servers.ts';

// `drawdown refused`: the rows and steps that fail again and again, and an operator's two actions on them.

const EXAMPLES = `
Examples:
  npx drawdown refused list                     the refused rows, how often, and why
  npx drawdown refused retry                    tries all of it at once, rather than in some minutes
  npx drawdown refused retry 'message 4711'     tries one row
  npx drawdown refused drop 'message 4711'      drops a message of billing: it never reaches its subscription

Rows are named as \`list\` and \`drawdown reconcile\` name them. docs/operating.md explains each kind.
Exit codes: 0 nothing is refused (or it was done), 1 something is refused (or a row is not there), 2 it could not look.`;

const POOL = { max: 1, statementTimeoutMs: 10_000 };
/** Rows that fit on a screen. */
const SHOWN = 50;

const ledger = <T>(work: Parameters<typeof withLedger<T>>[2]): Promise<T> =>
  withLedger(ledgerConfig().databaseUrl, POOL, work);

const nameOf = ({ kind, key }: Pick<RefusedRow, 'kind' | 'key'>): string => `${kind} ${key}`;

function refOf(word: string): Pick<RefusedRow, 'kind' | 'key'> {
  const [kind = '', ...rest] = word.split(' ');
  return { kind: kind as RefusedRow['kind'], key: rest.join(' ') };
}

async function list({ json }: { json?: true }): Promise<Exit> {
  const { rows, count } = await ledger((db) => listRefused(db, json ? null : SHOWN));
  if (json)
    printJson(
      rows.map(({ subscriptionId, since, nextAt, ...row }) => ({
        row: nameOf(row),
        subscription_id: subscriptionId,
        attempts: row.attempts,
        reason: row.reason,
        since: iso(since),
        next_at: row.kind === 'step' ? null : iso(nextAt),
        says: row.says,
      })),
    );
  else if (count === 0) print('Nothing is refused.');
  else {
    const lines = rows.map((row) => [nameOf(row), row.subscriptionId, String(row.attempts), iso(row.since)]);
    const head = ['row', 'subscription', 'tries', 'since'];
    const [first, ...others] = table([head, ...lines]).split('\n');
    const details = others.flatMap((line, i) => [
      line,
      ...(rows[i]!.says ? [`  ${rows[i]!.says}`] : []),
      `  ${rows[i]!.reason}`,
    ]);
    print(
      [
        first,
        ...details,
        ...(count > rows.length ? [`and ${count - rows.length} more: --json names every one.`] : []),
      ].join('\n'),
    );
  }
  return count === 0 ? EXIT.good : EXIT.bad;
}

async function retry(words: string[]): Promise<Exit> {
  const count = await ledger((db) => retryNow(db, words.length > 0 ? words.map(refOf) : null));
  print(`${count} rows are tried again at once.`);
  return words.length > count ? EXIT.bad : EXIT.good;
}

async function drop(words: string[]): Promise<Exit> {
  const fates = await ledger(async (db) => {
    const found: [string, boolean][] = [];
    for (const word of words) {
      const { kind, key } = refOf(word);
      found.push([
        word,
        kind === 'message' && /^\d{1,15}$/.test(key) && (await dropMessage(db, Number(key))),
      ]);
    }
    return found;
  });
  print(
    fates
      .map(([word, isDropped]) => `${word}  ${isDropped ? 'dropped' : 'is no message that is refused'}`)
      .join('\n'),
  );
  return fates.every(([, isDropped]) => isDropped) ? EXIT.good : EXIT.bad;
}

const COMPLAINT = 'The refused rows could not be read';

/** `drawdown refused`. */
export const program = programOf(
  'refused',
  'Lists rows that are refused again and again, tries them at once, or drops a message.',
)
  .addHelpText('after', EXAMPLES)
  .addCommand(
    programOf('list', 'Lists the refused rows, the most often tried first.')
      .option('--json', 'print one JSON document')
      .addHelpText('after', EXAMPLES)
      .action(acting(COMPLAINT, list)),
  )
  .addCommand(
    programOf('retry', 'Tries rows at once: those that are named, or all.')
      .argument('[rows...]', "as `list` names them: 'message 4711'")
      .addHelpText('after', EXAMPLES)
      .action(acting(COMPLAINT, retry)),
  )
  .addCommand(
    programOf('drop', 'Drops messages of billing: they are kept, and never reach their subscriptions.')
      .argument('<rows...>', "as `list` names them: 'message 4711'")
      .addHelpText('after', EXAMPLES)
      .action(acting(COMPLAINT, drop)),
  );
