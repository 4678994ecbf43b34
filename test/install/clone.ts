import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { childEnvironment } from '../../src/config.ts';
import { type Identity, identityOf } from '../../src/embedded/identity.ts';

// A clone that lacks its two packages, and an npm that installs them as slowly as a test wants.

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Writes half of the first package, waits for `go`, then writes the rest; it records the folder's content in `npm-runs`. */
const SLOW_NPM = `
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
const found = existsSync('node_modules') ? readdirSync('node_modules').join(' ') : 'nothing';
// An install script of a package, which npm runs as a child.
const script = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' });
mkdirSync('node_modules/half', { recursive: true });
writeFileSync('node_modules/half/package.json', '{"name":"half","version":"1.0.0"}');
appendFileSync('npm-runs', JSON.stringify({ npm: process.pid, script: script.pid, found, args: process.argv.slice(2) }) + '\\n');
while (existsSync('npm-runs') && !existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 20));
script.kill();
if (existsSync('fail')) process.exit(1);
writeFileSync('node_modules/half/index.js', '');
const packages = { 'node_modules/half': { version: '1.0.0' } };
writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
`;

export interface NpmRun {
  npm: Identity | undefined;
  script: Identity | undefined;
  /** The content of node_modules at its start. */
  found: string;
  args: string[];
}

export interface Installing {
  process: ChildProcess;
  /** Its output on stderr so far. */
  said(): string;
  ended: Promise<number | null>;
}

export class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), 'drawdown clone ü '));

  constructor(engines = '>=20.19') {
    for (const name of ['drawdown.mjs', 'install.mjs', 'install'])
      cpSync(join(root, name), join(this.folder, name), { recursive: true });
    const wanted = {
      '': {},
      'node_modules/half': { version: '1.0.0' },
      'node_modules/other-platform': { version: '1.0.0', optional: true },
    };
    this.write('package.json', JSON.stringify({ type: 'module', engines: { node: engines } }));
    this.write('package-lock.json', JSON.stringify({ packages: wanted }));
    this.write('slow-npm.mjs', SLOW_NPM);
  }

  write(name: string, text = ''): void {
    mkdirSync(join(this.folder, name, '..'), { recursive: true });
    writeFileSync(join(this.folder, name), text);
  }

  files(below = '.'): string[] {
    const folder = join(this.folder, below);
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  }

  run(file = 'install.mjs'): Installing {
    const child = spawn(process.execPath, [file], {
      cwd: this.folder,
      env: childEnvironment({ npm_execpath: join(this.folder, 'slow-npm.mjs') }),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    return {
      process: child,
      said: () => said,
      ended: once(child, 'close').then(([code]) => code as number | null),
    };
  }

  npmRuns(): NpmRun[] {
    const file = join(this.folder, 'npm-runs');
    // The last line may not be written to its end yet.
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    return lines.map((line) => {
      const { npm, script, ...rest } = JSON.parse(line) as {
        npm: number;
        script: number;
        found: string;
        args: string[];
      };
      return { npm: identityOf(npm), script: identityOf(script), ...rest };
    });
  }

  /** Resolves when npm is in the middle of its work for the nth time. */
  untilNpmRuns(times = 1): Promise<NpmRun> {
    return vi.waitUntil(() => this.npmRuns()[times - 1], { timeout: 30_000, interval: 20 });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
