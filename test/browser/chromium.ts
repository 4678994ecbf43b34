import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

// A real Chromium for the tests: a variable, one that is here, Playwright's own, Playwright's download, Debian's package.
// One line says which. A machine on which none can be had fails the tests; nothing is skipped.

/** Finding one takes no time; a machine without any downloads one first. */
export const PROVISION_MS = 900_000;

const VARIABLE = 'DRAWDOWN_CHROMIUM';
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

const say = (line: string) => process.stderr.write(`  chromium: ${line}\n`);

/** Flags that keep it to this machine: no background services, no updates, no look-ups of its maker's hosts. */
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-domain-reliability',
  '--disable-features=OptimizationHints,MediaRouter,AutofillServerCommunication',
];

export function launch(): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  const args = [...FLAGS, ...(isRoot ? ['--no-sandbox'] : [])];
  return chromium.launch({ executablePath: findChromium(), args });
}

function findChromium(): string {
  const named = process.env[VARIABLE];
  if (named) return reported(`${named} (${VARIABLE})`, named);
  const here = onThisMachine();
  if (here) return reported(`${here} of this machine`, here);
  const own = chromium.executablePath();
  if (existsSync(own)) return reported(`${own} of Playwright`, own);
  return downloaded(own) ?? packaged() ?? missing();
}

function reported(line: string, path: string): string {
  say(line);
  return path;
}

function onThisMachine(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const onPath = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...onPath, ...ELSEWHERE].find((path) => existsSync(path));
}

function downloaded(own: string): string | null {
  say('none here; downloading the one of Playwright …');
  const cli = join(dirname(createRequire(import.meta.url).resolve('playwright-core/package.json')), 'cli.js');
  const { status } = spawnSync(process.execPath, [cli, 'install', 'chromium'], { stdio: 'ignore' });
  return status === 0 && existsSync(own) ? reported(`${own}, downloaded now`, own) : null;
}

function packaged(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  say('no download; installing the package chromium with apt-get (about a minute) …');
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=600', '-qq', '-y', ...args], {
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  apt('update');
  const { status, stderr } = apt('install', '--no-install-recommends', 'chromium', 'fonts-dejavu-core');
  if (status !== 0) say(`apt-get: ${stderr?.trim().split('\n').at(-1) ?? 'is not here'}`);
  const found = onThisMachine();
  return found ? reported(`${found}, installed now`, found) : null;
}

function missing(): never {
  throw new Error(`No Chromium here, and none could be had: install one, or name one in ${VARIABLE}.`);
}
