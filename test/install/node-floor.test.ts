import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Clone } from './clone.ts';

// A Node below `engines` of package.json is refused before anything else runs. Here the floor is raised instead.

const read = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const ENTRIES = ['install.mjs', 'drawdown.mjs'];

let clone: Clone;
beforeAll(() => {
  clone = new Clone('>=99.1');
});
afterAll(() => clone.remove());

describe('a Node that is too old', () => {
  it.each(ENTRIES)('is refused by %s in one sentence, and nothing is installed', async (entry) => {
    const refused = clone.run(entry);
    expect(await refused.ended).toBe(2);
    expect(refused.said()).toBe(
      `Drawdown needs Node 99.1 or newer, and this is Node ${process.versions.node}.\n`,
    );
    expect(clone.npmRuns()).toEqual([]);
    expect(clone.files('node_modules')).toEqual([]);
  });

  it.each([...ENTRIES, 'install/node-floor.cjs'])(
    'reads %s, which is written in JavaScript of 2019',
    async (file) => {
      const written = (target: string) =>
        transform(read(file), { target, loader: 'js' }).then(({ code }) => code);
      expect(await written('es2019')).toBe(await written('esnext'));
    },
  );

  it.each(['start', 'test', 'check'])(
    'is refused by `npm run %s`, whose first command is install.mjs',
    (name) => {
      expect(scripts[`pre${name}`]).toBe('exec node install.mjs');
    },
  );

  it.each([
    ...['api', 'worker', 'migrate', 'simulate', 'reconcile'].flatMap((name) => [name, `pre${name}`]),
    ...['dev:api', 'dev:worker', 'build', 'contract', 'bench', 'bench:fleet'],
  ])('is refused by `npm run %s`, which installs nothing', (name) => {
    expect(scripts[name]).toMatch(/^exec node -r \.\/install\/node-floor\.cjs /);
  });
});
