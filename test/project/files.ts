import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

// The files of the project, by their paths below its root.

const root = fileURLToPath(new URL('../..', import.meta.url));

export const read = (file: string): string => readFileSync(join(root, file), 'utf8');
export const isThere = (file: string): boolean => existsSync(join(root, file));

export function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith('client/dist/'));
}

const besides = readdirSync(root, { withFileTypes: true }).flatMap((entry) =>
  entry.isFile() ? [entry.name] : [],
);

/** The pages for readers. */
export const pages = [
  ...besides.filter((name) => name.endsWith('.md')),
  ...['docs', 'examples', 'bench', 'client'].flatMap((folder) => filesBelow(folder, /\.md$/)),
];

const CODE = /\.(tsx?|[mc]?js|css|sql|sh|ya?ml)$|^(Dockerfile|\.env\.example|\.dockerignore|run)$/;

/** The files that are written by hand and have comments. */
export const sources = [
  ...besides.filter((name) => CODE.test(name)),
  ...['src', 'client', 'test', 'bench', 'tools', 'examples', 'install', '.ci'].flatMap((folder) =>
    filesBelow(folder, CODE),
  ),
];

export const withoutCode = (text: string): string => text.replaceAll(/^```.*?^```$/gms, '');
export const headings = (file: string): string[] =>
  [...withoutCode(read(file)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!.trim());
