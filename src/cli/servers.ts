import { type Config, ConfigError, type ConnectedConfig, loadConfig } from '../config.ts';
import { connect, type Database } from '../db/client.ts';
import { readAddresses } from '../embedded/addresses.ts';

// The servers of a command: those that the environment names, else those that a start on this machine runs.

const SAY_WHICH =
  'or start Drawdown here: without it the servers of a running `npx drawdown start` in this folder are used.';

/** The configuration with the ledger's database. Throws ConfigError where none is known. */
export function ledgerConfig(): Config & { databaseUrl: string } {
  const config = loadConfig();
  const databaseUrl = config.databaseUrl ?? readAddresses(config.dataFolder)?.databaseUrl;
  if (databaseUrl === undefined)
    throw new ConfigError(`Set DATABASE_URL to the database of the ledger, ${SAY_WHICH}`);
  return { ...config, databaseUrl };
}

/** The configuration with the ledger's database and Temporal. Throws ConfigError where one is not known. */
export function connectedConfig(): ConnectedConfig {
  const config = ledgerConfig();
  if (config.temporalAddress !== undefined) return { ...config, temporalAddress: config.temporalAddress };
  const temporalAddress = readAddresses(config.dataFolder)?.temporalAddress;
  if (temporalAddress === undefined)
    throw new ConfigError(`Set TEMPORAL_ADDRESS to the Temporal of its workflows, ${SAY_WHICH}`);
  // The server of `npm start` has neither.
  return { ...config, temporalAddress, temporalApiKey: undefined, temporalTls: false };
}

/** Runs work on the ledger's database, over a pool that it closes afterwards. */
export async function withLedger<T>(
  databaseUrl: string,
  options: { max: number; statementTimeoutMs: number },
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const db = connect(databaseUrl, options);
  try {
    return await work(db);
  } finally {
    await db.$client.end({ timeout: 2 });
  }
}
