import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

// The package `drawdown-client` as its users import it: two modules and their declarations, in its folder `dist`.

const root = fileURLToPath(new URL('.', import.meta.url));
const outdir = join(root, 'dist');

/** The element stays a separate file, which a page loads alone. */
const apart: Plugin = {
  name: 'apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/paywall\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? null : { path: './paywall.js', external: true },
    ),
};

export async function buildClient(): Promise<void> {
  const common = {
    bundle: true,
    format: 'esm',
    charset: 'utf8',
    target: 'es2022',
    outdir,
    absWorkingDir: root,
  } as const;
  await build({ ...common, entryPoints: ['src/index.ts'], plugins: [apart] });
  await build({ ...common, entryPoints: ['src/paywall.ts'], minify: true });
  declare();
}

function declare(): void {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const tsc = join(dirname(typescript), 'bin', 'tsc');
  const args = ['-p', root, '--noEmit', 'false', '--declaration', '--emitDeclarationOnly'];
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...args], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`tsc: ${stdout}`);
  for (const name of readdirSync(outdir).filter((file) => file.endsWith('.d.ts'))) {
    const file = join(outdir, name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'"));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(outdir, { recursive: true, force: true });
  await buildClient();
}
