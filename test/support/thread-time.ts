import { readFileSync } from 'node:fs';

const TIMES = '/proc/thread-self/schedstat';
let isLinux: boolean | null = null;

/**
 * Milliseconds of processor that this thread has used: load of others does not lengthen them as it does the clock's. Where the
 * system has no time of a thread, the whole process's.
 */
export function threadTime(): number {
  if (isLinux !== false)
    try {
      isLinux = true;
      return Number(readFileSync(TIMES, 'utf8').split(' ')[0]) / 1e6;
    } catch {
      isLinux = false;
    }
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}
