import { type Instant, NEVER } from './calendar.ts';

/** The source of a grant: the plan's allowance, a bought pack, or an operator's adjustment. */
export type GrantKind = 'allowance' | 'pack' | 'adjustment';

/** A grant as spending sees it. Credits are whole; `made` is the order of making. */
export interface Grant {
  id: string;
  kind: GrantKind;
  amount: number;
  /** Credits that are neither spent, held nor taken. */
  remaining: number;
  held: number;
  effectiveAt: Instant;
  expiresAt: Instant;
  made: number;
  /**
   * why the unused credits were taken while others stay held. `remaining` is then 0, and the end of the term is
   * booked.
   */
  taken?: 'expired' | 'forfeited' | 'revoked';
}

/** Credits that a spend or a hold takes from one grant. */
export interface Debit {
  grant_id: string;
  kind: GrantKind;
  credits: number;
}

/**
 * the instant at which credits are gone: the end of their term or of the subscription, whichever is earlier. null
 * while neither is known. The SQL function `gone_at` is equal to it.
 */
export function goneAt({ expiresAt }: Pick<Grant, 'expiresAt'>, ends: Instant | null): Instant | null {
  const at = Math.min(expiresAt, ends ?? NEVER);
  return at < NEVER ? at : null;
}

/** whether credits are gone at an instant, booked or not. They are gone at `goneAt` itself. */
export const isGone = ({ expiresAt }: Pick<Grant, 'expiresAt'>, ends: Instant | null, at: Instant): boolean =>
  Math.min(expiresAt, ends ?? NEVER) <= at;

/** usable from `effectiveAt` on, no longer at `expiresAt` or at the end of the subscription. */
export function isUsable(
  grant: Pick<Grant, 'effectiveAt' | 'expiresAt'>,
  at: Instant,
  ends: Instant | null = null,
): boolean {
  return grant.effectiveAt <= at && !isGone(grant, ends, at);
}

/** the allowance is group 0; packs and adjustments are group 1. */
const group = (grant: Grant): number => (grant.kind === 'allowance' ? 0 : 1);

/** compares grants by group, then earliest expiry, earliest start, order of making. */
export function burnOrder(a: Grant, b: Grant): number {
  return group(a) - group(b) || a.expiresAt - b.expiresAt || a.effectiveAt - b.effectiveAt || a.made - b.made;
}

/** The spendable credits at an instant. */
export function available(grants: readonly Grant[], at: Instant): number {
  return grants.reduce((sum, grant) => sum + (isUsable(grant, at) ? grant.remaining : 0), 0);
}

/**
 * I6: takes `credits` from the usable grants in burn order, as one debit a grant.
 * Answers null when they do not suffice: all or nothing. A test holds the SQL equal to it.
 */
export function burnDown(grants: readonly Grant[], credits: number, at: Instant): Debit[] | null {
  let needed = credits;
  const debits: Debit[] = [];
  for (const grant of grants.filter((open) => isUsable(open, at)).sort(burnOrder)) {
    const taken = Math.min(needed, grant.remaining);
    if (taken > 0) debits.push({ grant_id: grant.id, kind: grant.kind, credits: taken });
    needed -= taken;
  }
  return needed === 0 ? debits : null;
}
