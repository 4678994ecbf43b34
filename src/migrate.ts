import { loadConfig } from './config.ts';
import { migrate } from './db/migrate.ts';

// `npm run migrate`: brings the database of DATABASE_URL to the newest schema. Every start does so by itself.

const { databaseUrl } = loadConfig();
if (databaseUrl === undefined) {
  process.stderr.write('Set DATABASE_URL to the database that is to be migrated.\n');
  process.exit(1);
}
await migrate(databaseUrl);
process.stdout.write('The schema is up to date.\n');
