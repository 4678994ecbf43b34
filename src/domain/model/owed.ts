import type { Grant } from '../burndown.ts';
import type { Book, ChargeRecord } from './book.ts';

// what a purchase's grant owes to its refunds.

/** floor(credits × refunded ÷ price), exact. */
export function dueBack(sold: { credits: number; refundedMinor: number; amountMinor: number }): number {
  const { credits, refundedMinor, amountMinor } = sold;
  if (amountMinor === 0) return 0;
  return Number((BigInt(credits) * BigInt(refundedMinor)) / BigInt(amountMinor));
}

/** The purchase that a grant came from, where credits are due back that were spent or held when they were to be taken. */
export function owing(book: Book, { id, kind }: Grant): { charge: ChargeRecord; credits: number } | null {
  if (kind !== 'pack') return null;
  const charge = [...book.charges.values()].find(({ grantId }) => grantId === id);
  const credits = charge ? dueBack(charge) - charge.revokedCredits : 0;
  return charge && credits > 0 ? { charge, credits } : null;
}
