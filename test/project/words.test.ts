import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, read } from './files.ts';

// One word, one meaning: names are held against the table of CONTRIBUTING.md, Words.

interface Refusal {
  /** A word, or words one after another, as a name has them: `give back` is in giveBack and give_back. */
  words: string;
  /** A folder, or '' for all of them. */
  below: string;
  as: 'a part' | 'a whole name' | 'a file';
}

interface Named {
  file: string;
  name: string;
  isFile: boolean;
}

const wordsIn = (name: string): string[] =>
  (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? []).map((word) => word.toLowerCase());

/** The rows of the table, a refusal for each word and place. */
function readTable(text: string): Refusal[] {
  const [, table = ''] = /^## Words\n(.*?)^## /ms.exec(text) ?? [];
  const rows = [...table.matchAll(/^\| (`[^|]+) \| [^|]+ \| ([^|]+) \|$/gm)];
  return rows.flatMap(([, left, where]) => {
    const places = where!.includes('everywhere')
      ? ['']
      : [...where!.matchAll(/`([^`]+)`/g)].map((m) => m[1]!);
    const as = where!.includes('whole name')
      ? 'a whole name'
      : where!.includes("file's")
        ? 'a file'
        : 'a part';
    return [...left!.matchAll(/`([^`]+)`/g)].flatMap(([, words]) =>
      places.map((below): Refusal => ({ words: words!, below, as })),
    );
  });
}

function isRefused({ file, name, isFile }: Named, { words, below, as }: Refusal): boolean {
  if (below !== '' && !file.startsWith(`${below}/`)) return false;
  const found = wordsIn(name).join(' ');
  if (as === 'a part') return ` ${found} `.includes(` ${words} `);
  return (as === 'a file') === isFile && found === words;
}

const DECLARED = /\b(?:function\*?|const|let|class|interface|type)\s+(\w+)/g;
const METHOD = /^\s+(?:async |private |readonly |get |static )*(\w+)\([^()]*\)[^;=]*\{$/gm;
const SQL_FUNCTION = /^create or replace function (\w+)/gm;
const withoutComments = (text: string): string => text.replaceAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '');

function namesIn(file: string, text: string): Named[] {
  const code = file.endsWith('.sql') ? text : withoutComments(text);
  const patterns = file.endsWith('.sql') ? [SQL_FUNCTION] : [DECLARED, METHOD];
  const names = patterns.flatMap((pattern) => [...code.matchAll(pattern)].map(([, name]) => name!));
  const stem = basename(file).replace(/(\.test)?\.\w+$/, '');
  return [{ file, name: stem, isFile: true }, ...names.map((name) => ({ file, name, isFile: false }))];
}

const table = readTable(read('CONTRIBUTING.md'));
const refusedIn = (file: string, text: string): string[] =>
  namesIn(file, text).flatMap((named) =>
    table.filter((row) => isRefused(named, row)).map(({ words }) => `${file}: ${named.name} (${words})`),
  );

/** Has the refused words in its examples. */
const ITSELF = 'test/project/words.test.ts';

const files = ['src', 'client/src', 'test', 'bench', 'tools'].flatMap((folder) =>
  filesBelow(folder, /\.(tsx?|sql)$/).filter((file) => !file.includes('/migrations/') && file !== ITSELF),
);

describe('names', () => {
  it('hold no word that the table refuses', () => {
    expect(table.length).toBeGreaterThan(25);
    expect(files.length).toBeGreaterThan(300);
    expect(files.flatMap((file) => refusedIn(file, read(file)))).toEqual([]);
  });

  it('of types are declared once in src', () => {
    const places = new Map<string, string[]>();
    for (const file of filesBelow('src', /\.tsx?$/))
      for (const [, name] of read(file).matchAll(/^(?:export )?(?:interface|type|class) (\w+)/gm))
        places.set(name!, [...(places.get(name!) ?? []), file]);
    expect([...places].filter(([, where]) => where.length > 1)).toEqual([]);
  });

  it.each([
    ['src/api/x.ts', 'export function giveBack() {}', 'giveBack (give back)'],
    ['test/x.ts', 'const ownDoor = 1;', 'ownDoor (door)'],
    ['src/web/console/x.ts', 'interface StageView {}', 'StageView (stage)'],
    ['src/db/functions/x.sql', 'create or replace function settle(p text)', 'settle (settle)'],
    ['src/workflows/x.ts', '  async settle(step: Step): Promise<void> {', 'settle (settle)'],
    ['src/domain/promises.ts', '', 'promises (promises)'],
  ])('%s: %s is refused', (file, text, fault) => {
    expect(refusedIn(file, text)).toEqual([`${file}: ${fault}`]);
  });

  it.each([
    ['src/db/functions/x.sql', 'create or replace function settle_charge(p text)'],
    ['src/web/wallet/x.ts', 'const stage = 1; // the door'],
    ['src/domain/x.ts', 'const giveUpAt = 1;'],
  ])('%s: %s passes', (file, text) => {
    expect(refusedIn(file, text)).toEqual([]);
  });
});
