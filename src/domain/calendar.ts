import { Temporal } from 'temporal-polyfill/implementation';

/** Whole milliseconds since 1970-01-01T00:00Z. */
export type Instant = number;

/**
 * the expiry of credits that live until the end of their subscription. It is the end of the API's time, 3000-01-01, so
 * that it sorts after all others; nothing is ever due then.
 */
export const NEVER: Instant = 32_503_680_000_000;

/** the times between two payments of a plan, the shortest first. */
export const INTERVALS = ['week', 'month', 'quarter', 'year'] as const;
/** One of `INTERVALS`. */
export type Interval = (typeof INTERVALS)[number];

/** Boundaries from one renewal to the next: a weekly or monthly plan pays at each boundary, a yearly one at every twelfth. */
export const RENEWAL_EVERY: Record<Interval, number> = { week: 1, month: 1, quarter: 3, year: 12 };

/** The time between two boundaries: a plan has weekly cycles or monthly ones. */
export type CycleUnit = 'week' | 'month';
/** the cycles of an interval. */
export const cycleUnit = (interval: Interval): CycleUnit => (interval === 'week' ? 'week' : 'month');

/** whether an interval is longer than another. */
export const isLonger = (interval: Interval, than: Interval): boolean =>
  INTERVALS.indexOf(interval) > INTERVALS.indexOf(than);

const zoned = (at: Instant, timeZone: string) =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone);

/**
 * The instant of boundary k: the anchor plus k months, or 7k days, at the same wall-clock time in the zone. A missing day
 * becomes the month's last. R-10: k counts from the anchor, never from boundary k−1; otherwise the day drifts from 31 to 28
 * for ever.
 */
export function boundary(anchor: Instant, timeZone: string, k: number, unit: CycleUnit = 'month'): Instant {
  const span = unit === 'week' ? { days: 7 * k } : { months: k };
  return zoned(anchor, timeZone).add(span).epochMilliseconds;
}

/** the instant n calendar days later, at the same wall-clock time in the zone (in UTC: n × 24 h). */
export function addDays(at: Instant, timeZone: string, days: number): Instant {
  return zoned(at, timeZone).add({ days }).epochMilliseconds;
}

/** The instant at which the next calendar month begins in the zone. It also serves as the name of the month it ends. */
export function nextMonthAt(at: Instant, timeZone: string): Instant {
  const first = zoned(at, timeZone).toPlainDate().with({ day: 1 }).add({ months: 1 });
  return first.toZonedDateTime(timeZone).epochMilliseconds;
}

/** The number k of the cycle in which `at` lies: the newest boundary at or before it. `at` must not be before the anchor. */
export function cycleAt(anchor: Instant, timeZone: string, at: Instant, unit: CycleUnit = 'month'): number {
  const from = zoned(anchor, timeZone);
  const to = zoned(at, timeZone);
  let k =
    unit === 'week'
      ? Math.floor(from.toPlainDate().until(to.toPlainDate()).days / 7)
      : (to.year - from.year) * 12 + to.month - from.month;
  while (boundary(anchor, timeZone, k, unit) > at) k -= 1;
  while (boundary(anchor, timeZone, k + 1, unit) <= at) k += 1;
  return k;
}

/** The renewal boundary after cycle k. */
export function renewalAfter(k: number, interval: Interval): number {
  const every = RENEWAL_EVERY[interval];
  return (Math.floor(k / every) + 1) * every;
}

/** The renewal boundary that opened the paid term in which cycle k lies. */
export function renewalOf(k: number, interval: Interval): number {
  return k - (k % RENEWAL_EVERY[interval]);
}

/** True for an IANA zone name this runtime knows (`Europe/Berlin`, `UTC`); offsets such as `+02:00` are not zones. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]*$/.test(name)) return false;
  try {
    zoned(0, name);
    return true;
  } catch {
    return false;
  }
}

/** RFC 3339 in UTC with milliseconds, as every answer prints an instant. */
export const iso = (at: Instant): string => new Date(at).toISOString();

/** RFC 3339, or null for an instant that is not known. */
export const isoOrNull = (at: Instant | null): string | null => (at === null ? null : iso(at));
