import type { Grant } from '../burndown.ts';
import type { Instant } from '../calendar.ts';
import { changedBy } from '../catalog/packs.ts';
import { Refusal } from '../errors.ts';
import type { MoneyBack, Refunded, ReturnedCredits } from '../refunds.ts';
import type { AddOnItem } from '../state.ts';
import { isTopUpCharge } from '../top-up.ts';
import { type Book, type ChargeRecord, enter } from './book.ts';
import { dueBack } from './owed.ts';
import { NOTHING, placeReturned } from './reversals.ts';

// R-81 in the ledger: the credits that go back with the money of a charge.

/** Refunds and open or lost disputes: together at most the charge. */
function refundedOf({ amountMinor, returnedMinor, disputes }: ChargeRecord): number {
  const disputed = [...disputes.values()].filter(({ status }) => status !== 'won');
  return Math.min(
    amountMinor,
    disputed.reduce((sum, dispute) => sum + dispute.amountMinor, returnedMinor),
  );
}

function note(charge: ChargeRecord, back: MoneyBack): void {
  if (back.kind === 'refund') {
    // money that is owed back counts as refunded first.
    const { amountMinor, owedMinor } = charge;
    const known = charge.returnedMinor + charge.owedReturnedMinor;
    const total = Math.min(amountMinor + owedMinor, Math.max(known, back.toMinor));
    charge.owedReturnedMinor = Math.min(owedMinor, total);
    charge.returnedMinor = total - charge.owedReturnedMinor;
    return;
  }
  const { id, status } = back;
  const known = charge.disputes.get(id);
  if (known && known.status !== 'open') return;
  const amountMinor =
    status === 'open' ? Math.max(known?.amountMinor ?? 0, back.amountMinor) : back.amountMinor;
  charge.disputes.set(id, { amountMinor, status });
}

/**
 * books billing's report on a charge's money. It revokes unused credits of the purchase's grant when more is refunded
 * than before, and restores them when less is: a dispute was won. Other charges move no credits. Throws `not_found`.
 */
export function refundCharge(
  book: Book,
  chargeId: string,
  back: MoneyBack,
  at: Instant,
): Omit<Refunded, 'packs'> {
  const charge = book.charges.get(chargeId);
  if (!charge) throw new Refusal('not_found', 'There is no such charge.');
  const before = charge.refundedMinor;
  note(charge, back);
  charge.refundedMinor = refundedOf(charge);
  const grant = charge.kind === 'purchase' && book.grants.get(charge.grantId ?? '');
  const done = { refunded_minor: charge.refundedMinor, revoked: 0, unrecoverable: 0, ...NOTHING };
  if (!grant) return done;
  if (charge.refundedMinor > before && isTopUpCharge(charge.id)) book.topUpRefunds += 1;
  const due = dueBack(charge);
  if (charge.refundedMinor > before) done.revoked = revokeCredits(book, charge, grant, due, at);
  else if (charge.refundedMinor < before) Object.assign(done, restoreCredits(book, charge, grant, due, at));
  return { ...done, unrecoverable: Math.max(0, due - charge.revokedCredits) };
}

function revokeCredits(book: Book, charge: ChargeRecord, grant: Grant, due: number, at: Instant): number {
  const unused = book.endedAt === null && at < grant.expiresAt ? grant.remaining : 0;
  const credits = Math.min(Math.max(0, due - charge.revokedCredits), unused);
  enter(book, 'revocation', -credits, grant, at);
  // Credits that a hold returns later are revoked up to the rest owed; the others are the customer's.
  if (credits > 0 && grant.remaining === 0 && grant.held > 0) grant.taken ??= 'revoked';
  charge.revokedCredits += credits;
  return credits;
}

function restoreCredits(
  book: Book,
  charge: ChargeRecord,
  grant: Grant,
  due: number,
  at: Instant,
): ReturnedCredits {
  const credits = Math.max(0, charge.revokedCredits - due);
  if (credits === 0) return NOTHING;
  charge.revokedCredits -= credits;
  enter(book, 'reversal', credits, grant, at);
  return placeReturned(book, grant, credits, at);
}

/** the packs of purchases that are refunded in whole, those that joined the add-on (R-30a, R-39a). */
export function withdrawnPacks(book: Book): AddOnItem[] {
  return [...book.charges.values()]
    .filter(({ grantId, refundedMinor, amountMinor }) => grantId !== null && refundedMinor === amountMinor)
    .flatMap(({ joined }) => joined)
    .reduce((items: AddOnItem[], { pack, quantity }) => changedBy(items, pack, quantity), []);
}
