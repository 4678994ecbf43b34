import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The newest id's parts: ten characters of time, and sixteen digits of five bits. */
const newest = { at: 0, time: '', digits: new Uint8Array(16) };

/** A fresh id: the prefix, then 48 bits of time and 80 that were random, so that ids of a process sort by their making. */
export function newId(prefix: string): string {
  const at = Math.max(Date.now(), newest.at);
  if (at === newest.at) countUp(newest.digits);
  else {
    newest.at = at;
    newest.time = timeText(at);
    randomFillSync(newest.digits).forEach((byte, i, digits) => {
      digits[i] = byte & 31;
    });
  }
  let text = '';
  for (const digit of newest.digits) text += ALPHABET[digit];
  return `${prefix}_${newest.time}${text}`;
}

function timeText(at: number): string {
  let text = '';
  for (let rest = at, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  return text;
}

/** Within one millisecond the next id is the next number. */
function countUp(digits: Uint8Array): void {
  let i = digits.length - 1;
  for (; i >= 0 && digits[i] === 31; i -= 1) digits[i] = 0;
  if (i >= 0) digits[i]! += 1;
}
