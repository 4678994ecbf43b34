import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  claimDataFolder,
  emptyDataFolder,
  makeCacheFolder,
  rotateLogs,
  StartRefused,
} from '../../src/embedded/data-folder.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawdown-folder-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the data folder', () => {
  it('is made where there is none', () => {
    const fresh = join(folder, 'deep', 'data');
    claimDataFolder(fresh).release();
    expect(readdirSync(fresh)).toEqual(['drawdown-data.json']);
  });

  it('belongs to one start at a time, and the refusal names the process', () => {
    const hold = claimDataFolder(folder);
    expect(() => claimDataFolder(folder)).toThrow(`Another start (process ${process.pid}) already runs on`);
    hold.release();
    claimDataFolder(folder).release();
    expect(readdirSync(folder)).toEqual(['drawdown-data.json']);
  });

  it.each([
    ['of a process that is gone', '{"pid":999999999,"born":"then"}'],
    ['whose process id somebody else has by now', `{"pid":${process.pid},"born":"long ago"}`],
    ['torn by a crash', '{"pid":'],
  ])('is taken over from a lock %s', (_, content) => {
    claimDataFolder(folder).release();
    writeFileSync(join(folder, 'lock.json'), content);
    const hold = claimDataFolder(folder);
    expect(JSON.parse(readFileSync(join(folder, 'lock.json'), 'utf8'))).toMatchObject({ pid: process.pid });
    expect(readdirSync(folder).sort()).toEqual(['drawdown-data.json', 'lock.json']);
    hold.release();
  });

  it('is never one that holds files of others', () => {
    writeFileSync(join(folder, 'thesis.txt'), 'years of work');
    expect(() => claimDataFolder(folder)).toThrow(/holds files that Drawdown did not make/);
    expect(readdirSync(folder)).toEqual(['thesis.txt']);
  });

  it.each([
    ['the data folder', claimDataFolder, 'DRAWDOWN_DATA'],
    ['the cache', makeCacheFolder, 'DRAWDOWN_CACHE'],
  ] as const)('that can’t be written is refused as %s with the variable to set', (_, claim, variable) => {
    const readOnly = join(folder, 'read-only');
    mkdirSync(readOnly, { mode: 0o555 });
    writeFileSync(join(folder, 'file'), '');
    for (const [parent, code] of [
      [readOnly, 'EACCES'],
      [join(folder, 'file'), 'ENOTDIR'],
    ] as const) {
      const path = join(parent, 'data');
      const sentence = `${path} can't be written (${code}). Set ${variable} to a folder that can.`;
      expect(() => asNobody(() => claim(path))).toThrow(new StartRefused(sentence));
    }
  });

  it('is emptied, all but the hold on it', () => {
    const hold = claimDataFolder(folder);
    mkdirSync(join(folder, 'postgres'));
    writeFileSync(join(folder, 'api-key'), 'secret');
    emptyDataFolder(folder);
    expect(readdirSync(folder).sort()).toEqual(['drawdown-data.json', 'lock.json']);
    hold.release();
  });

  it('keeps the logs of the start before, once', () => {
    for (const text of ['first', 'second']) {
      mkdirSync(join(folder, 'logs'));
      writeFileSync(join(folder, 'logs', 'api.log'), text);
      rotateLogs(folder);
    }
    expect(existsSync(join(folder, 'logs'))).toBe(false);
    expect(readFileSync(join(folder, 'logs.previous', 'api.log'), 'utf8')).toBe('second');
  });
});

/** Root may write everywhere. */
function asNobody(work: () => unknown): unknown {
  if (process.getuid!() !== 0) return work();
  chmodSync(folder, 0o755);
  process.seteuid!(65_534);
  try {
    return work();
  } finally {
    process.seteuid!(0);
  }
}
