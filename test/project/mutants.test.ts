import { describe, expect, it } from 'vitest';
import { AREAS, MUTANTS, type Mutant } from '../mutants/mutants.ts';
import { mutated } from '../mutants/mutated.ts';
import { filesBelow, isThere, read } from './files.ts';

// The table of mutants fits the sources and the tests. `npm run mutants` tries them.

const tables = filesBelow('test/scenarios', /\.scenario\.ts$/)
  .map(read)
  .join('\n');

/** The text of a test file; its titles are those of the scenario tables where it runs them. */
const titlesOf = (file: string): string => (file.startsWith('test/scenarios/') ? tables : read(file));

describe('the table of mutants', () => {
  it('has forty, each by its own name, in each part of the sources', () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    expect(names.filter((name) => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([]);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(40);
    for (const [area, mutants] of Object.entries(AREAS)) expect(mutants.length, area).toBeGreaterThan(0);
  });

  it.each(MUTANTS.map((mutant): [string, Mutant] => [mutant.name, mutant]))(
    '%s fits its source once and names a test that is there',
    (_, mutant) => {
      const { file, find, replace, test } = mutant;
      expect(replace).not.toBe(find);
      expect(mutated(read(file), mutant)).not.toBe(read(file));
      expect(isThere(test.file)).toBe(true);
      expect(titlesOf(test.file)).toContain(test.name);
    },
  );

  it('is found wrong where a text is missing or stands twice', () => {
    const mutant = { ...MUTANTS[0]!, name: 'x', file: 'x.ts', find: 'a', replace: 'b' };
    expect(mutated('a c', mutant)).toBe('b c');
    expect(() => mutated('c', mutant)).toThrow('x: x.ts has the text of the mutant 0 times, not once');
    expect(() => mutated('a a', mutant)).toThrow('2 times');
  });
});
