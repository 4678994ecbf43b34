import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childEnvironment } from '../../src/config.ts';
import { npmStart } from './npm-start.ts';

// A start with a wrong catalogue ends before any server is started or asked, and names every fault.

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawdown-catalogue-'));
  file = join(folder, 'catalogue.json');
  writeFileSync(file, '{\n  "version": "x 1",\n  "currency": "EUR",\n  "plan": []\n}\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const faults = () =>
  [
    `The catalogue ${file} is not valid:`,
    `  ${file}:1:1  /brand is required`,
    `  ${file}:1:1  /features is required`,
    `  ${file}:2:14  /version must be a text of 1 to 64 visible characters without a space`,
    `  ${file}:4:3  /plan is not a member of the catalogue: did you mean plans?`,
  ].join('\n');

it('npm start: nothing is made in the data folder', async () => {
  const data = join(folder, 'data');
  const start = npmStart(['--json'], { DRAWDOWN_DATA: data, DRAWDOWN_CATALOG: file });
  expect(await start.exitCode()).toBe(1);
  expect(start.stderr).toBe(`${faults()}\n`);
  expect(start.stdout).toBe('');
  expect(existsSync(data)).toBe(false);
});

it('npm start: a file that is not there', async () => {
  const start = npmStart(['--json'], {
    DRAWDOWN_DATA: join(folder, 'data'),
    DRAWDOWN_CATALOG: join(folder, 'none.json'),
  });
  expect(await start.exitCode()).toBe(1);
  expect(start.stderr).toMatch(/^The catalogue .*none\.json can't be read: ENOENT/);
});

describe.each(['api', 'worker'])('npm run %s', (name) => {
  it('connects to no server and listens nowhere', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const entry = fileURLToPath(new URL(`../../src/${name}.ts`, import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', entry], {
      env: childEnvironment({
        DATABASE_URL: `postgres://nobody@127.0.0.1:${port}/none`,
        TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
        DRAWDOWN_CATALOG: file,
        PORT: undefined,
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
      // One that goes on would wait for its database for ever.
      timeout: 60_000,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    const [code] = await once(child, 'close');
    server.close();
    const { level, process: who, msg } = JSON.parse(said);
    expect({ code, level, who, msg, connections }).toEqual({
      ...{ code: 1, connections: 0 },
      ...{ level: 'error', who: name, msg: faults() },
    });
  });
});
