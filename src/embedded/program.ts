import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { childEnvironment } from '../config.ts';
import { type Child, lastLines, launch } from './children.ts';

// Our own programs (`api`, `worker`) as child processes. They send `{ ready: true, … }` over the IPC channel once they can serve,
// and end in good order on SIGTERM.

/** A program to start. */
export interface ProgramOptions {
  name: 'api' | 'worker';
  entry: URL;
  dataDir: string;
  env: Record<string, string | undefined>;
}

const ready = z.looseObject({
  ready: z.literal(true),
  url: z.string().optional(),
  key: z.string().nullish(),
  home: z.string().nullish(),
  demo: z.string().nullish(),
  console: z.string().nullish(),
  first: z.object({ start: z.looseObject({}), usage: z.looseObject({}), isPending: z.boolean() }).nullish(),
});

/** The message of a program that can serve. */
type ReadyMessage = z.output<typeof ready>;

/** A running program with its message. */
export interface Program extends Pick<Child, 'pid' | 'exited' | 'stop' | 'logFile'> {
  info: ReadyMessage;
}

const readyWithinMs = 60_000;

/** Starts a program and waits for its message. Throws with the end of its log where it does not come. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const child = await launch({
    name: options.name,
    command: process.execPath,
    args: nodeArguments(options.entry),
    dataDir: options.dataDir,
    env: childEnvironment(options.env),
    stopSignal: 'SIGTERM',
    // Its servers end together with us: it could finish no work.
    orphanSignal: 'SIGKILL',
    ipc: true,
  });
  try {
    const info = await untilReady(child);
    const { pid, exited, logFile } = child;
    return { info, pid, exited: exited.then(withReason(logFile)), logFile, stop: () => child.stop() };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** The way it ended, with its log where it ended itself. */
const withReason = (logFile: string) => (how: string) =>
  /code [1-9]/.test(how) ? `${how}:\n${lastLines(logFile)}` : how;

/** Compiled code runs as it is; tsx translates sources as they load, in the same process. */
function nodeArguments(entry: URL): string[] {
  const translator = entry.pathname.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
  return [...translator, '--enable-source-maps', fileURLToPath(entry)];
}

async function untilReady(child: Child): Promise<ReadyMessage> {
  let timer: NodeJS.Timeout | undefined;
  const message = new Promise<ReadyMessage>((resolve) => {
    child.process.on('message', (said) => {
      const parsed = ready.safeParse(said);
      if (parsed.success) resolve(parsed.data);
    });
  });
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, readyWithinMs, `was not ready after ${readyWithinMs / 1_000} s`);
  });
  const first = await Promise.race([message, child.exited, late]);
  clearTimeout(timer);
  if (typeof first === 'string') throw new Error(`${child.name} ${first}:\n${lastLines(child.logFile)}`);
  return first;
}
