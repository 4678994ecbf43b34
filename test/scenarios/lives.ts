import { basename } from 'node:path';
import type { Life } from '../../src/domain/timeline.ts';
import { CoreDriver } from './core-driver.ts';
import { catalogOf } from './format.ts';
import { loadTables } from './load.ts';
import { runTable } from './runner.ts';

export interface Reported {
  title: string;
  rules: string[];
  /** The customer's subscriptions, one after the other. */
  lives: Life[];
}

/** The lives of the tables whose title holds these words, or whose file this is, lived on the pure core. */
export async function livesOf(wanted: string): Promise<Reported[]> {
  const words = wanted.toLowerCase();
  const file = basename(wanted).replace(/(\.scenario)?(\.ts)?$/, '.scenario.ts');
  const tables = (await loadTables()).filter((table) => table.on !== 'stack');
  const named = tables.filter((table) => table.file === file);
  const found = named.length > 0 ? named : tables.filter(({ title }) => title.toLowerCase().includes(words));
  return Promise.all(
    found.map(async (table) => {
      const driver = new CoreDriver(catalogOf(table));
      await runTable(table, driver, 'core');
      return { title: table.title, rules: table.rules, lives: driver.lives };
    }),
  );
}
