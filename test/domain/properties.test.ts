import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sized } from '../support/campaign.ts';
import { type History, histories } from './history.ts';
import { Model } from './model.ts';

/** Histories a run; DRAWDOWN_HISTORIES asks for more. */
const RUNS = Number(process.env['DRAWDOWN_HISTORIES'] ?? sized(1_200, 10_000));
const kept = new URL('../regressions/', import.meta.url);

describe('invariants I1 to I4, I6 and I7, R-56, R-90 and the forecast, in every history', () => {
  const files = readdirSync(kept).filter((name) => name.endsWith('.json'));

  test.each(files)('the kept history %s', (name) => {
    const { history }: { history: History } = JSON.parse(readFileSync(new URL(name, kept), 'utf8'));
    new Model(history).run();
  });

  test(`${RUNS} histories`, { timeout: 900_000 }, () => {
    const seed = process.env['DRAWDOWN_SEED'];
    const result = fc.check(
      fc.property(histories, (history) => new Model(history).run()),
      { numRuns: RUNS, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    );
    if (!result.failed) return;
    const report = fc.defaultReportMessage(result) ?? 'failed';
    expect.fail(
      `${keep(result.counterexample?.[0], report)}\nDRAWDOWN_SEED=${result.seed} finds it again\n${report}`,
    );
  });
});

/** A history that failed is replayed first from now on: commit its file. */
function keep(history: History | undefined, why: string): string {
  if (history === undefined) return '';
  mkdirSync(kept, { recursive: true });
  const hash = createHash('sha256').update(JSON.stringify(history)).digest('hex').slice(0, 12);
  const file = new URL(`${hash}.json`, kept);
  writeFileSync(file, `${JSON.stringify({ why: why.split('\n').slice(0, 12), history }, null, 2)}\n`);
  return `kept in test/regressions/${hash}.json`;
}
