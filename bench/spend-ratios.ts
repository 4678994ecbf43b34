import { quantile, rounded } from './machine.ts';
import type { TemporalKind } from './spend-beside.ts';
import type { LegName } from './spend-legs.ts';
import { cpuEach } from './spend-meters.ts';
import type { Result } from './spend-rounds.ts';

// Comparisons of two legs in the same round, so that the machine's mood is in both. Targets leave room for noise.

type Figure = 'perSecond' | 'p50' | 'p99';

interface Comparison {
  of: LegName;
  to: LegName;
  figure: Figure;
  atLeast?: number;
  atMost?: number;
  /** The target holds for Temporal's regular server alone. */
  regular?: true;
}

const COMPARISONS: Comparison[] = [
  { of: 'direct32', to: 'floor32', figure: 'perSecond', atLeast: 1.2 },
  { of: 'http32', to: 'floor32', figure: 'perSecond', atLeast: 0.8 },
  { of: 'http32', to: 'floor32_prepared', figure: 'perSecond', atLeast: 0.65 },
  { of: 'http32', to: 'http32_alone', figure: 'perSecond', atLeast: 0.9 },
  { of: 'http128', to: 'floor32', figure: 'perSecond', atLeast: 1.2 },
  { of: 'http32', to: 'floor32', figure: 'p99', atMost: 2 },
  { of: 'http1', to: 'floor1', figure: 'p50', atMost: 2 },
  { of: 'hot32', to: 'http32', figure: 'perSecond', atLeast: 1 },
  { of: 'hot32', to: 'http32', figure: 'p99', atMost: 2 },
  { of: 'grants50', to: 'direct32', figure: 'perSecond', atLeast: 0.6 },
  { of: 'large_direct', to: 'direct32', figure: 'perSecond', atLeast: 0.9 },
  { of: 'hold_capture', to: 'floor32', figure: 'perSecond', atLeast: 0.35 },
  { of: 'balance32', to: 'http32', figure: 'perSecond', atLeast: 1.5 },
  { of: 'purchases', to: 'empty_update', figure: 'perSecond', atLeast: 0.7, regular: true },
  { of: 'starts', to: 'empty_start', figure: 'perSecond', atLeast: 0.7, regular: true },
  { of: 'direct32', to: 'naive32', figure: 'perSecond', atLeast: 10 },
  { of: 'direct32', to: 'one_call', figure: 'perSecond' },
  { of: 'floor_node', to: 'floor32', figure: 'perSecond' },
  { of: 'entries_1m', to: 'entries_100', figure: 'p50' },
  { of: 'deep_1m', to: 'entries_1m', figure: 'p50' },
];

/** Figures of one leg with a target of their own: they hold for a machine like this one. */
const LIMITS: { of: LegName; name: string; figure(result: Result): number | null; atMost: number }[] = [
  { of: 'purchases', name: 'CPU ms each', figure: ({ measures }) => cpuEach(measures), atMost: 34 },
  { of: 'wallet_20k', name: 'p50 ms', figure: ({ p50 }) => p50, atMost: 8 },
];

const NAMES: Record<Figure, string> = { perSecond: '', p50: ' p50', p99: ' p99' };

/** The ratio of two legs over all rounds, or a figure of one. */
export interface Ratio {
  name: string;
  median: number;
  least: number;
  most: number;
  target: string | null;
  /** null where there is no target. */
  met: boolean | null;
}

/** A median with its range. */
export interface Spread {
  median: number;
  least: number;
  most: number;
}

/** The spread of values over the rounds. */
export function spread(values: number[], digits: number): Spread {
  const of = (share: number) => rounded(quantile(values, share), digits);
  return { median: of(0.5), least: of(0), most: of(1) };
}

/** The ratios of which both legs have run, and the figures that have a limit. */
export const ratiosOf = (results: Result[], temporal: TemporalKind): Ratio[] => [
  ...comparisonsOf(results, temporal),
  ...limitsOf(results),
];

function limitsOf(results: Result[]): Ratio[] {
  return LIMITS.flatMap(({ of, name, figure, atMost }): Ratio[] => {
    const values = results
      .filter(({ leg }) => leg === of)
      .map(figure)
      .filter((value) => value !== null);
    if (values.length === 0) return [];
    const found = spread(values, 1);
    return [{ name: `${of} ${name}`, ...found, target: `≤ ${atMost}`, met: found.median <= atMost }];
  });
}

function comparisonsOf(results: Result[], temporal: TemporalKind): Ratio[] {
  return COMPARISONS.flatMap(({ of, to, figure, atLeast, atMost, regular }): Ratio[] => {
    const values = results
      .filter(({ leg }) => leg === of)
      .flatMap((result) => {
        const other = results.find(({ leg, round }) => leg === to && round === result.round);
        return other ? [result[figure] / other[figure]] : [];
      });
    if (values.length === 0) return [];
    const found = spread(values, 2);
    const isMet = found.median >= (atLeast ?? 0) && found.median <= (atMost ?? Number.POSITIVE_INFINITY);
    const isFree = regular && temporal !== 'regular';
    const target = isFree
      ? null
      : atLeast !== undefined
        ? `≥ ${atLeast}`
        : atMost !== undefined
          ? `≤ ${atMost}`
          : null;
    const name = `${of}${NAMES[figure]} ÷ ${to}${NAMES[figure]}`;
    return [{ name, ...found, target, met: target === null ? null : isMet }];
  });
}
