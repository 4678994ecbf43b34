import type { Brand } from './catalog.ts';

// The catalogue's names of credits and packs, for sentences that name them often.

/** One of it, and several. */
export type OneAndMany = readonly [string, string];

/** The last words of names in small letters: "credit", "credits" of "Premium Credit", "Premium Credits". */
export const shortOf = ([one, many]: OneAndMany): OneAndMany => [lastWord(one), lastWord(many)];
const lastWord = (name: string): string => name.slice(name.lastIndexOf(' ') + 1).toLowerCase();

/** The words of a 402: the name of credits, and short words for one credit and several, one pack and several. */
export function problemWords({ credit, pack }: Brand) {
  const [unit, units] = shortOf(credit);
  const [onePack, packs] = shortOf(pack);
  return { name: credit[1], unit, units, pack: onePack, packs };
}
