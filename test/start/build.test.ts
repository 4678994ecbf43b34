import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childEnvironment } from '../../src/config.ts';
import { functionsInForce } from '../../src/db/functions.ts';
import { createProcesses, type Processes } from '../support/processes.ts';
import { root } from './npm-start.ts';

// `npm run build` in a clone, and the compiled programs without sources, compiler and translator, as the image runs them.

const below = mkdtempSync(join(tmpdir(), 'drawdown-build-'));
const clone = join(below, 'clone');
const image = join(below, 'image');

interface Ended {
  code: number | null;
  said: string;
  out: string;
}

/** A program of Node in a folder, with its own variables only where the test gives some. */
async function run(folder: string, words: string[], env: Record<string, string> = {}): Promise<Ended> {
  const child: ChildProcess = spawn(process.execPath, words, { cwd: folder, env: childEnvironment(env) });
  const output = { said: '', out: '' };
  child.stderr!.on('data', (chunk: Buffer) => {
    output.said += chunk.toString();
  });
  child.stdout!.on('data', (chunk: Buffer) => {
    output.out += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

const ifStale = () => run(clone, ['tools/build.mjs', '--if-stale']);

beforeAll(() => {
  mkdirSync(clone);
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const name of [...files, 'drawdown.mjs', 'install.mjs', 'install', 'tools', 'src'])
    cpSync(join(root, name), join(clone, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
});
afterAll(() => rmSync(below, { recursive: true, force: true }));

describe('npm run build', () => {
  test('compiles once where two ask for it, and the second says that it waits', async () => {
    const both = await Promise.all([ifStale(), ifStale()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const said = both.map((one) => one.said).sort();
    expect(said[0]).toMatch(/^Another build runs \(process \d+\): waiting for its end …\n$/);
    expect(said[1]).toBe('Compiling src to dist …\n');
    expect(readdirSync(clone).filter((name) => name.startsWith('.building'))).toEqual([]);
  });

  test('compiles again when a source changed, and only then', async () => {
    expect(await ifStale()).toMatchObject({ code: 0, said: '' });
    const file = join(clone, 'src/reason.ts');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `${text}export const marked = 1;\n`);
    expect((await ifStale()).said).toBe('Compiling src to dist …\n');
    expect(readFileSync(join(clone, 'dist/reason.js'), 'utf8')).toContain('export const marked = 1;');
    writeFileSync(file, text);
    expect((await ifStale()).code).toBe(0);
  });

  test('keeps the last build where src does not compile', async () => {
    const file = join(clone, 'src/reason.ts');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `${text}export const = 1;\n`);
    const failed = await ifStale();
    expect(failed.code).toBe(1);
    expect(failed.said).toContain('tsc could not compile src.');
    expect(existsSync(join(clone, 'dist/api.js'))).toBe(true);
    writeFileSync(file, text);
    expect(await ifStale()).toMatchObject({ code: 0, said: '' });
  });
});

/** A folder as the Dockerfile makes it. No package that only a clone needs can be loaded from it. */
function makeImage(): void {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const isLeftOut = (name: string) => name in devDependencies || name.startsWith('.');
  for (const name of ['package.json', 'drawdown.mjs', 'install.mjs', 'install', 'dist'])
    cpSync(join(clone, name), join(image, name), { recursive: true });
  const modules = join(root, 'node_modules');
  for (const entry of readdirSync(modules).filter((name) => !isLeftOut(name))) {
    const names = entry.startsWith('@')
      ? readdirSync(join(modules, entry)).map((name) => `${entry}/${name}`)
      : [entry];
    for (const name of names.filter((one) => !isLeftOut(one))) {
      mkdirSync(join(image, 'node_modules', name, '..'), { recursive: true });
      symlinkSync(join(modules, name), join(image, 'node_modules', name));
    }
  }
}

describe('the compiled programs, without sources', () => {
  let processes: Processes;
  const cache = join(below, 'cache');
  beforeAll(async () => {
    makeImage();
    const code = pathToFileURL(join(image, 'dist/'));
    processes = await createProcesses(undefined, { DRAWDOWN_CACHE: cache }, code);
  });
  afterAll(() => processes?.stop());

  test.each(['tsx', 'typescript', 'esbuild'])('find no %s', async (name) => {
    const { code, said } = await run(image, ['--input-type=module', '-e', `await import('${name}')`]);
    expect(code).toBe(1);
    expect(said).toContain(`Cannot find package '${name}'`);
  });

  test('the command migrates, and puts the functions of src in force', async () => {
    const env = { DATABASE_URL: processes.databaseUrl };
    const migrated = await run(image, ['drawdown.mjs', 'migrate', '--json'], env);
    expect(migrated).toMatchObject({ code: 0, said: '' });
    expect(await run(image, ['drawdown.mjs', 'migrate', '--dry-run', '--json'], env)).toMatchObject({
      out: '{\n  "pending": []\n}\n',
    });
    const sql = postgres(processes.databaseUrl, { max: 1 });
    expect(await functionsInForce(sql)).toBe('current');
    await sql.end();
  });

  test('API and worker start a subscription and answer a spend, with no bundling', async () => {
    await processes.startApi();
    await processes.startWorker();
    const start = { customer_id: 'compiled', plan: 'creator', interval: 'month' };
    const started = await processes.request('POST', '/v1/subscriptions', { body: start });
    expect(started.status, processes.logs()).toBe(201);
    const { id } = started.body as { id: string };
    const items = [{ feature: 'video_asset', quantity: 2 }];
    const spent = await processes.request('POST', `/v1/subscriptions/${id}/usage`, { body: { items } });
    expect(spent.status).toBe(201);
    expect(spent.body).toMatchObject({ credits: 30, balance: { available: 170 } });
    expect(existsSync(cache)).toBe(false);
  });

  test('pages bring their stylesheet and their script', async () => {
    for (const file of ['style.css', 'script.js']) {
      const answer = await fetch(`${processes.url}/assets/${file}`);
      expect(await answer.text()).toBe(readFileSync(join(root, 'src/web/shell', file), 'utf8'));
    }
  });

  test('a stack trace names lines of the sources', async () => {
    const sql = postgres(processes.databaseUrl, { max: 1 });
    await sql`alter table subscriptions rename to away`;
    const failed = await processes.request('GET', '/v1/subscriptions');
    await sql`alter table away rename to subscriptions`;
    await sql.end();
    expect(failed.status).toBe(500);
    const frames =
      processes
        .logs()
        .replaceAll('\\n', '\n')
        .match(/ {4}at [^\n"]*/g) ?? [];
    const ours = frames.filter((frame) => frame.includes(image));
    const [, file, line] = /image\/(src\/db\/reads\.ts):(\d+)/.exec(ours.join('\n')) ?? [];
    expect(readFileSync(join(root, file!), 'utf8').split('\n')[Number(line) - 1]).toContain('await');
    expect(ours.filter((frame) => !/\/image\/src\/[\w/-]+\.tsx?:\d+:\d+\)?$/.test(frame))).toEqual([]);
  });
});
