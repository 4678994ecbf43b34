import { spawnSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

// Two installations or two builds in one folder would undo each other. A lock names its processes, and is free once all ended.

const POLL_MS = 200;

/**
 * Resolves when no other process holds the lock; `onWait` gets the id of each holder once. `share` adds a process that must also
 * end before the lock is free.
 */
export async function takeLock(file, onWait) {
  let awaited;
  while (!linked(file, [process.pid])) {
    const seen = textOf(file);
    const [holder] = holdersOf(seen);
    if (!holder) {
      removeStale(file, seen);
      continue;
    }
    if (holder.pid !== awaited) onWait(holder.pid);
    awaited = holder.pid;
    await sleep(POLL_MS);
  }
  return {
    share: (pid) => replace(file, [process.pid, pid]),
    release: () => rmSync(file, { force: true }),
  };
}

/** Makes the lock with its content or not at all, so that no process reads half a lock. */
function linked(file, pids) {
  const ours = write(file, pids);
  try {
    linkSync(ours, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(ours, { force: true });
  }
}

const replace = (file, pids) => renameSync(write(file, pids), file);

function write(file, pids) {
  const ours = `${file}.${process.pid}`;
  writeFileSync(ours, JSON.stringify(pids.map((pid) => ({ pid, born: bornOf(pid) }))));
  return ours;
}

// Renamed before its removal: of two processes that find it stale, one moves the file it looked at; the other returns a new lock.
function removeStale(file, seen) {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    if (textOf(aside) !== seen) linkSync(aside, file);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  rmSync(aside, { force: true });
}

function textOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The processes of a lock that still run. */
function holdersOf(text) {
  try {
    return JSON.parse(text).filter(({ pid, born }) => born !== '' && bornOf(pid) === born);
  } catch {
    return [];
  }
}

/** The start time of a process; '' without one. An id is used again, an id with its start time is not. */
function bornOf(pid) {
  try {
    // The name in the second field may hold spaces and brackets: fields count from the last bracket.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return /[ZX]/.test(fields[0]) ? '' : fields[19];
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return (stdout ?? '').trim();
  }
}
