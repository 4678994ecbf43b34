import { writeSync } from 'node:fs';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

/**
 * Prints `N passed, N failed` as the very last line. A skipped check is a defect here, so a skipped test counts as failed. So
 * does everything that kept tests from running: a file that does not load, a failing hook, an unhandled error, services that
 * did not come up.
 */
export default class ClosingLine implements Reporter {
  private vitest: Vitest | undefined;
  private passed = 0;
  // Until the run has ended well there is something wrong with it.
  private failed = 1;

  onInit(vitest: Vitest): void {
    this.vitest = vitest;
    process.once('exit', () => this.close());
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((t) => t.result().state));
    const broken = modules.reduce((sum, module) => sum + brokenSuites(module), 0);
    this.passed = states.filter((state) => state === 'passed').length;
    this.failed = states.filter((state) => this.countsAsFailed(state)).length + broken + unhandled.length;
  }

  private countsAsFailed(state: string): boolean {
    // With `-t name` everything else is skipped on purpose.
    const byFilter = state === 'skipped' && this.vitest?.config.testNamePattern !== undefined;
    return state !== 'passed' && !byFilter;
  }

  private close(): void {
    if (this.failed > 0 && !process.exitCode) process.exitCode = 1;
    writeSync(1, `\n${this.passed} passed, ${this.failed} failed\n`);
  }
}

function brokenSuites(module: TestModule): number {
  const suites = [...module.children.allSuites()];
  return [module, ...suites].filter((suite) => suite.errors().length > 0).length;
}
