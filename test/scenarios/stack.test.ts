import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../src/db/audit/reconcile.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { catalogOf, type Table } from './format.ts';
import { HttpDriver } from './http-driver.ts';
import { loadTables } from './load.ts';
import { runTable } from './runner.ts';

// One stack a catalogue: most tables run on the default one, all at once.
const groups = new Map<string, Table[]>();
for (const table of (await loadTables()).filter(({ on }) => on !== 'core')) {
  const { version } = catalogOf(table);
  groups.set(version, [...(groups.get(version) ?? []), table]);
}

for (const [version, tables] of groups)
  describe(`scenario tables on the real stack, catalogue ${version}`, () => {
    let stack: Stack;
    beforeAll(async () => {
      stack = await startStack({ catalog: catalogOf(tables[0]!) });
    });
    afterAll(() => stack?.stop());

    describe.concurrent('over HTTP under a test clock', () => {
      for (const table of tables)
        test(`${table.rules.join(' ')}  ${table.title}`, async () => {
          const report = await runTable(table, new HttpDriver(stack), 'stack');
          expect(report.ok, report.text).toBe(true);
        });
    });

    test('all their charges, grants and messages are explained, but payments after the end', async () => {
      const { all, unexplained } = await reconcile(stack.db, { patienceMs: 0 });
      const isLate = (rule: string, problem: string) =>
        rule === 'R-52' && problem.endsWith(' was taken for nothing and is to be given back.');
      expect(unexplained.filter(({ rule, problem }) => !isLate(rule, problem))).toEqual([]);
      expect(all.total).toBeGreaterThan(0);
    });
  });
