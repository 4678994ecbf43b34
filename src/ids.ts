import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const RANDOM = 16;

/** Random bytes are fetched by the page: a call for each id would cost more than all the rest of it. */
const pool = Buffer.alloc(RANDOM * 256);
let used = pool.length;
let last = { at: 0, text: '' };

/** 48 bits of time as ten characters, the same for all ids of a millisecond. */
function timeText(at: number): string {
  if (at === last.at) return last.text;
  let text = '';
  for (let rest = at, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  last = { at, text };
  return text;
}

/** A fresh id: the prefix, then 48 bits of time and 80 random bits, so that ids sort by their making. */
export function newId(prefix: string): string {
  if (used === pool.length) used = randomFillSync(pool) && 0;
  let random = '';
  for (const end = used + RANDOM; used < end; used += 1) random += ALPHABET[pool[used]! & 31];
  return `${prefix}_${timeText(Date.now())}${random}`;
}
