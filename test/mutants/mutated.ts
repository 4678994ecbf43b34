import type { Mutant } from './mutants.ts';

/** A source with the fault. Throws where the text of the mutant is not there exactly once: the table is to be mended. */
export function mutated(source: string, { name, file, find, replace }: Mutant): string {
  const parts = source.split(find);
  if (parts.length !== 2)
    throw new Error(`${name}: ${file} has the text of the mutant ${parts.length - 1} times, not once`);
  return parts.join(replace);
}
