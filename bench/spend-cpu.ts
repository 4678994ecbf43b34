import { readdirSync, readFileSync } from 'node:fs';

// The CPU time of each group of processes, from Linux's /proc; elsewhere there is none.

const TICKS_A_SECOND = 100;

/** Seconds of CPU. `others` is the rest of the machine, with the time it was denied (steal). */
export interface Cpu {
  postgres: number;
  api: number;
  worker: number;
  temporal: number;
  bench: number;
  others: number;
}

/** The processes beside PostgreSQL and the benchmark; null for one that does not run. */
export type Pids = Record<'api' | 'worker' | 'temporal', number | null>;

/** Makes a reader of the groups' clocks: it returns null without /proc, or with PostgreSQL on another machine. */
export function createCpuClock(backendPid: number, pids: Pids): () => Cpu | null {
  const backend = statOf(backendPid);
  if (backend === null || backend.name !== 'postgres') return () => null;
  const postmaster = backend.parent;
  return () => {
    const ours = {
      postgres: withChildren(postmaster),
      api: ownOf(pids.api),
      worker: ownOf(pids.worker),
      temporal: ownOf(pids.temporal),
      bench: withReaped(process.pid),
    };
    return { ...ours, others: busy() - Object.values(ours).reduce((sum, seconds) => sum + seconds) };
  };
}

const ownOf = (pid: number | null): number => (pid === null ? 0 : (statOf(pid)?.own ?? 0));

function withReaped(pid: number): number {
  const stat = statOf(pid);
  return stat ? stat.own + stat.reaped : 0;
}

/** The CPU time between two readings. */
export function used(before: Cpu | null, after: Cpu | null): Cpu | null {
  if (before === null || after === null) return null;
  const of = (who: keyof Cpu) => Math.max(0, Number((after[who] - before[who]).toFixed(2)));
  return {
    ...{ postgres: of('postgres'), api: of('api'), worker: of('worker'), temporal: of('temporal') },
    ...{ bench: of('bench'), others: of('others') },
  };
}

interface Stat {
  name: string;
  parent: number;
  own: number;
  /** CPU time of children that have ended. */
  reaped: number;
}

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name is in parentheses and may hold anything: fields count from the last one.
    const end = text.lastIndexOf(')');
    const rest = text.slice(end + 2).split(' ');
    const seconds = (a: number, b: number) => (Number(rest[a]) + Number(rest[b])) / TICKS_A_SECOND;
    return {
      name: text.slice(text.indexOf('(') + 1, end),
      parent: Number(rest[1]),
      own: seconds(11, 12),
      reaped: seconds(13, 14),
    };
  } catch {
    return null;
  }
}

/** The postmaster, its ended backends and its running ones. */
function withChildren(postmaster: number): number {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)));
  const running = stats.reduce((sum, stat) => sum + (stat?.parent === postmaster ? stat.own : 0), 0);
  return running + withReaped(postmaster);
}

/** CPU time of all states but idle and waiting for the disk. */
function busy(): number {
  const [line] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
  const [user, nice, system, , , irq, softirq, steal] = line!.split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_A_SECOND;
}
