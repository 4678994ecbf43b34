import { type Grant, type GrantKind, goneAt, isGone } from './burndown.ts';
import type { Instant } from './calendar.ts';
import type { Book, Entry } from './model/book.ts';

// The balance as a curve: the credits of each grant at each instant, in the past from the ledger, in the future from the
// forecast.

/** One change of a grant's available credits. `use` stands for spends, holds and their returns. */
export interface Change {
  at: Instant;
  grantId: string;
  credits: number;
  kind: 'grant' | 'expiry' | 'forfeiture' | 'revocation' | 'use';
}

/** An entry of the ledger as a change that shows at an instant. */
export function changeOf({ kind, grantId, credits }: Entry, at: Instant): Change {
  const isOfCalendar =
    kind === 'grant' || kind === 'expiry' || kind === 'forfeiture' || kind === 'revocation';
  return { at, grantId, credits, kind: isOfCalendar ? kind : 'use' };
}

/** A grant without its current credits. */
export interface Term {
  id: string;
  kind: GrantKind;
  amount: number;
  effectiveAt: Instant;
  expiresAt: Instant;
}

/** A grant's credits over time: each point holds from its `at` until the next point. */
export interface Layer extends Term {
  points: { at: Instant; credits: number }[];
}

/** The stretch of time that a curve covers, and the present in it. */
export interface Window {
  from: Instant;
  now: Instant;
  /** nothing can be spent from this instant on; null while no end is known. */
  ends: Instant | null;
}

/**
 * The layers of a balance, one a grant. Their sum at every instant equals the answer of `balance?at=`. `grants` are the
 * ledger's grants now, `past` their changes after `from`, `ahead` the forecast. Layers that never had credits are left out.
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
    // A grant that is over already was drawn by `lookBack`.
    if (!term || gone.has(grantId)) continue;
    step(layerOf(term), showsAt(at, window), credits);
  }
  return [...layers.values()]
    .filter(({ points }) => points.some(({ credits }) => credits > 0))
    .sort((a, b) => a.expiresAt - b.expiresAt || a.effectiveAt - b.effectiveAt);
}

/** A forecast change that is overdue shows just after now: it comes any moment. */
export const showsAt = (at: Instant, { now }: Pick<Window, 'now'>): Instant => Math.max(at, now + 1);

/** Draws a grant's past from its credits now: the newest change is undone first. */
function lookBack(layer: Layer, grant: Grant, past: readonly Change[], window: Window): void {
  const { from, now, ends } = window;
  const changes = past.map((change) => ({ ...change, at: Math.max(change.at, from) }));
  const left = isGone(grant, ends, now) ? 0 : grant.remaining;
  if (left < grant.remaining)
    changes.push({
      at: Math.max(goneAt(grant, ends)!, from),
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

/** A layer's credits at an instant. */
export function valueAt({ points }: Pick<Layer, 'points'>, at: Instant): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return points[low - 1]?.credits ?? 0;
}

/** The sum of any number of layers, as points. */
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

/** The sum of all layers at an instant. */
export const totalAt = (layers: readonly Layer[], at: Instant): number =>
  layers.reduce((sum, layer) => sum + valueAt(layer, at), 0);

/** a stretch of time without an allowance, or with two. */
export interface Seam {
  kind: 'gap' | 'overlap';
  from: Instant;
  to: Instant;
}

/**
 * thirty days are not a month, so one allowance ends before the next comes, or overlaps it. `arrivals` names the
 * instants of future allowances that are paid late: the overlap begins there.
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
