import { burnDown, type Debit, type Grant, type GrantKind, isUsable } from '../burndown.ts';
import type { Instant } from '../calendar.ts';
import type { DisputeStatus } from '../refunds.ts';
import type { AddOnItem, Charge, ChargeKind, Effect, Outcome } from '../state.ts';

/** The kinds of entries in the ledger. */
type EntryKind =
  | 'grant'
  | 'debit'
  | 'hold'
  | 'capture'
  | 'release'
  | 'expiry'
  | 'forfeiture'
  | 'reversal'
  | 'revocation';

/** One line of the ledger: a change of one grant. */
export interface Entry {
  seq: number;
  kind: EntryKind;
  /** The change of the available credits. */
  credits: number;
  grantId: string;
  grantKind: GrantKind;
  /** The running sum of `credits` in `seq` order. */
  balanceAfter: number;
  effectiveAt: Instant;
}

/** A charge with all that came of it. */
export interface ChargeRecord {
  id: string;
  kind: ChargeKind;
  at: Instant;
  status: Outcome | 'given_up' | 'refunded';
  amountMinor: number;
  /** refunds and open or lost disputes, in all. */
  refundedMinor: number;
  currency: string;
  /** The refunds alone. */
  returnedMinor: number;
  /** money that was paid for the charge and brought nothing, so that it is owed back; and how much of it went back. */
  owedMinor: number;
  owedReturnedMinor: number;
  disputes: Map<string, { amountMinor: number; status: DisputeStatus }>;
  packs: number;
  /** The packs of a purchase that join the add-on (R-30a, R-39a). */
  joined: AddOnItem[];
  /** The credits of its packs. */
  credits: number;
  /** The grant of a purchase, once it is paid. */
  grantId: string | null;
  /** credits taken back from that grant and not restored. */
  revokedCredits: number;
}

/** A spend, at once or by a capture, in burn order. R-80: `reversed` of its credits were returned. */
export interface Usage {
  id: string;
  credits: number;
  reversed: number;
  debits: Debit[];
}

/** the one outcome of a hold. R-72: `at` is the deadline if no request came before it. */
export interface HoldOutcome {
  status: 'captured' | 'released';
  captured: number;
  released: number;
  usageId: string | null;
  at: Instant;
}

/** credits set aside from `at` until a deadline, in burn order. */
export interface Hold {
  id: string;
  credits: number;
  at: Instant;
  deadline: Instant;
  debits: Debit[];
  settled: HoldOutcome | null;
}

/**
 * The ledger as a value: the effects of the SQL functions, without a database. The simulator, the forecast and the property
 * tests book on it. A test holds the SQL equal to it.
 */
export interface Book {
  entries: Entry[];
  /** Every grant ever made, by id. */
  grants: Map<string, Grant>;
  charges: Map<string, ChargeRecord>;
  notes: Extract<Effect, { type: 'note' }>[];
  /** In the order of making, as the holds are. */
  usages: Map<string, Usage>;
  holds: Map<string, Hold>;
  /** how often money of a top-up went back. */
  topUpRefunds: number;
  /** returned credits can't be spent from this instant on; null while the subscription goes on. */
  endedAt: Instant | null;
}

/** A ledger without any row. */
export const emptyBook = (): Book => ({
  entries: [],
  grants: new Map(),
  charges: new Map(),
  notes: [],
  usages: new Map(),
  holds: new Map(),
  topUpRefunds: 0,
  endedAt: null,
});

/** A book that begins with existing grants: the start of a forecast. */
export function bookOf(grants: readonly Grant[]): Book {
  return { ...emptyBook(), grants: new Map(grants.map((grant) => [grant.id, { ...grant }])) };
}

/** Copies of the grants that still have credits, as the ledger's answer brings them to the workflow. */
export function openGrants(book: Book): Grant[] {
  const open = [...book.grants.values()].filter((grant) => grant.remaining > 0 || grant.held > 0);
  return open.map((grant) => ({ ...grant }));
}

/** Adds an entry and changes its grant. Credits of a hold count as held until its release. */
export function enter(
  book: Book,
  kind: EntryKind,
  credits: number,
  grant: Grant,
  effectiveAt: Instant,
): void {
  if (credits === 0) return;
  const last = book.entries.at(-1);
  grant.remaining += kind === 'grant' ? 0 : credits;
  grant.held -= kind === 'hold' || kind === 'release' ? credits : 0;
  const seq = (last?.seq ?? 0) + 1;
  const balanceAfter = (last?.balanceAfter ?? 0) + credits;
  book.entries.push({
    seq,
    kind,
    credits,
    grantId: grant.id,
    grantKind: grant.kind,
    balanceAfter,
    effectiveAt,
  });
}

/** Books effects in order and changes the book. */
export function book(target: Book, effects: readonly Effect[]): void {
  for (const effect of effects) bookOne(target, effect);
}

function bookOne(target: Book, effect: Effect): void {
  switch (effect.type) {
    case 'grant':
      return bookGrant(target, effect);
    case 'expire': {
      const grant = target.grants.get(effect.grantId);
      if (grant) takeUnused(target, 'expiry', grant, effect.at);
      return;
    }
    case 'forfeit':
      return bookForfeit(target, effect.at);
    case 'revoke': {
      const grant = target.grants.get(effect.grantId);
      if (grant?.kind === 'adjustment') takeUnused(target, 'revocation', grant, effect.at);
      return;
    }
    case 'settle_charge': {
      const charge = target.charges.get(effect.chargeId);
      if (charge) charge.status = effect.status;
      return;
    }
    case 'refund': {
      const charge = target.charges.get(effect.chargeId);
      if (!charge) return;
      charge.status = 'refunded';
      charge.refundedMinor = charge.returnedMinor = charge.amountMinor;
      return;
    }
    case 'owe_back': {
      const charge = target.charges.get(effect.chargeId);
      if (charge) charge.owedMinor += effect.owedMinor;
      return;
    }
    case 'note':
      target.notes.push(effect);
      return;
    case 'discard':
      target.charges.clear();
      return;
    default:
      effect satisfies never;
  }
}

const TAKEN = { expiry: 'expired', forfeiture: 'forfeited', revocation: 'revoked' } as const;

/** Takes the unused credits of a grant, once.: held credits stay held and may still be captured. */
function takeUnused(target: Book, kind: keyof typeof TAKEN, grant: Grant, at: Instant): void {
  enter(target, kind, -grant.remaining, grant, at);
  if (grant.held > 0) grant.taken ??= TAKEN[kind];
}

/** books the end. A grant whose own term ended first expires, though it is booked late; the rest is forfeited. */
function bookForfeit(target: Book, at: Instant): void {
  const grants = [...target.grants.values()];
  for (const grant of grants.filter(({ expiresAt }) => expiresAt <= at))
    takeUnused(target, 'expiry', grant, grant.expiresAt);
  for (const grant of grants.filter(({ expiresAt }) => expiresAt > at))
    takeUnused(target, 'forfeiture', grant, at);
  target.endedAt ??= at;
}

function bookGrant(target: Book, effect: Extract<Effect, { type: 'grant' }>): void {
  // I4: one grant for one cause, for ever.
  if (target.grants.has(effect.id)) return;
  const { id, kind, credits, effectiveAt, expiresAt } = effect;
  const made = (target.entries.at(-1)?.seq ?? 0) + 1;
  const grant: Grant = {
    id,
    kind,
    amount: credits,
    remaining: credits,
    held: 0,
    effectiveAt,
    expiresAt,
    made,
  };
  target.grants.set(id, grant);
  const charge = target.charges.get(effect.chargeId ?? '');
  if (charge?.kind === 'purchase') charge.grantId = id;
  enter(target, 'grant', credits, grant, effectiveAt);
}

/** Records billing's answer to a charge. A retried renewal stays one charge. */
export function bookCharge(target: Book, charge: Charge, status: Outcome): void {
  const { id, kind, at, amountMinor, currency, buys } = charge;
  const joined = kind === 'purchase' ? buys.items.filter(({ renews }) => renews) : [];
  const sold = { packs: buys.packs, joined, credits: buys.packCredits, grantId: null };
  const { owedMinor = 0, owedReturnedMinor = 0 } = target.charges.get(id) ?? {};
  const back = { refundedMinor: 0, returnedMinor: 0, disputes: new Map(), revokedCredits: 0 };
  const owed = { owedMinor, owedReturnedMinor };
  target.charges.set(id, { id, kind, at, status, amountMinor, currency, ...sold, ...back, ...owed });
}

/** takes credits at an instant in burn order. null and no change when they do not suffice: all or nothing. */
export function takeInOrder(
  target: Book,
  kind: 'debit' | 'hold',
  credits: number,
  at: Instant,
): Debit[] | null {
  const debits = burnDown([...target.grants.values()], credits, at);
  for (const debit of debits ?? [])
    enter(target, kind, -debit.credits, target.grants.get(debit.grant_id)!, at);
  return debits;
}

/** Spends at an instant and records the usage. null and no change when the credits do not suffice: all or nothing. */
export function spend(
  target: Book,
  credits: number,
  at: Instant,
  usageId = `use_${target.usages.size + 1}`,
): Debit[] | null {
  const debits = takeInOrder(target, 'debit', credits, at);
  if (debits) target.usages.set(usageId, { id: usageId, credits, reversed: 0, debits });
  return debits;
}

/** The spendable credits at an instant, in all and by kind; and the held ones, also of grants whose term is over. */
export function balance(
  target: Book,
  at: Instant,
): { available: number; held: number; by_kind: Record<GrantKind, number> } {
  const by_kind = { allowance: 0, pack: 0, adjustment: 0 };
  let held = 0;
  for (const grant of target.grants.values()) {
    held += grant.held;
    if (isUsable(grant, at)) by_kind[grant.kind] += grant.remaining;
  }
  return { available: by_kind.allowance + by_kind.pack + by_kind.adjustment, held, by_kind };
}
