import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// `drawdown/client` in somebody else's program: what is built is imported and type-checked by its name.

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawdown-consumer-'));
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/drawdown'));
  symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
  symlinkSync(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says of a program, libraries' declarations included. */
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
import { createClient, DrawdownProblem, type Usage } from 'drawdown/client';
const drawdown = createClient({ baseUrl: 'http://localhost', key: 'dd_test_x_y' });
export const spent: Promise<Usage> = drawdown.spend('sub_1', { items: [{ feature: 'avatar_iv', quantity: 3 }] });
export function packs(problem: unknown): number | undefined {
  if (problem instanceof DrawdownProblem && problem.code === 'insufficient_credits') return problem.offer?.packs;
  return undefined;
}
`;

describe('the declarations', () => {
  test('serve a program for Node, which knows no DOM', () => {
    expect(compiled(spending, SERVER)).toBe('');
  });

  test('serve a page', () => {
    const page = `
import 'drawdown/client/paywall';
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
    import { createClient, DrawdownPaywall, DrawdownProblem, DrawdownNoAnswer, every } from 'drawdown/client';
    import 'drawdown/client/paywall';
    console.log([createClient, DrawdownPaywall, DrawdownProblem, DrawdownNoAnswer, every].map((one) => typeof one).join());`;
  writeFileSync(join(folder, 'program.mjs'), program);
  const { stdout, stderr } = spawnSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe('function,function,function,function,function');
});

test('a package brings what its exports name', () => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  for (const name of ['index', 'paywall'])
    expect(paths).toEqual(expect.arrayContaining([`dist/client/${name}.js`, `dist/client/${name}.d.ts`]));
  expect(paths.filter((path) => path.startsWith('test/'))).toEqual([]);
});
