import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { iso } from '../src/domain/calendar.ts';

// The head of every benchmark's figures, and their rounding.

/** The nearest rank: a measured value, never one between two. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** A number with so many digits after the point. */
export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** The machine, its Node and the commit. */
export function machine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_gib: rounded(totalmem() / 2 ** 30),
    node: process.version,
    commit: commit(),
    date: iso(Date.now()),
  };
}

/** A machine's description. */
export type Machine = ReturnType<typeof machine>;

/** The machine in a line. */
export const machineLine = ({ cpu, cores, memory_gib, node, commit, date }: Machine): string =>
  `${cpu}, ${cores} cores, ${memory_gib} GiB; Node ${node}; ${commit}; ${date}`;

/** The commit, with `-dirty` for uncommitted changes: that is another program. */
function commit(): string {
  const git = ['describe', '--always', '--dirty', '--exclude', '*'];
  const options = { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' } as const;
  try {
    return execFileSync('git', git, options).trim();
  } catch {
    return 'no commit';
  }
}
