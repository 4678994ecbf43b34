import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The package `drawdown-client` in somebody else's program: packed, installed, imported and type-checked by its name.

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
let folder: string;
let tarball: string;

/** The output of a command; its complaints when it fails. */
function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** Packed from a copy without `dist`, as a publisher's fresh clone is: `prepack` builds it. */
function pack(below: string): string {
  const copy = join(below, 'clone');
  mkdirSync(copy);
  cpSync(join(root, 'tsconfig.json'), join(copy, 'tsconfig.json'));
  cpSync(join(root, 'client'), join(copy, 'client'), {
    recursive: true,
    filter: (file) => file !== join(root, 'client/dist'),
  });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  run(join(copy, 'client'), 'npm', 'pack', '--silent', '--pack-destination', below);
  return join(below, readdirSync(below).find((name) => name.endsWith('.tgz'))!);
}

beforeAll(() => {
  const below = mkdtempSync(join(tmpdir(), 'drawdown-consumer-'));
  tarball = pack(below);
  folder = join(below, 'consumer');
  mkdirSync(folder);
  run(folder, 'npm', 'init', '--yes', '--init-type=module');
  run(folder, 'npm', 'install', '--offline', '--no-audit', '--no-fund', tarball);
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

describe('the package', () => {
  test('is less than 60 KB, and holds no source and no test', () => {
    expect(statSync(tarball).size).toBeLessThan(60 * 1_024);
    const files = readdirSync(join(folder, 'node_modules/drawdown-client')).sort();
    expect(files).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
  });

  test('brings no other package', () => {
    const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, unknown>;
    };
    expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/drawdown-client']);
    expect(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      'drawdown-client',
    ]);
  });

  test('has the version and the floor of Drawdown', () => {
    const read = (file: string) =>
      JSON.parse(readFileSync(join(root, file), 'utf8')) as { version: string; engines: { node: string } };
    const { version, engines } = read('package.json');
    expect(read('client/package.json')).toMatchObject({ version, engines });
  });
});

/** The compiler's complaints about a program, libraries' declarations included. */
function compiled(text: string, compilerOptions: object): string {
  writeFileSync(join(folder, 'program.ts'), text);
  const strict = { strict: true, skipLibCheck: false, noEmit: true, target: 'ES2022' };
  const config = { compilerOptions: { ...strict, ...compilerOptions }, files: ['program.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  return spawnSync(process.execPath, [tsc, '-p', '.'], { cwd: folder, encoding: 'utf8' }).stdout;
}

const SERVER = { module: 'NodeNext', lib: ['ES2022'], types: ['node'] };
const PAGE = {
  module: 'ESNext',
  moduleResolution: 'bundler',
  lib: ['ES2022', 'DOM', 'DOM.Iterable'],
  types: [],
};

const spending = `
import { createClient, DrawdownProblem, type Usage } from 'drawdown-client';
const drawdown = createClient({ baseUrl: 'http://localhost', key: 'dd_test_x_y' });
export const spent: Promise<Usage> = drawdown.spend('sub_1', { items: [{ feature: 'avatar_iv', quantity: 3 }] });
const ada = drawdown.customer('ada');
export const taken: Promise<Usage> = ada.spend({ items: [{ feature: 'avatar_iv', quantity: 3 }] }, { idempotencyKey: 'job-1' });
export const captured = ada.capture('hld_1', { credits: 3 }).then(({ captured }) => captured);
export const left: Promise<number | undefined> = ada.get().then(({ balance }) => balance?.available);
export function packs(problem: unknown): number | undefined {
  if (problem instanceof DrawdownProblem && problem.code === 'insufficient_credits') return problem.offer?.packs;
  return undefined;
}
`;

describe('the declarations', () => {
  beforeAll(() => {
    mkdirSync(join(folder, 'node_modules/@types'));
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  });

  test('serve a program for Node, which knows no DOM', () => {
    expect(compiled(spending, SERVER)).toBe('');
  });

  test('serve a page', () => {
    const page = `
import 'drawdown-client/paywall';
const paywall = document.querySelector('drawdown-paywall')!;
paywall.buy = (packs, { idempotencyKey }) => fetch('/packs', { method: 'POST', body: JSON.stringify({ packs, idempotencyKey }) });
paywall.words = { buy: 'Kaufen' };
paywall.hidden = false;
export const outcome: Promise<'bought' | 'closed' | 'retry'> = fetch('/').then(async (answer) => paywall.show(await answer.json()));
`;
    expect(compiled(page, PAGE)).toBe('');
    expect(compiled(spending, PAGE)).toBe('');
  });

  test.each([
    ['an unknown member', "drawdown.spend('sub_1', { items: [], whatever: 1 });", 'TS2353'],
    ['a missing id', "drawdown.capture('sub_1');", 'TS2554'],
    ['an id that the customer stands for', "ada.capture('sub_1', 'hld_1');", 'TS2559'],
    ['a method of no subscription', 'ada.keys();', 'TS2339'],
    ['an offer before the code is known', 'if (e instanceof DrawdownProblem) e.offer;', 'TS2339'],
    [
      'an offer that may be null',
      "if (e instanceof DrawdownProblem && e.code === 'insufficient_credits') e.offer.packs;",
      'TS18047',
    ],
    [
      'a code that there is none',
      "if (e instanceof DrawdownProblem && e.code === 'no_credits') {}",
      'TS2367',
    ],
  ])('refuse %s', (_, slip, code) => {
    expect(compiled(`${spending}\ndeclare const e: unknown;\n${slip}`, SERVER)).toContain(code);
  });
});

test('on Node both modules load, and the element waits for a page', () => {
  const program = `
    import { createClient, DrawdownPaywall, DrawdownProblem, DrawdownNoAnswer, every } from 'drawdown-client';
    import 'drawdown-client/paywall';
    console.log([createClient, DrawdownPaywall, DrawdownProblem, DrawdownNoAnswer, every].map((one) => typeof one).join());`;
  writeFileSync(join(folder, 'program.mjs'), program);
  const { stdout, stderr } = spawnSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe('function,function,function,function,function');
});
