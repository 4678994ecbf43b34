import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { childEnvironment } from '../../src/config.ts';
import type { Ready } from '../../src/embedded/welcome.ts';

// `npm start` as a person runs it: its output, and the commands in it, pasted.

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Start {
  process: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  ready(): Promise<Ready>;
  /** The text of the first group of `pattern`, once stdout has it. */
  printed(pattern: RegExp): Promise<string>;
  exitCode(): Promise<number | null>;
  stop(): Promise<void>;
}

/** Starts the clone in `cwd` with servers of its own. The test stops its start, or `stopAll` does. */
export function npmStart(flags: string[], env: Record<string, string> = {}, cwd = root): Start {
  const own = { PORT: '', DATABASE_URL: '', TEMPORAL_ADDRESS: '' };
  // npm prints two lines of its own on stdout without this flag.
  const child = spawn('npm', ['start', '--silent', '--', ...flags], {
    cwd,
    env: childEnvironment({ ...own, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      output[name] += chunk.toString();
    });
  }
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const printed = async (pattern: RegExp) => {
    await vi.waitUntil(() => pattern.test(output.stdout) || child.exitCode !== null, {
      timeout: 90_000,
      interval: 50,
    });
    const found = pattern.exec(output.stdout)?.[1];
    if (found === undefined) throw new Error(`npm start printed:\n${output.stdout}${output.stderr}`);
    return found;
  };
  const self: Start = {
    process: child,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    printed,
    ready: async () => JSON.parse(await printed(/^(\{.*\})\n/)) as Ready,
    exitCode: () => exited,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
  running.add(self);
  void exited.then(() => running.delete(self));
  return self;
}

const running = new Set<Start>();

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((start) => start.stop()));
}
