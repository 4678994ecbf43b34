import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { digestOfSources, isCompiled, recordIn } from '../install/compiled.mjs';
import { takeLock } from '../install/lock.mjs';

// `npm run build`: src as JavaScript in `dist`, with source maps, the files that are read at run time, and the bundle of the
// workflows. `--if-stale` does nothing where `dist` is up to date. Plain JavaScript, so that no translator runs first.

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
/** Beside `dist`, so that source maps name the same relative paths. */
const unfinished = join(root, '.building');

const say = (line) => console.error(line);

async function build() {
  const digest = digestOfSources();
  rmSync(unfinished, { recursive: true, force: true });
  await compile();
  await bundleWorkflows();
  copyRuntimeFiles();
  writeFileSync(recordIn(unfinished), digest);
  // Renamed into place: no program finds half of it.
  rmSync(dist, { recursive: true, force: true });
  renameSync(unfinished, dist);
}

/** Types are checked by `npm run check`, not here. */
async function compile() {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const tsc = join(dirname(typescript), 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', unfinished];
  const [code] = await once(spawn(process.execPath, args, { stdio: ['ignore', 2, 2] }), 'exit');
  if (code !== 0) throw new Error('tsc could not compile src.');
}

/** By the code that was just compiled: a worker that runs the sources makes the same bundle. */
async function bundleWorkflows() {
  const { bundleOf } = await import(pathToFileURL(join(unfinished, 'bundle.js')).href);
  writeFileSync(join(unfinished, 'workflows.cjs'), await bundleOf(join(root, 'src')));
}

/** SQL, stylesheets and scripts; of the migrations' `meta` only the journal is read. */
function copyRuntimeFiles() {
  cpSync(join(root, 'src'), unfinished, {
    recursive: true,
    filter: (file) => statSync(file).isDirectory() || !/\.tsx?$|_snapshot\.json$/.test(file),
  });
}

async function main() {
  const isStale = () => !process.argv.includes('--if-stale') || !isCompiled();
  if (!isStale()) return;
  const lock = await takeLock(`${unfinished}.lock`, (pid) =>
    say(`Another build runs (process ${pid}): waiting for its end …`),
  );
  try {
    // The build before may have compiled everything.
    if (!isStale()) return;
    say('Compiling src to dist …');
    await build();
  } finally {
    lock.release();
  }
}

main().catch((error) => {
  const isAway = error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND';
  say(
    isAway ? `The compiler is not installed: run npm ci, then this again. (${error.message})` : error.message,
  );
  process.exitCode = 1;
});
