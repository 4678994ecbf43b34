import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { iso } from '../src/domain/calendar.ts';

// What every benchmark's figures begin with, and how they are rounded.

/** The nearest rank: a value that was measured, never one in between. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

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

export type Machine = ReturnType<typeof machine>;

export const machineLine = ({ cpu, cores, memory_gib, node, commit, date }: Machine): string =>
  `${cpu}, ${cores} cores, ${memory_gib} GiB; Node ${node}; ${commit}; ${date}`;

/** With `-dirty` when there are changes on top: that is another program. */
function commit(): string {
  const git = ['describe', '--always', '--dirty', '--exclude', '*'];
  const options = { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' } as const;
  try {
    return execFileSync('git', git, options).trim();
  } catch {
    return 'no commit';
  }
}
