import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** All pairs of characters: ten bits each. */
const PAIRS = Array.from({ length: 1_024 }, (_, n) => ALPHABET.charAt(n >> 5) + ALPHABET.charAt(n & 31));

/** An id's first 22 characters, ten of time and twelve that are random, and the number that makes its last four. */
const newest = { at: 0, head: '', tail: 0 };
const TAILS = 1 << 20;

/** A fresh id: the prefix, then 48 bits of time and 80 that were random, so that ids of a process sort by their making. */
export function newId(prefix: string): string {
  const now = Date.now();
  if (now > newest.at) begin(now);
  // Within one millisecond the next id is the next number; those that have none borrow from the next millisecond.
  else if (++newest.tail === TAILS) begin(newest.at + 1);
  const { head, tail } = newest;
  return `${prefix}_${head}${PAIRS[tail >> 10]}${PAIRS[tail & 1_023]}`;
}

function begin(at: number): void {
  newest.at = at;
  newest.head = timeText(at);
  for (let pair = 0; pair < 6; pair += 1) newest.head += PAIRS[randomTenBits()];
  newest.tail = (randomTenBits() << 10) | randomTenBits();
}

function timeText(at: number): string {
  let text = '';
  for (let rest = at, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  return text;
}

const randomness = new Uint16Array(512);
let used = randomness.length;

/** Drawn by the kilobyte: the system is asked once for sixty milliseconds. */
function randomTenBits(): number {
  if (used === randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  return randomness[used++]! & 1_023;
}
