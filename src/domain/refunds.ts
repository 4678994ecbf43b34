import { type Book, type ChargeRecord, enter } from './book.ts';
import type { Grant } from './burndown.ts';
import type { Instant } from './calendar.ts';
import type { Catalog } from './catalog.ts';
import { Refusal } from './errors.ts';
import { dueBack } from './owed.ts';
import { comeBack, type GivenBack, NOTHING } from './reversals.ts';
import type { Decision, State } from './state.ts';
import { type Draft, draft } from './subscription.ts';
import { isTopUpCharge } from './top-up.ts';

// money that went back, and the credits that go with it. Whatever is said is said of a business object, the charge or
// the dispute, so that order and repetition do not matter.

/** What is said of the money of a charge. Amounts in minor units of its currency. */
export type MoneyBack =
  /** All that was refunded of it so far. */
  | { kind: 'refund'; toMinor: number }
  /** A dispute, by its own id: its end is never undone. */
  | { kind: 'dispute'; id: string; amountMinor: number; status: DisputeStatus };

export type DisputeStatus = 'open' | 'won' | 'lost';

/** What it did. `revoked` was taken back now; `unrecoverable` of all that is refunded so far could not be taken. */
export interface Refunded extends GivenBack {
  /** Refunded, disputed or lost of the charge, in all. */
  refunded_minor: number;
  revoked: number;
  unrecoverable: number;
  /** The add-on's packs as they are with it. */
  packs: number;
}

/** Refunds, and disputes that are open or lost: together never more than the charge. */
function refundedOf({ amountMinor, returnedMinor, disputes }: ChargeRecord): number {
  const disputed = [...disputes.values()].filter(({ status }) => status !== 'won');
  return Math.min(
    amountMinor,
    disputed.reduce((sum, dispute) => sum + dispute.amountMinor, returnedMinor),
  );
}

function note(charge: ChargeRecord, back: MoneyBack): void {
  if (back.kind === 'refund') {
    // what is owed back goes back first.
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
 * Takes credits back when more of a purchase is refunded than before, and gives them back when less is: a dispute was won.
 * Of the grant only what is unused is taken. All else moves no credits. Throws `not_found`.
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
  if (charge.refundedMinor > before) done.revoked = takeBack(book, charge, grant, due, at);
  else if (charge.refundedMinor < before) Object.assign(done, giveAgain(book, charge, grant, due, at));
  return { ...done, unrecoverable: Math.max(0, due - charge.revokedCredits) };
}

function takeBack(book: Book, charge: ChargeRecord, grant: Grant, due: number, at: Instant): number {
  const unused = book.endedAt === null && at < grant.expiresAt ? grant.remaining : 0;
  const credits = Math.min(Math.max(0, due - charge.revokedCredits), unused);
  enter(book, 'revocation', -credits, grant, at);
  // What a hold gives back later is revoked up to what is still owed, the rest is the customer's.
  if (credits > 0 && grant.remaining === 0 && grant.held > 0) grant.taken ??= 'revoked';
  charge.revokedCredits += credits;
  return credits;
}

function giveAgain(book: Book, charge: ChargeRecord, grant: Grant, due: number, at: Instant): GivenBack {
  const credits = Math.max(0, charge.revokedCredits - due);
  if (credits === 0) return NOTHING;
  charge.revokedCredits -= credits;
  enter(book, 'reversal', credits, grant, at);
  return comeBack(book, grant, credits, at);
}

/** What the ledger says of the add-on: packs of all purchases that are refunded in whole, and how new that is. */
export interface Withdrawal {
  packs: number;
  /** Counts what was said: the highest is the newest. */
  nth: number;
}

/** Packs of the purchases that are refunded in whole; those of a top-up are no part of the add-on. */
export function withdrawnPacks(book: Book): number {
  const whole = [...book.charges.values()].filter(
    ({ id, grantId, refundedMinor, amountMinor }) =>
      grantId !== null && refundedMinor === amountMinor && !isTopUpCharge(id),
  );
  return whole.reduce((sum, { packs }) => sum + packs, 0);
}

/** Whether a withdrawal changes anything here: an ended subscription has no add-on. */
export const isNewer = (state: State, { nth }: Withdrawal): boolean =>
  state.status !== 'ended' && nth > (state.withdrawn?.nth ?? 0);

/**
 * a purchase that is refunded in whole lowers the add-on by its packs; one that no longer is (its dispute was won)
 * gives back what was lowered for it. The newest word wins, so that it may come in any order and any number of times.
 */
export function withdraw(state: State, withdrawal: Withdrawal, booked: Instant, catalog: Catalog): Decision {
  const d = draft(state, booked, catalog);
  if (!isNewer(state, withdrawal)) return d;
  const { packs, nth } = withdrawal;
  const known = state.withdrawn ?? { packs: 0, lowered: 0, nth: 0 };
  const change = packs - known.packs;
  const lowered =
    change > 0 ? known.lowered + Math.min(change, state.packs) : Math.max(0, known.lowered + change);
  d.state.now = Math.max(state.now, booked);
  d.state.packs += known.lowered - lowered;
  d.state.withdrawn = { packs, lowered, nth };
  return d;
}

/** The add-on was set or went for another reason: nothing of what refunds lowered comes back to it. */
export function forgetLowered(d: Draft): void {
  if (d.state.withdrawn) d.state.withdrawn = { ...d.state.withdrawn, lowered: 0 };
}
