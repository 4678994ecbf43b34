import { quantile, rounded } from './machine.ts';
import type { LegName } from './spend-legs.ts';
import type { Result } from './spend-rounds.ts';

// Comparisons of two legs in the same round, so that the machine's mood is in both. Targets leave room for noise.

type Figure = 'perSecond' | 'p50' | 'p99';

interface Comparison {
  of: LegName;
  to: LegName;
  figure: Figure;
  atLeast?: number;
  atMost?: number;
}

const COMPARISONS: Comparison[] = [
  { of: 'direct32', to: 'floor32', figure: 'perSecond', atLeast: 1.2 },
  { of: 'http32', to: 'floor32', figure: 'perSecond', atLeast: 0.8 },
  { of: 'http32', to: 'http32_alone', figure: 'perSecond', atLeast: 0.9 },
  { of: 'http128', to: 'floor32', figure: 'perSecond', atLeast: 1.2 },
  { of: 'http32', to: 'floor32', figure: 'p99', atMost: 2 },
  { of: 'http1', to: 'floor1', figure: 'p50', atMost: 2 },
  { of: 'hot32', to: 'http32', figure: 'perSecond', atLeast: 1 },
  { of: 'hot32', to: 'http32', figure: 'p99', atMost: 2 },
  { of: 'grants50', to: 'direct32', figure: 'perSecond', atLeast: 0.6 },
  { of: 'large_direct', to: 'direct32', figure: 'perSecond', atLeast: 0.9 },
  { of: 'hold_capture', to: 'floor32', figure: 'perSecond', atLeast: 0.35 },
  { of: 'direct32', to: 'naive32', figure: 'perSecond', atLeast: 10 },
  { of: 'direct32', to: 'one_call', figure: 'perSecond' },
  { of: 'floor_node', to: 'floor32', figure: 'perSecond' },
];

const NAMES: Record<Figure, string> = { perSecond: '', p50: ' p50', p99: ' p99' };

/** The ratio of two legs over all rounds. */
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

/** The ratios of which both legs have run. */
export function ratiosOf(results: Result[]): Ratio[] {
  return COMPARISONS.flatMap(({ of, to, figure, atLeast, atMost }): Ratio[] => {
    const values = results
      .filter(({ leg }) => leg === of)
      .flatMap((result) => {
        const other = results.find(({ leg, round }) => leg === to && round === result.round);
        return other ? [result[figure] / other[figure]] : [];
      });
    if (values.length === 0) return [];
    const found = spread(values, 2);
    const isMet = found.median >= (atLeast ?? 0) && found.median <= (atMost ?? Number.POSITIVE_INFINITY);
    const target = atLeast !== undefined ? `≥ ${atLeast}` : atMost !== undefined ? `≤ ${atMost}` : null;
    const name = `${of}${NAMES[figure]} ÷ ${to}${NAMES[figure]}`;
    return [{ name, ...found, target, met: target === null ? null : isMet }];
  });
}
