import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutant } from './mutants.ts';

// One run of vitest in the copy, of the named tests alone, and its report.

type Test = Mutant['test'];

/** One test of a run. */
export interface Ran {
  file: string;
  name: string;
  state: 'passed' | 'failed' | 'skipped';
  /** The first line of the error; empty without one. */
  error: string;
}

/** The tests of a run, and the reason why some could not run. */
export interface Report {
  ran: Ran[];
  trouble: string;
}

interface RunOptions {
  folder: string;
  tests: readonly Test[];
  /** Ends with the first failure. */
  bails: boolean;
  env: Record<string, string>;
  limitMs: number;
  stopping: AbortSignal;
}

/** The report of vitest's reporter `json`. */
interface JsonReport {
  testResults: {
    name: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

/** Runs tests of one project. A run that takes too long is ended, and has no tests. */
export async function runTests(options: RunOptions): Promise<Report> {
  const { folder } = options;
  const output = join(folder, 'report.json');
  rmSync(output, { force: true });
  const said = await vitest(folder, argumentsOf(options, output), options);
  if (!existsSync(output)) return { ran: [], trouble: said };
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as JsonReport;
  const ran = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }): Ran => {
      const file = name.slice(name.indexOf('/test/') + 1);
      const state = status === 'passed' || status === 'failed' ? status : 'skipped';
      return { file, name: fullName, state, error: firstLine(failureMessages[0]) };
    }),
  );
  const troubles = testResults.map(({ message }) => firstLine(message)).filter((line) => line !== '');
  return { ran, trouble: troubles.join('; ') || (ran.some(({ state }) => state !== 'skipped') ? '' : said) };
}

const firstLine = (text = ''): string => text.trim().split('\n')[0]!;

/** Whether a test of a run is one that a mutant names. */
export const isNamed = ({ file, name }: Ran, test: Test): boolean =>
  file === test.file && name.includes(test.name);

function argumentsOf({ tests, bails }: RunOptions, output: string): string[] {
  const names = [...new Set(tests.map(({ name }) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')))];
  return [
    'run',
    ...['--project', tests[0]!.project, '--testNamePattern', `(${names.join('|')})`],
    ...['--reporter', 'json', '--outputFile', output, ...(bails ? ['--bail', '1'] : [])],
    ...new Set(tests.map(({ file }) => file)),
  ];
}

/** The last lines that vitest wrote. */
function vitest(folder: string, args: string[], { env, limitMs, stopping }: RunOptions): Promise<string> {
  const program = join(folder, 'node_modules', 'vitest', 'vitest.mjs');
  const { CAMPAIGN: _, ...environment } = process.env;
  // A group of its own, so that its workers end with it.
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  const keep = (chunk: Buffer): void => {
    said = (said + chunk).slice(-2_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const end = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
  };
  const late = setTimeout(() => {
    said = `no end within ${limitMs / 1_000} s`;
    child.stdout.off('data', keep);
    child.stderr.off('data', keep);
    end();
  }, limitMs);
  stopping.addEventListener('abort', end, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(late);
      stopping.removeEventListener('abort', end);
      resolve(said.trim().split('\n').slice(-6).join('\n'));
    });
  });
}
