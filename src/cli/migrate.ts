import { migrate, pendingMigrations } from '../db/migrate.ts';
import { acting, EXIT, type Exit, print, printJson, programOf, showProgress } from './program.ts';
import { ledgerConfig } from './servers.ts';

// `drawdown migrate`: brings the ledger's database to the newest schema. Every start does so by itself.

interface MigrateOptions {
  dryRun?: true;
  json?: true;
}

const EXAMPLES = `
Examples:
  npx drawdown migrate --dry-run          which migrations the database lacks
  npx drawdown migrate                    applies them, one start at a time; there is no way back but a backup
  npx drawdown migrate --json             {"applied": [names]}; with --dry-run {"pending": [names]}

Exit codes: 0 the schema is up to date (or, dry, was looked at), 2 the database could not be migrated.`;

async function run({ dryRun, json }: MigrateOptions): Promise<Exit> {
  const { databaseUrl } = ledgerConfig();
  const pending = await pendingMigrations(databaseUrl);
  if (!dryRun) {
    const progress = showProgress(() => `Migrating: ${pending.join(', ')}`);
    await migrate(databaseUrl, { goBack: true }).finally(() => progress.stop());
  }
  if (json) printJson(dryRun ? { pending } : { applied: pending });
  else if (pending.length === 0) print('The schema is up to date.');
  else if (dryRun) print(`To be applied: ${pending.join(', ')}`);
  else print(`Applied: ${pending.join(', ')}\nThe schema is up to date.`);
  return EXIT.good;
}

/** `drawdown migrate`. */
export const program = programOf('migrate', 'Brings the database of the ledger to the newest schema.')
  .option('--dry-run', 'name the migrations that would be applied, and change nothing')
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXAMPLES)
  .action(acting('The database could not be migrated', run));
