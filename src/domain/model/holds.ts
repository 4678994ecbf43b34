import type { Debit } from '../burndown.ts';
import type { Instant } from '../calendar.ts';
import { invalid, Refusal } from '../errors.ts';
import { type Book, enter, type Hold, type HoldOutcome, takeInOrder } from './book.ts';
import { checkPart, part, placeReturned, returnCredits } from './reversals.ts';

/** R-70: seconds from a hold to its deadline: the default and the maximum. */
export const DEFAULT_TERM = 3_600;
/** R-70: the longest term of a hold, in seconds. */
export const LONGEST_TERM = 86_400;

/** R-70: the deadline of a hold made at an instant. Throws `invalid_request` for a term that is not 1 to 86,400 seconds. */
export function holdDeadline(at: Instant, seconds = DEFAULT_TERM): Instant {
  if (!(Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= LONGEST_TERM))
    throw invalid({
      pointer: '/expires_in_seconds',
      detail: `must be a whole number of seconds from 1 to ${LONGEST_TERM}`,
    });
  return at + seconds * 1_000;
}

/**
 * R-70: sets credits aside in burn order. null and no change when they do not suffice: all or nothing.
 * Throws `invalid_request` for 0 credits.
 */
export function hold(
  book: Book,
  { id, credits, at, deadline }: Pick<Hold, 'id' | 'credits' | 'at' | 'deadline'>,
): Debit[] | null {
  if (credits === 0) throw invalid({ pointer: '/items', detail: 'cost nothing: there is nothing to hold' });
  const debits = takeInOrder(book, 'hold', credits, at);
  if (debits) book.holds.set(id, { id, credits, at, deadline, debits, settled: null });
  return debits;
}

function holdOf(book: Book, id: string): Hold {
  const found = book.holds.get(id);
  if (!found) throw new Refusal('not_found', 'There is no such hold.');
  return found;
}

/**
 * R-71, R-74: spends the first `credits` of the hold (null: all) and returns the rest, as if only the spent ones had been
 * taken. The same capture again answers as the first. Throws `hold_expired` from the deadline on (R-72),
 * `hold_already_settled`, `capture_exceeds_hold` and `not_found`.
 */
export function capture(
  book: Book,
  holdId: string,
  { credits, at, usageId }: { credits: number | null; at: Instant; usageId: string },
): HoldOutcome {
  checkPart(credits);
  const held = holdOf(book, holdId);
  const captured = credits ?? held.credits;
  if (held.settled?.status === 'captured' && held.settled.captured === captured) return held.settled;
  refuseCapture(held, captured, at);
  const debits = part(held.debits, 0, captured);
  for (const { grant_id, credits: whole } of held.debits) {
    const spent = debits.find((debit) => debit.grant_id === grant_id)?.credits ?? 0;
    const grant = book.grants.get(grant_id)!;
    enter(book, 'release', whole, grant, at);
    enter(book, 'capture', -spent, grant, at);
    placeReturned(book, grant, whole - spent, at);
  }
  book.usages.set(usageId, { id: usageId, credits: captured, reversed: 0, debits });
  held.settled = { status: 'captured', captured, released: held.credits - captured, usageId, at };
  return held.settled;
}

function refuseCapture({ credits, deadline, settled }: Hold, captured: number, at: Instant): void {
  // R-72: the deadline counts also before the release at it is booked.
  if ((settled?.at ?? at) >= deadline)
    throw new Refusal('hold_expired', 'The hold was released at its deadline.');
  if (settled) throw alreadyEnded(settled);
  if (captured > credits) throw new Refusal('capture_exceeds_hold', `The hold has ${credits} credits.`);
}

const alreadyEnded = ({ status, captured }: HoldOutcome): Refusal =>
  new Refusal(
    'hold_already_settled',
    `The hold was ${status === 'captured' ? `captured with ${captured} credits` : 'released'}.`,
  );

/**
 * R-71: returns all credits of a hold. The same release again answers as the first, also after one by the deadline (R-72).
 * Throws `hold_already_settled` after a capture, and `not_found`.
 */
export function release(book: Book, holdId: string, at: Instant): HoldOutcome {
  const held = holdOf(book, holdId);
  if (held.settled?.status === 'captured') throw alreadyEnded(held.settled);
  return held.settled ?? recordRelease(book, held, Math.min(at, held.deadline));
}

function recordRelease(book: Book, held: Hold, at: Instant): HoldOutcome {
  returnCredits(book, 'release', held.debits, at);
  held.settled = { status: 'released', captured: 0, released: held.credits, usageId: null, at };
  return held.settled;
}

/** The holds without an outcome, the soonest deadline first, then in the order of making. */
export function openHolds(book: Book): Hold[] {
  return [...book.holds.values()]
    .filter(({ settled }) => settled === null)
    .sort((a, b) => a.deadline - b.deadline);
}

/** R-72, R-14: releases the holds that passed their deadline, dated there however late it is booked. */
export function releaseDue(book: Book, until: Instant): void {
  for (const held of openHolds(book)) if (held.deadline <= until) recordRelease(book, held, held.deadline);
}
