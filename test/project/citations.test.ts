import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, headings, isThere, pages, read, sources } from './files.ts';

// Comments and pages cite only existing rules, invariants, files and SQL functions; and the list of the ledger's writers is
// right.

/** Everything that is cited and has no definition, with who cites it. */
function undefinedIn(files: string[], ids: RegExp, defined: readonly string[]): string[] {
  return files.flatMap((file) =>
    [...new Set(read(file).match(ids))].filter((id) => !defined.includes(id)).map((id) => `${file}: ${id}`),
  );
}

describe('docs/rules.md', () => {
  const ruled = headings('docs/rules.md').filter((heading) => /^R-\d\d$/.test(heading));

  it('has a heading for each rule that is cited', () => {
    expect(undefinedIn([...sources, ...pages], /\bR-\d\d\b/g, ruled)).toEqual([]);
  });

  it('has each rule once, in order', () => {
    expect(ruled).toEqual([...new Set(ruled)].sort());
  });
});

describe('docs/architecture.md', () => {
  const [, section = ''] = /^## Invariants\n(.*?)^## /ms.exec(read('docs/architecture.md')) ?? [];
  const defined = [...section.matchAll(/^\| (I\d+) \|/gm)].map(([, id]) => id!);

  it('defines each invariant that is cited', () => {
    expect(undefinedIn([...sources, ...pages], /\bI[1-9]\d?\b/g, defined)).toEqual([]);
  });

  it('has each invariant once, in order, without a gap', () => {
    expect(defined).toEqual(defined.map((_, i) => `I${i + 1}`));
    expect(defined.length).toBeGreaterThanOrEqual(15);
  });
});

/** `#` where shells and YAML have it, `--` in SQL, else the two of JavaScript and CSS. */
function commentsOf(file: string): string[] {
  const text = read(file);
  if (file.endsWith('.sql')) return text.match(/--.*$/gm) ?? [];
  if (/\.(tsx?|[mc]?js|css)$/.test(file)) return text.match(/\/\*[\s\S]*?\*\/|\/\/.*$/gm) ?? [];
  return text.match(/(?<=^|\s)#.*$/gm) ?? [];
}

/** A file's name in a sentence: `docs/api.md`, `http.sh`; no part of a longer path or of an address. */
const FILE =
  /(?<![\w./<>-])(?:\.?[\w-]+\/)*[\w*][\w.*-]*\.(?:tsx?|[mc]?js|md|sql|sh|ya?ml|json|html|css)\b(?![\w/])/g;
/** Named like files. */
const PROGRAMS = ['postgres.js', 'Node.js'];

describe('a comment', () => {
  const names = new Set([...sources, ...pages].map((file) => basename(file)));
  const isKnown = (name: string, file: string): boolean =>
    name.includes('*') ||
    names.has(name) ||
    PROGRAMS.includes(name) ||
    isThere(name) ||
    isThere(join(dirname(file), name));

  it('names files that exist', () => {
    const wrong = sources.flatMap((file) =>
      commentsOf(file)
        .flatMap((comment) => comment.match(FILE) ?? [])
        .filter((name) => !isKnown(name, file))
        .map((name) => `${file}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('names SQL functions that exist', () => {
    const functions = filesBelow('src/db/functions', /\.sql$/).flatMap((file) =>
      [...read(file).matchAll(/create or replace function (\w+)/g)].map(([, name]) => name!),
    );
    const wrong = [...sources, ...pages].flatMap((file) =>
      [...read(file).matchAll(/SQL (?:of|function) `(\w+)`/g)]
        .filter(([, name]) => !functions.includes(name!))
        .map(([, name]) => `${file}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('src/db/schema.ts', () => {
  it('is right that functions alone write the tables of credits', () => {
    const [, list = ''] = /^\/\/ Functions alone write (.*?)[.:]/ms.exec(read('src/db/schema.ts')) ?? [];
    const tables = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
    expect(tables).toContain('entries');
    const camel = (name: string) => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const writes = new RegExp(
      `(insert into|update|delete from) (${tables.join('|')})\\b|\\.(insert|update|delete)\\((${tables.map(camel).join('|')})\\)`,
    );
    const others = filesBelow('src', /\.tsx?$/).filter((file) => writes.test(read(file)));
    expect(others).toEqual([]);
  });
});
