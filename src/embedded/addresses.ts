import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Where the servers of a start are: for commands of the same machine that are told of none.

export interface Addresses {
  databaseUrl: string;
  temporalAddress: string;
}

const fileOf = (dataFolder: string): string => join(dataFolder, 'addresses.json');

export function writeAddresses(dataFolder: string, addresses: Addresses): void {
  writeFileSync(fileOf(dataFolder), `${JSON.stringify(addresses)}\n`, { mode: 0o600 });
}

export function forgetAddresses(dataFolder: string): void {
  rmSync(fileOf(dataFolder), { force: true });
}

/** Of a start that ended by signal 9 they lead nowhere; undefined when there are none. */
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
