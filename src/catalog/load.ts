import { readFileSync } from 'node:fs';
import { ConfigError } from '../config.ts';
import type { Catalog } from '../domain/catalog/catalog.ts';
import { DEFAULT_CATALOG } from '../domain/catalog/default.ts';
import { readCatalogText } from './read.ts';
import type { PlacedFault } from './text.ts';

/** The text of a catalogue's file. Throws ConfigError where it can't be read. */
export function catalogText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const reason = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : message;
    throw new ConfigError(`The catalogue ${file} can't be read: ${reason}`);
  }
}

/** A fault as one line: its place, in the form that terminals make a link of, its member and the sentence. */
export const faultLine = (file: string, { line, column, pointer, detail }: PlacedFault): string =>
  `${file}:${line}:${column}  ${pointer === '' ? 'The file' : pointer} ${detail}`;

/** The catalogue of a file, or the built-in one. Throws ConfigError with every fault in a line. */
export function loadCatalog(file: string | undefined): Catalog {
  if (file === undefined) return DEFAULT_CATALOG;
  const read = readCatalogText(catalogText(file));
  if ('catalog' in read) return read.catalog;
  const lines = read.faults.map((fault) => `  ${faultLine(file, fault)}`);
  throw new ConfigError(`The catalogue ${file} is not valid:\n${lines.join('\n')}`);
}
