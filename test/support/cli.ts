import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../src/config.ts';

// `npx drawdown …` as an operator runs it: its output and its exit code.

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Run {
  code: number;
  out: string;
  err: string;
}

/** No start runs in the data folder, so the servers are those of `env` or none. */
export function drawdown(words: string[], env: Record<string, string | undefined> = {}): Promise<Run> {
  const own = { DATABASE_URL: '', TEMPORAL_ADDRESS: '', NODE_OPTIONS: '', DRAWDOWN_DATA: tmpdir() };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['drawdown.mjs', ...words],
      { cwd: root, env: childEnvironment({ ...own, ...env }) },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}
