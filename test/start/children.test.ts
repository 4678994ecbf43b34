import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { childEnvironment } from '../../src/config.ts';
import { type Launch, launch, stopOrphans } from '../../src/embedded/children.ts';
import { type Identity, identityOf, isAlive, readIdentity } from '../../src/embedded/identity.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'drawdown-children-'));
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe('a child', () => {
  it('is on record while it runs, and can be stopped', async () => {
    const child = await launch(sleeper());
    const record = join(dataDir, 'run', 'sleeper.json');
    expect(readIdentity(record)).toEqual(identityOf(child.pid));
    await child.stop();
    expect(await child.exited).toBe('ended by SIGTERM');
    expect(existsSync(record)).toBe(false);
  });

  it('that cannot be started says which program is missing', async () => {
    // Without setpriv in between, so that the missing program is our own failure to spawn.
    const missing = { ...sleeper(), command: join(dataDir, 'no-such-program') };
    const started = await launch(missing).catch((error: Error) => error.message);
    const outcome = typeof started === 'string' ? started : await started.exited;
    expect(outcome).toMatch(/no-such-program|ended with code 127/);
  });

  it.each([
    ['by the death signal or a guard, as this machine has it', undefined],
    ['by a guard process where there is no setpriv', () => folderWithoutSetpriv()],
  ])('does not outlive a parent that is killed: %s', async (_, path) => {
    const parent = spawnParent(path?.());
    const child = identityOf(Number(await firstLine(parent)))!;
    expect(isAlive(child)).toBe(true);
    parent.kill('SIGKILL');
    await gone(child);
  });
});

describe('a child of an earlier start', () => {
  it('is stopped by its record', async () => {
    const orphan = spawnSleeper();
    const identity = record(orphan);
    const said: string[] = [];
    await stopOrphans(dataDir, (line) => said.push(line));
    expect(isAlive(identity)).toBe(false);
    expect(said).toEqual([`stopping sleeper (process ${orphan.pid}), left by an earlier start`]);
    expect(existsSync(join(dataDir, 'run', 'sleeper.json'))).toBe(false);
  });

  it('is left alone when another process has its id by now', async () => {
    const stranger = spawnSleeper();
    const identity = record(stranger, { born: 'some other time' });
    await stopOrphans(dataDir, () => {});
    expect(identityOf(identity.pid)).toBeDefined();
    stranger.kill('SIGKILL');
  });
});

function sleeper(): Launch {
  return {
    name: 'sleeper',
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1000)'],
    dataDir,
    env: childEnvironment({}),
    stopSignal: 'SIGTERM',
    orphanSignal: 'SIGTERM',
  };
}

function spawnSleeper(): ChildProcess {
  return spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
}

function record(of: ChildProcess, changed: Partial<Identity> = {}): Identity {
  const identity = { ...identityOf(of.pid!)!, ...changed };
  mkdirSync(join(dataDir, 'run'));
  writeFileSync(join(dataDir, 'run', 'sleeper.json'), JSON.stringify(identity));
  return identity;
}

function spawnParent(path?: string): ChildProcess {
  const script = fileURLToPath(new URL('./parent.ts', import.meta.url));
  const env = childEnvironment(path ? { PATH: path } : {});
  return spawn(process.execPath, ['--import', 'tsx', script, dataDir], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function firstLine(process: ChildProcess): Promise<string> {
  const [chunk] = (await once(process.stdout!, 'data')) as [Buffer];
  return chunk.toString().trim();
}

function folderWithoutSetpriv(): string {
  const folder = join(dataDir, 'bin');
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  return folder;
}

async function gone(identity: Identity): Promise<void> {
  await vi.waitFor(() => expect(isAlive(identity)).toBe(false), { timeout: 5_000, interval: 50 });
}
