import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAlive } from '../../src/embedded/identity.ts';
import { Clone } from './clone.ts';

// The installation before `npm start`, `npm test` and `npx drawdown`, in a clone of its own with an npm of its own.

let clone: Clone;
beforeEach(() => {
  clone = new Clone();
});
afterEach(() => clone.remove());

const INSTALLED = ['.package-lock.json', 'half'];
/** Neither a lock nor a mark is left, which would make the next start install again. */
const expectInstalled = () => {
  expect(clone.files('node_modules')).toEqual(INSTALLED);
  expect(clone.files('node_modules/half')).toEqual(['index.js', 'package.json']);
  expect(clone.files().filter((name) => name.startsWith('.installing'))).toEqual([]);
};

describe('the installation', () => {
  it('runs npm where packages are missing, and is silent where none is', async () => {
    clone.write('go');
    const first = clone.run();
    expect(await first.ended).toBe(0);
    expect(first.said()).toBe('Installing 1 packages with npm …\n');
    expectInstalled();
    const second = clone.run();
    expect(await second.ended).toBe(0);
    expect(second.said()).toBe('');
    expect(clone.npmRuns()).toMatchObject([
      {
        found: 'nothing',
        args: ['install', '--include=dev', '--no-audit', '--no-fund', '--loglevel=notice'],
      },
    ]);
  });

  it('runs npm again after a pull, on the existing folder', async () => {
    clone.write('node_modules/old/package.json');
    clone.write('node_modules/.package-lock.json', '{"packages":{"node_modules/old":{"version":"1.0.0"}}}');
    clone.write('go');
    expect(await clone.run().ended).toBe(0);
    expect(clone.npmRuns()).toMatchObject([{ found: '.package-lock.json old' }]);
  });

  it.each(['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGKILL'] as const)(
    'ended by %s takes npm and its children along, and is done again from nothing',
    async (signal) => {
      const cut = clone.run();
      const { npm, script } = await clone.untilNpmRuns();
      cut.process.kill(signal);
      await cut.ended;
      await vi.waitFor(() => expect([npm!, script!].filter(isAlive)).toEqual([]), { timeout: 10_000 });
      expect(clone.files('node_modules/half')).toEqual(['package.json']);

      clone.write('go');
      const again = clone.run();
      expect(await again.ended).toBe(0);
      expect(clone.npmRuns()[1]).toMatchObject({ found: 'nothing' });
      expectInstalled();
    },
  );

  it('is done again when npm alone was killed', async () => {
    const cut = clone.run();
    const { npm } = await clone.untilNpmRuns();
    process.kill(npm!.pid, 'SIGKILL');
    expect(await cut.ended).toBe(2);
    clone.write('go');
    expect(await clone.run().ended).toBe(0);
    expect(clone.npmRuns()[1]).toMatchObject({ found: 'nothing' });
    expectInstalled();
  });

  it('begins with nothing where somebody’s own npm was cut off, which leaves packages without a record', async () => {
    clone.write('node_modules/half/package.json');
    clone.write('go');
    expect(await clone.run().ended).toBe(0);
    expect(clone.npmRuns()).toMatchObject([{ found: 'nothing' }]);
    expectInstalled();
  });

  it('never runs beside another: the second waits, says so, and finds it done', async () => {
    const first = clone.run();
    await clone.untilNpmRuns();
    const second = clone.run();
    const waits = `Another installation of these packages runs (process ${first.process.pid}): waiting for its end …\n`;
    await vi.waitFor(() => expect(second.said()).toBe(waits), { timeout: 10_000 });
    clone.write('go');
    expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0]);
    expect(clone.npmRuns()).toHaveLength(1);
    expectInstalled();
  });

  it.each([
    ['of a process that is gone', '[{"pid":999999999,"born":"1"}]'],
    ['whose process id somebody else has by now', `[{"pid":${process.pid},"born":"1"}]`],
    ['that holds nothing', ''],
  ])('takes over a lock %s', async (_, text) => {
    writeFileSync(join(clone.folder, '.installing.lock'), text);
    clone.write('go');
    expect(await clone.run().ended).toBe(0);
    expectInstalled();
  });

  it('that fails ends with exit code 2 and a sentence; nothing starts', async () => {
    clone.write('fail');
    clone.write('go');
    const failed = clone.run('drawdown.mjs');
    expect(await failed.ended).toBe(2);
    expect(failed.said()).toBe(
      'Installing 1 packages with npm …\n' +
        'npm could not install the packages. Its reason stands above; then run this again.\n',
    );
  });
});
