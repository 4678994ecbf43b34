import type { MetricValue, Registry } from 'prom-client';

// Metrics of a registry whose writes take some nanoseconds: a spend over HTTP writes three of them. prom-client's own hash their
// labels at each write. And gauges that several share one reading of.

type Labels = Record<string, string>;

/** The numbers under one set of labels. */
export interface Cell {
  observe(value: number): void;
}

/** A histogram of a registry; `cell` answers the same cell for the same labels, which a caller keeps. */
export interface FastHistogram {
  cell(labels: Labels): Cell;
}

interface MetricOptions {
  name: string;
  help: string;
  registry: Registry;
}

class Counts implements Cell {
  readonly labels: Labels;
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;
  total = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.total += 1;
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i += 1)
      if (value <= bounds[i]!) {
        this.counts[i]! += 1;
        return;
      }
  }

  /** The cumulative counts, as the text format has them. */
  values(name: string): (MetricValue<string> & { metricName: string })[] {
    let below = 0;
    const of = (suffix: string, value: number, more: Labels = {}) => ({
      metricName: `${name}_${suffix}`,
      labels: { ...this.labels, ...more },
      value,
    });
    const buckets = this.bounds.map((bound, i) => {
      below += this.counts[i]!;
      return of('bucket', below, { le: String(bound) });
    });
    return [
      ...buckets,
      of('bucket', this.total, { le: '+Inf' }),
      of('sum', this.sum),
      of('count', this.total),
    ];
  }
}

/** Registers a histogram with the upper bounds of its buckets, in order. */
export function fastHistogram({
  name,
  help,
  registry,
  bounds,
}: MetricOptions & { bounds: readonly number[] }): FastHistogram {
  const cells = new Map<string, Counts>();
  const get = async () => ({
    name,
    help,
    type: 'histogram',
    values: [...cells.values()].flatMap((cell) => cell.values(name)),
    aggregator: 'sum',
  });
  registry.registerMetric({ name, get, reset: () => cells.clear() } as never);
  return { cell: (labels) => cellOf(cells, labels, () => new Counts(labels, bounds)) };
}

class Count {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  add(): void {
    this.value += 1;
  }
}

/** A counter of a registry; `cell` answers the same count for the same labels. */
export interface FastCounter {
  cell(labels: Labels): { add(): void };
}

/** Registers a counter. */
export function fastCounter({ name, help, registry }: MetricOptions): FastCounter {
  const cells = new Map<string, Count>();
  const get = async () => ({
    name,
    help,
    type: 'counter',
    values: [...cells.values()].map(({ labels, value }) => ({ labels, value })),
    aggregator: 'sum',
  });
  registry.registerMetric({ name, get, reset: () => cells.clear() } as never);
  return { cell: (labels) => cellOf(cells, labels, () => new Count(labels)) };
}

/** A number under its labels. */
export interface Sample {
  labels: Labels;
  value: number;
}

/** Registers a gauge that is read at each scrape. */
export function gauge(
  { name, help, registry }: MetricOptions,
  read: () => Sample[] | Promise<Sample[]>,
): void {
  const get = async () => ({ name, help, type: 'gauge', values: await read(), aggregator: 'max' });
  registry.registerMetric({ name, get, reset: () => {} } as never);
}

function cellOf<C>(cells: Map<string, C>, labels: Labels, make: () => C): C {
  const key = Object.values(labels).join('\n');
  const known = cells.get(key);
  if (known) return known;
  const cell = make();
  cells.set(key, cell);
  return cell;
}
