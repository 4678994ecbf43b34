import { readdirSync } from 'node:fs';
import { parseTables, type Table } from './format.ts';

/** Every table of every `*.scenario.ts` beside this file. */
export async function loadTables(): Promise<Table[]> {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.scenario.ts'));
  const tables = await Promise.all(
    files.sort().map(async (file) => {
      const module: { default: string | string[] } = await import(new URL(file, import.meta.url).href);
      return parseTables(module.default, file);
    }),
  );
  return tables.flat();
}
