import { type Instant, iso } from '../../domain/calendar.ts';
import { CREDIT, nameOf } from './words.ts';

// Numbers, amounts and dates of pages, in the language of the page's words and in the subscription's time zone.

/** The formats of one time zone. */
export interface Format {
  timeZone: string;
  /** 3,600 */
  credits(count: number): string;
  /** +300, −30 */
  signed(count: number): string;
  /** 200 credits, 1 credit: in the words of a catalogue where there are some */
  creditsOf(count: number): string;
  /** $29.00 */
  money(minor: number, currency: string): string;
  /** 17 Feb 2027; without the year where it is that of `near`. */
  date(at: Instant, near?: Instant): string;
  /** 17 Feb 2027, 14:30 GMT+1 */
  moment(at: Instant): string;
  /** 17 Feb, 14:30: for tables that name the zone once. */
  minute(at: Instant, near: Instant): string;
  /** in 3 days, today, 2 days ago: whole days of the calendar in the zone. */
  daysFrom(at: Instant, now: Instant): string;
  /** 1 hr 5 min, 30 sec */
  duration(seconds: number): string;
  /** RFC 3339, for machines. */
  iso(at: Instant): string;
}

const DAY = 86_400_000;
/** Pages have one language until there are translations: numbers and dates follow it, not the browser. */
export const LOCALE = 'en';
const MAX_CACHED = 200;
const cached = new Map<string, Omit<Format, 'creditsOf'>>();

/**
 * The formats of a zone, with the singular and plural of credits. Making them costs more than a page, so the recent ones are
 * kept.
 */
export function formatOf(timeZone: string, credit: readonly [string, string] = CREDIT): Format {
  let format = cached.get(timeZone);
  if (!format) {
    if (cached.size >= MAX_CACHED) cached.clear();
    format = makeFormat(timeZone);
    cached.set(timeZone, format);
  }
  const { credits } = format;
  return { ...format, creditsOf: (count) => `${credits(count)} ${nameOf(credit, count)}` };
}

function makeFormat(timeZone: string): Omit<Format, 'creditsOf'> {
  const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
  const signed = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0, signDisplay: 'exceptZero' });
  const day = new Intl.DateTimeFormat(LOCALE, { timeZone, day: 'numeric', month: 'short' });
  const dated = new Intl.DateTimeFormat(LOCALE, {
    timeZone,
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
  const timed = new Intl.DateTimeFormat(LOCALE, {
    timeZone,
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    timeZoneName: 'short',
  });
  const clock = new Intl.DateTimeFormat(LOCALE, { timeZone, hour: 'numeric', minute: '2-digit' });
  const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto' });
  const dayNumber = dayNumbers(timeZone);
  const moneys = new Map<string, { writer: Intl.NumberFormat; unit: number }>();
  const moneyOf = (currency: string) => {
    let money = moneys.get(currency);
    if (!money) {
      const writer = new Intl.NumberFormat(LOCALE, { style: 'currency', currency });
      money = { writer, unit: 10 ** (writer.resolvedOptions().maximumFractionDigits ?? 2) };
      moneys.set(currency, money);
    }
    return money;
  };
  const dateOf = (at: Instant, near?: Instant) =>
    near !== undefined && yearIn(timeZone, at) === yearIn(timeZone, near) ? day.format(at) : dated.format(at);
  return {
    timeZone,
    credits: (count) => whole.format(count),
    signed: (count) => signed.format(count),
    money(minor, currency) {
      const { writer, unit } = moneyOf(currency);
      return writer.format(minor / unit);
    },
    date: dateOf,
    minute: (at, near) => `${dateOf(at, near)}, ${clock.format(at)}`,
    moment: (at) => timed.format(at),
    daysFrom: (at, now) => relative.format(dayNumber(at) - dayNumber(now), 'day'),
    duration,
    iso,
  };
}

/** The zone is asked on the days around New Year only: it costs as much as writing the date. */
function yearIn(timeZone: string, at: Instant): number {
  const [before, after] = [at - DAY, at + DAY].map((near) => new Date(near).getUTCFullYear());
  return before === after ? before! : dayParts(timeZone)(at).year;
}

const parts = new Map<string, Intl.DateTimeFormat>();

function dayParts(timeZone: string): (at: Instant) => { year: number; month: number; day: number } {
  let writer = parts.get(timeZone);
  if (!writer) {
    if (parts.size >= MAX_CACHED) parts.clear();
    writer = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    parts.set(timeZone, writer);
  }
  const found = writer;
  return (at) => {
    const [year = 0, month = 0, day = 0] = found.format(at).split('-').map(Number);
    return { year, month, day };
  };
}

/** Days of the zone's calendar, counted from 1970: a day of 23 hours is one, too. */
function dayNumbers(timeZone: string): (at: Instant) => number {
  const read = dayParts(timeZone);
  return (at) => {
    const { year, month, day } = read(at);
    return Math.round(Date.UTC(year, month - 1, day) / DAY);
  };
}

const unit = (name: 'hour' | 'minute' | 'second') =>
  new Intl.NumberFormat(LOCALE, {
    style: 'unit',
    unit: name,
    unitDisplay: 'short',
    maximumFractionDigits: 0,
  });
const [hour, minute, second] = [unit('hour'), unit('minute'), unit('second')];

/** 3 hr 20 min: under a minute in seconds, otherwise in whole minutes, cut down. */
function duration(seconds: number): string {
  if (seconds < 60) return second.format(Math.floor(seconds));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (hours === 0) return minute.format(minutes);
  return rest === 0 ? hour.format(hours) : `${hour.format(hours)} ${minute.format(rest)}`;
}
