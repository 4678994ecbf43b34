import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Whether `dist` is up to date. Only modules of Node: an image runs this too, and there is no compiler in it.

const root = fileURLToPath(new URL('..', import.meta.url));
/** The file with the digest of the sources that `dist` was compiled from. */
const RECORD = 'sources.sha256';

/** Files outside `src` that change the compiled code. */
const BESIDES = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'tools/build.mjs'];

/** Whether `dist` is compiled from the present sources. An image has no sources: there its `dist` counts. */
export function isCompiled() {
  const record = join(root, 'dist', RECORD);
  if (!existsSync(record)) return false;
  return !existsSync(join(root, 'src')) || readFileSync(record, 'utf8') === digestOfSources();
}

/** The path of the digest in a folder. */
export const recordIn = (folder) => join(folder, RECORD);

/** SHA-256 over names and contents: a checkout or a copy of the same files changes nothing. */
export function digestOfSources() {
  const below = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256');
  for (const file of [...BESIDES.map((name) => join(root, name)).filter(existsSync), ...below])
    hash.update(`${file.slice(root.length)}\n`).update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
