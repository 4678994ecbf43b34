import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Whether `dist` is up to date. Only modules of Node: an image runs this too, and there is no compiler in it.

const root = fileURLToPath(new URL('..', import.meta.url));
/** Holds the digest of the sources that `dist` was compiled from. */
const RECORD = 'sources.sha256';

/** The files besides `src` that the compiled code follows from. */
const BESIDES = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'tools/build.mjs'];

/** `dist` is there, and is what the sources compile to. Where there are no sources, as in the image, it is all there is. */
export function isCompiled() {
  const record = join(root, 'dist', RECORD);
  if (!existsSync(record)) return false;
  return !existsSync(join(root, 'src')) || readFileSync(record, 'utf8') === digestOfSources();
}

export const recordIn = (folder) => join(folder, RECORD);

/** SHA-256 over the names and the contents, so that neither a checkout nor a copy counts as a change. */
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
