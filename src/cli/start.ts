import { loadCatalog } from '../catalog/load.ts';
import { ConfigError, isRunByNpm, loadConfig } from '../config.ts';
import type { Log } from '../embedded/children.ts';
import { StartRefused } from '../embedded/data-folder.ts';
import { Shutdown } from '../embedded/shutdown.ts';
import { startAll } from '../embedded/start-all.ts';
import { readyLine, welcome } from '../embedded/welcome.ts';
import { EXIT, programOf } from './program.ts';

// `drawdown start`, the command behind `npm start`.

interface Flags {
  json?: boolean;
  reset?: boolean;
}

const EXAMPLES = `
Examples:
  npx drawdown start                              everything, with data in .data; the same as npm start
  PORT=9000 npx drawdown start                    the API on port 9000
  DRAWDOWN_DATA=/tmp/try npx drawdown start       data somewhere else
  npx drawdown start --reset                      forget all data first
  npx drawdown start --json                       for programs: one line of JSON when ready
  DATABASE_URL=… TEMPORAL_ADDRESS=… npx drawdown start
                                                  with servers of your own

It runs until Ctrl-C or SIGTERM, which end it with exit code 0; 1 says that it could not start.
.env.example lists every variable.`;

/** `drawdown start`. */
export const program = programOf(
  'start',
  'Starts PostgreSQL, Temporal, the worker and the API, and stops them all when it ends.',
)
  .option('--json', 'print one line of JSON on stdout when ready; steps go to stderr')
  .option('--reset', 'drop the data folder first, without asking')
  .addHelpText('after', EXAMPLES)
  .action(run);

async function run(flags: Flags): Promise<void> {
  const say: Log = (line) => void (flags.json ? process.stderr : process.stdout).write(`${line}\n`);
  const shutdown = new Shutdown();
  stopOnSignals(shutdown, say);
  try {
    await start(flags, shutdown, say);
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    await shutdown.run();
    process.exit(EXIT.bad);
  }
}

async function start(flags: Flags, shutdown: Shutdown, say: Log): Promise<void> {
  // Files of our servers and programs are readable for this user only.
  process.umask(0o077);
  const startedAt = performance.now();
  const config = loadConfig();
  // Each program reads the file by itself. A wrong one ends the start before it makes or starts anything.
  loadCatalog(config.catalogFile);
  const { ready, first, temporalCli } = await startAll(
    { config, reset: flags.reset === true, say },
    shutdown,
  );
  say(`Ready in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  if (flags.json) process.stdout.write(`${readyLine(ready)}\n`);
  else {
    const label = `demo-${Date.now().toString(36)}`;
    const { dataFolder, temporalNamespace } = config;
    say(welcome(ready, { first, dataFolder, label, temporalCli, temporalNamespace }));
  }
}

function stopOnSignals(shutdown: Shutdown, say: Log): void {
  let stoppingSince: number | undefined;
  const stop = async (why: string) => {
    if (stoppingSince !== undefined) {
      // The terminal and npm each deliver the same Ctrl-C: only a later one is a second.
      if (performance.now() - stoppingSince > 1_500) process.exit(1);
      return;
    }
    stoppingSince = performance.now();
    say(`${why}: stopping`);
    await shutdown.run();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal));
  // A reader of our output may end before us.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  if (isRunByNpm()) onParentGone(() => void stop('npm is gone'));
}

function onParentGone(then: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    then();
  }, 500);
  watch.unref();
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StartRefused) return error.message;
  if (!(error instanceof Error)) return String(error);
  return error.name === 'Error' ? error.message : (error.stack ?? error.message);
}
