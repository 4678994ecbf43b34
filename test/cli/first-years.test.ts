import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogOf } from '../scenarios/format.ts';
import { HttpDriver } from '../scenarios/http-driver.ts';
import { loadTables } from '../scenarios/load.ts';
import { runTable } from '../scenarios/runner.ts';
import { drawdown } from '../support/cli.ts';
import { expectSound } from '../support/invariants.ts';
import { realFacts } from '../support/lives.ts';
import { type Stack, startStack } from '../support/stack.ts';

// The first years of the three products: the lines that `drawdown simulate` prints are those of the stack under a test clock.

const tables = (await loadTables()).filter(({ file }) => file === 'first-years.scenario.ts');

/** The simulator's lines of one subscription after the other, without the lines that sum them up. */
function simulated(printed: string): string[][] {
  const lives = printed.trimEnd().split('\n\n');
  return lives.map((life) => life.split('\n').filter((line) => /^\d{4}-/.test(line)));
}

describe.each(tables)('$title', (table) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ catalog: catalogOf(table) });
  });
  afterAll(() => stack?.stop());

  test('is the same on the simulator and on the stack, line by line', async () => {
    const report = await runTable(table, new HttpDriver(stack, 'first-year'), 'stack');
    expect(report.ok, report.text).toBe(true);
    const { body } = await stack.request('GET', '/v1/subscriptions?customer_id=first-year&order=asc');
    const ids = (body as { data: { id: string }[] }).data.map(({ id }) => id);
    const real = await Promise.all(ids.map((id) => realFacts(stack.db, id)));
    const { out } = await drawdown(['simulate', table.title]);
    expect(simulated(out)).toEqual(real);
    expect(real.flat().length).toBeGreaterThan(30);
    await expectSound(stack.db);
  });
});
