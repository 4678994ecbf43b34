import type { Instant } from './calendar.ts';

export type GrantKind = 'allowance' | 'pack' | 'adjustment';

/** A grant as far as spending sees it. `made` orders grants by their making; credits are whole. */
export interface Grant {
  id: string;
  kind: GrantKind;
  amount: number;
  /** What is neither spent, held nor taken. */
  remaining: number;
  held: number;
  effectiveAt: Instant;
  expiresAt: Instant;
  made: number;
  /** Why what is unused was taken, while some is still held: then `remaining` is 0 and its term is booked. */
  taken?: 'expired' | 'forfeited' | 'revoked';
}

export interface Debit {
  grant_id: string;
  kind: GrantKind;
  credits: number;
}

/** the instant at which credits are gone: the end of their term, or of the subscription where that comes first. */
export const goneAt = ({ expiresAt }: Pick<Grant, 'expiresAt'>, ends: Instant | null): Instant =>
  ends === null ? expiresAt : Math.min(expiresAt, ends);

/** credits are gone at that instant itself, booked or not. */
export const isGone = (grant: Pick<Grant, 'expiresAt'>, ends: Instant | null, at: Instant): boolean =>
  goneAt(grant, ends) <= at;

/** usable from effectiveAt, no longer at expiresAt or at the end of the subscription. */
export function isUsable(
  grant: Pick<Grant, 'effectiveAt' | 'expiresAt'>,
  at: Instant,
  ends: Instant | null = null,
): boolean {
  return grant.effectiveAt <= at && !isGone(grant, ends, at);
}

/** the allowance first, then packs and adjustments together; within a group the first to die. */
const group = (grant: Grant): number => (grant.kind === 'allowance' ? 0 : 1);

export function burnOrder(a: Grant, b: Grant): number {
  return group(a) - group(b) || a.expiresAt - b.expiresAt || a.effectiveAt - b.effectiveAt || a.made - b.made;
}

/** What can be spent at an instant. */
export function available(grants: readonly Grant[], at: Instant): number {
  return grants.reduce((sum, grant) => sum + (isUsable(grant, at) ? grant.remaining : 0), 0);
}

/**
 * I6: takes `credits` from the usable grants in burn order, as one debit a grant.
 * null when they do not suffice: all or nothing. A test holds the SQL of `spend_credits` equal to it.
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
