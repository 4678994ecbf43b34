import type { Debit, Grant } from '../burndown.ts';
import type { Instant } from '../calendar.ts';
import { invalid, Refusal } from '../errors.ts';
import type { ReturnedCredits } from '../refunds.ts';
import { type Book, enter } from './book.ts';
import { owing } from './owed.ts';

// Returns of credits: the common part of release, smaller capture and reversal; and the reversal of a usage.

/** A return of no credits. */
export const NOTHING: Readonly<ReturnedCredits> = {
  restored: 0,
  expired_at_once: 0,
  forfeited_at_once: 0,
  revoked_at_once: 0,
};

/** the part of the debits, laid end to end, after the first `from` credits and within the first `to`. */
export function part(debits: readonly Debit[], from: number, to: number): Debit[] {
  let before = 0;
  return debits.flatMap((debit) => {
    const credits = Math.min(to, before + debit.credits) - Math.max(from, before);
    before += debit.credits;
    return credits > 0 ? [{ ...debit, credits }] : [];
  });
}

/**
 * Decides about credits that an entry has just returned to their grant: they stay usable until the grant's expiry, or go at
 * once. R-50: after the end they are forfeited, except those that had expired by the end. A release dated at its deadline may
 * be booked after the expiry or the end: the loss is then dated there.
 */
export function placeReturned(book: Book, grant: Grant, credits: number, at: Instant): ReturnedCredits {
  const { endedAt } = book;
  const isUsable = endedAt === null && at < grant.expiresAt && grant.taken !== 'expired';
  const revoked = isUsable ? payOwed(book, grant, credits, at) : 0;
  // a revocation took the credits unused at its time, not those that return. A grant without held credits is done.
  if (grant.held === 0 || (isUsable && credits > revoked)) delete grant.taken;
  if (isUsable) return { ...NOTHING, restored: credits - revoked, revoked_at_once: revoked };
  if (endedAt !== null && grant.expiresAt > endedAt) {
    enter(book, 'forfeiture', -credits, grant, Math.max(at, endedAt));
    return { ...NOTHING, forfeited_at_once: credits };
  }
  enter(book, 'expiry', -credits, grant, Math.max(at, grant.expiresAt));
  return { ...NOTHING, expired_at_once: credits };
}

/** credits that return to a grant in debt to a refund are revoked at once, up to the debt. Answers how many. */
function payOwed(book: Book, grant: Grant, credits: number, at: Instant): number {
  const debt = owing(book, grant);
  if (debt === null) return 0;
  const revoked = Math.min(credits, debt.credits);
  enter(book, 'revocation', -revoked, grant, at);
  debt.charge.revokedCredits += revoked;
  return revoked;
}

const sum = (a: ReturnedCredits, b: ReturnedCredits): ReturnedCredits => ({
  restored: a.restored + b.restored,
  expired_at_once: a.expired_at_once + b.expired_at_once,
  forfeited_at_once: a.forfeited_at_once + b.forfeited_at_once,
  revoked_at_once: a.revoked_at_once + b.revoked_at_once,
});

/** Returns each debit's credits to the grant they came from, and decides about them (`placeReturned`). */
export function returnCredits(
  book: Book,
  kind: 'release' | 'reversal',
  debits: readonly Debit[],
  at: Instant,
): ReturnedCredits {
  let given: ReturnedCredits = NOTHING;
  for (const { grant_id, credits } of debits) {
    const grant = book.grants.get(grant_id)!;
    enter(book, kind, credits, grant, at);
    given = sum(given, placeReturned(book, grant, credits, at));
  }
  return given;
}

/**
 * checks a part of a hold or usage: a whole number of credits from 1, or null for all. Throws
 * `invalid_request`.
 */
export function checkPart(credits: number | null): void {
  if (credits !== null && !(Number.isSafeInteger(credits) && credits >= 1))
    throw invalid({ pointer: '/credits', detail: 'must be a whole number from 1' });
}

/**
 * returns `credits` of a usage (null: all that is left) to their grants, the ones taken last first.
 * Throws `reversal_exceeds_usage` for more than is left, also when all is reversed already; and `not_found`.
 */
export function reverse(
  book: Book,
  usageId: string,
  { credits, at }: { credits: number | null; at: Instant },
): ReturnedCredits {
  checkPart(credits);
  const usage = book.usages.get(usageId);
  if (!usage) throw new Refusal('not_found', 'There is no such usage.');
  const left = usage.credits - usage.reversed;
  const wanted = credits ?? left;
  if (wanted > left || (left === 0 && usage.credits > 0))
    throw new Refusal('reversal_exceeds_usage', `${left} of ${usage.credits} credits are not reversed yet.`);
  usage.reversed += wanted;
  return returnCredits(book, 'reversal', part(usage.debits, left - wanted, left), at);
}
