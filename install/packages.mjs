import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { takeLock } from './lock.mjs';

const pathOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const modules = pathOf('node_modules');
// npm writes it last, so a folder of packages without it is half an installation.
const record = pathOf('node_modules/.package-lock.json');
// There while npm works, and after an unfinished installation. Not in node_modules, which may be removed.
const unfinished = pathOf('.installing');

const say = (line) => console.error(line);

/** Installs the packages that are missing; ends the process with exit code 2 when npm can't. */
export async function install() {
  if (!isNeeded()) return;
  const lock = await takeLock(`${unfinished}.lock`, (pid) =>
    say(`Another installation of these packages runs (process ${pid}): waiting for its end …`),
  );
  // The installation before may have installed everything.
  const isDone = !isNeeded() || (await runNpm(lock));
  lock.release();
  if (!isDone) process.exit(2);
}

const isNeeded = () => existsSync(unfinished) || missing().length > 0;

function missing() {
  // An image has no lockfile: its build installed the packages.
  const wanted = packagesOf(pathOf('package-lock.json')) ?? {};
  const found = packagesOf(record);
  // Optional packages of other platforms are missing on purpose.
  return Object.entries(wanted).filter(
    ([name, { version, optional }]) => name && !optional && found?.[name]?.version !== version,
  );
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function runNpm(lock) {
  // npm takes a package with some of its files for a whole one: after half an installation it starts from nothing.
  if (existsSync(unfinished) || !existsSync(record)) rmSync(modules, { recursive: true, force: true });
  writeFileSync(unfinished, '');
  say(`Installing ${missing().length} packages with npm …`);
  const npm = spawn(...npmInstall(), { cwd: pathOf('.'), stdio: ['ignore', 2, 2], detached: true });
  const ended = once(npm, 'exit').catch(({ message }) => [say(message), null]);
  const guard = npm.pid && endWithUs(npm.pid);
  if (npm.pid) lock.share(npm.pid);
  const [code, signal] = await ended;
  if (guard) guard.kill('SIGKILL');
  // npm cleans up after a failure that it reports.
  if (signal === null) rmSync(unfinished, { force: true });
  if (code !== 0) say('npm could not install the packages. Its reason stands above; then run this again.');
  return code === 0;
}

// Its output goes to stderr: stdout belongs to the program that follows. The level is explicit because `npm start --silent`
// passes its silence on, and so is `dev`, because NODE_ENV=production leaves the translator out.
function npmInstall() {
  const args = ['install', '--include=dev', '--no-audit', '--no-fund', '--loglevel=notice'];
  const npm = process.env.npm_execpath;
  return npm ? [process.execPath, [npm, ...args]] : ['npm', args];
}

// npm runs in a process group of its own. The pipe from us to the guard closes when we end, also by Ctrl-C or SIGKILL; then the
// guard ends npm and all its children.
const guardSource = `
process.stdin.resume().on('end', () => { try { process.kill(-process.argv[1], 'SIGKILL'); } catch {} });`;

function endWithUs(group) {
  const args = ['-e', guardSource, String(group)];
  return spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
}
