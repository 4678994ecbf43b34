import { Option } from 'commander';
import { keyIdOf, makeKey, SCOPES, type Scope } from '../api/auth.ts';
import { loadConfig } from '../config.ts';
import type { Database } from '../db/client.ts';
import { allKeys, findKey, type KeyRow, revokeKey } from '../db/keys.ts';
import { acting, EXIT, type Exit, print, printJson, programOf, table } from './program.ts';
import { ledgerConfig, withLedger } from './servers.ts';

// `drawdown keys`: makes, lists and revokes API keys. It needs access to the database and no key.

const EXAMPLES = `
Examples:
  npx drawdown keys list
  npx drawdown keys create --name "render farm" --scopes spend read
  KEY=$(npx drawdown keys create --name laptop --scopes operator)
  npx drawdown keys revoke key_01m82nnn9tqpyya54mhxr3nrvy

A change is in force at every API within a second. \`keys COMMAND --help\` says more.`;

const POOL = { max: 1, statementTimeoutMs: 10_000 };

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;
const view = ({ id, name, scopes, createdAt, revokedAt }: KeyRow) => ({
  id,
  name,
  scopes,
  created_at: iso(createdAt),
  revoked_at: iso(revokedAt),
});

const ledger = <T>(work: (db: Database) => Promise<T>): Promise<T> =>
  withLedger(ledgerConfig().databaseUrl, POOL, work);

async function list({ json }: { json?: true }): Promise<Exit> {
  const keys = await ledger(allKeys);
  if (json) printJson(keys.map(view));
  else {
    const rows = keys.map(({ id, name, scopes, createdAt, revokedAt }) => [
      id,
      name ?? '',
      scopes.join(' '),
      iso(createdAt) ?? '',
      iso(revokedAt) ?? '',
    ]);
    print(table([['id', 'name', 'scopes', 'made', 'revoked'], ...rows]));
  }
  return EXIT.good;
}

interface KeyFlags {
  scopes: Scope[];
  name?: string;
  json?: true;
}

async function create({ scopes, name, json }: KeyFlags): Promise<Exit> {
  const mode = loadConfig().keyMode;
  const [key, row] = await ledger(async (db) => {
    const made = await makeKey(db, { mode, scopes, name: name ?? null });
    return [made, (await findKey(db, keyIdOf(made)!))!] as const;
  });
  if (json) printJson({ ...view(row), key });
  else {
    // stdout has the key alone, for a variable or a file.
    process.stderr.write(`Made ${row.id} with ${row.scopes.join(' ')}. The key is shown this once:\n`);
    print(key);
  }
  return EXIT.good;
}

type Fate = 'revoked' | 'revoked before' | 'not there' | 'would be revoked';

/** Takes a key's id, or a whole key that leaked. */
async function revokeOne(db: Database, word: string, isDry: boolean): Promise<[id: string, fate: Fate]> {
  const id = keyIdOf(word) ?? word;
  const row = await findKey(db, id);
  if (!row) return [keyIdOf(word) ?? word, 'not there'];
  if (row.revokedAt) return [id, 'revoked before'];
  if (isDry) return [id, 'would be revoked'];
  return [id, (await revokeKey(db, id)) ? 'revoked' : 'revoked before'];
}

async function revoke(words: string[], { json, dryRun }: { json?: true; dryRun?: true }): Promise<Exit> {
  const [fates, keys] = await ledger(async (db) => {
    const done: [string, Fate][] = [];
    for (const word of words) done.push(await revokeOne(db, word, dryRun === true));
    return [done, await allKeys(db)] as const;
  });
  const operators = keys.filter(({ scopes, revokedAt }) => revokedAt === null && scopes.includes('operator'));
  if (json)
    printJson({ keys: fates.map(([id, fate]) => ({ id, fate })), operator_keys_left: operators.length });
  else {
    for (const [id, fate] of fates) print(`${id}: ${fate}`);
    if (fates.some(([, fate]) => fate === 'revoked'))
      print('Every API refuses it within a second. Another one: npx drawdown keys create --scopes …');
    if (operators.length === 0)
      print('No operator key is left: npx drawdown keys create --scopes read spend billing operator');
  }
  return fates.some(([, fate]) => fate === 'not there') ? EXIT.bad : EXIT.good;
}

const COMPLAINT = 'The keys could not be reached';

const listing = programOf('list', 'Lists every key, newest first: never the secret, which is kept nowhere.')
  .option('--json', 'print one JSON document')
  .addHelpText(
    'after',
    '\nExamples:\n  npx drawdown keys list\n  npx drawdown keys list --json\n\nExit codes: 0 listed, 2 not.',
  )
  .action(acting(COMPLAINT, list));

const making = programOf('create', 'Makes a key and prints it, this once.')
  .addOption(new Option('--scopes <scopes...>', 'its scopes').choices([...SCOPES]).makeOptionMandatory())
  .option('--name <name>', 'its name')
  .option('--json', 'print one JSON document')
  .addHelpText(
    'after',
    `
Examples:
  npx drawdown keys create --name "render farm" --scopes spend read
  KEY=$(npx drawdown keys create --scopes operator)        stdout has the key alone

read sees everything, spend uses, holds and reverses, billing starts, buys, changes and cancels, operator makes grants,
refunds, test clocks and keys. TEST_MODE decides whether it begins with dd_test_ or dd_live_.
Exit codes: 0 made, 2 not.`,
  )
  .action(acting(COMPLAINT, create));

const revoking = programOf('revoke', 'Revokes keys, for ever: every API refuses them within a second.')
  .argument('<ids...>', 'ids as `keys list` shows them, or whole keys')
  .option('--dry-run', 'name the keys that would be revoked, and change nothing')
  .option('--json', 'print one JSON document')
  .addHelpText(
    'after',
    `
Examples:
  npx drawdown keys revoke key_01m82nnn9tqpyya54mhxr3nrvy
  npx drawdown keys revoke --dry-run key_a key_b

Unlike the API, this revokes the last operator key too: whoever has the database can make another.
Exit codes: 0 all are revoked, 1 there is no such key (the others are revoked), 2 nothing was done.`,
  )
  .action(acting(COMPLAINT, revoke));

/** `drawdown keys`. */
export const program = programOf('keys', 'Makes, lists and revokes the keys of the API.')
  .addHelpText('after', EXAMPLES)
  .addCommand(listing)
  .addCommand(making)
  .addCommand(revoking);
