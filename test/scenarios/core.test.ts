import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CoreDriver } from './core-driver.ts';
import { catalogOf } from './format.ts';
import { loadTables } from './load.ts';
import { RULE_IDS } from './rule-ids.ts';
import { runTable } from './runner.ts';

const tables = await loadTables();

describe('scenario tables on the pure core', () => {
  for (const table of tables.filter(({ on }) => on !== 'stack'))
    test(`${table.rules.join(' ')}  ${table.title}`, async () => {
      const report = await runTable(table, new CoreDriver(catalogOf(table)), 'core');
      expect(report.ok, report.text).toBe(true);
    });
});

describe('the tables cover the rules', () => {
  test('at least 60 tables, each with its own title', () => {
    expect(tables.length).toBeGreaterThanOrEqual(60);
    const titles = tables.map(({ title }) => title);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  });

  test('every rule of sections A to H and J, and R-80 to R-83, stands on a table with rows', () => {
    const shown = new Set(tables.filter(({ rows }) => rows.length > 0).flatMap(({ rules }) => rules));
    expect(RULE_IDS.filter((rule) => !shown.has(rule))).toEqual([]);
    process.stdout.write(coverage());
  });

  test('no table names a rule that docs/rules.md does not have, and no rule there is forgotten here', () => {
    const written = new Set(
      readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8').match(/R-\d\d[ab]?/g),
    );
    const named = [...new Set(tables.flatMap(({ rules }) => rules)), ...RULE_IDS];
    expect(named.filter((rule) => !written.has(rule))).toEqual([]);
  });
});

/** Rule by rule, in how many tables it stands and how many rows they have: eight rules a line. */
function coverage(): string {
  const cells = RULE_IDS.map((rule) => {
    const of = tables.filter(({ rules }) => rules.includes(rule));
    const rows = of.reduce((sum, table) => sum + table.rows.length, 0);
    return `${rule} ${String(of.length).padStart(2)}/${String(rows).padEnd(3)}`;
  });
  const lines = Array.from({ length: Math.ceil(cells.length / 8) }, (_, i) =>
    cells.slice(i * 8, i * 8 + 8).join('  '),
  );
  return `Rules covered, tables/rows (${tables.length} tables):\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
