// The name that a misspelt one was meant to be.

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** The least number of letters to add, remove or replace between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

/** The one of some names that a word is a spelling of, or another word for; null where none is near. */
export function nearest(
  word: string,
  names: readonly string[],
  otherWords: Readonly<Record<string, readonly string[]>> = {},
): string | null {
  // A longer word than any name is none of them, and comparing it would take long.
  if (word.length > 64) return null;
  const wanted = plain(word);
  const other = names.find((name) => otherWords[name]?.some((its) => plain(its) === wanted));
  const [best] = names
    .map((name) => ({ name, by: distance(wanted, plain(name)) }))
    .filter(({ name, by }) => by <= Math.max(1, Math.floor(plain(name).length / 4)))
    .sort((a, b) => a.by - b.by);
  return best?.by === 0 ? best.name : (other ?? best?.name ?? null);
}
