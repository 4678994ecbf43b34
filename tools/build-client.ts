import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

// `drawdown/client` as consumers import it: two modules and their declarations, in dist/client.

const root = fileURLToPath(new URL('..', import.meta.url));

/** The element stays a file of its own, which a page loads alone. */
const apart: Plugin = {
  name: 'apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/paywall\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? null : { path: './paywall.js', external: true },
    ),
};

export async function buildClient(outdir: string): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  const common = { bundle: true, format: 'esm', target: 'es2022', outdir, absWorkingDir: root } as const;
  await build({ ...common, entryPoints: ['src/client/index.ts'], plugins: [apart] });
  await build({ ...common, entryPoints: ['src/client/paywall.ts'], minify: true });
}

function declare(outdir: string): void {
  const tsc = createRequire(import.meta.url)
    .resolve('typescript/package.json')
    .replace(/package\.json$/, 'bin/tsc');
  const args = ['-p', 'tsconfig.client.json', '--noEmit', 'false', '--declaration', '--emitDeclarationOnly'];
  const { status } = spawnSync(process.execPath, [tsc, ...args, '--outDir', outdir], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const outdir = `${root}dist/client`;
  await buildClient(outdir);
  declare(outdir);
}
