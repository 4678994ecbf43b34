import { describe, expect, it } from 'vitest';
import { pages, read, sources, withoutCode } from './files.ts';

// Prose for readers whose English is a second language (CONTRIBUTING.md, Prose): no clause that begins with *what*, *whoever*,
// *whatever* or *that which* stands for a noun.

const PER_THOUSAND = 2;
const REFUSED = /\b(?:what|whoever|whatever|that which)\b/gi;

/** Comments of a source, the text of a page. */
function proseOf(file: string, text: string): string {
  if (file.endsWith('.md')) return withoutCode(text);
  if (file.endsWith('.sql')) return (text.match(/--.*$/gm) ?? []).join('\n');
  if (/\.(tsx?|[mc]?js|css)$/.test(file)) return (text.match(/\/\*[\s\S]*?\*\/|\/\/.*$/gm) ?? []).join('\n');
  return (text.match(/(?<=^|\s)#.*$/gm) ?? []).join('\n');
}

const countOf = (prose: string) => ({
  words: (prose.match(/[A-Za-z']+/g) ?? []).length,
  refused: (prose.match(REFUSED) ?? []).length,
});

/** A page by itself; sources by their folder, of two levels below src and test. */
const roomOf = (file: string): string =>
  file.endsWith('.md') ? file : file.split('/').slice(0, 2).join('/');

/** The text that holds the words on purpose. */
const ABOUT_THEM = ['test/project/prose.test.ts'];

describe('prose', () => {
  it(`has fewer than ${PER_THOUSAND} such clauses in 1,000 words, on each page and in each folder's comments`, () => {
    const rooms = new Map<string, { words: number; refused: number }>();
    for (const file of [...pages, ...sources]) {
      if (ABOUT_THEM.includes(file)) continue;
      const { words, refused } = countOf(proseOf(file, read(file)));
      const room = rooms.get(roomOf(file)) ?? { words: 0, refused: 0 };
      rooms.set(roomOf(file), { words: room.words + words, refused: room.refused + refused });
    }
    // One hit in a short text is no habit.
    const faults = [...rooms].filter(
      ([, { words, refused }]) => refused > 1 && (1_000 * refused) / words >= PER_THOUSAND,
    );
    expect(faults).toEqual([]);
  });

  it('is found where it stands', () => {
    expect(countOf(proseOf('x.ts', "const what = 'what'; // What comes first, whoever asks."))).toEqual({
      words: 5,
      refused: 2,
    });
    expect(countOf(proseOf('x.sql', "select 'what' -- what is left"))).toEqual({ words: 3, refused: 1 });
  });
});
