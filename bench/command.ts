import { closeSync, openSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { StartRefused } from '../src/embedded/data-folder.ts';
import { Shutdown } from '../src/embedded/shutdown.ts';

// A benchmark as a command: progress on stderr, and an end that stops everything it started, also on Ctrl-C.

/** The running command: its shutdown and its stop signal. */
export interface Running {
  shutdown: Shutdown;
  stopping: AbortSignal;
}

/** Runs to an exit code, stops everything that was started, and ends the process. */
export async function runCommand(run: (running: Running) => Promise<number>): Promise<never> {
  const shutdown = new Shutdown();
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stopping.abort(new Error(`${signal}: stopping, and dropping its work`)));
  const stopped = new Promise<never>((_, reject) =>
    stopping.signal.addEventListener('abort', () => reject(stopping.signal.reason)),
  );
  process.umask(0o077);
  process.exitCode = await Promise.race([run({ shutdown, stopping: stopping.signal }), stopped]).catch(
    (error: Error) => {
      say(error.message);
      return 1;
    },
  );
  await shutdown.run();
  process.exit();
}

/** Writes a line of progress to stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** An option's value as a whole number from `min`. */
export function whole(min: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= min) return Number(text);
    throw new InvalidArgumentError(`It must be a whole number from ${min}.`);
  };
}

/** Throws for a file that can't be written, now and not after a quarter of an hour. */
export function expectWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    throw new StartRefused(`--json: ${(error as Error).message}. Name a file that can be written.`);
  }
}
