import { describe, expect, it } from 'vitest';
import { isThere, read } from './files.ts';

// The walks of docs/architecture.md, and its table of places to change: files exist, and declare the functions that are named.

/** A place in the code as the page names it: a link, and behind it perhaps functions. */
interface Place {
  file: string;
  names: string[];
}

interface Walk {
  title: string;
  places: Place[];
}

const page = read('docs/architecture.md');

/** The text below a heading of the second level. */
const section = (heading: string): string => page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

const PLACE = /\[([^\]]+)\]\(\.\.\/([^)]+)\)(?::((?: `\w+`,?)+))?/g;

const placesOf = (text: string): Place[] =>
  Array.from(text.matchAll(PLACE), ([, file, target, names = '']) => {
    if (file !== target) throw new Error(`the link ${file} leads to ${target}`);
    return { file: file!, names: Array.from(names.matchAll(/\w+/g), ([name]) => name) };
  });

/** Each line of a walk begins with one place, which names at least one function. */
const walksOf = (text: string): Walk[] =>
  text
    .split('\n### ')
    .slice(1)
    .map((walk) => ({
      title: walk.split('\n')[0]!,
      places: [...walk.matchAll(/^\d+\. .*$/gm)].flatMap(([line]) => placesOf(line)),
    }));

/** Rows of a table without its head. */
const rowsOf = (text: string): string[] => (text.match(/^\|.*\|$/gm) ?? []).slice(2);

function isDeclared(name: string, file: string, text: string): boolean {
  if (file.endsWith('.sql')) return new RegExp(`^create or replace function ${name}\\(`, 'm').test(text);
  const forms = [
    `^\\s*(?:export )?(?:(?:async )?function\\*?|class) ${name}\\b`,
    // Of the values inside a function only functions count.
    `^(?:export )?const ${name}\\b`,
    `^\\s+const ${name} = (?:async )?\\(`,
    // A method: in an object or a class, with a body.
    `^\\s+(?:async )?${name}\\([^;]*?\\)(?:: [^;]*?)? \\{$`,
  ];
  return forms.some((form) => new RegExp(form, 'm').test(text));
}

function missingIn({ file, names }: Place): string[] {
  if (!isThere(file)) return [`${file} is not there`];
  const text = names.length === 0 ? '' : read(file);
  return names.filter((name) => !isDeclared(name, file, text)).map((name) => `${file} declares no ${name}`);
}

const twiceIn = (files: string[]): string[] => files.filter((file, i) => files.indexOf(file) !== i);

describe('the walks of docs/architecture.md', () => {
  const walks = walksOf(section('Five walks'));

  it('are five, of 7 to 14 files', () => {
    expect(walks.map(({ title }) => title)).toHaveLength(5);
    for (const { title, places } of walks) {
      expect([title, places.length >= 7 && places.length <= 14]).toEqual([title, true]);
    }
  });

  it('pass one file a line, and name what happens there', () => {
    for (const { title, places } of walks) {
      const lines = section('Five walks').split(`\n### ${title}\n`)[1]!.split('\n### ')[0]!;
      expect(places).toHaveLength(lines.match(/^\d+\. /gm)!.length);
      expect(places.filter(({ names }) => names.length === 0)).toEqual([]);
    }
  });

  it('pass functions that their files declare', () => {
    expect(walks.flatMap(({ places }) => places.flatMap(missingIn))).toEqual([]);
  });

  it.each(walks)('$title: passes no file twice', ({ places }) => {
    expect(twiceIn(places.map(({ file }) => file))).toEqual([]);
  });
});

describe('the places to change of docs/architecture.md', () => {
  const rows = rowsOf(section('Where to change what'));

  it('are named in every row', () => {
    expect(rows.length).toBeGreaterThanOrEqual(10);
    expect(rows.filter((row) => placesOf(row).length === 0)).toEqual([]);
  });

  it('are there, with the functions that are named', () => {
    expect(rows.flatMap((row) => placesOf(row).flatMap(missingIn))).toEqual([]);
  });
});
