import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const ROOMS = ['workflows', 'domain'];

/** A hash of the bundle's sources, of this file's options, and of the SDK that makes it. */
function fingerprint(): string {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  const lock = join(SOURCES, '..', 'package-lock.json');
  if (existsSync(lock)) hash.update(readFileSync(lock));
  for (const room of ROOMS)
    for (const file of readdirSync(join(SOURCES, room), { recursive: true, encoding: 'utf8' }).sort())
      if (file.endsWith('.ts')) hash.update(file).update(readFileSync(join(SOURCES, room, file)));
  return hash.digest('hex').slice(0, 16);
}

/** Made by `npm run build`; beside compiled code only. */
const BUILT = join(SOURCES, 'workflows.cjs');

/** Bundles the workflows of a folder of sources. */
export async function bundleOf(sources: string): Promise<string> {
  const workflowsPath = join(sources, 'workflows', 'index.ts');
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [join(sources, 'workflows', 'tracing.ts')],
    // No module of ours keeps state, so all workflows of a thread share one copy: a cached workflow costs a third of the memory.
    preloadModules: [workflowsPath],
    // Short names, which a fifth less CPU loads and calls: the calendar library describes each of its values where names are long.
    webpackConfigHook: (config) => ({ ...config, mode: 'production' }),
    logger: new DefaultLogger('ERROR'),
  });
  return code;
}

/**
 * Returns the path of the bundled workflow code: the build's, or a bundle made once for its sources. Bundling takes seconds of
 * CPU, and a worker that died should be back at once.
 */
export async function workflowBundle(cacheFolder: string): Promise<string> {
  if (existsSync(BUILT)) return BUILT;
  const path = join(cacheFolder, `workflows-${fingerprint()}.cjs`);
  if (existsSync(path)) return path;
  const code = await bundleOf(SOURCES);
  mkdirSync(cacheFolder, { recursive: true });
  // Renamed into place: another worker never reads half a bundle.
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, path);
  return path;
}
