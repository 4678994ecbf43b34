import type { Instant } from '../../src/domain/calendar.ts';
import { NEVER } from '../../src/domain/calendar.ts';

/** `2026-01-17` (00:00Z) or an RFC 3339 instant, seconds optional; cut down to milliseconds. */
export function moment(text: string): Instant {
  const at = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(at))
    throw new Error(`not a date or an instant: ${text}`);
  return at;
}

/** As the table writes it: a date where that says all, else an instant no longer than needed. */
export function showMoment(at: Instant): string {
  return new Date(at)
    .toISOString()
    .replace(/\.000Z$/, 'Z')
    .replace(/:00Z$/, 'Z')
    .replace(/T00:00Z$/, '');
}

/** The instant on the wire: the text itself where it is finer than milliseconds. */
export function wireMoment(text: string): string {
  return /\.\d{4,}/.test(text) ? text : new Date(moment(text)).toISOString();
}

/** An instant as the tables write it; `none` for an expiry that no clock reaches. */
export const showExpiry = (at: number | null): string =>
  at === null || at === NEVER ? 'none' : showMoment(at);
