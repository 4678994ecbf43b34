import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// The addresses of a start's servers, for commands of the same machine without addresses of their own.

/** The database and Temporal of a start. */
export interface Addresses {
  databaseUrl: string;
  temporalAddress: string;
}

const fileOf = (dataFolder: string): string => join(dataFolder, 'addresses.json');

/** Writes the addresses into the data folder. */
export function writeAddresses(dataFolder: string, addresses: Addresses): void {
  writeFileSync(fileOf(dataFolder), `${JSON.stringify(addresses)}\n`, { mode: 0o600 });
}

/** Removes the addresses when the servers stop. */
export function forgetAddresses(dataFolder: string): void {
  rmSync(fileOf(dataFolder), { force: true });
}

/** The addresses in the data folder; undefined without any. After a SIGKILL of the start they lead nowhere. */
export function readAddresses(dataFolder: string): Addresses | undefined {
  try {
    const { databaseUrl, temporalAddress } = JSON.parse(
      readFileSync(fileOf(dataFolder), 'utf8'),
    ) as Addresses;
    return { databaseUrl, temporalAddress };
  } catch {
    return undefined;
  }
}
