import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/embedded/ports.ts';
import { npmStart, root, stopAll } from './npm-start.ts';

// A clone whose path is another one as a URL. Its data lie in it, as they do for a person.

const outside = mkdtempSync(join(tmpdir(), 'drawdown-odd-'));
const clone = join(outside, 'drawdown ü 100% #1');
beforeAll(() => {
  mkdirSync(clone);
  for (const name of ['drawdown.mjs', 'install.mjs', 'install', 'package.json', 'package-lock.json', 'src'])
    cpSync(join(root, name), join(clone, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
});
afterAll(async () => {
  await stopAll();
  rmSync(outside, { recursive: true, force: true });
});

test('npm start serves from a folder with spaces, an umlaut, a percent sign and a hash', async () => {
  const env = { DRAWDOWN_DATA: '', PORT: String(await freePort()) };
  const { api, key } = await npmStart(['--json'], env, clone).ready();
  const answer = await fetch(`${api}/v1/subscriptions`, { headers: { Authorization: `Bearer ${key}` } });
  expect(await answer.json()).toMatchObject({ data: [] });
  expect(readdirSync(join(clone, '.data'))).toEqual(expect.arrayContaining(['postgres', 'temporal.db']));
  expect(readdirSync(outside)).toEqual([basename(clone)]);
});
