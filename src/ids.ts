import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** All pairs of characters: ten bits each. */
const PAIRS = Array.from({ length: 1_024 }, (_, n) => ALPHABET.charAt(n >> 5) + ALPHABET.charAt(n & 31));

/** An id's first 22 characters (ten of time, twelve random), and the number behind its last four. */
const newest = { at: 0, head: '', tail: 0 };
const TAILS = 1 << 20;

/** A new id: the prefix, 48 bits of time and 80 that began random. Ids of a process sort by the time of their making. */
export function newId(prefix: string): string {
  const now = Date.now();
  if (now > newest.at) begin(now);
  // Within one millisecond the next id is the next number; after the last number ids borrow from the next millisecond.
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

/** Random bits are drawn by the kilobyte: one system call for sixty milliseconds of ids. */
function randomTenBits(): number {
  if (used === randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  return randomness[used++]! & 1_023;
}
