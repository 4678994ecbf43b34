import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './children.ts';

/** A server or program that runs until it is stopped or ends by itself. */
export interface Running {
  exited: Promise<string>;
  stop(): Promise<void>;
}

/** A server that is started again whenever it ends. */
interface KeptServers<R extends Running> {
  /** The first instance; a later one has the same addresses. */
  first: R;
  stop(): Promise<void>;
}

const firstPauseMs = 200;
const longestPauseMs = 10_000;
const livedWellMs = 30_000;

/**
 * Starts a server or program, and starts it again whenever it ends. A process of ours ends itself on an error that it can't
 * handle, since its database driver may be torn then: the new start is part of its design.
 */
export async function keepAlive<R extends Running>(
  name: string,
  start: (before?: R) => Promise<R>,
  log: Log,
): Promise<KeptServers<R>> {
  const first = await start();
  const stopping = new AbortController();
  const watching = watch(name, first, start, log, stopping.signal);
  return {
    first,
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}

async function watch<R extends Running>(
  name: string,
  first: R,
  start: (before?: R) => Promise<R>,
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  let current = first;
  let pause = firstPauseMs;
  const stopped = new Promise<undefined>((resolve) =>
    stopping.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  while (!stopping.aborted) {
    const startedAt = performance.now();
    const end = await Promise.race([current.exited, stopped]);
    if (stopping.aborted) break;
    pause = performance.now() - startedAt > livedWellMs ? firstPauseMs : Math.min(pause * 2, longestPauseMs);
    log(`${name} ${end}; starting it again`);
    await Promise.race([sleep(pause, undefined, { ref: false }), stopped]);
    if (stopping.aborted) break;
    // An instance that is still starting when we stop is left to its death signal.
    current = (await Promise.race([startAgain(name, current, start, log), stopped])) ?? current;
  }
  await current.stop();
}

/** A start that failed counts as one more end, so that the loop tries again after a longer pause. */
async function startAgain<R extends Running>(
  name: string,
  before: R,
  start: (before?: R) => Promise<R>,
  log: Log,
): Promise<R> {
  try {
    const again = await start(before);
    log(`${name} is back`);
    return again;
  } catch (error) {
    return { ...before, exited: Promise.resolve(`did not come back (${(error as Error).message})`) };
  }
}
