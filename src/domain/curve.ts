import { type Grant, type GrantKind, goneAt, isGone } from './burndown.ts';
import type { Instant } from './calendar.ts';
import type { Book, Entry } from './model/book.ts';

// The balance as a curve: what each grant had at each instant, looked back on from today and forward by the forecast.

/** One change of what is available of a grant. `use` is whatever is neither a grant nor the end of one. */
export interface Change {
  at: Instant;
  grantId: string;
  credits: number;
  kind: 'grant' | 'expiry' | 'forfeiture' | 'revocation' | 'use';
}

/** An entry as a change that shows at an instant. */
export function changeOf({ kind, grantId, credits }: Entry, at: Instant): Change {
  const isOfCalendar =
    kind === 'grant' || kind === 'expiry' || kind === 'forfeiture' || kind === 'revocation';
  return { at, grantId, credits, kind: isOfCalendar ? kind : 'use' };
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

export interface Window {
  from: Instant;
  now: Instant;
  /** From here on nothing can be spent; null while no end is known. */
  ends: Instant | null;
}

/**
 * The layers of a balance: at every instant their sum is what `balance?at=` says of it. `grants` are what the ledger has now,
 * `past` every change of them after `from`, `ahead` what a forecast foretells.
 */
export function curve(
  grants: readonly Grant[],
  past: readonly Change[],
  ahead: { changes: readonly Change[]; grants: Book['grants'] },
  window: Window,
): Layer[] {
  const layers = new Map<string, Layer>();
  const layerOf = (term: Term): Layer => {
    const { id, kind, amount, effectiveAt, expiresAt } = term;
    const layer = layers.get(id) ?? { id, kind, amount, effectiveAt, expiresAt, points: [] };
    layers.set(id, layer);
    return layer;
  };
  const changes = new Map<string, Change[]>(grants.map(({ id }) => [id, []]));
  for (const change of past) changes.get(change.grantId)?.push(change);
  for (const grant of grants) lookBack(layerOf(grant), grant, changes.get(grant.id) ?? [], window);
  const gone = new Set(grants.filter((grant) => isGone(grant, window.ends, window.now)).map(({ id }) => id));
  for (const { at, grantId, credits } of ahead.changes) {
    const term = ahead.grants.get(grantId);
    // What only waits to be booked as gone was looked back on above.
    if (!term || gone.has(grantId)) continue;
    step(layerOf(term), showsAt(at, window), credits);
  }
  return [...layers.values()]
    .filter(({ points }) => points.some(({ credits }) => credits > 0))
    .sort((a, b) => a.expiresAt - b.expiresAt || a.effectiveAt - b.effectiveAt);
}

/** What is foretold and overdue is not there yet: it comes any moment. */
export const showsAt = (at: Instant, { now }: Pick<Window, 'now'>): Instant => Math.max(at, now + 1);

/** From what a grant has now back to what it had: of its changes the one that came last is undone first. */
function lookBack(layer: Layer, grant: Grant, past: readonly Change[], window: Window): void {
  const { from, now, ends } = window;
  const changes = past.map((change) => ({ ...change, at: Math.max(change.at, from) }));
  const left = isGone(grant, ends, now) ? 0 : grant.remaining;
  if (left < grant.remaining)
    changes.push({
      at: Math.max(goneAt(grant, ends), from),
      grantId: grant.id,
      credits: left - grant.remaining,
      kind: 'expiry',
    });
  let credits = left;
  const points: Layer['points'] = [];
  for (const change of changes.sort((a, b) => b.at - a.at)) {
    const { at } = change;
    if (points.at(-1)?.at !== at) points.push({ at, credits });
    credits -= change.credits;
  }
  if (grant.effectiveAt <= from || changes.length === 0)
    points.push({ at: Math.max(from, Math.min(grant.effectiveAt, now)), credits });
  layer.points.push(...points.reverse());
}

function step({ points }: Layer, at: Instant, credits: number): void {
  const last = points.at(-1);
  const value = (last?.credits ?? 0) + credits;
  if (last?.at === at) last.credits = value;
  else points.push({ at, credits: value });
}

/** What a layer had at an instant. */
export function valueAt({ points }: Pick<Layer, 'points'>, at: Instant): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return points[low - 1]?.credits ?? 0;
}

/** What layers had together, however many they are. */
export function sumOf(layers: readonly Layer[]): Layer['points'] {
  const steps = new Map<Instant, number>();
  for (const { points } of layers) {
    let before = 0;
    for (const { at, credits } of points) {
      steps.set(at, (steps.get(at) ?? 0) + credits - before);
      before = credits;
    }
  }
  let sum = 0;
  return [...steps]
    .sort(([a], [b]) => a - b)
    .map(([at, step]) => {
      sum += step;
      return { at, credits: sum };
    });
}

/** What all layers come to at an instant. */
export const totalAt = (layers: readonly Layer[], at: Instant): number =>
  layers.reduce((sum, layer) => sum + valueAt(layer, at), 0);

/** Where default credits are missing for a while, or there twice. */
export interface Seam {
  kind: 'gap' | 'overlap';
  from: Instant;
  to: Instant;
}

/**
 * thirty days are not a month, so that one allowance ends before the next comes, or goes on beside it. `arrivals` tells of
 * those to come that are paid late: until then there is nothing beside the one before.
 */
export function seams(terms: readonly Term[], arrivals: ReadonlyMap<string, Instant> = new Map()): Seam[] {
  const allowances = terms
    .filter(({ kind }) => kind === 'allowance')
    .sort((a, b) => a.effectiveAt - b.effectiveAt);
  return allowances.slice(1).flatMap((next, i): Seam[] => {
    const { expiresAt } = allowances[i]!;
    if (next.effectiveAt > expiresAt) return [{ kind: 'gap', from: expiresAt, to: next.effectiveAt }];
    const arrivesAt = Math.max(next.effectiveAt, arrivals.get(next.id) ?? next.effectiveAt);
    return arrivesAt < expiresAt ? [{ kind: 'overlap', from: arrivesAt, to: expiresAt }] : [];
  });
}
