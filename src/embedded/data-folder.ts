import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { identityOf, isAlive, readIdentity } from './identity.ts';

/** An error that a person can put right; its message says how, so no stack is shown. */
export class StartRefused extends Error {
  override name = 'StartRefused';
}

// Every data folder has this file, and a folder without it is never emptied.
const marker = 'drawdown-data.json';
const lock = 'lock.json';

/** Claims the folder for us until `release`. Throws StartRefused for a folder that another start holds. */
export function claimDataFolder(folder: string): { release(): void } {
  try {
    refuseForeign(folder);
    mkdirSync(folder, { recursive: true });
    // Other users may pass through but not list it: as root we run PostgreSQL as another user.
    chmodSync(folder, 0o711);
    takeLock(folder);
    writeFileSync(join(folder, marker), `${JSON.stringify({ made_by: 'drawdown', format: 1 })}\n`);
  } catch (error) {
    throw unwritable(folder, 'DRAWDOWN_DATA', error);
  }
  return { release: () => rmSync(join(folder, lock), { force: true }) };
}

/** Makes the folder of downloads, which starts share. Throws StartRefused where it can't be written. */
export function makeCacheFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(folder, 'DRAWDOWN_CACHE', error);
  }
}

/** The file system's refusal as a sentence with the variable's name; any other error as it is. */
function unwritable(folder: string, variable: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  return new StartRefused(`${folder} can't be written (${code}). Set ${variable} to a folder that can.`);
}

/** Empties a folder that we hold, except for its marker and our lock. */
export function emptyDataFolder(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name !== lock && name !== marker) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Keeps the logs of the start before beside the new ones: they may say why it ended. */
export function rotateLogs(folder: string): void {
  const logs = join(folder, 'logs');
  if (!existsSync(logs)) return;
  rmSync(`${logs}.previous`, { recursive: true, force: true });
  renameSync(logs, `${logs}.previous`);
}

function refuseForeign(folder: string): void {
  if (!existsSync(folder) || existsSync(join(folder, marker))) return;
  const strangers = readdirSync(folder).filter((name) => !name.startsWith(lock));
  if (strangers.length > 0) {
    throw new StartRefused(
      `${folder} holds files that Drawdown did not make. Set DRAWDOWN_DATA to an empty or a new folder.`,
    );
  }
}

function takeLock(folder: string): void {
  const file = join(folder, lock);
  const ours = `${file}.${process.pid}`;
  writeFileSync(ours, JSON.stringify(identityOf(process.pid) ?? { pid: process.pid, born: '' }));
  try {
    // The link appears with its content or not at all, so no start reads half a lock.
    while (!linked(ours, file)) removeStale(file);
  } finally {
    rmSync(ours, { force: true });
  }
}

function removeStale(file: string): void {
  const seen = readText(file);
  const holder = readIdentity(file);
  if (holder && isAlive(holder)) {
    throw new StartRefused(
      `Another start (process ${holder.pid}) already runs on ${dirname(file)}. ` +
        'Stop it first, or set DRAWDOWN_DATA to another folder.',
    );
  }
  // Renamed before its removal: of two starts that find it stale, one moves the file it looked at.
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (readText(aside) !== seen) linked(aside, file);
  rmSync(aside, { force: true });
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
