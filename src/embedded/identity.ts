import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** A process without doubt: an id is used again, an id with its start time is not. */
export interface Identity {
  pid: number;
  born: string;
}

/** The identity of a running process; undefined where none has the id. */
export function identityOf(pid: number): Identity | undefined {
  const born = existsSync('/proc/self/stat') ? bornByProc(pid) : bornByPs(pid);
  return born === undefined ? undefined : { pid, born };
}

/** Whether this very process still runs. */
export function isAlive(identity: Identity): boolean {
  return identityOf(identity.pid)?.born === identity.born;
}

/** The identity in a record of the data folder; undefined where a crash tore the file. */
export function readIdentity(file: string): Identity | undefined {
  try {
    const { pid, born } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Identity>;
    return Number.isInteger(pid) && pid! > 0 && typeof born === 'string' ? { pid: pid!, born } : undefined;
  } catch {
    return undefined;
  }
}

function bornByProc(pid: number): string | undefined {
  try {
    // The name in field 2 may hold spaces and brackets: the last bracket ends it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    const startTicks = fields[19];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return state === 'Z' || state === 'X' || startTicks === undefined ? undefined : `${boot} ${startTicks}`;
  } catch {
    return undefined;
  }
}

function bornByPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', 'lstart='], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
