// Runs before `npm start`, `npm test` and `npx drawdown`: installs what a fresh clone, or a pull, lacks. Plain JavaScript,
// because nothing is installed yet that could translate anything else.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

function packages(file) {
  try {
    return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

// An image has no lockfile: what it runs was installed when it was made.
const wanted = packages('package-lock.json') ?? {};
const installed = packages('node_modules/.package-lock.json');
// Packages for other platforms are optional and rightly missing.
const lacking = Object.entries(wanted).filter(
  ([name, { version, optional }]) => name && !optional && installed?.[name]?.version !== version,
);

if (lacking.length > 0) {
  console.error(`Installing ${lacking.length} packages with npm …`);
  const npm = process.env.npm_execpath;
  // Said again, because `npm start --silent` hands its silence on.
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=notice'];
  // npm speaks on stderr here: stdout belongs to the program that follows.
  const options = { stdio: ['ignore', 2, 2], cwd: new URL('.', import.meta.url) };
  const run = npm ? spawnSync(process.execPath, [npm, ...args], options) : spawnSync('npm', args, options);
  if (run.status !== 0) {
    console.error('npm could not install the packages. What it said stands above; then run this again.');
    process.exit(1);
  }
}
