import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Identity, identityOf, isAlive, readIdentity } from './identity.ts';

// Child processes that never outlive us, after Ctrl-C or SIGKILL. Should one outlive us all the same, the next start finds it by
// its record in `<data>/run`.

/** Takes one line. */
export type Log = (line: string) => void;

/** A program to run as a child. */
export interface Launch {
  name: string;
  command: string;
  args: string[];
  dataDir: string;
  /** Its working directory; ours by default. */
  cwd?: string;
  env: NodeJS.ProcessEnv;
  /** The signal on which this program ends in good order. */
  stopSignal: 'SIGINT' | 'SIGTERM';
  /** The signal it gets when we ended without stopping it. */
  orphanSignal: 'SIGINT' | 'SIGTERM' | 'SIGKILL';
  /** Runs it as this user and group, where we are root. */
  user?: number;
  /** `log` writes its output to `<data>/logs/<name>.log`, the default; `stderr` passes it through. */
  output?: 'log' | 'stderr';
  ipc?: boolean;
}

/** A running child. */
export interface Child {
  name: string;
  pid: number;
  process: ChildProcess;
  logFile: string;
  /** Resolves with the way it ended, by itself or by a signal; never rejects. */
  exited: Promise<string>;
  hasExited(): boolean;
  stop(): Promise<void>;
}

const patienceMs = 20_000;

/** Starts a child and records it in the data folder. */
export async function launch(options: Launch): Promise<Child> {
  const logFile = join(options.dataDir, 'logs', `${options.name}.log`);
  const { command, args, spawnOptions } = withDeathSignal(options);
  const output = options.output === 'stderr' ? 2 : openLog(logFile, options.dataDir);
  const started = spawn(command, args, {
    ...spawnOptions,
    cwd: options.cwd,
    env: options.env,
    stdio: options.ipc ? ['ignore', output, output, 'ipc'] : ['ignore', output, output],
    // Its own session: Ctrl-C reaches only us, and we stop the children in order.
    detached: true,
  });
  if (output !== 2) closeSync(output);
  await spawned(started, options);
  return supervise(started, options, logFile);
}

/** Ends children of an earlier start that are still alive. */
export async function stopOrphans(dataDir: string, log: Log): Promise<void> {
  for (const file of records(dataDir)) {
    const identity = readIdentity(file);
    if (identity && isAlive(identity)) {
      log(`stopping ${recordName(file)} (process ${identity.pid}), left by an earlier start`);
      await end(identity, 'SIGINT', 5_000);
    }
    rmSync(file, { force: true });
  }
}

/** The last lines of a child's log: they say why it did not start. */
export function lastLines(logFile: string, count = 25): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  }
}

function supervise(started: ChildProcess, options: Launch, logFile: string): Child {
  const identity = identityOf(started.pid!) ?? { pid: started.pid!, born: '' };
  const record = writeRecord(options, identity);
  const guard = diesWithUs() ? undefined : startGuard(identity.pid, options.orphanSignal);
  let ended = false;
  const exited = new Promise<string>((resolve) => {
    started.once('exit', (code, signal) => {
      ended = true;
      guard?.kill('SIGKILL');
      rmSync(record, { force: true });
      resolve(signal ? `ended by ${signal}` : `ended with code ${code}`);
    });
  });
  return {
    name: options.name,
    pid: identity.pid,
    process: started,
    logFile,
    exited,
    hasExited: () => ended,
    async stop() {
      if (ended) return;
      started.kill(options.stopSignal);
      const inTime = await Promise.race([exited, sleep(patienceMs, 'late' as const, { ref: false })]);
      if (inTime === 'late') started.kill('SIGKILL');
      await exited;
    },
  };
}

function withDeathSignal(options: Launch): { command: string; args: string[]; spawnOptions: SpawnOptions } {
  const { command, args, user } = options;
  if (!diesWithUs()) {
    return { command, args, spawnOptions: user === undefined ? {} : { uid: user, gid: user } };
  }
  const prefix = ['--pdeathsig', options.orphanSignal.slice(3)];
  // Reading files as this user that only root may read (a clone in root's home) needs the capability. The bit keeps access(2)
  // from forgetting it: initdb looks for its server that way.
  if (user !== undefined) {
    prefix.push('--reuid', String(user), '--regid', String(user), '--clear-groups');
    prefix.push('--inh-caps', '+dac_override', '--ambient-caps', '+dac_override');
    prefix.push('--securebits', '+no_setuid_fixup');
  }
  return { command: 'setpriv', args: [...prefix, '--', command, ...args], spawnOptions: {} };
}

let deathSignalWorks: boolean | undefined;

/** Whether Linux can signal a child when its parent ends; elsewhere a guard process does. */
function diesWithUs(): boolean {
  deathSignalWorks ??=
    process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  return deathSignalWorks;
}

// The pipe from us to the guard closes when we end in any way.
const guardSource = `
const [pid, signal] = [Number(process.argv[1]), process.argv[2]];
const kill = (name) => { try { process.kill(pid, name); } catch { process.exit(); } };
process.stdin.resume().on('end', () => {
  kill(signal);
  setInterval(kill, 100, 0);
  setTimeout(() => { kill('SIGKILL'); process.exit(); }, 5000);
});`;

function startGuard(pid: number, signal: string): ChildProcess {
  const guard = spawn(process.execPath, ['-e', guardSource, String(pid), signal], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  guard.unref();
  return guard;
}

async function end(identity: Identity, signal: NodeJS.Signals, withinMs: number): Promise<void> {
  process.kill(identity.pid, signal);
  for (let waited = 0; waited < withinMs; waited += 50) {
    await sleep(50);
    if (!isAlive(identity)) return;
  }
  process.kill(identity.pid, 'SIGKILL');
  while (isAlive(identity)) await sleep(20);
}

function spawned(started: ChildProcess, options: Launch): Promise<void> {
  return new Promise((resolve, reject) => {
    started.once('spawn', resolve);
    started.once('error', (error) =>
      reject(new Error(`${options.name} cannot be started: ${options.command}: ${error.message}`)),
    );
  });
}

function openLog(logFile: string, dataDir: string): number {
  mkdirSync(join(dataDir, 'logs'), { recursive: true });
  return openSync(logFile, 'a', 0o600);
}

function writeRecord(options: Launch, identity: Identity): string {
  const file = join(options.dataDir, 'run', `${options.name}.json`);
  mkdirSync(join(options.dataDir, 'run'), { recursive: true });
  writeFileSync(file, JSON.stringify(identity));
  return file;
}

function records(dataDir: string): string[] {
  try {
    const folder = join(dataDir, 'run');
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function recordName(file: string): string {
  return file.replace(/^.*[/\\]/, '').replace(/\.json$/, '');
}
