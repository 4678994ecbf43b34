import type { Book } from './book.ts';
import { type Grant, type GrantKind, isUsable } from './burndown.ts';
import type { Instant } from './calendar.ts';

// The balance as a curve: what each grant had at each instant, looked back on from today and forward by the forecast.

/** One change of what is available of a grant. */
export interface Change {
  at: Instant;
  grantId: string;
  credits: number;
}

export interface Term {
  id: string;
  kind: GrantKind;
  amount: number;
  effectiveAt: Instant;
  expiresAt: Instant;
}

/** What a grant had: `credits` from `at` on, until the next point. */
export interface Layer extends Term {
  points: { at: Instant; credits: number }[];
}

/**
 * The layers of a balance between two instants. `grants` are what the ledger has now, `past` every change of them after
 * `from`, `future` the book of a forecast from `now` on.
 */
export function curve(
  grants: readonly Grant[],
  past: readonly Change[],
  future: Pick<Book, 'entries' | 'grants'>,
  { from, now }: { from: Instant; now: Instant },
): Layer[] {
  const layers = new Map<string, Layer>();
  const layerOf = (term: Term): Layer => {
    const { id, kind, amount, effectiveAt, expiresAt } = term;
    const layer = layers.get(id) ?? { id, kind, amount, effectiveAt, expiresAt, points: [] };
    layers.set(id, layer);
    return layer;
  };
  for (const grant of grants) lookBack(layerOf(grant), grant, past, { from, now });
  for (const { kind, effectiveAt, grantId, credits } of future.entries) {
    const term = future.grants.get(grantId);
    // An expiry that only waits to be booked was looked back on above.
    if (!term || (kind === 'expiry' && term.expiresAt <= now)) continue;
    step(layerOf(term), effectiveAt, credits);
  }
  return [...layers.values()]
    .filter(({ points }) => points.some(({ credits }) => credits > 0))
    .sort((a, b) => a.expiresAt - b.expiresAt || a.effectiveAt - b.effectiveAt);
}

/** From what a grant has now back to what it had: the change that came last is undone first. */
function lookBack(
  layer: Layer,
  grant: Grant,
  past: readonly Change[],
  { from, now }: { from: Instant; now: Instant },
): void {
  // What was used on a day may be told at its beginning: never before the grant itself.
  const changes = past
    .filter(({ grantId }) => grantId === grant.id)
    .map((change) => ({ ...change, at: Math.max(change.at, grant.effectiveAt, from) }));
  // what is past its term and not yet booked so is gone all the same.
  if (grant.remaining > 0 && !isUsable(grant, now))
    changes.push({ at: grant.expiresAt, grantId: grant.id, credits: -grant.remaining });
  let credits = isUsable(grant, now) ? grant.remaining : 0;
  const points: Layer['points'] = [];
  for (const change of changes.sort((a, b) => b.at - a.at)) {
    const { at } = change;
    if (points[0]?.at !== at) points.unshift({ at, credits });
    credits -= change.credits;
  }
  if (grant.effectiveAt <= from || changes.length === 0)
    points.unshift({ at: Math.max(from, Math.min(grant.effectiveAt, now)), credits });
  layer.points.push(...points);
}

function step({ points }: Layer, at: Instant, credits: number): void {
  const last = points.at(-1);
  const value = (last?.credits ?? 0) + credits;
  if (last?.at === at) last.credits = value;
  else points.push({ at, credits: value });
}

/** What a layer had at an instant. */
export function valueAt({ points }: Layer, at: Instant): number {
  let credits = 0;
  for (const point of points) {
    if (point.at > at) break;
    credits = point.credits;
  }
  return credits;
}

/** Where default credits are missing for a while, or there twice. */
export interface Seam {
  kind: 'gap' | 'overlap';
  from: Instant;
  to: Instant;
}

/** thirty days are not a month, so that one allowance ends before the next comes, or goes on beside it. */
export function seams(terms: readonly Term[]): Seam[] {
  const allowances = terms
    .filter(({ kind }) => kind === 'allowance')
    .sort((a, b) => a.effectiveAt - b.effectiveAt);
  return allowances.slice(1).flatMap((next, i): Seam[] => {
    const before = allowances[i]!;
    if (next.effectiveAt > before.expiresAt)
      return [{ kind: 'gap', from: before.expiresAt, to: next.effectiveAt }];
    if (next.effectiveAt < before.expiresAt)
      return [{ kind: 'overlap', from: next.effectiveAt, to: before.expiresAt }];
    return [];
  });
}
